/**
 * The best of many, best first; equals in their order. One pass: a list of `count` takes what is better than its last.
 *
 * @param worth a number by item; NaN is never among the best
 */
export function bestOf(items: readonly number[], count: number, worth: (item: number) => number): number[] {
  const best: number[] = []
  const values: number[] = []
  for (const item of items) {
    const value = worth(item)
    if (Number.isNaN(value)) continue
    if (best.length === count && !(value > values[count - 1])) continue
    let [low, high] = [0, best.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (values[middle] >= value) low = middle + 1
      else high = middle
    }
    best.splice(low, 0, item)
    values.splice(low, 0, value)
    if (best.length > count) {
      best.pop()
      values.pop()
    }
  }
  return best
}

/** How many values fall into each of `bins` equal parts of their range. Values that are not finite are left out. */
export function histogram(values: Iterable<number>, bins: number): Histogram {
  const finite = [...values].filter(Number.isFinite)
  let low = Infinity
  let high = Number.NEGATIVE_INFINITY
  for (const value of finite) {
    if (value < low) low = value
    if (value > high) high = value
  }
  const counts = new Array<number>(bins).fill(0)
  for (const value of finite) {
    // One value alone stands in the middle.
    const place = high > low ? (value - low) / (high - low) : 0.5
    counts[Math.min(bins - 1, Math.floor(place * bins))]++
  }
  return { counts, low, high, total: finite.length }
}

export interface Histogram {
  readonly counts: readonly number[]
  readonly low: number
  readonly high: number
  readonly total: number
}
