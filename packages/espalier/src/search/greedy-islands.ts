import type { Chain } from '../chain/chain.ts'
import { fold, purpose, key as seedKey, stream } from '../tensor/random.ts'
import { rolloutCost } from './edges.ts'
import type { IslandPlan, IslandRule, IslandRun } from './island.ts'
import { type IslandOptions, type IslandResult, runIslands, type Voyage } from './islands.ts'
import { effectiveSampleSize, softmax } from './log-weights.ts'
import { resample } from './resampling.ts'
import { argmax } from './rollouts.ts'
import { finiteScores, temper } from './tempering.ts'

export interface GreedyIslandsOptions<S, X> extends Omit<IslandOptions<S, X>, 'lambda'> {
  /** Rows of an island. Default 16. */
  readonly particles?: number
  /** Effective sample size down to which each stop narrows the population, as a share of the rows. Default 0.1. */
  readonly ess?: number
  /** Share of the NFE that is spent on continuations of the best path, in [0, 1]. Default 0.5. */
  readonly local?: number
  /**
   * Whether half of the budget goes to plain rollouts first. One greedy island ends in one mode, and with fewer than
   * three of them that may be a poor one; informative look-aheads are better off without. Default: where the budget
   * pays fewer than three islands.
   */
  readonly hedge?: boolean
}

/** A path from the start to the end, one state for each stop, and whether it has been looked at. */
type Path<S> = readonly { readonly stop: number; readonly state: S; readonly looked: boolean }[]

/** An island with the path that it branches from. */
interface Branch<S> extends IslandPlan<S> {
  readonly above: Path<S>
}

/**
 * Greedy islands with re-branching (ours): search for one sample of large reward. Fresh islands of K rows are
 * narrowed at every stop to the rows with the best look-aheads, at whatever exponent leaves an effective sample size of
 * `ess` K, so that the scale of the reward does not matter; half of the NFE goes to islands whose rows all begin at a
 * random stop of the best path so far. Fresh islands keep the search global, the others refine.
 *
 * Weights are dropped: this is no sampler, and all candidates weigh the same.
 */
export function greedyIslands<S, X>(options: GreedyIslandsOptions<S, X>): Promise<IslandResult<S, X>> {
  const { particles = 16, ess = 0.1, local = 0.5, seed, budget, resume } = options
  if (!(Number.isInteger(particles) && particles >= 2)) {
    throw new Error(`an island of ${particles} rows has nothing to choose from, expected an integer from 2 on`)
  }
  if (!(ess > 0 && ess <= 1)) throw new Error(`ess is ${ess}, expected a share of the rows in (0, 1]`)
  if (!(local >= 0 && local <= 1)) throw new Error(`local is ${local}, expected a share of the NFE in [0, 1]`)
  const few = budget < 3 * particles * rolloutCost(options.chain as Chain<S, X>)
  const hedge = options.hedge ?? (resume ? resume.settings.hedge === true : few)
  const plain = (rows: number): IslandRule<S> => ({
    ...{ starts: rows, copies: 1, looks: () => false },
    select: () => undefined,
  })
  const rule = (rows: number, first: number): IslandRule<S> => ({
    starts: rows,
    copies: 1,
    looks: (stop) => stop > first,
    select({ stop, scores }, { last, draws }) {
      if (last || stop <= first) return undefined
      const weights = new Float64Array(rows)
      const finite = finiteScores(scores)
      const best = finite.reduce((a, b) => Math.max(a, b))
      const below = finite.map((s) => s - best)
      // Not down to the best row alone, which a small island would lose all its others to.
      const beta = temper(weights, below, Math.max(1.5, ess * rows), Infinity)
      const P = softmax(below.map((s) => beta * s))
      if (effectiveSampleSize(P) > 0.999 * rows) return undefined
      return { ancestors: resample('systematic', P, rows, draws), logWeights: weights }
    },
  })
  const looks = options.values?.looks ?? true
  const root = purpose(seedKey(seed), 're-branching')
  /** The best path of the islands that have been seen, and the NFE of both kinds. */
  let best: { readonly reward: number; readonly path: Path<S> } | undefined
  const spent = { fresh: 0, local: 0 }
  let seen = 0
  const learn = (island: IslandRun<S, X>) => {
    const above = (island.plan as Partial<Branch<S>>).above ?? []
    spent[island.plan.from ? 'local' : 'fresh'] += island.spent.nfe
    const rewards = island.leaves?.map(({ reward }) => reward) ?? []
    const row = argmax(rewards)
    if (row < 0 || (best && !(rewards[row] > best.reward))) return
    const { rule, from } = island.plan
    const own = island.path(row).map(({ stop, state }) => ({
      ...{ stop, state },
      looked: stop === from?.stop ? from.looked === true : looks && rule.looks(stop),
    }))
    best = { reward: rewards[row], path: [...above.filter(({ stop }) => stop < own[0].stop), ...own] }
  }

  const voyage: Voyage<S, X> = {
    method: 'greedy-islands',
    settings: { particles, ess, local, hedge },
    weighted: false,
    readOut: 'best',
    next(done, left, cost) {
      for (; seen < done.length; seen++) learn(done[seen])
      // A resumed island keeps its size, though another budget would give it another one.
      const saved = resume?.islands[done.length]?.populations[0].parents.length
      if (hedge && done.length === 0) {
        return [{ rule: plain(saved ?? Math.max(1, Math.floor(left / 2 / cost({ rule: plain(1) })))) }]
      }
      const path = best?.path ?? []
      const inside = path.slice(1, -1)
      const plan = (rows: number): IslandPlan<S> | Branch<S> => {
        const enough = spent.local >= local * (spent.fresh + spent.local)
        if (enough || inside.length === 0 || (hedge && done.length === 1)) return { rule: rule(rows, 0) }
        const from = inside[stream(fold(root, done.length)).integer(inside.length)]
        return { rule: rule(rows, from.stop), from, above: path }
      }
      const rows = saved ?? Math.min(particles, Math.floor(left / cost(plan(1))))
      return rows >= 1 ? [plan(rows)] : []
    },
  }
  return runIslands(voyage, { ...options, lambda: 1 })
}
