/** How many more calls a plain sampler needs: where its curve reaches the same number. */

import { lossAt, type Tempered } from '../support/temperature-curve.ts'

/** MDLM in so many calls, at rising temperatures up to 1. */
export interface Curve {
  readonly calls: number
  readonly points: readonly Tempered[]
}

/**
 * Calls at which MDLM's loss is as low, at a temperature of the same entropy (or at temperature 1, which is the last
 * point): on straight lines over the logarithm of the calls, and never beyond the curves: the ends stand for "at most"
 * and "at least".
 *
 * @param curves by rising calls
 */
export function callsFor({ loss, entropy }: Tempered, curves: readonly Curve[], matched: boolean): number {
  const losses = curves.map(({ points }) => (matched ? lossAt(entropy, points) : points[points.length - 1].loss))
  const reached = losses.findIndex((own) => own <= loss)
  if (reached <= 0) return curves[reached < 0 ? curves.length - 1 : 0].calls
  const [a, b] = [losses[reached - 1], losses[reached]]
  const [from, to] = [curves[reached - 1].calls, curves[reached].calls]
  return from * (to / from) ** ((a - loss) / (a - b))
}

/** The value of a rising, piecewise straight curve, and of its ends beyond them. */
export function between(x: number, xs: readonly number[], ys: readonly number[]): number {
  const above = xs.findIndex((own) => own > x)
  if (above === 0) return ys[0]
  if (above < 0) return ys[ys.length - 1]
  const share = (x - xs[above - 1]) / (xs[above] - xs[above - 1])
  return ys[above - 1] + share * (ys[above] - ys[above - 1])
}
