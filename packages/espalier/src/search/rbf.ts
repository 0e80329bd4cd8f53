import { type StochasticChain, stochasticChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import { fold, type Key, purpose } from '../tensor/random.ts'
import { decodeAll, type Edge, edgesOf, rootKey } from './edges.ts'
import { type Account, Ledger } from './ledger.ts'
import { argmax } from './rollouts.ts'
import { checkOptions, checkSettings, oneOf, type SearchOptions, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import {
  addTrials,
  allAtRest,
  loadTrials,
  type SavedTrials,
  saveTrials,
  stretchCost,
  type Trials,
  trialResult,
  walkStretch,
} from './trials.ts'

const choices = ['first', 'best'] as const

export interface RbfOptions<S, X> extends Omit<SearchOptions<S, X>, 'chain' | 'lambda'> {
  readonly chain: StochasticChain<S, X>
  /** Independent chains, which share the budget evenly. Default 2. */
  readonly chains?: number
  /** Start states of each chain, of which the one with the best look-ahead is taken. Default 25. */
  readonly starts?: number
  /**
   * Candidates of one chain that are proposed together. Default 1, the published algorithm. With more, those behind
   * the first success of a block are paid all the same, so that less is rolled over. Start states, and the candidates
   * of the last interval, of which none is in vain, come 16 at a time or more.
   */
  readonly width?: number
  /**
   * Which success of a block is taken: the `first` (default), as one candidate at a time would, or the `best` (ours).
   * Where look-aheads improve by themselves as the noise falls, almost every first candidate is a success, and RBF
   * hurries to the last step, where candidates differ least; `best` with a width looks around at every step, and
   * wastes nothing.
   */
  readonly choice?: (typeof choices)[number]
  readonly resume?: SavedRbf
  /** Called after every turn, in which each chain has proposed one block; `save` takes a snapshot. */
  readonly onCheckpoint?: (save: () => SavedRbf) => void | Promise<void>
}

/** What happened in one interval of one chain. */
export interface RbfInterval {
  /** Candidates that were proposed. */
  readonly candidates: number
  /** Whether one of them was better than all before; if not, the best of them was taken all the same. */
  readonly improved: boolean
  /** The best value that the chain had met when it left the interval: it never falls. */
  readonly record: number
}

/** A search that can be continued: plain numbers and arrays. */
export interface SavedRbf {
  readonly settings: RbfSettings
  readonly account: Account
  readonly trials: SavedTrials
  /** None before the start states have been looked at. */
  readonly chains: readonly SavedRunner[]
}

/** What must not change between a run and its continuation; the budget sets the quotas. */
export interface RbfSettings {
  readonly method: string
  readonly seed: number
  readonly budget: number
  readonly chains: number
  readonly starts: number
  readonly choice: string
  /** The width where it decides what is chosen, else 0. */
  readonly block: number
  /** NFE of each edge of the chain. */
  readonly edges: readonly number[]
}

type SavedRunner = Runner<Float32Array>

/** A chain under way. */
interface Runner<S> {
  /** NFE of its share that are left. */
  left: number
  /** NFE of its quota for this interval that are left. */
  quota: number
  /** The state that candidates are proposed from, and the value of its look-ahead. */
  state: S
  value: number
  record: number
  /** The best candidate of this interval, which is taken if the quota ends without an improvement. */
  fallback?: { readonly state: S; readonly value: number }
  candidates: number
  readonly intervals: RbfInterval[]
}

export interface RbfResult<X> extends SearchResult<X> {
  /** The intervals that each chain has left. */
  readonly intervals: readonly (readonly RbfInterval[])[]
  save(): SavedRbf
}

/** Rows of one call that can only win by being many: none of them waits for another. */
const INDEPENDENT = 16

/**
 * Rollover budget forcing (Kim, Yoon, Hwang, Sung 2025, "Inference-time scaling for flow models via stochastic
 * generation and rollover budget forcing", arXiv 2503.19385, Algorithm 2), over the edges of a stochastic chain:
 *
 *     x = the best of `starts` draws from the prior by r(E[x_0 | x]),   record = its value
 *     for each edge:  repeat up to the quota:   c = step(x);   e = r(E[x_0 | c])
 *                         e > record:  x = c, record = e, the rest of the quota goes to the next edge
 *                     none was better:     x = the best c, record stays
 *     on the last edge no c ends the search: all that is left is spent, and the best sample counts.
 *
 * The prediction that scores a candidate is the one that its next step begins with, so on a chain that remembers it a
 * candidate of one solver step costs 1 NFE. Quotas are even in candidates, `floor(share / sum of the edges' costs)`,
 * and what is left of them is rolled over in NFE; what this does not divide belongs to the last edge.
 *
 * The released code lets its chains draw on one counter of NFE, so that a chain that ends early takes from the others,
 * and divides by one interval more than it visits; here every chain has its even share, which makes chains independent
 * of each other and of the order of computation. A step that ends in the clean estimate (`flowSde`) makes the last
 * edge's samples the clean estimates that the paper puts out.
 *
 * Candidate j of edge e of chain k draws from the key (seed, k, e, j) alone. A resumed run asks again for the
 * predictions of the states that it goes on from, up to two a chain, which is not counted. The candidates of the
 * result are the samples of last edges; of a chain stopped before, its expected clean sample.
 * @throws SearchError with everything found so far, where the model or the reward fails
 */
export async function rbf<S, X>(options: RbfOptions<S, X>): Promise<RbfResult<X>> {
  const { reward, budget, seed, signal, resume, chains: count = 2, starts = 25 } = options
  const chain = stochasticChain(options.chain)
  const edges = intervalsOf(chain)
  const last = edges.length - 1
  const costs = edges.map((edge) => candidateCost(chain, edge))
  const look = chain.lookaheadCost(0)
  const { quotas, settings, width, choice } = resolve(options, edges, costs)
  const { method } = settings
  if (resume) checkSettings(settings, resume.settings)
  const ledger = new Ledger(options, resume?.account)
  const trials: Trials<S, X> = resume
    ? await loadTrials(chain, resume.trials)
    : { states: [], samples: [], rewards: [] }
  const roots = Array.from({ length: count }, (_, k) => fold(rootKey(seed), k))
  let runners: Runner<S>[] = (resume?.chains ?? []).map((saved) => ({
    ...saved,
    state: chain.load(saved.state),
    fallback: saved.fallback && { ...saved.fallback, state: chain.load(saved.fallback.state) },
    intervals: [...saved.intervals],
  }))
  /** Expected clean samples of states, for chains that are stopped on their way. */
  const estimates = new Map<S, X>()
  const edgeOf = ({ intervals }: Runner<S>) => intervals.length
  const isOver = (runner: Runner<S>) => edgeOf(runner) > last

  const save = (): SavedRbf => ({
    settings,
    account: ledger.account(),
    trials: saveTrials(chain, trials),
    chains: runners.map((runner) => ({
      ...runner,
      state: chain.save(runner.state),
      fallback: runner.fallback && { ...runner.fallback, state: chain.save(runner.fallback.state) },
      intervals: [...runner.intervals],
    })),
  })

  const result = (stopped: SearchResult<X>['stopped']): RbfResult<X> => {
    const unfinished = runners.filter(
      (runner) => edgeOf(runner) < last || (edgeOf(runner) === last && !runner.fallback),
    )
    const shown = unfinished.filter(({ state }) => estimates.has(state))
    const all = {
      states: [],
      samples: [...trials.samples, ...shown.map(({ state }) => estimates.get(state) as X)],
      rewards: [...trials.rewards, ...shown.map(({ value }) => value)],
    }
    return { ...trialResult(method, all, ledger, stopped), intervals: runners.map(({ intervals }) => intervals), save }
  }

  /** The best start of each chain. */
  const begin = async (): Promise<Runner<S>[]> => {
    const keys = roots.flatMap((root) => Array.from({ length: starts }, (_, j) => fold(purpose(root, 'starts'), j)))
    const states: S[] = []
    const found: X[] = []
    const rows = Math.max(width * count, INDEPENDENT)
    for (let first = 0; first < keys.length; first += rows) {
      const drawn = await chain.start(keys.slice(first, first + rows))
      found.push(...(await chain.lookahead(drawn, 0)))
      states.push(...drawn)
      ledger.spend(drawn.length * look)
    }
    const name = (i: number) => `start ${i % starts} of chain ${Math.floor(i / starts)}`
    const values = Float64Array.from(await checkedReward(reward, name).evaluate(found))
    ledger.book({ nfe: keys.length * look, rewardEvaluations: keys.length })
    return roots.map((_, k) => {
      const own = values.subarray(k * starts, (k + 1) * starts)
      const best = argmax(own)
      const state = states[k * starts + best]
      estimates.set(state, found[k * starts + best])
      const left = budget / count - starts * look
      return { left, quota: quotas[0], state, value: own[best], record: own[best], candidates: 0, intervals: [] }
    })
  }

  /** How many candidates a chain proposes in its next turn. */
  const blockOf = (runner: Runner<S>): number => {
    const e = edgeOf(runner)
    const affordable = Math.floor((e === last ? runner.left : runner.quota) / costs[e] + 1e-9)
    return Math.min(e === last ? Math.max(width, INDEPENDENT) : width, affordable)
  }

  /** The candidates of one block: states at the end of the edge, and their expected clean samples. */
  const propose = async (k: number, runner: Runner<S>) => {
    const e = edgeOf(runner)
    const { from, to } = edges[e]
    const n = blockOf(runner)
    const own = fold(purpose(roots[k], 'candidates'), e)
    const keys: Key[] = Array.from({ length: n }, (_, i) => fold(own, runner.candidates + i))
    const onStep = (nfe: number) => {
      ledger.spend(nfe)
      return !signal?.aborted
    }
    const heads = new Array<S>(n).fill(runner.state)
    const states = await walkStretch(chain, heads, { from, to, looked: true }, keys, onStep)
    if (!states) return null
    if (e === last) return { states, found: await decodeAll(chain, states) }
    const found = await chain.lookahead(states, to)
    ledger.spend(n * chain.lookaheadCost(to))
    return { states, found }
  }

  /** What a chain makes of its block. */
  const absorb = (runner: Runner<S>, states: readonly S[], found: readonly X[], values: readonly number[]) => {
    const e = edgeOf(runner)
    const spent = states.length * costs[e]
    runner.left -= spent
    runner.quota -= spent
    for (const value of values) {
      ledger.book({ nfe: costs[e], rewardEvaluations: 1 }, e === last ? value : undefined)
    }
    if (e === last) addTrials(trials, states, found, values)
    const best = argmax(values)
    const better =
      choice === 'best' ? (values[best] > runner.record ? best : -1) : values.findIndex((v) => v > runner.record)
    const success = e === last ? -1 : better
    if (success < 0 && !(runner.fallback && runner.fallback.value >= values[best])) {
      if (runner.fallback) estimates.delete(runner.fallback.state)
      runner.fallback = { state: states[best], value: values[best] }
      if (e < last) estimates.set(states[best], found[best])
    }
    runner.candidates += states.length
    if (success >= 0) {
      estimates.set(states[success], found[success])
      advance(runner, { state: states[success], value: values[success] }, true)
    } else if (runner.fallback && blockOf(runner) < 1) {
      advance(runner, runner.fallback, runner.fallback.value > runner.record)
    }
  }

  const advance = (runner: Runner<S>, to: { readonly state: S; readonly value: number }, improved: boolean) => {
    const e = edgeOf(runner)
    estimates.delete(runner.state)
    if (runner.fallback && runner.fallback.state !== to.state) estimates.delete(runner.fallback.state)
    runner.state = to.state
    runner.value = to.value
    runner.record = Math.max(runner.record, to.value)
    // What is left of the quota is rolled over; without an improvement that is less than one candidate.
    if (e < last) runner.quota += quotas[e + 1]
    runner.intervals.push({ candidates: runner.candidates, improved, record: runner.record })
    runner.candidates = 0
    runner.fallback = undefined
  }

  /** The predictions that the states of a resumed run were looked at with. */
  const lookAgain = async () => {
    for (const runner of runners.filter((runner) => !isOver(runner))) {
      const { from, to } = edges[edgeOf(runner)]
      const [seen] = await chain.lookahead([runner.state], from)
      estimates.set(runner.state, seen)
      if (!runner.fallback || edgeOf(runner) === last) continue
      const [next] = await chain.lookahead([runner.fallback.state], to)
      estimates.set(runner.fallback.state, next)
    }
  }

  try {
    if (signal?.aborted) return result('signal')
    if (runners.length > 0) await lookAgain()
    else {
      runners = await begin()
      ledger.report()
      await options.onCheckpoint?.(save)
    }
    for (;;) {
      if (signal?.aborted) return result('signal')
      const open = runners.flatMap((runner, k) => (isOver(runner) ? [] : [k]))
      if (open.length === 0) return result('budget')
      const blocks = await allAtRest(open.map((k) => propose(k, runners[k])))
      if (blocks.some((block) => block === null)) return result('signal')
      const found = blocks.flatMap((block) => block?.found ?? [])
      const owners = open.flatMap((k, i) => (blocks[i]?.found ?? []).map((_, j) => ({ k, j })))
      const name = (i: number) => {
        const { k, j } = owners[i]
        return `candidate ${runners[k].candidates + j} of interval ${edgeOf(runners[k])} of chain ${k}`
      }
      const values = Array.from(await checkedReward(reward, name).evaluate(found))
      let first = 0
      open.forEach((k, i) => {
        const { states, found: own } = blocks[i] as NonNullable<(typeof blocks)[number]>
        absorb(runners[k], states, own, values.slice(first, first + own.length))
        first += own.length
      })
      ledger.report()
      await options.onCheckpoint?.(save)
    }
  } catch (cause) {
    throw new SearchError<X, RbfResult<X>>(method, cause, result('error'))
  }
}

/**
 * The edges of the chain, each with a random step in it: a first one that has none, after the draw of the start, is
 * one with the next.
 */
function intervalsOf<S, X>(chain: StochasticChain<S, X>): Edge[] {
  const [first, second, ...rest] = edgesOf(chain)
  if (chain.stochastic(0) || !second) return second ? [first, second, ...rest] : [first]
  return [{ from: 0, to: second.to, cost: first.cost + second.cost }, ...rest]
}

/** NFE of a candidate: its edge from a state that was looked at, and its own look-ahead. */
function candidateCost<S, X>(chain: StochasticChain<S, X>, { from, to }: Edge): number {
  return stretchCost(chain, { from, to, looked: true }) + (to === chain.depth ? 0 : chain.lookaheadCost(to))
}

/** Quotas in NFE, and the settings. @throws where the budget does not take every chain to its end */
function resolve<S, X>(options: RbfOptions<S, X>, edges: readonly Edge[], costs: readonly number[]) {
  const { chain, budget, seed, chains = 2, starts = 25 } = options
  for (const [name, value] of Object.entries({ chains, starts })) {
    if (!(Number.isInteger(value) && value >= 1)) throw new Error(`${name} is ${value}, expected an integer from 1 on`)
  }
  const { width } = checkOptions(options, 0, 1)
  const total = costs.reduce((sum, cost) => sum + cost, 0)
  if (costs.some((cost) => !(cost > 0))) {
    throw new Error(
      `a candidate of interval ${costs.findIndex((cost) => !(cost > 0))} costs no NFE, so a budget in NFE cannot end it`,
    )
  }
  const first = starts * chain.lookaheadCost(0)
  const candidates = Math.floor((budget / chains - first) / total + 1e-9)
  if (candidates < 1) {
    const least = chains * (first + total)
    throw new Error(
      `a budget of ${budget} NFE is less than ${chains} chains with one candidate an interval need (${least} NFE, of which ` +
        `${chains * first} for ${starts} start states each); take fewer chains or starts`,
    )
  }
  const choice = oneOf('choice', options.choice ?? 'first', choices)
  const settings: RbfSettings = {
    ...{ method: 'rbf', seed, budget, chains, starts, choice, block: choice === 'best' ? width : 0 },
    edges: edges.map((edge) => edge.cost),
  }
  return { quotas: costs.map((cost) => candidates * cost), settings, width, choice }
}
