/**
 * Spearman's rank correlation, from -1 to 1: the correlation of the ranks, equal values sharing the mean of theirs
 * (`-Infinity` ranks like any number). 0 where one side has a single value, so that nothing goes with anything.
 */
export function rankCorrelation(x: ArrayLike<number>, y: ArrayLike<number>): number {
  const n = x.length
  const [p, q] = [ranks(x), ranks(y)]
  const middle = (n - 1) / 2
  let [xx, yy, xy] = [0, 0, 0]
  for (let i = 0; i < n; i++) {
    xx += (p[i] - middle) ** 2
    yy += (q[i] - middle) ** 2
    xy += (p[i] - middle) * (q[i] - middle)
  }
  return xx === 0 || yy === 0 ? 0 : xy / Math.sqrt(xx * yy)
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((i, j) =>
    values[i] < values[j] ? -1 : values[i] > values[j] ? 1 : 0,
  )
  const out = new Float64Array(values.length)
  for (let first = 0, end = 0; first < order.length; first = end) {
    while (end < order.length && values[order[end]] === values[order[first]]) end++
    for (let i = first; i < end; i++) out[order[i]] = (first + end - 1) / 2
  }
  return out
}
