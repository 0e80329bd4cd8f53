/** `log sum_i exp(values_i)` over the first `n`, with the maximum taken out first; `-Infinity` of nothing. */
export function logSumExp(values: ArrayLike<number>, n = values.length): number {
  let max = -Infinity
  for (let i = 0; i < n; i++) if (values[i] > max) max = values[i]
  if (max === -Infinity) return -Infinity
  let sum = 0
  for (let i = 0; i < n; i++) sum += Math.exp(values[i] - max)
  return max + Math.log(sum)
}
