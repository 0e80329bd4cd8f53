import { type NoiseChain, noiseChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose } from '../tensor/random.ts'
import { decodeAll, rootKey } from './edges.ts'
import { type Account, Ledger } from './ledger.ts'
import { checkOptions, checkSettings, type SearchOptions, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import {
  addTrials,
  loadTrials,
  type SavedTrials,
  saveTrials,
  stretchCost,
  type Trials,
  trialResult,
  walkStretch,
} from './trials.ts'

export interface PathsOptions<S, X> extends Omit<SearchOptions<S, X>, 'chain' | 'lambda'> {
  readonly chain: NoiseChain<S, X>
  /** Paths that are kept, N. Default 2. */
  readonly paths?: number
  /**
   * Branches of a path in each round, M. Default: as many as the budget pays for one pass. With a number of them,
   * passes are made, each from fresh noise, until the budget is spent.
   */
  readonly branches?: number
  /**
   * The level that the first look-aheads are at. Default: at 0.89 of the levels (the paper's sigma of 0.11, on even
   * times).
   */
  readonly level?: number
  /** Levels that a round noises a path back. Default: 0.78 of the levels, the paper's. */
  readonly back?: number
  /** Levels that a round denoises it again, more than `back`. Default: 0.81 of the levels, the paper's. */
  readonly forward?: number
  readonly resume?: SavedPaths
  /** Called after every round; `save` takes a snapshot. */
  readonly onCheckpoint?: (save: () => SavedPaths) => void | Promise<void>
}

/** A search over paths that can be continued: plain numbers and arrays. */
export interface SavedPaths {
  readonly settings: PathsSettings
  readonly account: Account
  readonly trials: SavedTrials
  readonly passes: number
  /** Rounds of the pass under way that are done; -1 before its first states. */
  readonly round: number
  readonly survivors: readonly Float32Array[]
}

/** What must not change between a run and its continuation. */
export interface PathsSettings {
  readonly method: string
  readonly seed: number
  readonly paths: number
  readonly branches: number
  readonly level: number
  readonly back: number
  readonly forward: number
  /** NFE of each level. */
  readonly costs: readonly number[]
}

export interface PathsResult<X> extends SearchResult<X> {
  /** Passes that came to their end. */
  readonly passes: number
  /** Rounds of one pass. */
  readonly rounds: number
  readonly save: () => SavedPaths
}

/**
 * Search over paths, Paths-N (Ma et al. 2025, arXiv 2501.09732, section 3.2), on the levels of a deterministic chain:
 *
 *     N starts, denoised to `level`;
 *     repeat:  M forward noisings of each, `back` levels;   denoise all N M by `forward` levels (at most to the end);
 *              keep the N with the best expected clean samples
 *     until the end;   the best of the last N M
 *
 * so `ceil((depth - level) / (forward - back))` rounds. The forward noising is the kernel `q(x_to | x)` of the
 * process, so without selection every path keeps the law of the model. Verifiers see the expected clean sample, in one
 * call for the N M of a round; of equals the first branch of each path is kept.
 *
 * The candidates are the samples of last rounds. A run that is stopped before its first pass ends hands over the
 * expected clean samples of its survivors (a resumed one from its first round on).
 * @throws SearchError with everything found so far, where the model or the reward fails
 */
export async function pathsSearch<S, X>(options: PathsOptions<S, X>): Promise<PathsResult<X>> {
  const { reward, budget, seed, signal, resume } = options
  const chain = noiseChain(options.chain)
  const { depth } = chain
  const rounds = roundsOf(options)
  const { width } = checkOptions(options, 0, Number.MAX_SAFE_INTEGER)
  const { settings, passCost } = resolveSettings(options, rounds)
  const { method, paths, branches, level } = settings
  if (resume) checkSettings(settings, resume.settings)
  const ledger = new Ledger(options, resume?.account)
  const trials: Trials<S, X> = resume
    ? await loadTrials(chain, resume.trials)
    : { states: [], samples: [], rewards: [] }
  const root = rootKey(seed)
  let passes = resume?.passes ?? 0
  let round = resume?.round ?? -1
  let survivors: S[] = (resume?.survivors ?? []).map((data) => chain.load(data))
  /** Expected clean samples of the survivors and their rewards, where a round has looked. */
  let estimates: { readonly sample: X; readonly reward: number }[] = []

  const save = (): SavedPaths => ({
    settings,
    account: ledger.account(),
    trials: saveTrials(chain, trials),
    passes,
    round,
    survivors: survivors.map((state) => chain.save(state)),
  })
  const result = (stopped: SearchResult<X>['stopped']): PathsResult<X> => {
    const shown =
      trials.samples.length > 0
        ? trials
        : { states: [], samples: estimates.map((e) => e.sample), rewards: estimates.map((e) => e.reward) }
    return { ...trialResult(method, shown, ledger, stopped), passes, rounds: rounds.length, save }
  }

  const walk = (states: readonly S[], from: number, to: number, keys: readonly Key[]) => {
    const onStep = (nfe: number) => {
      ledger.spend(nfe)
      return !signal?.aborted
    }
    return walkStretch(chain, states, { from, to }, keys, onStep, width)
  }

  /** The N starts at their first level. @returns whether it was not abandoned */
  const begin = async (key: Key): Promise<boolean> => {
    const keys = Array.from({ length: paths }, (_, i) => fold(key, i))
    const reached = await walk(await chain.start(keys), 0, level, keys)
    if (!reached) return false
    ledger.book({ nfe: paths * stretchCost(chain, { from: 0, to: level }) })
    survivors = reached
    estimates = []
    return true
  }

  /** One round, branch by branch, so that of equals each path keeps its first. */
  const branch = async (key: Key, { at, back, to }: Round): Promise<boolean> => {
    const rows = branches * paths
    const keys = Array.from({ length: rows }, (_, i) => fold(key, i))
    const parents = Array.from({ length: rows }, (_, i) => survivors[i % paths])
    const reached = await walk(chain.renoise(parents, at, back, keys), back, to, keys)
    if (!reached) return false
    const look = to === depth ? 0 : chain.lookaheadCost(to)
    const found = to === depth ? await decodeAll(chain, reached) : await chain.lookahead(reached, to)
    if (look > 0) ledger.spend(rows * look)
    const name = (i: number) =>
      `branch ${Math.floor(i / paths)} of path ${i % paths} in round ${round} of pass ${passes}`
    const values = await checkedReward(reward, name).evaluate(found)
    const nfe = stretchCost(chain, { from: back, to }) + look
    for (let i = 0; i < rows; i++) ledger.book({ nfe, rewardEvaluations: 1 }, to === depth ? values[i] : undefined)
    if (to === depth) {
      addTrials(trials, reached, found, values)
      return true
    }
    const kept = keys
      .map((_, i) => i)
      .sort((i, j) => values[j] - values[i] || i - j)
      .slice(0, paths)
    survivors = kept.map((i) => reached[i])
    estimates = kept.map((i) => ({ sample: found[i], reward: values[i] }))
    return true
  }

  try {
    while (round >= 0 || budget - ledger.nfe >= passCost - 1e-9) {
      if (signal?.aborted) return result('signal')
      const pass = fold(root, passes)
      const done = round < 0 ? await begin(pass) : await branch(fold(purpose(pass, 'rounds'), round), rounds[round])
      if (!done) return result('signal')
      round++
      if (round === rounds.length) {
        round = -1
        survivors = []
        estimates = []
        passes++
      }
      ledger.report()
      await options.onCheckpoint?.(save)
      if (passCost === 0) break
    }
    return result('budget')
  } catch (cause) {
    throw new SearchError<X, PathsResult<X>>(method, cause, result('error'))
  }
}

/** A round from the level `at`: back to `back`, and on to `to`. */
interface Round {
  readonly at: number
  readonly back: number
  readonly to: number
}

function roundsOf<S, X>(options: PathsOptions<S, X>): Round[] {
  const { chain } = options
  const { depth } = chain
  if (!(Number.isInteger(depth) && depth >= 2)) {
    throw new Error(
      `a search over paths goes back and forth between levels, this chain has ${depth}; give it more (branchAt)`,
    )
  }
  const level = options.level ?? Math.min(depth - 1, Math.max(1, Math.round(0.89 * depth)))
  const back = options.back ?? Math.min(level, Math.max(1, Math.round(0.78 * depth)))
  const forward = options.forward ?? Math.max(back + 1, Math.round(0.81 * depth))
  if (!(Number.isInteger(level) && level >= 1 && level < depth)) {
    throw new Error(`level is ${level}, expected an integer from 1 to ${depth - 1} (the chain has ${depth} levels)`)
  }
  if (!(Number.isInteger(back) && back >= 1 && back <= level)) {
    throw new Error(`back is ${back}, expected an integer from 1 to the level ${level}`)
  }
  if (!(Number.isInteger(forward) && forward > back)) {
    throw new Error(`forward is ${forward}, expected an integer above back, ${back}`)
  }
  const rounds: Round[] = []
  for (let at = level; at < depth; at = rounds[rounds.length - 1].to) {
    rounds.push({ at, back: at - back, to: Math.min(depth, at - back + forward) })
  }
  return rounds
}

/** The settings in full, and the NFE of one pass with them. @throws where the budget does not pay for one */
function resolveSettings<S, X>(options: PathsOptions<S, X>, rounds: readonly Round[]) {
  const { chain, budget, seed, paths = 2 } = options
  if (!(Number.isInteger(paths) && paths >= 1)) throw new Error(`paths is ${paths}, expected an integer from 1 on`)
  const first = paths * stretchCost(chain, { from: 0, to: rounds[0].at })
  let one = 0
  for (const { back, to } of rounds) {
    one += paths * (stretchCost(chain, { from: back, to }) + (to === chain.depth ? 0 : chain.lookaheadCost(to)))
  }
  if (options.branches === undefined && one === 0) {
    throw new Error(
      'the rounds of this chain cost no NFE, so a budget in NFE cannot say how many branches; give branches',
    )
  }
  const branches = options.branches ?? Math.floor((budget - first) / one + 1e-9)
  const least = first + one * Math.max(1, branches)
  if (budget < least - 1e-9) {
    throw new Error(`a budget of ${budget} NFE is less than one pass of ${paths} paths (${least} NFE)`)
  }
  if (!(Number.isInteger(branches) && branches >= 1)) {
    throw new Error(`branches is ${branches}, expected an integer from 1 on`)
  }
  const [{ at, back, to }] = rounds
  // A first round that is cut short by the end tells no more than that it gets there.
  const forward = options.forward ?? to - back
  const settings: PathsSettings = {
    method: 'paths-search',
    seed,
    paths,
    branches,
    level: at,
    back: at - back,
    forward,
    costs: Array.from({ length: chain.depth }, (_, level) => chain.cost(level)),
  }
  return { settings, passCost: least }
}
