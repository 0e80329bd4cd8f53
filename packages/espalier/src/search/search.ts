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
  /** Inverse temperature of the target `p(x) exp(lambda r(x)) / Z`, at least 0. Default 1. */
  readonly lambda?: number
  /**
   * Rollouts that are under way together, so that batches fill. Independent rollouts (best-of-N, importance resampling)
   * give the same result at every width, default 16; a tree learns a little later at larger widths, default 1.
   */
  readonly width?: number
  /** Stops the search; it hands over the best it has. */
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: Progress) => void
}

export interface Progress {
  readonly nfe: number
  readonly budget: number
  readonly gradientEvaluations: number
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
  /** Index of the sample that the method itself selects (for DTS* the marginal-MAP leaf); -1 if there is none yet. */
  readonly selected: number
  /** Index of the candidate with the largest reward; -1 if there is none yet. */
  readonly best: number
  /** Estimate of `log E_p[exp(lambda r)]`, where the method gives one. */
  readonly logZ?: number
  readonly nfe: number
  /** Rows sent backward through the network; an evaluation of the reward's own gradient counts as one of the reward. */
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  /** Best reward so far after so many NFE, one entry per improvement plus the last. */
  readonly trace: readonly { readonly nfe: number; readonly best: number }[]
  /** Whether the budget was spent or the search was stopped before. */
  readonly stopped: 'budget' | 'signal' | 'iterations' | 'error'
}

/** Checks what every search is given, and fills the defaults. @throws one line per thing that is wrong */
export function checkOptions<S, X>(options: SearchOptions<S, X>, rolloutCost: number, defaultWidth: number) {
  const { budget, seed, lambda = 1, width = defaultWidth } = options
  if (!(budget > 0)) throw new Error(`the budget is ${budget} NFE, expected a positive number`)
  if (!(rolloutCost >= 0))
    throw new Error(`the chain says that one rollout costs ${rolloutCost} NFE, expected 0 or more`)
  if (budget < rolloutCost) {
    throw new Error(`a budget of ${budget} NFE is less than one rollout of this chain (${rolloutCost} NFE)`)
  }
  if (!Number.isSafeInteger(seed)) throw new Error(`the seed is ${seed}, expected an integer`)
  if (!(lambda >= 0 && lambda < Infinity)) {
    throw new Error(
      `lambda is ${lambda}, expected a number from 0 on (to maximise, use a search that selects the best)`,
    )
  }
  if (!(Number.isInteger(width) && width >= 1)) throw new Error(`the width is ${width}, expected an integer from 1 on`)
  return { lambda, width }
}

/** @throws Error where a saved run was made with other settings than the run that would go on from it */
export function checkSettings(now: object, saved: object): void {
  const before = saved as Readonly<Record<string, unknown>>
  for (const [name, value] of Object.entries(now)) {
    const [a, b] = [JSON.stringify(value), JSON.stringify(before[name])]
    if (a !== b)
      throw new Error(`the saved run was made with ${name} = ${b}, this run has ${name} = ${a}: they must agree`)
  }
}

/** @throws Error where a value is none of those that are known */
export function oneOf<const T extends string>(name: string, value: T, known: readonly T[]): T {
  if (!known.includes(value)) throw new Error(`${name} is '${value}', expected one of ${known.join(', ')}`)
  return value
}
