/**
 * Rollover budget forcing (Kim, Yoon, Hwang, Sung 2025, arXiv 2503.19385): a flow model made stochastic at inference time, on
 * its own interpolant or on the variance-preserving one, and searched with a fixed number of network evaluations.
 */

import { versions } from '@espalier/cli'
import { mean } from 'espalier/measure'
import type { SearchResult } from 'espalier/search'
import { fold, type Key, key, purpose, type Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { type Digits, type Judgement, openDigits, spread } from '../support/digits.ts'
import { higher, SearchTable, sideBySide } from '../support/searches.ts'
import { type Finding, verdictOf } from '../support/verdict.ts'
import {
  bestOfNName,
  deterministic,
  type KernelName,
  kernelNames,
  methodsOf,
  nameOf,
  sampled,
  steps,
  stochastic,
} from './methods.ts'

/** The NFE of the paper's comparison, and those of its budget table. */
export const budget = 500
export const budgets = [50, 100, 300, 500, 1000] as const

export const metrics = {
  given: 'given reward',
  held: 'held-out judge',
  spread: 'spread of the samples',
  continuation: 'spread of what one noise goes on to',
  sure: 'judge: log p of the likeliest digit',
} as const

interface Goal {
  readonly setting: string
  readonly reward: (world: Digits) => ReturnType<Digits['digit']>
  readonly held: (judgement: Judgement) => readonly number[]
  /** Inverse temperature of SMC: a standard deviation of the reward is worth a factor e^2 or so. */
  readonly lambda: number
}

/** What the searches are after, and what of it a judge sees that they have not. */
export const goals = {
  digit: {
    setting: 'log-odds of a 5',
    reward: (world) => world.digit('5'),
    held: (judgement) => judgement.logOdds('5'),
    lambda: 0.5,
  },
  symmetry: {
    setting: 'symmetry',
    reward: (world) => ({
      name: 'symmetry, in hundredths',
      evaluate: async (samples) => Array.from(await world.symmetry.evaluate(samples), (v) => 100 * v),
    }),
    // There is no second opinion on symmetry; whether the picture is still a digit there is.
    held: (judgement) => judgement.confidence,
    lambda: 0.5,
  },
} as const satisfies Record<string, Goal>

export type GoalName = keyof typeof goals

/** Methods at each budget, in the order of the tables. */
function roundsOf(quick: boolean): { readonly method: string; readonly budget: number }[] {
  const main: KernelName[] = ['linear SDE', 'VP-SDE', 'DDIM, eta = 1']
  const searches = [
    ...[bestOfNName, 'ZO-4, ODE', 'Paths-2, ODE'],
    ...main.flatMap((kernel) => ['SMC', 'SVDD', 'RBF'].map((search) => nameOf(search, kernel))),
  ]
  if (quick) return searches.map((method) => ({ method, budget }))
  return [
    ...searches.map((method) => ({ method, budget })),
    ...main.map((kernel) => ({ method: nameOf('CoDe', kernel), budget })),
    ...kernelNames.filter((k) => !main.includes(k)).map((kernel) => ({ method: nameOf('RBF', kernel), budget })),
    ...[bestOfNName, ...main.map((kernel) => nameOf('RBF', kernel))].flatMap((method) =>
      budgets.filter((b) => b !== budget).map((b) => ({ method, budget: b })),
    ),
  ]
}

export async function run(
  options: ReproductionOptions & { readonly model?: string } = {},
): Promise<ReproductionResult> {
  const { quick = false, onProgress, model } = options
  const seeds = options.seeds ?? Array.from({ length: 5 }, (_, i) => i)
  /** Searches of one seed: each gives one sample. */
  const searches = quick ? 3 : 8
  const goalNames: GoalName[] = quick ? ['digit'] : ['digit', 'symmetry']
  const rounds = roundsOf(quick)
  const plain = quick ? 20 : 100
  const continued = quick ? 2 : 5

  const world = await openDigits(model)
  const table = new SearchTable(seeds)
  const each = seeds.length * steps * (kernelNames.length * (plain + 8 * continued) + plain)
  const total = each + goalNames.length * seeds.length * searches * rounds.reduce((sum, r) => sum + r.budget, 0)
  let done = 0
  try {
    // 1. The kernels themselves: how good their samples are without a search, and how much is left open by the noise.
    onProgress?.(0, 'kernels')
    await kernelRows(world, table, { plain, continued })
    done += each
    // 2. Searches.
    for (const goal of goalNames) {
      const methods = methodsOf(world, goals[goal].lambda)
      for (const { method, budget: allowed } of rounds) {
        onProgress?.(done / total, `${goals[goal].setting}: ${method}, ${allowed} NFE`)
        const reward = goals[goal].reward(world)
        const found = await sideBySide(seeds.length * searches, seeds.length * searches, (i) => {
          const seed = 1000 * seeds[Math.floor(i / searches)] + (i % searches)
          return methods[method].run({ reward, budget: allowed, seed })
        })
        await searchRows(world, table, goal, { method, budget: allowed }, found)
        done += seeds.length * searches * allowed
      }
    }
  } finally {
    await world.close()
  }
  onProgress?.(1, 'done')

  return {
    paper:
      'Kim, Yoon, Hwang, Sung 2025, Inference-Time Scaling for Flow Models via Stochastic Generation and Rollover Budget ' +
      'Forcing, arXiv 2503.19385',
    claim:
      'At an equal number of network evaluations, a flow sampled as an SDE is searched better than as an ODE, on the ' +
      'variance-preserving interpolant better than on its own, and by rollover budget forcing best.',
    ...verdictOf(goalNames.flatMap((goal) => findings(table, goals[goal].setting, quick))),
    command: `npx espalier reproduce rbf${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${seeds.length} seeds of ${searches} searches each, ${budget} NFE a search` +
      `${quick ? '' : ` (best-of-N and RBF: ${budgets.join(', ')})`}, ${steps} steps, network ${world.name}`,
    table: table.rows(),
  }
}

/** Plain samples of every kernel, and what single start noises go on to. */
async function kernelRows(
  world: Digits,
  table: SearchTable,
  { plain, continued }: { readonly plain: number; readonly continued: number },
): Promise<void> {
  const { seeds } = table
  const setting = 'no search'
  const spent = seeds.map(() => ({ nfe: steps, gradientEvaluations: 0, rewardEvaluations: 0 }))
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
    const judged = await Promise.all(samples.map((own) => world.judge(own)))
    const sure = judged.map(({ confidence }) => mean(confidence))
    table.measured({ method, setting, metric: metrics.sure, budget: steps, values: sure }, spent)
    if (method === 'ODE') continue
    const values = await Promise.all(
      seeds.map(async (seed) => {
        const starts = keysOf(seed, 'starts', continued)
        const each = starts.map(async (start, i) => {
          const again = await sampled(chain, new Array<Key>(8).fill(start), keysOf(seed, `ways of ${i}`, 8))
          return spread((await world.judge(again)).features)
        })
        return mean(await Promise.all(each))
      }),
    )
    table.measured({ method, setting, metric: metrics.continuation, budget: steps, values }, spent)
  }
}

async function searchRows(
  world: Digits,
  table: SearchTable,
  goal: GoalName,
  at: { readonly method: string; readonly budget: number },
  found: readonly SearchResult<Tensor>[],
): Promise<void> {
  const { seeds } = table
  const each = found.length / seeds.length
  const winners = found.map(({ candidates, best }) => candidates[best])
  const judgement = await world.judge(winners.map(({ sample }) => sample))
  const held = goals[goal].held(judgement)
  const perSeed = (of: (from: number, to: number) => number) => seeds.map((_, i) => of(i * each, (i + 1) * each))
  const { setting } = goals[goal]
  const add = (metric: string, values: number[]) => table.measured({ ...at, setting, metric, values }, found)
  add(
    metrics.given,
    perSeed((from, to) => mean(winners.slice(from, to).map(({ reward }) => reward))),
  )
  add(
    metrics.held,
    perSeed((from, to) => mean(held.slice(from, to))),
  )
  add(
    metrics.spread,
    perSeed((from, to) => spread(judgement.features.slice(from, to))),
  )
}

/** The parts of the claim, as far as the seeds show them. */
function findings(table: SearchTable, setting: string, quick: boolean): Finding[] {
  const at = { setting, metric: metrics.given, budget }
  const rbfOf = (kernel: KernelName) => nameOf('RBF', kernel)
  const svddOf = (kernel: KernelName) => nameOf('SVDD', kernel)
  const ladder = [
    higher(table, svddOf('linear SDE'), bestOfNName, at),
    higher(table, svddOf('VP-SDE'), svddOf('linear SDE'), at),
    higher(table, rbfOf('VP-SDE'), svddOf('VP-SDE'), at),
    higher(table, rbfOf('linear SDE'), svddOf('linear SDE'), at),
    higher(table, rbfOf('VP-SDE'), rbfOf('linear SDE'), at),
    higher(table, rbfOf('VP-SDE'), bestOfNName, at),
    higher(table, rbfOf('VP-SDE'), bestOfNName, { ...at, metric: metrics.held }),
  ]
  if (quick) return ladder
  return [
    ...ladder,
    ...budgets
      .filter((b) => b !== budget)
      .map((b) => higher(table, rbfOf('VP-SDE'), bestOfNName, { ...at, budget: b })),
  ]
}
