/** The searches that are compared, each at several budgets: a search that can be read out on its way runs once. */

import { drawnSamples } from 'espalier/measure'
import { bestOfN, dts, type SearchResult, searchFrom, softmax, type TreeSearchOptions } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { rollouts } from './posterior.ts'
import type { Store } from './store.ts'
import { steps, type Task, type World } from './world.ts'

/** Rollouts of a tree that are under way together. */
export const width = 8

/** What a method has at one budget. */
export interface Outcome {
  readonly budget: number
  readonly nfe: number
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  /** The samples that it stands for, by its own weights. */
  readonly read: readonly Tensor[]
}

export interface Job {
  readonly world: World
  readonly store: Store
  readonly task: Task
  readonly seed: number
  /** In increasing order. */
  readonly budgets: readonly number[]
  /** Samples to be read out at each. */
  readonly count: number
}

export interface Method {
  readonly name: string
  /** Of whom the paper knows, and who is a rival of its trees. */
  readonly kind: 'tree' | 'rival' | 'search' | 'control' | 'ours' | 'reference'
  /** Whether its steps cost a pass backward too. */
  readonly gradient?: boolean
  /** Whether one run can be read out at several budgets on its way. */
  readonly anytime?: boolean
  run(job: Job): Promise<Outcome[]>
}

type Result = SearchResult<Tensor>

const spent = ({ nfe, gradientEvaluations, rewardEvaluations }: Result) => ({
  nfe,
  gradientEvaluations,
  rewardEvaluations,
})

const byWeight = (job: Job, budget: number, result: Result): Outcome => ({
  ...{ budget, ...spent(result) },
  read: drawnSamples(result, job.count, job.seed),
})

/** One tree that grows from budget to budget. */
function tree(name: string, kind: Method['kind'], rules: Partial<TreeSearchOptions<Float32Array, Tensor>>): Method {
  return {
    ...{ name, kind, anytime: true },
    async run(job) {
      const { world, task, seed, budgets } = job
      const outcomes: Outcome[] = []
      let resume: TreeSearchOptions<Float32Array, Tensor>['resume']
      for (const budget of budgets) {
        const result = await dts({
          ...{ chain: world.chain('even'), reward: world.reward(task), seed, budget, width, resume },
          ...rules,
        })
        resume = result.save()
        outcomes.push(byWeight(job, budget, result))
      }
      return outcomes
    },
  }
}

/** Independent rollouts: those of the smaller budgets are the first of the largest. */
function independent(
  name: string,
  kind: Method['kind'],
  weighed: (rewards: readonly number[]) => readonly number[],
): Method {
  return {
    ...{ name, kind, anytime: true },
    async run(job) {
      const { world, store, task, seed, budgets } = job
      const samples = await rollouts(world, store, seed, Math.floor(budgets[budgets.length - 1] / steps))
      const rewards = Array.from(await world.reward(task).evaluate(samples))
      return budgets.map((budget) => {
        const n = Math.floor(budget / steps)
        const weights = weighed(rewards.slice(0, n))
        const candidates = weights.map((weight, i) => ({ sample: samples[i], reward: rewards[i], weight }))
        return byWeight(job, budget, {
          ...{ method: name, candidates, selected: 0, best: 0, trace: [], stopped: 'budget' },
          ...{ nfe: n * steps, gradientEvaluations: 0, rewardEvaluations: n },
        })
      })
    },
  }
}

/** One population at each budget. */
function population(name: string, kind: Method['kind'], goes: string): Method {
  const search = searchFrom(goes)
  const gradient = search.chain === 'guided'
  return {
    ...{ name, kind, gradient },
    async run(job) {
      const { world, task, seed, budgets } = job
      const cut = search.blocks === 'one' ? 'one' : 'fine'
      const chain = gradient ? world.guided(task, cut) : world.chain(cut)
      const reward = world.reward(task)
      return Promise.all(
        budgets.map(async (budget) => byWeight(job, budget, await search.run({ chain, reward, seed, budget }))),
      )
    },
  }
}

/** Samples that are made side by side and know nothing of one another: those of the smaller budgets are the first. */
function sideBySide(name: string, kind: Method['kind'], goes: string): Method {
  const search = searchFrom(goes)
  return {
    ...{ name, kind, anytime: true },
    async run(job) {
      const { world, task, seed, budgets } = job
      const [chain, reward] = [world.chain('every'), world.reward(task)]
      const whole = await search.run({ chain, reward, seed, budget: budgets[budgets.length - 1] })
      return budgets.map((budget) => firstOf(job, whole, budget))
    },
  }
}

/** What a run had found when it had spent a budget, where every candidate costs the same and weighs the same. */
function firstOf(job: Job, whole: Result, budget: number): Outcome {
  const total = whole.candidates.length
  const n = Math.max(1, Math.floor((budget * total) / whole.nfe))
  const candidates = whole.candidates.slice(0, n).map((candidate) => ({ ...candidate, weight: 1 / n }))
  const share = (all: number) => Math.round((all * n) / total)
  return byWeight(job, budget, {
    ...{ ...whole, candidates, nfe: share(whole.nfe) },
    gradientEvaluations: share(whole.gradientEvaluations),
    rewardEvaluations: share(whole.rewardEvaluations),
  })
}

/** Another network, which was told the classes in training. */
function conditional(name: string, w: number): Method {
  return {
    ...{ name, kind: 'reference', anytime: true },
    async run(job) {
      const { world, task, seed, budgets } = job
      const budget = budgets[budgets.length - 1]
      const chain = world.conditional(task, w)
      const whole = await bestOfN({ chain, reward: world.reward(task), seed, budget, width: 64 })
      return budgets.map((b) => firstOf(job, whole, b))
    },
  }
}

/** The share of rollouts that "best-of-N" keeps, if it is taken for a sampler. */
const topShare = 0.05

export const names = {
  paper: 'DTS, C = 2, alpha = .8 (paper)',
  narrow: 'DTS, C = 2, alpha = .5',
  weighted: 'DTS, weighted read-out (ours)',
  importance: 'importance resampling',
  best: 'best-of-N, the best twentieth',
  smc: 'SMC (FK, difference)',
  tds: 'TDS',
  das: 'DAS',
  dps: 'DPS',
  soft: 'SVDD, softmax',
  hard: 'SVDD, argmax',
  forest: 'tempered forest (ours)',
  conditional: 'class-conditional network, w = 1',
  guided: 'class-conditional network, w = 3',
} as const

/** @param dpsScale chosen on a seed of its own */
export function methodsOf(dpsScale: (task: Task) => number): readonly Method[] {
  return [
    tree(names.paper, 'tree', {}),
    tree(names.narrow, 'tree', { alpha: 0.5 }),
    tree(names.weighted, 'ours', { readOut: 'weighted' }),
    independent(names.importance, 'control', (rewards) => Array.from(softmax(rewards))),
    independent(names.best, 'search', (rewards) => {
      const kept = Math.max(1, Math.round(topShare * rewards.length))
      const order = rewards.map((_, i) => i).sort((i, j) => rewards[j] - rewards[i] || i - j)
      const best = new Set(order.slice(0, kept))
      return rewards.map((_, i) => (best.has(i) ? 1 / kept : 0))
    }),
    population(names.smc, 'rival', 'smc'),
    population(names.tds, 'rival', 'tds'),
    population(names.das, 'rival', 'das'),
    dpsAt(dpsScale),
    sideBySide(names.soft, 'rival', 'svdd(selection=softmax)'),
    sideBySide(names.hard, 'rival', 'svdd'),
    population(names.forest, 'ours', 'forest'),
    conditional(names.conditional, 1),
    conditional(names.guided, 3),
  ]
}

export function dpsAt(scale: (task: Task) => number): Method {
  const at = (factor: number) => population(names.dps, 'rival', `dps(scale=${factor})`)
  return { ...at(1), run: (job) => at(scale(job.task)).run(job) }
}
