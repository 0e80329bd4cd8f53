/**
 * Rollover budget forcing (Kim, Yoon, Hwang, Sung 2025, arXiv 2503.19385): a flow model made stochastic at inference
 * time, on its own interpolant or on the variance-preserving one, and searched with a fixed number of network
 * evaluations.
 */

import { versions } from '@espalier/cli'
import { compareSearches, Results, type SearchMetric } from 'espalier/measure'
import type { Reward } from 'espalier/reward'
import type { RbfInterval, RbfResult, SearchResult } from 'espalier/search'
import { fold, type Key, key, purpose, type Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { type Digits, type Judgement, openDigits, spread } from '../support/digits.ts'
import { extended, lacking } from '../support/known.ts'
import { allHigher, higher, judgedBy, spreads } from '../support/searches.ts'
import { type Finding, verdictOf } from '../support/verdict.ts'
import {
  bestOfNName,
  boldName,
  deterministic,
  forestName,
  greedyName,
  type KernelName,
  kernelNames,
  methodsOf,
  nameOf,
  sampled,
  steps,
  stochastic,
  threeIslands,
} from './methods.ts'

/** The NFE of the paper's comparison, and those of its budget table. */
export const budget = 500
export const budgets = [50, 100, 300, 500, 1000] as const

export const metrics = {
  given: 'given reward',
  held: 'held-out judge',
  spread: 'spread of the samples',
  late: 'share of the candidates that is left for the last step',
  continuation: 'spread of what one noise goes on to',
  sure: 'judge: log p of the likeliest digit',
} as const

interface Goal {
  readonly setting: string
  reward(world: Digits): Reward<Tensor>
  /**
   * What the judge says of it. Of symmetry there is no second opinion; whether the picture is still a digit there is.
   */
  held(judgement: Judgement): readonly number[]
}

/** What the searches are after. */
export const goals: Record<'digit' | 'symmetry', Goal> = {
  digit: {
    setting: 'log-odds of a 5',
    reward: (world) => world.digit('5'),
    held: (judgement) => judgement.logOdds('5'),
  },
  symmetry: {
    setting: 'symmetry, in hundredths',
    reward: (world) => world.symmetry,
    held: (judgement) => judgement.confidence,
  },
}

/** Inverse temperature of SMC: a standard deviation of either reward is worth a factor of some e^2. */
const lambda = 0.5
/** Samples that one start noise goes on to, for their spread. */
const ways = 8
/** Kernels that all searches run on; RBF runs on the others too. */
export const main: readonly KernelName[] = ['linear SDE', 'VP-SDE', 'DDIM, eta = 1']
/** Where kernels stand in the tables without a search. */
const noSearch = 'no search'

export async function run(
  options: ReproductionOptions & { readonly model?: string } = {},
): Promise<ReproductionResult> {
  const { quick = false, onProgress, model, known } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 12 : 20 }, (_, i) => i)
  const results = new Results(seeds)
  const chosen = quick ? [goals.digit] : Object.values(goals)
  const all = chosen.flatMap((goal) => roundsOf(goal, quick).map((round) => ({ goal, ...round })))
  const missing = lacking(
    known,
    [
      ...['ODE', ...kernelNames].map((method) => ({ method, setting: noSearch })),
      ...all.flatMap(({ goal, methods }) => methods.map((method) => ({ method, setting: goal.setting }))),
    ],
    ({ method }) => isLater(method),
  )
  const rounds = all.flatMap(({ goal, methods, at }) => {
    const wanted = methods.filter((name) => missing.some((p) => p.method === name && p.setting === goal.setting))
    return wanted.length > 0 ? [{ goal, methods: wanted, at, cost: wanted.length * sumOf(at) }] : []
  })
  const world = await openDigits(model)
  try {
    if (missing.some(({ setting }) => setting === noSearch)) {
      onProgress?.(0, 'kernels')
      await kernelRows(world, results, quick ? 5 : 20)
    }
    const searches = methodsOf(world)
    const judged = judgedBy<Tensor>(world, ({ candidates, best }) => candidates[best].sample)
    const metricsOf = (goal: Goal): SearchMetric<Tensor>[] => [
      { name: metrics.given, values: (found) => found.map(({ candidates, best }) => candidates[best].reward) },
      judged(metrics.held, goal.held),
      judged(metrics.spread, spreads),
    ]
    const total = sumOf(rounds.map(({ cost }) => cost))
    let done = 0
    for (const { goal, methods, at, cost } of rounds) {
      const task = { name: goal.setting, reward: goal.reward(world), lambda, chain: () => deterministic(world) }
      await compareSearches(
        {
          ...{ tasks: [task], methods: methods.map((name) => ({ name, search: searches[name] })), budgets: at },
          metrics: [...metricsOf(goal), ...(methods.every(isRbf) ? [lateMetric] : [])],
          together: seeds.length,
        },
        results,
        (share, what) => onProgress?.((done + share * cost) / total, what),
      )
      done += cost
    }
  } finally {
    await world.close()
  }
  onProgress?.(1, 'done')

  const { verdict, why } = known ?? judge(results, chosen, quick)
  const result: ReproductionResult = {
    paper:
      'Kim, Yoon, Hwang, Sung 2025, Inference-Time Scaling for Flow Models via Stochastic Generation and Rollover Budget ' +
      'Forcing, arXiv 2503.19385',
    claim:
      'At an equal number of network evaluations, a flow sampled as an SDE is searched better than as an ODE, on the ' +
      'variance-preserving interpolant better than on its own, and by rollover budget forcing best.',
    verdict,
    why,
    command: `npx espalier reproduce rbf${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${seeds.length} seeds, one search each, ${budget} NFE a search` +
      `${quick ? '' : ` (best-of-N and RBF: ${budgets.join(', ')})`}, ${steps} steps, network ${world.name}` +
      `${quick ? '' : '; the forest and greedy islands as RBF'}`,
    table: results.rows(),
  }
  return known ? extended(known, result) : result
}

/** The verdict, and what candidates by blocks change. */
function judge(results: Results, chosen: readonly Goal[], quick: boolean) {
  const { verdict, why } = verdictOf(chosen.flatMap((goal) => findings(results, goal, quick)))
  const ours = chosen.flatMap(({ setting }) => {
    const at = { setting, metric: metrics.given, budget }
    return main.map((kernel) => {
      const row = (search: string) => ({ ...at, method: nameOf(search, kernel) })
      return higher(results, row('RBF by blocks'), row('RBF')).text
    })
  })
  return { verdict, why: `${why} Ours, by blocks: ${ours.join('; ')}.` }
}

const isRbf = (method: string) => method.startsWith('RBF')
/** Whether a method came to the comparison later, and the verdict is not about it. */
const isLater = (method: string) => method.startsWith(forestName) || method.startsWith(greedyName)
const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)

/** Methods and their budgets. */
function roundsOf(
  goal: Goal,
  quick: boolean,
): { readonly methods: readonly string[]; readonly at: readonly number[] }[] {
  const on = (search: string, kernels: readonly KernelName[] = main) => kernels.map((kernel) => nameOf(search, kernel))
  const particles = ['SMC', 'SVDD'].flatMap((search) => on(search))
  const at = quick || goal !== goals.digit ? [budget] : budgets
  const short = [
    { methods: [bestOfNName], at },
    { methods: ['ZO-4, ODE', 'Paths-2, ODE', ...particles], at: [budget] },
    { methods: on('RBF'), at },
    { methods: on('RBF by blocks'), at: [budget] },
    { methods: [...on(forestName), ...on(greedyName)], at },
  ]
  if (quick || goal !== goals.digit) return short
  const others = kernelNames.filter((kernel) => !main.includes(kernel))
  return [
    ...short,
    { methods: [...on('CoDe'), ...on('SVDD', others)], at: [budget] },
    { methods: on('RBF', others), at: [budget] },
    { methods: on(boldName), at: budgets.filter((b) => b < threeIslands) },
  ]
}

/** How much of its budget RBF brings to the step where its candidates differ least. */
const lateMetric: SearchMetric<Tensor> = {
  name: metrics.late,
  values: (found: readonly SearchResult<Tensor>[]) =>
    (found as readonly RbfResult<Tensor>[]).map(({ intervals }) => sumOf(intervals.map(lastShare)) / intervals.length),
}

const lastShare = (intervals: readonly RbfInterval[]) =>
  intervals[intervals.length - 1].candidates / sumOf(intervals.map(({ candidates }) => candidates))

/** The kernels without a search: how good their samples are, and how much their noise leaves open. */
async function kernelRows(world: Digits, results: Results, plain: number): Promise<void> {
  const { seeds } = results
  const cell = { setting: noSearch, budget: steps, nfe: steps }
  const keysOf = (seed: number, name: string, n: number) =>
    Array.from({ length: n }, (_, i) => fold(purpose(key(seed), name), i))
  const chains = [
    ['ODE', deterministic(world)] as const,
    ...kernelNames.map((kernel) => [kernel, stochastic(world, kernel)] as const),
  ]
  for (const [method, chain] of chains) {
    const samples = await Promise.all(
      seeds.map((seed) => sampled(chain, keysOf(seed, 'starts', plain), keysOf(seed, 'ways', plain))),
    )
    const { confidence } = await world.judge(samples.flat())
    const sure = seeds.map((_, i) => sumOf(confidence.slice(i * plain, (i + 1) * plain)) / plain)
    results.add({ ...cell, method, metric: metrics.sure, values: sure })
    if (method === 'ODE') continue
    const again = await Promise.all(
      seeds.map((seed) =>
        sampled(chain, new Array<Key>(ways).fill(purpose(key(seed), 'start')), keysOf(seed, 'ways', ways)),
      ),
    )
    const { features } = await world.judge(again.flat())
    const values = seeds.map((_, i) => spread(features.slice(i * ways, (i + 1) * ways)))
    results.add({ ...cell, method, metric: metrics.continuation, values })
  }
}

/** The parts of the claim, as far as the seeds show them. */
function findings(results: Results, goal: Goal, quick: boolean): Finding[] {
  const { setting } = goal
  const row = (method: string, metric: string = metrics.given, at: number = budget) => ({
    ...{ method, setting, metric },
    budget: at,
  })
  const [linear, vp] = main
  const particles = ['SMC', 'SVDD', 'RBF']
  const on = (kernel: KernelName) => particles.map((search) => nameOf(search, kernel))
  const ladder: Finding[] = [
    allHigher(results, on(linear), row(''), row(bestOfNName)),
    ...particles.map((search) => higher(results, row(nameOf(search, vp)), row(nameOf(search, linear)))),
    ...main.map((kernel) => higher(results, row(nameOf('RBF', kernel)), row(nameOf('SVDD', kernel)))),
    higher(results, row(nameOf('RBF', vp)), row(bestOfNName)),
    higher(results, row(nameOf('RBF', vp), metrics.held), row(bestOfNName, metrics.held)),
  ]
  if (quick || goal !== goals.digit) return ladder
  const otherBudgets = budgets.filter((b) => b !== budget)
  const spreadOf = (kernel: KernelName) => ({
    ...{ method: kernel, setting: noSearch, metric: metrics.continuation },
    budget: steps,
  })
  const even = 'VP-SDE, even times'
  return [
    ...ladder,
    ...['SVDD', 'RBF'].map((search) => higher(results, row(nameOf(search, even)), row(nameOf(search, linear)))),
    ...otherBudgets.map((b) =>
      higher(results, row(nameOf('RBF', vp), metrics.given, b), row(bestOfNName, metrics.given, b)),
    ),
    higher(results, spreadOf(vp), spreadOf(linear)),
  ]
}
