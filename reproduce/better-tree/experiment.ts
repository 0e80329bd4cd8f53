/**
 * A better tree: the tempered forest, exact weights for Diffusion Tree Sampling, and greedy islands, against what is published,
 * in eight worlds whose target is known exactly. NFE are one per denoising step of each row.
 */

import { versions } from '@espalier/cli'
import { bootstrap95, mean95 } from 'espalier/measure'
import { key, purpose, stream } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult, ReproductionRow } from '../result.ts'
import { verdictOf } from '../support/verdict.ts'
import { cellFile, type Outcome } from './cells.ts'
import { findings, titleOf } from './findings.ts'
import { type Method, methods } from './methods.ts'
import { metrics } from './names.ts'
import { readOuts } from './read-out.ts'
import { robustness } from './robustness.ts'
import { makeWorld, modeDistance, type World, type WorldName, worldNames } from './worlds.ts'

/** Counts up when the same seed no longer gives the same numbers, so that no result is mixed from two programs. */
const protocol = 1

/** Runs that are kept together: what an interruption loses at most. */
const atOnce = 20

export interface Cell {
  readonly world: WorldName
  readonly method: Method
  readonly budget: number
  readonly seeds: readonly number[]
}

/** Every cell of the tables, the cheap ones first. */
export function cells(quick: boolean, chosen?: readonly number[]): Cell[] {
  const seeds = (n: number) => chosen ?? Array.from({ length: n }, (_, i) => i)
  const budgets = quick ? [1e3, 1e4] : [1e3, 1e4, 1e5]
  /** A run in many dimensions, or with 5000 rollouts, takes three times as long. */
  const long: readonly WorldName[] = ['hd32', 'hd32b', 'gauss']
  const repeats = (world: WorldName, budget: number) => (quick ? 8 : budget < 1e5 ? 60 : long.includes(world) ? 20 : 40)
  const worlds = quick ? (['gmm', 'sharp3', 'mode3', 'hd32b', 'gauss'] as const) : worldNames
  return budgets.flatMap((budget) => {
    const all = worlds.flatMap((world) =>
      methods
        .filter(({ most = Infinity }) => budget <= most)
        .map((method): Cell => ({ world, method, budget, seeds: seeds(repeats(world, budget)) })),
    )
    if (budget < 1e4) return all
    const robust = (['gmm', 'hd32b'] as const).flatMap((world) =>
      robustness.map((method): Cell => ({ world, method, budget, seeds: seeds(repeats(world, budget)) })),
    )
    const drawn = (['gmm', 'mode3', 'hd32', 'hd32b'] as const).flatMap((world) =>
      readOuts.map((method): Cell => ({ world, method, budget, seeds: seeds(repeats(world, budget)) })),
    )
    return [...all, ...robust, ...(budget > 1e4 ? [] : drawn)]
  })
}

async function once(world: World, method: Method, seed: number, budget: number): Promise<Outcome> {
  const { candidates, best, logZ, nfe, rewardEvaluations } = await method.run(world, seed, budget)
  return {
    ...{ nfe, rewardEvaluations },
    distance: modeDistance(world, candidates),
    z: logZ === undefined ? null : Math.exp(logZ - world.logZ),
    gap: world.highest - candidates[best].reward,
    distinct: new Set(candidates.map(({ sample }) => sample)).size,
  }
}

/** The rows that a cell gives to the table. */
function rowsOf({ world, method, budget }: Cell, outcomes: readonly Outcome[]): ReproductionRow[] {
  const average = (of: (outcome: Outcome) => number) =>
    Math.round(outcomes.reduce((sum, o) => sum + of(o), 0) / outcomes.length)
  const all = {
    ...{ method: method.method, setting: method.setting },
    ...{ nfe: average((o) => o.nfe), gradientEvaluations: 0, rewardEvaluations: average((o) => o.rewardEvaluations) },
  }
  const rows: ReproductionRow[] = []
  if (method.measured.includes('samples')) {
    rows.push({ ...all, metric: metrics.distance(world), ...mean95(outcomes.map((o) => o.distance)) })
    const z = outcomes.flatMap((o) => (o.z === null ? [] : [o.z]))
    if (z.length > 0) {
      const draws = stream(purpose(key(budget), 'bootstrap'))
      const size = (ratios: ArrayLike<number>) =>
        ratios.length / Array.from(ratios).reduce((sum, r) => sum + (r - 1) ** 2, 0)
      rows.push({ ...all, metric: metrics.z(world), ...mean95(z) })
      rows.push({ ...all, metric: metrics.size(world), ...bootstrap95(z, size, () => draws.uniform()) })
    }
  }
  if (method.measured.includes('best')) {
    rows.push({ ...all, metric: metrics.gap(world), ...mean95(outcomes.map((o) => o.gap)) })
  }
  if (method.measured.includes('distinct')) {
    rows.push({ ...all, metric: metrics.distinct(world), ...mean95(outcomes.map((o) => o.distinct)) })
  }
  return rows
}

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, seeds, onProgress } = options
  const plan = cells(quick, seeds)
  const kept = cellFile(`${versions().espalier}-${protocol}${quick ? '-quick' : ''}`)
  const worlds = new Map<WorldName, World>()
  const table: ReproductionRow[] = []
  const outcomes = new Map<string, readonly Outcome[]>()
  const work = ({ budget, seeds }: Cell) => (budget + 500) * seeds.length
  const budgets = [...new Set(plan.map(({ budget }) => budget))]
  const total = plan.reduce((sum, cell) => sum + work(cell), 0)
  let done = 0
  for (const cell of plan) {
    const { world: name, method, budget } = cell
    const title = titleOf(name, method, budget)
    onProgress?.(done / total, title)
    const found: Outcome[] = []
    for (let first = 0; first < cell.seeds.length; first += atOnce) {
      const some = cell.seeds.slice(first, first + atOnce)
      const cellName = `${title}, seeds ${some.join(' ')}`
      const before = kept.get(cellName)
      if (before) found.push(...before)
      else {
        const world = worlds.get(name) ?? makeWorld[name]()
        worlds.set(name, world)
        const runs: Outcome[] = []
        for (const seed of some) runs.push(await once(world, method, seed, budget))
        kept.set(cellName, runs)
        found.push(...runs)
      }
    }
    outcomes.set(title, found)
    table.push(...rowsOf(cell, found))
    done += work(cell)
  }
  onProgress?.(1, 'done')
  const result: ReproductionResult = {
    paper: 'ours: a tempered forest, exact weights for adaptive trees, greedy islands with re-branching',
    claim:
      'Branching by a tempered look-ahead, with the true weights carried in the open, samples p(x) exp(lambda r(x)) / Z without ' +
      'bias in Z and nearer to it, at the same network evaluations, than importance resampling, Diffusion Tree Sampling, SMC ' +
      'and SVDD; adaptive trees become unbiased by exact weights; and greedy islands that branch again from the best path ' +
      'find better rewards than best-of-N, DTS*, FK steering and SVDD.',
    ...verdictOf(findings(outcomes, budgets)),
    command: `npx espalier reproduce better-tree${quick ? ' --quick' : ''}`,
    seeds: plan.reduce<readonly number[]>((most, { seeds }) => (seeds.length > most.length ? seeds : most), []),
    versions: versions(),
    budget: `${budgets.join(', ')} NFE, ${[...new Set(plan.map(({ seeds }) => seeds.length))].join(' or ')} seeds`,
    table,
  }
  kept.remove()
  return result
}
