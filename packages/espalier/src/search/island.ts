import { guidedChain, type StochasticChain } from '../chain/chain.ts'
import { checkedReward } from '../reward/checked.ts'
import type { Reward } from '../reward/reward.ts'
import { fold, type Key, purpose, type Stream, stream } from '../tensor/random.ts'
import { decodeAll, type Edge, oneEach } from './edges.ts'
import type { Spent } from './ledger.ts'
import { logTilt } from './log-weights.ts'
import type { ValueFunction } from './values.ts'

/**
 * Rows that stand at one stop of the chain, with what they weigh. Stop 0 is the start, stop e + 1 the end of edge e.
 */
export interface Population<S> {
  readonly stop: number
  readonly states: readonly S[]
  /** Each row's number in the population before. */
  readonly parents: Int32Array
  /**
   * `log(K omega)` of the K rows: with these weights `mean_k exp(lw_k) f(x_k)` is an unbiased estimate of `E_p[f]`,
   * always. They are never reset: a final row counts `exp(lw + lambda r)`.
   */
  readonly logWeights: Float64Array
  /** `lambda v(x)`; at the end `lambda r(x_0)`. NaN where nobody looked. */
  readonly scores: Float64Array
  /** What the rule remembers of each row's path, one array a number; it may change them in place. */
  readonly memory: readonly Float64Array[]
}

/** Who lives on: each new row continues an old one, with a new weight. */
export interface Selection {
  readonly ancestors: Int32Array
  readonly logWeights: Float64Array
}

/** Where a rule is asked. */
export interface Place {
  /** Number of the island. */
  readonly island: number
  /** Whether the rows are final. */
  readonly last: boolean
  readonly draws: Stream
}

/** How one population method differs from another. */
export interface IslandRule<S> {
  /** Independent draws from the prior, and how many rows begin at each of them. */
  readonly starts: number
  readonly copies: number
  /**
   * Number of states that the rows are copies of after every stop, where it is fewer than the rows and known
   * beforehand: where values look at no state, one prediction then serves all its copies. Default: as many as rows.
   */
  readonly families?: number
  /** First values of what is remembered of each row. */
  readonly memory?: readonly number[]
  /** Whether rows are scored at this stop before the end (0 is the start). */
  looks(stop: number): boolean
  /** Chooses who lives on, or lets everything be. Called at every stop. */
  select(population: Population<S>, place: Place): Selection | undefined
  /** Moves every solver step by `std^2 strength grad r`; see {@link GuidedChain.propose}. */
  readonly strength?: (done: number, steps: number) => number
}

/** An island to come: its rule, and where all its rows begin if not at the prior. */
export interface IslandPlan<S> {
  readonly rule: IslandRule<S>
  readonly from?: {
    readonly stop: number
    readonly state: S
    /** Whether the state has been looked at, so that its prediction is not paid again. Default false. */
    readonly looked?: boolean
  }
}

/** What the islands of a run share. */
export interface Sea<S, X> {
  readonly chain: StochasticChain<S, X>
  readonly edges: readonly Edge[]
  readonly values: ValueFunction<S>
  readonly reward: Reward<X>
  readonly lambda: number
  readonly root: Key
  readonly signal?: AbortSignal
  spend(nfe: number): void
}

/** A terminal sample with its absolute log weight `lw` (without the reward). */
export interface Leaf<X> {
  readonly sample: X
  readonly reward: number
  readonly logWeight: number
}

/** An island as plain numbers. */
export interface SavedIsland {
  readonly populations: readonly (Omit<Population<unknown>, 'states'> & { readonly states: readonly Float32Array[] })[]
  /** Rewards of the last population, once it is final. */
  readonly rewards?: Float64Array
  readonly spent: Spent
}

/**
 * One island of particles on its way down the chain. Its rows walk in lockstep from stop to stop; at each stop they are
 * scored, and the rule decides who lives on. Copies share their state, and with it its prediction.
 *
 * All draws of row k between stops e and e + 1 of island m come from the key (m, e, k).
 */
export class IslandRun<S, X> {
  readonly index: number
  readonly plan: IslandPlan<S>
  /** Every population so far, the first at the start; a selection is one of its own, at the same stop. */
  readonly populations: Population<S>[] = []
  readonly spent: Spent = { nfe: 0, gradientEvaluations: 0, rewardEvaluations: 0 }
  /** The final samples, once the island has come to its end. */
  leaves: readonly Leaf<X>[] | null = null
  readonly #sea: Sea<S, X>

  constructor(sea: Sea<S, X>, index: number, plan: IslandPlan<S>) {
    this.#sea = sea
    this.index = index
    this.plan = plan
  }

  get #last(): Population<S> {
    return this.populations[this.populations.length - 1]
  }

  /** Draws the first rows, and settles them. */
  async begin(): Promise<void> {
    const { rule, from } = this.plan
    const { chain } = this.#sea
    const rows = rule.starts * rule.copies
    let heads: readonly S[]
    if (from) heads = new Array<S>(rule.starts).fill(from.state)
    else {
      heads = oneEach(await chain.start(this.#keys(0, rule.starts)), rule.starts, 'start')
      if (sharesLook(chain, rule)) {
        await chain.lookahead(heads, 0)
        this.#spend(rule.starts * chain.lookaheadCost(0))
      }
    }
    this.populations.push({
      stop: from?.stop ?? 0,
      states: Array.from({ length: rows }, (_, k) => heads[Math.floor(k / rule.copies)]),
      parents: new Int32Array(rows).fill(-1),
      logWeights: new Float64Array(rows),
      scores: new Float64Array(rows).fill(Number.NaN),
      memory: (rule.memory ?? []).map((value) => new Float64Array(rows).fill(value)),
    })
    await this.#settle()
  }

  /** Walks the rows along their next edge, and settles them. Stops between two levels when the signal says so. */
  async advance(): Promise<void> {
    const { chain, edges, values, signal } = this.#sea
    const { rule, from } = this.plan
    const { stop, states: before, parents, logWeights: weights, memory } = this.#last
    const edge = edges[stop]
    const keys = this.#keys(stop, before.length)
    const shared = headsOf(this.#sea, this.plan, stop) > 0
    if (shared) {
      // By ancestor, not by object: states of a resumed run are objects of their own.
      const met = new Set<number>()
      const heads = before.filter((_, k) => !met.has(parents[k]) && met.add(parents[k]))
      await chain.lookahead(heads, edge.from)
      this.#spend(heads.length * chain.lookaheadCost(edge.from))
    }
    const known = stop === from?.stop ? from.looked === true : stop === 0 && sharesLook(chain, rule)
    const looked = known || shared || (rule.looks(stop) && values.looks)
    const logWeights = weights.slice()
    let states = before
    for (let level = edge.from; level < edge.to; level++) {
      if (signal?.aborted) return
      if (rule.strength) {
        const proposal = await guidedChain(chain).propose(states, level, keys, rule.strength)
        states = oneEach(proposal.states, keys.length, `proposal at level ${level}`)
        for (let k = 0; k < logWeights.length; k++) logWeights[k] += proposal.logRatio[k]
        this.spent.gradientEvaluations += keys.length * guidedChain(chain).gradientCost(level)
        this.spent.rewardEvaluations += keys.length * guidedChain(chain).rewardCost(level)
      } else states = oneEach(await chain.step(states, level, keys), keys.length, `step at level ${level}`)
      this.#spend(keys.length * chain.cost(level, looked && level === edge.from))
    }
    this.populations.push({
      stop: stop + 1,
      states,
      parents: Int32Array.from(states, (_, k) => k),
      logWeights,
      scores: new Float64Array(states.length).fill(Number.NaN),
      memory: memory.map((column) => column.slice()),
    })
    await this.#settle()
  }

  /** Scores the rows where they stand, and lets the rule select. */
  async #settle(): Promise<void> {
    const { chain, edges, values, lambda, root } = this.#sea
    const { rule } = this.plan
    const here = this.#last
    const { stop, states, scores } = here
    const last = stop === edges.length
    const name = (k: number) => `row ${k} of island ${this.index} after ${stop} of ${edges.length} blocks`
    let ends: X[] = []
    let rewards: ArrayLike<number> = []
    if (last) {
      ends = await decodeAll(chain, states)
      rewards = await checkedReward(this.#sea.reward, name).evaluate(ends)
      this.spent.rewardEvaluations += states.length
    } else if (rule.looks(stop)) {
      const evaluate = (rows: readonly S[]) => values.evaluate(rows, edges[stop].from)
      rewards = await checkedReward({ name: values.name, evaluate }, name).evaluate(states)
      this.spent.rewardEvaluations += states.length * values.rewardEvaluations
      this.#spend(states.length * values.cost(edges[stop].from))
    }
    for (let k = 0; k < rewards.length; k++) scores[k] = logTilt(lambda, rewards[k])
    const draws = stream(fold(fold(purpose(root, 'select'), this.index), stop))
    const selection = rule.select(here, { island: this.index, last, draws })
    if (selection) {
      const { ancestors, logWeights } = selection
      this.populations.push({
        stop,
        states: Array.from(ancestors, (k) => states[k]),
        parents: ancestors,
        logWeights,
        scores: ancestors.length === 0 ? new Float64Array(0) : Float64Array.from(ancestors, (k) => scores[k]),
        memory: here.memory.map((column) => Float64Array.from(ancestors, (k) => column[k])),
      })
    }
    if (!last) return
    const chosen = selection?.ancestors ?? Int32Array.from(states, (_, k) => k)
    const { logWeights } = this.#last
    this.leaves = Array.from(chosen, (k, i) => ({ sample: ends[k], reward: rewards[k], logWeight: logWeights[i] }))
  }

  /**
   * The clean samples that rows on the way were last expected to end in, for a search that is stopped before any row is
   * final; none where nobody looked. Their predictions have been paid.
   */
  async glimpse(): Promise<Leaf<X>[]> {
    const { chain, edges, reward } = this.#sea
    const seen = this.populations.findLast(({ scores }) => scores.length > 0 && !Number.isNaN(scores[0]))
    if (!seen || seen.stop === edges.length) return []
    const samples = await chain.lookahead(seen.states, edges[seen.stop].from)
    const rewards = await checkedReward(reward).evaluate(samples)
    this.spent.rewardEvaluations += samples.length
    return samples.map((sample, k) => ({ sample, reward: rewards[k], logWeight: seen.logWeights[k] }))
  }

  /** The states from the start to a final row, one for each stop. */
  path(leaf: number): { readonly stop: number; readonly state: S }[] {
    const states: { readonly stop: number; readonly state: S }[] = []
    let row = leaf
    for (let p = this.populations.length - 1; p >= 0 && row >= 0; p--) {
      const { stop, states: all, parents } = this.populations[p]
      if (states.at(-1)?.stop !== stop) states.push({ stop, state: all[row] })
      row = parents[row]
    }
    return states.reverse()
  }

  save(): SavedIsland {
    const populations = this.populations.map(({ states, ...rest }) => ({
      ...rest,
      states: states.map((state) => this.#sea.chain.save(state)),
    }))
    const rewards = this.leaves ? Float64Array.from(this.leaves, ({ reward }) => reward) : undefined
    return { populations, rewards, spent: { ...this.spent } }
  }

  /** Puts the island where it was saved. Predictions are not saved: they are asked again, and not counted twice. */
  async restore({ populations, rewards, spent }: SavedIsland): Promise<void> {
    const { chain } = this.#sea
    for (const { states, ...rest } of populations) {
      this.populations.push({ ...rest, states: states.map((data) => chain.load(data)) })
    }
    Object.assign(this.spent, spent)
    this.#sea.spend(spent.nfe)
    if (!rewards) return
    const { states, logWeights } = this.#last
    const ends = await chain.decode(states)
    this.leaves = ends.map((sample, k) => ({ sample, reward: rewards[k], logWeight: logWeights[k] }))
  }

  #spend(nfe: number): void {
    this.spent.nfe += nfe
    this.#sea.spend(nfe)
  }

  #keys(stop: number, rows: number): Key[] {
    const own = fold(fold(this.#sea.root, this.index), stop)
    return Array.from({ length: rows }, (_, k) => fold(own, k))
  }
}

/** Whether several rows begin at one start whose prediction they can share. */
function sharesLook<S, X>(chain: StochasticChain<S, X>, { copies }: IslandRule<S>): boolean {
  return copies > 1 && chain.cost(0, true) < chain.cost(0)
}

/**
 * How many states the rows are copies of after a stop, where these have a prediction to share that nobody asked for;
 * else 0.
 */
function headsOf<S, X>(
  { chain, edges, values }: Pick<Sea<S, X>, 'chain' | 'edges' | 'values'>,
  { rule, from }: IslandPlan<S>,
  stop: number,
): number {
  const level = edges[stop].from
  const open = rule.looks(stop) && !values.looks && stop !== from?.stop
  return open && chain.cost(level, true) < chain.cost(level) ? (rule.families ?? 0) : 0
}

/** NFE of an island from its first rows to its end, as long as the rule keeps the number of rows. */
export function islandCost<S, X>(sea: Pick<Sea<S, X>, 'chain' | 'edges' | 'values'>, plan: IslandPlan<S>): number {
  const { chain, edges, values } = sea
  const { rule, from } = plan
  const rows = rule.starts * rule.copies
  const shared = !from && sharesLook(chain, rule)
  let cost = shared ? rule.starts * chain.lookaheadCost(0) : 0
  for (let stop = from?.stop ?? 0; stop < edges.length; stop++) {
    const { from: first, to } = edges[stop]
    const looks = rule.looks(stop)
    if (looks) cost += rows * values.cost(first)
    const heads = headsOf(sea, plan, stop)
    cost += heads * chain.lookaheadCost(first)
    const known = stop === from?.stop ? from.looked === true : stop === 0 && shared
    const looked = known || heads > 0 || (looks && values.looks)
    for (let level = first; level < to; level++) cost += rows * chain.cost(level, looked && level === first)
  }
  return cost
}
