import { type Activity, type CoalesceStatistics, coalesce } from '../runtime/coalesce.ts'
import { checkedReward } from './checked.ts'
import type { Reward } from './reward.ts'
import type { RewardError } from './reward-error.ts'

export interface BatchedRewardOptions {
  /** Samples of one full batch. */
  readonly maxBatch: number
  /** Batches under way at once, at most. Default 2. */
  readonly inFlight?: number
  /** Shared with the denoiser's evaluator, so that neither starts part-empty while the other's callers come back. */
  readonly activity?: Activity
}

/** A reward whose concurrent callers share batches, by the same rules as the denoiser's ({@link coalesce}). */
export function batchedReward<X>(
  reward: Reward<X>,
  options: BatchedRewardOptions,
): Reward<X> & { readonly statistics: CoalesceStatistics } {
  const evaluator = coalesce<readonly X[], Float64Array>({
    ...options,
    rows: (samples) => samples.length,
    key: () => '',
    result: (samples) => new Float64Array(samples.length),
    async run(batch, rows) {
      const samples = batch.flatMap(({ request, from, to }) => request.slice(from, to))
      // The rows of a shared batch are no caller's rows: an error keeps its sentence, and not its row numbers.
      const values = await checkedReward(reward, (i) => `sample ${i} of a shared batch of ${rows}`)
        .evaluate(samples)
        .catch(({ message, cause }: RewardError) => {
          throw new Error(message, { cause })
        })
      let at = 0
      for (const { result, from, to } of batch) {
        for (let i = from; i < to; i++) result[i] = values[at++]
      }
    },
  })
  return {
    name: reward.name,
    evaluate: async (samples) => (samples.length === 0 ? [] : evaluator.submit(samples)),
    get statistics() {
      return evaluator.statistics
    },
  }
}
