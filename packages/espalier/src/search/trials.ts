import type { Chain } from '../chain/chain.ts'
import type { Key } from '../tensor/random.ts'
import { oneEach } from './edges.ts'
import type { Ledger } from './ledger.ts'
import { argmax } from './rollouts.ts'
import type { SearchResult } from './search.ts'

/** What a search that maximises has found: final samples with their rewards, none weighing more than another. */
export interface Trials<S, X> {
  /** Final states, for checkpoints; they may be fewer than the samples, whose last ones are then not saved. */
  readonly states: S[]
  readonly samples: X[]
  readonly rewards: number[]
}

/** Plain numbers of {@link Trials}. */
export interface SavedTrials {
  readonly states: readonly Float32Array[]
  readonly rewards: readonly number[]
}

export function addTrials<S, X>(
  { states, samples, rewards }: Trials<S, X>,
  ends: readonly S[],
  found: readonly X[],
  values: ArrayLike<number>,
): void {
  ends.forEach((end, i) => {
    states.push(end)
    samples.push(found[i])
    rewards.push(values[i])
  })
}

export function saveTrials<S, X>(chain: Chain<S, X>, { states, rewards }: Trials<S, X>): SavedTrials {
  return { states: states.map((state) => chain.save(state)), rewards: rewards.slice(0, states.length) }
}

export async function loadTrials<S, X>(chain: Chain<S, X>, saved: SavedTrials): Promise<Trials<S, X>> {
  const states = saved.states.map((data) => chain.load(data))
  return { states, samples: states.length > 0 ? await chain.decode(states) : [], rewards: [...saved.rewards] }
}

/** A result in which every sample weighs 1/n. @param selected default: the largest reward */
export function trialResult<S, X>(
  method: string,
  { samples, rewards }: Trials<S, X>,
  ledger: Ledger,
  stopped: SearchResult<X>['stopped'],
  selected = argmax(rewards),
): SearchResult<X> {
  return {
    method,
    candidates: samples.map((sample, i) => ({ sample, reward: rewards[i], weight: 1 / samples.length })),
    selected,
    best: argmax(rewards),
    nfe: ledger.spent,
    gradientEvaluations: ledger.gradientEvaluations,
    rewardEvaluations: ledger.rewardEvaluations,
    trace: ledger.trace(),
    stopped,
  }
}

/** A stretch of a chain, from one level to a later one. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** Whether a look-ahead has seen the states at the first level. Default false. */
  readonly looked?: boolean
}

/** NFE of one row along a stretch. */
export function stretchCost<S, X>(chain: Chain<S, X>, { from, to, looked = false }: Stretch): number {
  let cost = 0
  for (let level = from; level < to; level++) cost += chain.cost(level, looked && level === from)
  return cost
}

/**
 * Rows along a stretch, at most `width` of them in one call; row i draws from `keys[i]` alone.
 * @param onStep called after each step with the NFE it took; returning false abandons the rows
 * @returns their states at the end, or null if abandoned
 */
export async function walkStretch<S, X>(
  chain: Chain<S, X>,
  states: readonly S[],
  { from, to, looked = false }: Stretch,
  keys: readonly Key[],
  onStep: (nfe: number) => boolean,
  width = states.length,
): Promise<S[] | null> {
  const ends: S[] = []
  for (let first = 0; first < states.length; first += width) {
    let rows = states.slice(first, first + width)
    const own = keys.slice(first, first + width)
    for (let level = from; level < to; level++) {
      rows = oneEach(await chain.step(rows, level, own), own.length, `step at level ${level}`)
      const more = onStep(own.length * chain.cost(level, looked && level === from))
      const last = level === to - 1 && first + width >= states.length
      if (!more && !last) return null
    }
    ends.push(...rows)
  }
  return ends
}

/** All results, once all work has come to rest: nothing runs on behind a failed search. @throws the first failure */
export async function allAtRest<T>(work: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(work)
  return outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}
