/**
 * ResShift (Yue, Wang, Loy 2023, arXiv 2307.12348; in four steps: 2024, arXiv 2403.07319): a short chain from the degraded
 * picture to the clean one against diffusions that start from noise, on 4x super-resolution of clothes.
 */

import { versions } from '@espalier/cli'
import { mean, rmsDistance } from 'espalier/measure'
import type { Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import {
  degradedPicture,
  measureAgainst,
  openJudge,
  openRestorer,
  pairsOf,
  repeatRows,
  rowKeys,
} from '../support/restoration.ts'
import { Results } from '../support/results.ts'
import { verdictOf } from '../support/verdict.ts'
import { collapse, findings } from './findings.ts'
import { gaussian, kept, varianceTable } from './gaussian.ts'
import { methods, regression } from './methods.ts'
import { degradations, draws, posteriorSpread, setting, spread, spreadOf } from './pictures.ts'
import { addPlane } from './plane.ts'

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 8 }, (_, i) => i)
  const results = new Results(seeds)
  const images = quick ? 16 : 64

  // 1. In closed form: the spread of the results when the network is perfect, and how near they come to the data.
  for (const { method, steps, value } of varianceTable())
    results.add({ method, setting: gaussian, metric: kept, budget: steps, nfe: steps, values: seeds.map(() => value) })
  await addPlane(results, quick ? 500 : 4000)

  // 2. Trained networks of one size and one number of training steps, on held-out pictures.
  const { settings, ...once } = pairsOf(degradations, { seeds, images })
  const twice = (batches: readonly Tensor[]) => batches.map((batch) => repeatRows(batch, draws))
  const pairs = { settings, clean: twice(once.clean), degraded: twice(once.degraded) }
  const judge = await openJudge()
  const measure = await measureAgainst(judge, pairs)
  for (const values of await measure(pairs.degraded)) results.add({ method: degradedPicture, nfe: 0, ...values })
  const total = methods.flatMap(({ budgets }) => budgets).reduce((sum, n) => sum + n, 0)
  let done = 0
  for (const { method, network: name, solver, grid, budgets } of methods) {
    const network = await openRestorer(name)
    const { process } = network.denoiser
    for (const budget of budgets) {
      const plan = solver(process, grid(process, budget))
      const restored: Tensor[] = []
      for (const [j, degraded] of pairs.degraded.entries())
        restored.push(await network.restore(plan, degraded, rowKeys(seeds[j], 'restore', degraded.shape[0])))
      const cell = { method, budget, nfe: budget }
      for (const values of await measure(restored)) results.add({ ...cell, ...values })
      results.add({ ...cell, setting, metric: spread, values: restored.map(spreadOf) })
      // The error of the mean is the spread of what it is the mean of.
      if (name === regression.network) {
        const values = restored.map((own, j) =>
          Math.sqrt(mean(rmsDistance(own, pairs.clean[j]).map((rms) => rms * rms))),
        )
        results.add({ method: posteriorSpread, setting, metric: spread, nfe: 0, values })
      }
      done += budget
      onProgress?.(done / total, `${method}, ${budget} steps`)
    }
    await network.close()
  }
  await judge.close()
  const { verdict, why } = verdictOf(findings(results))

  return {
    paper:
      'Yue, Wang, Loy 2023, ResShift: efficient diffusion model for image super-resolution by residual shifting, arXiv 2307.12348; 2024, arXiv 2403.07319',
    claim:
      'A chain from the degraded picture to the clean one restores in 15 steps, and in 4 when it is trained for 4, as well as or ' +
      'better than a conditional diffusion from noise with many more; more steps trade fidelity for realism.',
    verdict,
    why: `${why} ${collapse(results)}`,
    command: `npx espalier reproduce resshift${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `1 to 100 NFE a restoration; ${seeds.length} seeds of ${images} pictures, each restored ${draws} times`,
    table: results.rows(),
  }
}
