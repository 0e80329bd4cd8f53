/**
 * MR Sampler (Li et al. 2025, arXiv 2502.07856): how few steps
 * a mean-reverting diffusion needs to restore a picture, and how much of the published gain is a mistake in the baseline.
 */

import { versions } from '@espalier/cli'
import { compareSolvers } from 'espalier/measure'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { degradedPicture, measureAgainst, openJudge, openRestorer, pairsOf, rowKeys } from '../support/restoration.ts'
import { Results } from '../support/results.ts'
import { verdictOf } from '../support/verdict.ts'
import { findings } from './findings.ts'
import { guided, type Method, methods, posterior } from './methods.ts'
import { planeComparisons } from './plane.ts'
import { drawWorld, exactDraws, exactQuantiles, w1, wasserstein1, world } from './world.ts'

/** What the network `fashion-restore-mr` was trained to undo. */
const degradations = {
  blur: { type: 'blur', sigma: 1.5 },
  'low resolution': { type: 'down-up', factor: 4 },
  'lost pixels': { type: 'mask', share: 0.4 },
} as const

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 8 }, (_, i) => i)
  const results = new Results(seeds)
  const samples = quick ? 2000 : 10_000
  const images = quick ? 8 : 20
  const cells = methods.flatMap((method) => budgetsOf(method, quick).map((budget) => ({ ...method, budget })))

  // 1. Worlds in closed form: what the solvers do with a perfect network.
  const exact = exactQuantiles(samples)
  const at = { setting: world, metric: w1 }
  results.add({
    ...at,
    method: 'exact samples',
    nfe: 0,
    values: seeds.map((s) => wasserstein1(exactDraws(s, samples), exact)),
  })
  for (const cell of cells) {
    const values: number[] = []
    for (const seed of seeds) values.push(wasserstein1((await drawWorld(cell, cell.budget, seed, samples)).data, exact))
    results.add({ ...at, method: cell.method, budget: cell.budget, nfe: cell.budget, values })
  }
  const points = quick ? 500 : 4000
  const plane = methods.map((method) => ({ ...method, budgets: budgetsOf(method, quick) }))
  await compareSolvers(planeComparisons({ methods: plane, guided, seeds, samples: points }), results)

  // 2. A trained network, three degradations of held-out pictures, the same start noise for every method.
  const pairs = pairsOf(degradations, { seeds, images })
  const [judge, network] = await Promise.all([openJudge(), openRestorer('fashion-restore-mr')])
  const measure = await measureAgainst(judge, pairs)
  for (const values of await measure(pairs.degraded)) results.add({ method: degradedPicture, nfe: 0, ...values })
  const { process } = network.denoiser
  const total = cells.reduce((sum, { budget }) => sum + budget, 0)
  let done = 0
  for (const { method, solver, grid, budget } of cells) {
    const plan = solver(process, grid(process, budget))
    const restored = []
    for (const [j, degraded] of pairs.degraded.entries())
      restored.push(await network.restore(plan, degraded, rowKeys(seeds[j], 'restore', degraded.shape[0])))
    for (const values of await measure(restored)) results.add({ method, budget, nfe: budget, ...values })
    done += budget
    onProgress?.(done / total, `${method}, ${budget} steps`)
  }
  await Promise.all([judge.close(), network.close()])

  return {
    paper:
      'Li, Fang, Zhao, Lu, Yang, Xu 2025, MRS: a fast sampler for mean reverting diffusion based on ODE and SDE solvers, arXiv 2502.07856',
    claim:
      'Five to ten network evaluations of MR Sampler restore as well as a hundred of posterior sampling or Euler, ten to twenty ' +
      'times fewer; at so few these baselines are useless. The second order is better than the first, and the data prediction ' +
      'than the noise prediction.',
    ...verdictOf(findings(results)),
    command: `npx espalier reproduce mr-sampler${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `4 to 100 NFE a picture; ${seeds.length} seeds of ${images} pictures of each degradation, of ${samples} numbers and of ` +
      `${points} points`,
    table: results.rows(),
  }
}

const budgetsOf = ({ method, budgets }: Method, quick: boolean) =>
  quick ? budgets.filter((budget) => budget <= 10 || (budget === 100 && method === posterior.method)) : budgets
