import { bootstrap95, type Interval } from 'espalier/measure'
import { key, purpose, stream } from 'espalier/tensor'

/** A method's values at rising budgets, one a seed. */
export interface Curve {
  readonly budget: number
  readonly values: readonly number[]
}

/**
 * The NFE at which a method's mean reaches a mark, over those of the mark: read off a line through its budgets (even in
 * log NFE), with a bootstrap interval over seeds, drawn alike for both. It lies between the method's least and largest budget: a
 * method that is there at its least budget, or not at its largest, has the bound.
 */
export function shareToReach(curve: readonly Curve[], mark: Curve): Interval {
  const draws = stream(purpose(key(mark.budget), 'bootstrap'))
  const seeds = mark.values.map((_, i) => i)
  const share = (own: Float64Array) => {
    const mean = ({ values }: Curve) => own.reduce((sum, i) => sum + values[i], 0) / own.length
    const goal = mean(mark)
    let [before, there] = [Number.NaN, Number.NEGATIVE_INFINITY]
    for (const point of curve) {
      const here = mean(point)
      if (here >= goal) {
        if (Number.isNaN(before)) return point.budget / mark.budget
        const way = (goal - there) / (here - there)
        return (before * (point.budget / before) ** way) / mark.budget
      }
      // More NFE cannot make a search worse than what it could have had for less.
      there = Math.max(there, here)
      before = point.budget
    }
    return curve[curve.length - 1].budget / mark.budget
  }
  return bootstrap95(seeds, share, () => draws.uniform())
}
