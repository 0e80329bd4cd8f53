/** A weight below which what is left of a sum cannot be seen. */
const SMALLEST = 1e-18

/**
 * The expected best of n draws without replacement from m rewards, for n = 1 .. m: what best-of-n brings with the same
 * rollouts, whatever their order. In the sorted rewards `r_1 <= ... <= r_m` it is `sum_i r_i C(i-1, n-1) / C(m, n)`.
 * Weights fall geometrically from the largest reward down, so that all of them together take `O(m log m)`.
 */
export function expectedBest(rewards: readonly number[]): number[] {
  const sorted = [...rewards].sort((a, b) => a - b)
  const m = sorted.length
  return Array.from({ length: m }, (_, k) => {
    const n = k + 1
    // The weight of r_m is n / m, and that of r_(i-1) is (i - n) / (i - 1) times that of r_i.
    let weight = n / m
    let sum = 0
    for (let i = m; i >= n && weight > SMALLEST; i--) {
      sum += weight * sorted[i - 1]
      weight *= (i - n) / (i - 1)
    }
    return sum
  })
}
