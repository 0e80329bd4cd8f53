import type { StochasticChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import type { Reward } from '../reward/reward.ts'
import { categorical, fold, type Key, purpose, key as seedKey, stream } from '../tensor/random.ts'
import { costFrom, edgesOf } from './edges.ts'
import type { IslandRun } from './island.ts'
import { logTilt, softmax } from './log-weights.ts'

export interface RegrowOptions<S, X> {
  /** Those of the run that the islands come from. */
  readonly chain: StochasticChain<S, X>
  readonly reward: Reward<X>
  readonly lambda?: number
  /** How many samples. */
  readonly count: number
  readonly seed: number
  /**
   * Where the samples leave their old paths: the share of a rollout's NFE that they walk anew, in (0, 1). More makes
   * them differ more, costs more, and is refused more often. Taken to the next stop that leaves no more. Default 0.1,
   * or what the last stop leaves.
   */
  readonly share?: number
  readonly signal?: AbortSignal
}

export interface Regrown<X> {
  readonly samples: readonly X[]
  readonly rewards: Float64Array
  /** Whether each one is new; else it is the old leaf. */
  readonly accepted: readonly boolean[]
  readonly nfe: number
  readonly rewardEvaluations: number
}

/**
 * Further samples from finished islands (ours): a leaf is drawn by its weight, its path is cut at an inner stop, and
 * the rest is walked anew by the chain's own kernel. Given the state x at the stop, the target of the end is
 * proportional to `p(x_0 | x) exp(lambda r(x_0))`, so the new end is taken with probability `min(1, exp(lambda (r' -
 * r)))`, and the old one is kept else: an independent Metropolis step that leaves the target as it is. So the samples
 * are no worse than a draw from the leaves, and hardly any two are the same.
 *
 * @throws Error where nothing has come to its end, or no stop leaves so little
 */
export async function regrow<S, X>(
  islands: readonly IslandRun<S, X>[],
  options: RegrowOptions<S, X>,
): Promise<Regrown<X>> {
  const { chain, lambda = 1, count, seed, signal } = options
  const edges = edgesOf(chain)
  if (edges.length < 2) throw new Error('this chain is a single block, so its paths have no inner stop to be cut at')
  const shares = edges.map((_, e) => costFrom(edges, e) / costFrom(edges, 0))
  const share = options.share ?? Math.max(0.1, shares[shares.length - 1])
  const stop = edges.findIndex((_, e) => e > 0 && shares[e] <= share)
  if (!(share > 0 && share < 1)) throw new Error(`share is ${share}, expected a share of a rollout in (0, 1)`)
  if (stop < 0) throw new Error(`no stop of this chain leaves ${share} of a rollout or less: give a larger share`)
  const leaves = islands.flatMap((island) => (island.leaves ?? []).map((leaf, row) => ({ island, row, leaf })))
  if (leaves.length === 0) throw new Error('no island has come to its end yet, so nothing can be drawn')
  const weights = softmax(leaves.map(({ leaf }) => leaf.logWeight + logTilt(lambda, leaf.reward)))
  const root = purpose(seedKey(seed), 'regrow')
  const keys: Key[] = Array.from({ length: count }, (_, i) => fold(root, i))
  const draws = keys.map((key) => stream(purpose(key, 'choose')))
  const old = draws.map((draw) => leaves[categorical(draw.uniform(), weights)])

  let states = old.map(({ island, row }) => {
    const inner = island.path(row).find((place) => place.stop === stop)
    if (!inner) throw new Error('these islands do not begin at the start, so their paths cannot be cut there')
    return inner.state
  })
  let nfe = 0
  for (let e = stop; e < edges.length; e++) {
    const own = keys.map((key) => fold(key, e))
    for (let level = edges[e].from; level < edges[e].to; level++) {
      signal?.throwIfAborted()
      states = await chain.step(states, level, own)
      nfe += count * chain.cost(level)
    }
  }
  const fresh = await chain.decode(states)
  const rewards = Float64Array.from(await checkedReward(options.reward, (i) => `further sample ${i}`).evaluate(fresh))
  const accepted = old.map(({ leaf }, i) => {
    const odds = logTilt(lambda, rewards[i]) - logTilt(lambda, leaf.reward)
    return Math.log(draws[i].uniform()) < odds
  })
  const samples = old.map(({ leaf }, i) => (accepted[i] ? fresh[i] : leaf.sample))
  old.forEach(({ leaf }, i) => {
    if (!accepted[i]) rewards[i] = leaf.reward
  })
  return { samples, rewards, accepted, nfe, rewardEvaluations: count }
}
