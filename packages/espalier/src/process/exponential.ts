/** `2^(n - 1022)`. */
const powers = Float64Array.from({ length: 1023 }, (_, n) => 2 ** (n - 1022))

/** `1 / n!` for n = 12, 10 ... 0 and n = 13, 11 ... 1: the series on `|r| <= ln(2) / 2`, to 4e-18. */
export const evenTerms = [479001600, 3628800, 40320, 720, 24, 2, 1].map((factorial) => 1 / factorial)
export const oddTerms = [6227020800, 39916800, 362880, 5040, 120, 6, 1].map((factorial) => 1 / factorial)

/** Adding and taking away this rounds to an integer. */
export const ROUND = 1.5 * 2 ** 52
/** `ln 2` in two parts: multiples `n <= 1022` of the first are exact. */
export const LN2_HIGH = 0x162e42fee / 2 ** 33
export const LN2_LOW = 1.9082149292705877e-10
/** Below it, 0. */
export const UNDERFLOW = -708

/** `exp(x)` for x <= 0, within 2 ulp; only IEEE `+ - *`, so that the mixture's kernel gives the same bits. */
export function expNegative(x: number): number {
  if (x < UNDERFLOW) return 0
  const n = x * Math.LOG2E + ROUND - ROUND
  const r = x - n * LN2_HIGH - n * LN2_LOW
  const z = r * r
  let even = 1 / 479001600
  even = even * z + 1 / 3628800
  even = even * z + 1 / 40320
  even = even * z + 1 / 720
  even = even * z + 1 / 24
  even = even * z + 1 / 2
  even = even * z + 1
  let odd = 1 / 6227020800
  odd = odd * z + 1 / 39916800
  odd = odd * z + 1 / 362880
  odd = odd * z + 1 / 5040
  odd = odd * z + 1 / 120
  odd = odd * z + 1 / 6
  odd = odd * z + 1
  return (even + r * odd) * powers[n + 1022]
}

/** `ln(2)^k / k!`. */
const ofTwo = (k: number): number => (k === 0 ? 1 : (ofTwo(k - 1) * Math.LN2) / k)
/**
 * `2^f` on `|f| <= 1/2` to 7e-9, the highest power first: the series to f^7, which Chebyshev's
 * `T_6(2 f) = 2048 f^6 - 768 f^4 + 72 f^2 - 1` shortens by a term.
 */
export const POWER_SERIES = [0, 768, 0, -72, 0, 1, 0].map((c, i) => ofTwo(6 - i) + (c / 2048) * ofTwo(7))
