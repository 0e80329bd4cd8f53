import type { Chain } from '../chain/chain.ts'
import type { Reward } from '../reward/reward.ts'

/** What every search is given. */
export interface SearchOptions<S, X> {
  readonly chain: Chain<S, X>
  readonly reward: Reward<X>
  /** Network evaluations (rows) that may be spent, at most. */
  readonly budget: number
  /** Every draw is keyed by this and by the particle or node path. */
  readonly seed: number
  /** Inverse temperature of the target `p(x) exp(lambda r(x)) / Z`. Default 1. */
  readonly lambda?: number
  /** Stops the search; it hands over the best it has. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly nfe: number
  readonly budget: number
  readonly rewardEvaluations: number
  /** Best reward so far, `-Infinity` before the first. */
  readonly best: number
}

/** A terminal sample with its reward and its normalised weight under the search's estimate of the tilted law. */
export interface Candidate<X> {
  readonly sample: X
  readonly reward: number
  readonly weight: number
}

export interface SearchResult<X> {
  readonly method: string
  /** Every distinct terminal sample found, in the order found. */
  readonly candidates: readonly Candidate<X>[]
  /** Index of the sample that the method itself selects (for DTS* the marginal-MAP leaf). */
  readonly selected: number
  /** Index of the candidate with the largest reward. */
  readonly best: number
  /** Estimate of `log E_p[exp(lambda r)]`, where the method gives one. */
  readonly logZ?: number
  readonly nfe: number
  readonly rewardEvaluations: number
  /** Best reward so far after so many NFE, one entry per improvement plus the last. */
  readonly trace: readonly { readonly nfe: number; readonly best: number }[]
  /** Whether the budget was spent or the search was stopped before. */
  readonly stopped: 'budget' | 'signal' | 'iterations'
}
