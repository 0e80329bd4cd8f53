import { checkedReward } from './checked.ts'
import type { Reward } from './reward.ts'

/**
 * An ensemble of verifiers by ranks: each reward ranks the samples of a call (1 is the best; equals share their mean
 * rank), and the score is minus the unweighted mean rank. It has no scale: any increasing transform of a reward leaves
 * it as it is. (Ma et al. 2025, "Inference-time scaling for diffusion models beyond scaling denoising steps", section
 * on verifier ensembles.)
 *
 * A score is **relative to the samples of the same call**: it may select among them and means nothing beside a score of
 * another call. So it is for selection among candidates that are all there, not for searches that keep values (trees,
 * particles, weights) and not inside rewards that split their calls.
 */
export function rankEnsemble<X>(rewards: readonly Reward<X>[]): Reward<X> {
  if (rewards.length === 0) throw new Error('an ensemble by ranks is made of no rewards, expected one at least')
  const parts = rewards.map((reward) => checkedReward(reward))
  return {
    name: `ranks(${rewards.map(({ name }) => name).join(', ')})`,
    async evaluate(samples) {
      const columns = await Promise.all(parts.map((part) => part.evaluate(samples)))
      const ranks = columns.map(ranksOf)
      return Float64Array.from(samples, (_, i) => -ranks.reduce((sum, rank) => sum + rank[i], 0) / parts.length)
    },
  }
}

/** The place of each value, 1 for the largest; equals share the mean of their places. */
export function ranksOf(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (_, i) => i).sort((i, j) =>
    values[i] === values[j] ? 0 : values[i] > values[j] ? -1 : 1,
  )
  const ranks = new Float64Array(values.length)
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]] === values[order[from]]) to++
    for (let place = from; place < to; place++) ranks[order[place]] = (from + 1 + to) / 2
  }
  return ranks
}
