import { logSumExp } from '../tensor/log-sum-exp.ts'

/** Estimates of `log Z` from the log-weights of n drafts. */
export interface LogPartition {
  /** `T_n = log mean exp(w)`: on average at most `log Z` (Jensen). */
  readonly below: number
  /** `n T_n - (n - 1) mean T_(n-1)`, the jackknife: without the error of order 1/n. Equal to `below` at n = 1. */
  readonly jackknife: number
  /**
   * `(2n - 1) T_n - 2 (n - 1) mean T_(n-1)` (Deng et al. 2020): on average at least `log Z` once n is large enough.
   * With `below` it brackets it. Equal to `below` at n = 1.
   */
  readonly above: number
  /** Kish's effective number of drafts `(sum w)^2 / sum w^2`, in [1, n]: n where the energy says nothing. */
  readonly effective: number
}

/**
 * `log Z = log E exp(-E(x_0))` over drafts `x_0 ~ p_mu`, the normaliser of an energy-based denoiser (EDLM, Xu et al. 2024),
 * from what n drafts weigh. `T_(n-1)` leaves out one draft at a time. One draft alone gives `-E` of it, which is too small.
 *
 * @param logWeights `-E` of each draft, at least one
 * @throws where there is none, or one is NaN or Infinity
 */
export function logPartition(logWeights: ArrayLike<number>): LogPartition {
  const n = logWeights.length
  if (n === 0) throw new Error('log Z of no drafts, expected at least one')
  let max = -Infinity
  for (let i = 0; i < n; i++) {
    if (!(logWeights[i] < Infinity)) throw new Error(`log-weight ${i} of ${n} is ${logWeights[i]}`)
    max = Math.max(max, logWeights[i])
  }
  if (max === -Infinity) return { below: max, jackknife: max, above: max, effective: n }
  const below = logSumExp(logWeights) - Math.log(n)
  if (n === 1) return { below, jackknife: below, above: below, effective: 1 }
  // The sum without one weight is that of those before it and of those after it: nothing is subtracted.
  const after = new Float64Array(n + 1).fill(-Infinity)
  for (let i = n - 1; i >= 0; i--) after[i] = logAdd(after[i + 1], logWeights[i])
  let [before, without, total, squares] = [-Infinity, 0, 0, 0]
  for (let i = 0; i < n; i++) {
    without += (logAdd(before, after[i + 1]) - Math.log(n - 1)) / n
    before = logAdd(before, logWeights[i])
    const weight = Math.exp(logWeights[i] - max)
    total += weight
    squares += weight * weight
  }
  const correction = (n - 1) * (below - without)
  return { below, jackknife: below + correction, above: below + 2 * correction, effective: total ** 2 / squares }
}

function logAdd(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a]
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high))
}
