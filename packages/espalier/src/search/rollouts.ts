import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose, type Stream, key as seedKey, stream } from '../tensor/random.ts'
import { costFrom, decodeAll, edgesOf, rootKey, walk } from './edges.ts'
import { type Account, Ledger } from './ledger.ts'
import { checkOptions, checkSettings, type SearchOptions, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'

export interface RolloutOptions<S, X> extends SearchOptions<S, X> {
  /** Rollouts at most. Default: as many as the budget pays. */
  readonly count?: number
  /** Continues a saved run, with a larger budget if wanted. */
  readonly resume?: SavedRollouts
  /** Called after every wave of `width` rollouts; `save` takes a snapshot, which costs a copy of all final states. */
  readonly onCheckpoint?: (save: () => SavedRollouts) => void | Promise<void>
}

/** Rollouts that can be continued: plain numbers and arrays. */
export interface SavedRollouts {
  readonly settings: { readonly method: string; readonly seed: number; readonly cost: number }
  readonly account: Account
  /** Final states and their rewards. */
  readonly states: readonly Float32Array[]
  readonly rewards: Float64Array
}

/** What a method makes of the rewards of its rollouts. */
export interface Verdict {
  readonly weights: ArrayLike<number>
  readonly selected: number
  readonly logZ?: number
}

/**
 * Independent rollouts of the chain, weighed at the end: what best-of-N and importance resampling share.
 *
 * Rollout i is the path `i/0/0/...` below the root. A tree search with the same seed begins with the very same
 * rollouts, so methods are compared on common random numbers.
 *
 * @param weigh turns rewards (at least one) into weights; `draws` is a stream of its own
 */
export async function independentRollouts<S, X>(
  method: string,
  options: RolloutOptions<S, X>,
  weigh: (rewards: Float64Array, lambda: number, draws: Stream) => Verdict,
): Promise<SearchResult<X>> {
  const { chain, reward, seed, signal, resume } = options
  const edges = edgesOf(chain)
  const cost = costFrom(edges, 0)
  const { lambda, width } = checkOptions(options, cost, 16)
  const total = Math.min(options.count ?? Infinity, Math.floor(options.budget / cost))
  if (!(total >= 1 && total < Infinity)) {
    throw new Error(`${method} would make ${total} rollouts; give a count from 1 on (a rollout costs ${cost} NFE)`)
  }
  const settings = { method, seed, cost }
  if (resume) checkSettings(settings, resume.settings)
  const ledger = new Ledger(options, resume?.account)
  const root = rootKey(seed)
  const states: S[] = resume?.states.map((data) => chain.load(data)) ?? []
  const samples: X[] = states.length > 0 ? await chain.decode(states) : []
  const rewards: number[] = Array.from(resume?.rewards ?? [])

  const result = (stopped: SearchResult<X>['stopped']): SearchResult<X> => {
    const values = Float64Array.from(rewards)
    const draws = stream(purpose(seedKey(seed), 'read-out'))
    const verdict = values.length > 0 ? weigh(values, lambda, draws) : { weights: [], selected: -1 }
    return {
      method,
      candidates: samples.map((sample, i) => ({ sample, reward: values[i], weight: verdict.weights[i] })),
      selected: verdict.selected,
      best: argmax(values),
      logZ: verdict.logZ,
      nfe: ledger.spent,
      gradientEvaluations: ledger.gradientEvaluations,
      rewardEvaluations: ledger.rewardEvaluations,
      trace: ledger.trace(),
      stopped,
    }
  }

  try {
    while (samples.length < total) {
      if (signal?.aborted) return result('signal')
      const done = samples.length
      const keys = pathKeys(root, done, Math.min(width, total - done))
      const walked = await walk(chain, edges, { first: 0, states: [], keys }, (nfe) => {
        ledger.spend(nfe)
        return !signal?.aborted
      })
      if (!walked) return result('signal')
      const ends = walked[edges.length - 1]
      const decoded = await decodeAll(chain, ends)
      const values = await checkedReward(reward, (i) => `rollout ${done + i}`).evaluate(decoded)
      for (let i = 0; i < values.length; i++) {
        states.push(ends[i])
        samples.push(decoded[i])
        rewards.push(values[i])
        ledger.book({ nfe: cost, rewardEvaluations: 1 }, values[i])
      }
      ledger.report()
      await options.onCheckpoint?.(() => ({
        ...{ settings, account: ledger.account(), rewards: Float64Array.from(rewards) },
        states: states.map((state) => chain.save(state)),
      }))
    }
  } catch (cause) {
    throw new SearchError(method, cause, result('error'))
  }
  return result(samples.length === options.count ? 'iterations' : 'budget')
}

/** Index of the largest value, the first of equals; -1 of nothing. */
export function argmax(values: ArrayLike<number>): number {
  let best = values.length > 0 ? 0 : -1
  for (let i = 1; i < values.length; i++) if (values[i] > values[best]) best = i
  return best
}

function pathKeys(root: Key, first: number, n: number): Key[] {
  return Array.from({ length: n }, (_, i) => fold(root, first + i))
}
