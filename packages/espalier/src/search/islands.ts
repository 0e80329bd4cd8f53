import { type Chain, type StochasticChain, stochasticChain } from '../chain/chain.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { categorical, purpose, key as seedKey, stream } from '../tensor/random.ts'
import { costFrom, edgesOf } from './edges.ts'
import { type IslandPlan, IslandRun, islandCost, type Leaf, type SavedIsland, type Sea } from './island.ts'
import { Ledger } from './ledger.ts'
import { logTilt, softmax } from './log-weights.ts'
import { argmax } from './rollouts.ts'
import { checkOptions, checkSettings, type SearchOptions, type SearchResult } from './search.ts'
import { SearchError } from './search-error.ts'
import { allAtRest } from './trials.ts'
import { posteriorMean, type ValueFunction } from './values.ts'

export interface IslandOptions<S, X> extends Omit<SearchOptions<S, X>, 'chain'> {
  readonly chain: StochasticChain<S, X>
  /** What rows are scored by on the way. Default: the reward of the expected clean sample. */
  readonly values?: ValueFunction<S>
  /** Continues a saved run: the result is that of a run that was never interrupted. */
  readonly resume?: SavedIslands
  /**
   * Called whenever all running islands have come to a stop; `save` takes a snapshot, which costs a copy of all states.
   */
  readonly onCheckpoint?: (save: () => SavedIslands) => void | Promise<void>
}

/** A population run that can be continued: plain numbers and arrays. */
export interface SavedIslands {
  readonly settings: Readonly<Record<string, unknown>>
  /** In order; the last ones may be unfinished. */
  readonly islands: readonly SavedIsland[]
}

export interface IslandResult<S, X> extends SearchResult<X> {
  /** Every population that the finished islands went through. */
  readonly islands: readonly IslandRun<S, X>[]
  /** Draws candidates by their weights, with replacement; no model is called. @returns indices */
  draw(count: number, seed?: number): number[]
  save(): SavedIslands
}

/** What decides the islands of a run. */
export interface Voyage<S, X> {
  readonly method: string
  /** What must be the same when a saved run goes on, beside seed, lambda and chain. */
  readonly settings: Readonly<Record<string, unknown>>
  /** Whether the weights mean something; else all candidates weigh the same. */
  readonly weighted: boolean
  /** `draw`: the selected sample is one draw by the weights; `best`: the largest reward. */
  readonly readOut: 'draw' | 'best'
  /**
   * The next islands, to be run side by side; none ends the run.
   * @param done the finished islands
   * @param left NFE that are not spent yet
   * @param cost NFE of an island
   */
  next(done: readonly IslandRun<S, X>[], left: number, cost: (plan: IslandPlan<S>) => number): readonly IslandPlan<S>[]
}

/**
 * Runs islands of particles one wave after the other: what SMC, FK steering, TDS, DAS, SVDD, the tempered forest and
 * greedy islands share.
 *
 * Weights are absolute: of n rows that are chosen from K with expected counts `n p_k`, each gets the weight
 * `w_k / (K p_k)`. Then `mean exp(lw + lambda r)` over an island's final rows is an unbiased estimate of Z whatever the
 * scores are, as long as the p_k depend on the population and its past alone. Islands count by their number of rows,
 * never by what they found.
 *
 * A run that is stopped before any island is finished hands over the clean samples that its rows were last expected to
 * end in, with their weights so far.
 *
 * @throws SearchError with everything found so far, where the model or the reward fails
 */
export async function runIslands<S, X>(
  voyage: Voyage<S, X>,
  options: IslandOptions<S, X>,
): Promise<IslandResult<S, X>> {
  const { reward, budget, seed, signal, resume } = options
  const chain = stochasticChain(options.chain as Chain<S, X>)
  const edges = edgesOf(chain)
  const { lambda } = checkOptions(options, costFrom(edges, 0), 1)
  if (costFrom(edges, 0) === 0) {
    throw new Error(
      'a rollout of this chain costs no NFE, so a budget would never be spent; let the chain say what a step costs',
    )
  }
  const values = options.values ?? posteriorMean(chain, reward)
  const ledger = new Ledger(options)
  const root = purpose(seedKey(seed), 'islands')
  const sea: Sea<S, X> = { chain, edges, values, reward, lambda, root, signal, spend: (nfe) => ledger.spend(nfe) }
  const settings = {
    ...{ method: voyage.method, seed, lambda, values: values.name, edges: edges.map((edge) => edge.cost) },
    ...voyage.settings,
  }
  if (resume) checkSettings(settings, resume.settings)
  const next = (finished: readonly IslandRun<S, X>[]) => {
    let least = Number.POSITIVE_INFINITY
    const left = budget - ledger.nfe
    const plans = voyage.next(finished, left, (plan) => {
      const cost = islandCost(sea, plan)
      least = Math.min(least, cost)
      return cost
    })
    return { plans, left, least }
  }
  if (!resume) {
    const { plans, left, least } = next([])
    if (plans.length === 0) {
      throw new Error(
        `a budget of ${left} NFE is less than the smallest population of ${voyage.method} needs (${least} NFE)`,
      )
    }
  }
  const done: IslandRun<S, X>[] = []
  let running: IslandRun<S, X>[] = []
  /** What a search that is stopped early hands over instead of final samples. */
  const glimpses: Leaf<X>[] = []
  const leaves = () => (glimpses.length > 0 ? glimpses : done.flatMap((island) => island.leaves ?? []))

  const save = (): SavedIslands => ({ settings, islands: [...done, ...running].map((island) => island.save()) })

  const result = (stopped: SearchResult<X>['stopped']): IslandResult<S, X> => {
    const ends = leaves()
    const logWeights = ends.map((leaf) => (voyage.weighted ? leaf.logWeight + logTilt(lambda, leaf.reward) : 0))
    const weights = softmax(logWeights)
    const best = argmax(ends.map((leaf) => leaf.reward))
    const draw = (count: number, drawSeed = seed): number[] => {
      if (best < 0) throw new Error('no row has come to its end yet, so nothing can be drawn')
      const draws = stream(purpose(seedKey(drawSeed), 'read-out'))
      return Array.from({ length: count }, () => categorical(draws.uniform(), weights))
    }
    return {
      method: voyage.method,
      candidates: ends.map(({ sample, reward }, i) => ({ sample, reward, weight: weights[i] })),
      selected: best < 0 ? -1 : voyage.readOut === 'draw' ? draw(1)[0] : best,
      best,
      logZ:
        voyage.weighted && best >= 0 && glimpses.length === 0
          ? logSumExp(logWeights) - Math.log(ends.length)
          : undefined,
      nfe: ledger.spent,
      gradientEvaluations: ledger.gradientEvaluations,
      rewardEvaluations: ledger.rewardEvaluations,
      trace: ledger.trace(),
      stopped,
      islands: done,
      draw,
      save,
    }
  }

  const interrupted = async () => {
    if (done.length === 0) for (const island of running) glimpses.push(...(await island.glimpse()))
    return result('signal')
  }

  try {
    for (;;) {
      if (signal?.aborted) return await interrupted()
      const { plans } = next(done)
      if (plans.length === 0) return result('budget')
      running = plans.map((plan, i) => new IslandRun(sea, done.length + i, plan))
      await allAtRest(running.map((island) => begin(island, resume?.islands[island.index])))
      for (;;) {
        ledger.report()
        const open = running.filter((island) => !island.leaves)
        if (open.length === 0) break
        await options.onCheckpoint?.(save)
        await allAtRest(open.map((island) => island.advance()))
        if (signal?.aborted) return await interrupted()
      }
      for (const island of running) book(ledger, island)
      done.push(...running)
      running = []
      ledger.report()
      await options.onCheckpoint?.(save)
    }
  } catch (cause) {
    throw new SearchError<X, IslandResult<S, X>>(voyage.method, cause, result('error'))
  }
}

function begin<S, X>(island: IslandRun<S, X>, saved?: SavedIsland): Promise<void> {
  return saved ? island.restore(saved) : island.begin()
}

/** Books an island's work, and then what it found: no row was final before all were. */
function book<S, X>(ledger: Ledger, { spent, leaves }: IslandRun<S, X>): void {
  ledger.book(spent)
  for (const { reward } of leaves ?? []) ledger.book({}, reward)
}
