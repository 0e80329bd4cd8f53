import { checkedReward } from './checked.ts'
import { checkCount, inChunks, limitOf } from './chunks.ts'
import type { Reward } from './reward.ts'
import { checkTimeout } from './within.ts'

/** One number per sample, in order, larger is better; at once or as a promise. */
export type RewardFunction<X> = (samples: readonly X[]) => ArrayLike<number> | Promise<ArrayLike<number>>

export interface FunctionRewardOptions {
  /** How errors and reports name it. Default: the function's own name. */
  readonly name?: string
  /** Milliseconds for one call of the function. Default: no limit. A loop that never awaits cannot be stopped. */
  readonly timeout?: number
  /** Samples of one call, at most. Default: as many as there are. */
  readonly maxBatch?: number
}

/**
 * A reward that is a function, sync or async. Calls of one evaluation follow one another.
 *
 * @throws RewardError (at evaluation) where the function throws, is late, or returns NaN, `+Infinity` or another count:
 *   it names the sample, or the samples of the call that failed as a whole
 */
export function functionReward<X>(fn: RewardFunction<X>, options: FunctionRewardOptions = {}): Reward<X> {
  const {
    name = fn.name || 'function',
    timeout = Number.POSITIVE_INFINITY,
    maxBatch = Number.POSITIVE_INFINITY,
  } = options
  checkTimeout(timeout, `reward "${name}"`)
  checkCount(maxBatch, 'maxBatch', `reward "${name}"`)
  const checked = checkedReward<X>({ name, evaluate: async (samples) => fn(samples) }, undefined, timeout)
  return { name, evaluate: (samples) => inChunks(samples, maxBatch, limitOf(1), (chunk) => checked.evaluate(chunk)) }
}
