import { type NoiseChain, noiseChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose } from '../tensor/random.ts'
import { bestOfN } from './best-of-n.ts'
import { decodeAll, rolloutCost, rootKey } from './edges.ts'
import { type Account, Ledger } from './ledger.ts'
import { argmax, type RolloutOptions } from './rollouts.ts'
import { checkOptions, checkSettings, type SearchOptions, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import { addTrials, loadTrials, type SavedTrials, saveTrials, type Trials, trialResult, walkStretch } from './trials.ts'

export interface RandomSearchOptions<S, X> extends Omit<RolloutOptions<S, X>, 'chain'> {
  readonly chain: NoiseChain<S, X>
  /** See {@link ZeroOrderOptions.final}. */
  readonly final?: NoiseChain<S, X>
}

/**
 * Random search over start noises (Ma et al. 2025, "Inference-time scaling for diffusion models beyond scaling
 * denoising steps", arXiv 2501.09732, section 3): {@link bestOfN} of a deterministic sampler. It is global, and of all
 * searches the one that a verifier is misled by most.
 *
 * A verifier that ranks the samples of one call against each other needs all of them in that call: `width` = `count`.
 */
export async function randomSearch<S, X>(options: RandomSearchOptions<S, X>): Promise<SearchResult<X>> {
  const { chain, final, budget, seed, ...rest } = options
  const spare = final ? rolloutCost(noiseChain(final)) : 0
  checkOptions(options, rolloutCost(noiseChain(chain)) + spare, 16)
  const found = await bestOfN({ ...rest, chain, seed, budget: budget - spare })
  const method = 'random-search'
  if (!final || found.stopped === 'signal' || found.selected < 0) return { ...found, method }
  const { nfe, rewardEvaluations, trace } = found
  const ledger = new Ledger({ budget, onProgress: options.onProgress }, { ...found, trace: trace.slice() })
  const trials: Trials<S, X> = {
    states: [],
    samples: found.candidates.map(({ sample }) => sample),
    rewards: found.candidates.map(({ reward }) => reward),
  }
  const own = fold(rootKey(seed), found.selected)
  try {
    const [start] = await final.start([own])
    await regenerate(final, options.reward, start, own, trials, ledger)
  } catch (cause) {
    throw new SearchError(method, cause, { ...found, method, nfe, rewardEvaluations })
  }
  return trialResult(method, trials, ledger, found.stopped, trials.samples.length - 1)
}

export interface ZeroOrderOptions<S, X> extends Omit<SearchOptions<S, X>, 'chain' | 'lambda'> {
  readonly chain: NoiseChain<S, X>
  /** Neighbours of a round, N. Default 4 (the paper's for ImageNet; 2 for text to image). */
  readonly neighbours?: number
  /** Cosine of the angle between a pivot and its neighbours, in [-1, 1]. Default 0.95. */
  readonly cosine?: number
  /**
   * Whether a pivot that none of its neighbours beats stays for another round (default), or gives way to fresh noise.
   * The second compares samples across calls of the reward, so it is not for verifiers that rank within a call.
   */
  readonly keepPivot?: boolean
  /** Rounds at most. Default: as many as the budget pays. */
  readonly rounds?: number
  /**
   * Search with few steps, sample with many: once the budget but for its cost is spent, the winner's start goes
   * through this chain too, and that sample is selected. It must begin as `chain` does: the same network, at the same
   * first time.
   */
  readonly final?: NoiseChain<S, X>
  readonly resume?: SavedNoiseSearch
  /** Called after every round; `save` takes a snapshot. */
  readonly onCheckpoint?: (save: () => SavedNoiseSearch) => void | Promise<void>
}

/** A noise search that can be continued: plain numbers and arrays. */
export interface SavedNoiseSearch {
  readonly settings: ZeroOrderSettings
  readonly rounds: number
  readonly account: Account
  readonly trials: SavedTrials
  /** The pivot; none before the first round and where fresh noise is next. */
  readonly pivot?: Place<Float32Array>
  /** The best pivot of all; none before the first round. */
  readonly leader?: Place<Float32Array>
}

/** A start and the number of its sample. */
interface Place<S> {
  readonly start: S
  readonly trial: number
}

/** What must not change between a run and its continuation. */
export interface ZeroOrderSettings {
  readonly method: string
  readonly seed: number
  readonly neighbours: number
  readonly cosine: number
  readonly keepPivot: boolean
  readonly cost: number
}

export interface ZeroOrderResult<X> extends SearchResult<X> {
  readonly rounds: number
  save(): SavedNoiseSearch
}

/**
 * Zero-order search over start noises, ZO-N (Ma et al. 2025, arXiv 2501.09732, section 3.2):
 *
 *     pivot ~ prior;   repeat:   N neighbours of the pivot at a fixed angle;   pivot = the best of pivot and neighbours
 *
 * A neighbour of a draw from the prior is again one where nothing is selected (see `NoiseChain.neighbours`), so the
 * search leaves the prior only as far as selection takes it. It costs `1 + N rounds` runs of the sampler; the last
 * round may be smaller. Pivot and neighbours are scored in ONE call, in this order, so that a verifier may rank them
 * against each other; so the pivot's score is asked for again in every round, and counted. Of equals the pivot stays.
 *
 * Round r draws from its own keys: runs are the same however they were interrupted. The first pivot is rollout 0 of
 * best-of-N with the same seed.
 *
 * `selected` is the last pivot (where pivots are not kept, the best one), `best` the largest number that the reward
 * ever gave: another one only where verifiers rank.
 * @throws SearchError with everything found so far, where the model or the reward fails
 */
export async function zeroOrderSearch<S, X>(options: ZeroOrderOptions<S, X>): Promise<ZeroOrderResult<X>> {
  const { chain, reward, budget, seed, signal, final, resume, rounds: limit = Number.POSITIVE_INFINITY } = options
  const { neighbours = 4, cosine = 0.95, keepPivot = true } = options
  const cost = rolloutCost(noiseChain(chain))
  const spare = final ? rolloutCost(noiseChain(final)) : 0
  const { width } = checkOptions(options, cost + spare, neighbours + 1)
  if (!(Number.isInteger(neighbours) && neighbours >= 1)) {
    throw new Error(`neighbours is ${neighbours}, expected an integer from 1 on`)
  }
  if (!(cosine >= -1 && cosine <= 1)) throw new Error(`cosine is ${cosine}, expected a number in [-1, 1]`)
  if (!(limit >= 1 && (limit < Infinity || cost > 0))) {
    throw new Error(`rounds is ${limit}, expected a number from 1 on (a sample costs ${cost} NFE)`)
  }
  const settings: ZeroOrderSettings = { method: 'zero-order-search', seed, neighbours, cosine, keepPivot, cost }
  const { method } = settings
  if (resume) checkSettings(settings, resume.settings)
  const ledger = new Ledger(options, resume?.account)
  const trials = resume ? await loadTrials(chain, resume.trials) : { states: [], samples: [], rewards: [] }
  const root = rootKey(seed)
  const load = (place?: Place<Float32Array>) => place && { ...place, start: chain.load(place.start) }
  const unload = (place?: Place<S>) => place && { ...place, start: chain.save(place.start) }
  let pivot: Place<S> | undefined = load(resume?.pivot)
  let leader: Place<S> | undefined = load(resume?.leader)
  let rounds = resume?.rounds ?? 0

  const snapshot = (): SavedNoiseSearch => ({
    settings,
    rounds,
    account: ledger.account(),
    trials: saveTrials(chain, trials),
    pivot: unload(pivot),
    leader: unload(leader),
  })
  const result = (
    stopped: SearchResult<X>['stopped'],
    selected = leader?.trial ?? -1,
    save: () => SavedNoiseSearch = snapshot,
  ): ZeroOrderResult<X> => ({ ...trialResult(method, trials, ledger, stopped, selected), rounds, save })

  /** One round of as many neighbours as are affordable. @returns why there was none */
  const round = async (): Promise<'budget' | 'signal' | undefined> => {
    const own = fold(root, rounds)
    const fresh = pivot ? 0 : 1
    const rows = cost > 0 ? Math.floor((budget - spare - ledger.nfe) / cost + 1e-9) : Number.POSITIVE_INFINITY
    const count = Math.min(neighbours, rows - fresh)
    if (rows < 1) return 'budget'
    const centre = pivot?.start ?? (await chain.start([own]))[0]
    const keys = Array.from({ length: count }, (_, i) => fold(purpose(own, 'neighbours'), i))
    const around = chain.neighbours(new Array<S>(count).fill(centre), cosine, keys)
    const starts = pivot ? around : [centre, ...around]
    const stretch = { from: 0, to: chain.depth }
    const onStep = (nfe: number) => {
      ledger.spend(nfe)
      return !signal?.aborted
    }
    const ends = await walkStretch(chain, starts, stretch, pivot ? keys : [own, ...keys], onStep, width)
    if (!ends) return 'signal'
    const found = await decodeAll(chain, ends)
    const known = pivot ? [trials.samples[pivot.trial]] : []
    const name = (i: number) => (i === 0 ? `the pivot of round ${rounds}` : `neighbour ${i - 1} of round ${rounds}`)
    const values = await checkedReward(reward, name).evaluate([...known, ...found])
    if (pivot) ledger.book({ rewardEvaluations: 1 })
    const first = trials.samples.length
    addTrials(trials, ends, found, Array.prototype.slice.call(values, known.length))
    for (let i = known.length; i < values.length; i++) ledger.book({ nfe: cost, rewardEvaluations: 1 }, values[i])
    const winner = argmax(values)
    if (winner > 0) pivot = { start: around[winner - 1], trial: first + fresh + winner - 1 }
    else pivot ??= { start: centre, trial: first }
    const { rewards } = trials
    if (!leader || keepPivot || rewards[pivot.trial] > rewards[leader.trial]) leader = pivot
    if (winner === 0 && !keepPivot) pivot = undefined
    rounds++
    return undefined
  }

  try {
    let stopped: SearchResult<X>['stopped'] | undefined
    while (!stopped) {
      if (signal?.aborted) return result('signal')
      stopped = rounds >= limit ? 'iterations' : await round()
      if (stopped) break
      ledger.report()
      await options.onCheckpoint?.(snapshot)
    }
    if (!final || stopped === 'signal' || !leader) return result(stopped)
    const before = snapshot()
    await regenerate(final, reward, leader.start, fold(root, leader.trial), trials, ledger)
    return result(stopped, trials.samples.length - 1, () => before)
  } catch (cause) {
    throw new SearchError<X, ZeroOrderResult<X>>(method, cause, result('error'))
  }
}

/** The sample of a start under another, finer chain, added to the trials. */
async function regenerate<S, X>(
  final: NoiseChain<S, X>,
  reward: SearchOptions<S, X>['reward'],
  start: S,
  key: Key,
  trials: Trials<S, X>,
  ledger: Ledger,
): Promise<void> {
  const onStep = (nfe: number) => {
    ledger.spend(nfe)
    return true
  }
  const ends = (await walkStretch(final, [start], { from: 0, to: final.depth }, [key], onStep)) as S[]
  const [sample] = await final.decode(ends)
  const [value] = Array.from(await checkedReward(reward, () => 'the final sample').evaluate([sample]))
  ledger.book({ nfe: rolloutCost(final), rewardEvaluations: 1 }, value)
  trials.samples.push(sample)
  trials.rewards.push(value)
  ledger.report()
}
