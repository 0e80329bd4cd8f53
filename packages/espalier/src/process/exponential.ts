/** `2^(n - 1022)`. */
const powers = Float64Array.from({ length: 1023 }, (_, n) => 2 ** (n - 1022))

/** `1 / n!`, n = 13 ... 0: the series of {@link expNegative} on `|r| <= ln(2) / 2`, to 4e-18. */
export const reciprocalFactorials = Array.from({ length: 14 }, (_, i) => {
  let factorial = 1
  for (let n = 2; n <= 13 - i; n++) factorial *= n
  return 1 / factorial
})

/** Adding and taking away this rounds to an integer. */
export const ROUND = 1.5 * 2 ** 52
/** `ln 2` in two parts: multiples `n <= 1022` of the first are exact. */
export const LN2_HIGH = 0x162e42fee / 2 ** 33
export const LN2_LOW = 1.9082149292705877e-10
/** Below it, 0. */
export const UNDERFLOW = -708

/** `exp(x)` for x <= 0, within 1 ulp; only IEEE `+ - *`, so that the mixture's kernel gives the same bits. */
export function expNegative(x: number): number {
  if (x < UNDERFLOW) return 0
  const n = x * Math.LOG2E + ROUND - ROUND
  const r = x - n * LN2_HIGH - n * LN2_LOW
  let p = 1 / 6227020800
  p = p * r + 1 / 479001600
  p = p * r + 1 / 39916800
  p = p * r + 1 / 3628800
  p = p * r + 1 / 362880
  p = p * r + 1 / 40320
  p = p * r + 1 / 5040
  p = p * r + 1 / 720
  p = p * r + 1 / 120
  p = p * r + 1 / 24
  p = p * r + 1 / 6
  p = p * r + 1 / 2
  p = p * r + 1
  p = p * r + 1
  return p * powers[n + 1022]
}
