/**
 * Optimal boundary conditions (Ma et al. 2024, arXiv 2305.15357): a deterministic sampler's result is decided by its start
 * noise, so one start that is chosen on reference pairs might serve every other picture, in few steps.
 */

import { versions } from '@espalier/cli'
import type { Tensor } from 'espalier/tensor'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { metrics, openJudge, openRestorer, type Pairs, pairedFid, pairsOf } from '../support/restoration.ts'
import { Results } from '../support/results.ts'
import { verdictOf } from '../support/verdict.ts'
import type { Pictures } from './candidates.ts'
import { findings } from './findings.ts'
import { addGaussian } from './gaussian.ts'
import { budgets, setting } from './names.ts'
import { oneSeed, rowsOf, type SeedResult } from './pictures.ts'
import { addPlane } from './plane.ts'

const degradations = { [setting]: { type: 'down-up', factor: 4, noise: 0.03 } } as const

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 3 : 5 }, (_, i) => i)
  const results = new Results(seeds)
  const sizes = quick
    ? { candidates: 24, references: 8, tests: 16, oracles: 4, randoms: 8 }
    : { candidates: 100, references: 20, tests: 48, oracles: 12, randoms: 20 }
  const { candidates, references, tests } = sizes

  // 1. In closed form: linear sampling of Gaussian posteriors, and posteriors that are mixtures.
  for (const steps of budgets) {
    addGaussian(results, steps)
    await addPlane(results, steps, quick ? 60 : 200)
  }

  // 2. A trained network.
  const calibration = pairsOf(degradations, { seeds, images: 2 * references, part: 'choose' })
  const held = pairsOf(degradations, { seeds, images: tests })
  const [judge, network] = await Promise.all([openJudge(), openRestorer('fashion-sr-ddpm')])
  const total = seeds.length * rowsOf(sizes)
  let done = 0
  const perSeed: SeedResult[] = []
  for (const [j, seed] of seeds.entries()) {
    const pictures = {
      seed,
      references: part(calibration, j, 0, references),
      others: part(calibration, j, references, 2 * references),
      tests: part(held, j, 0, tests),
    }
    const result = await oneSeed({ network, judge }, pictures, sizes, (rows, what) => {
      done += rows
      onProgress?.(Math.min(1, done / total), `seed ${seed}: ${what}`)
    })
    perSeed.push(result)
  }
  perSeed[0].entries.forEach(({ method, metric, nfe }, i) => {
    const values = perSeed.map(({ entries }) => entries[i].value)
    results.add({ method, setting, metric, budget: nfe, nfe, values })
  })
  const fid = pairedFid(perSeed.map(({ truth }) => truth))
  perSeed[0].restored.forEach(({ method, nfe }, i) => {
    const values = fid(perSeed.map(({ restored }) => restored[i].features))
    results.add({ method, setting, metric: metrics.fid, budget: nfe, nfe, values })
  })
  await Promise.all([judge.close(), network.close()])

  return {
    paper:
      'Ma, Yang, Yang, Fu, Liu 2024, Solving diffusion ODEs with optimal boundary conditions for better image super-resolution, arXiv 2305.15357',
    claim:
      'A start noise that is good for some pictures is good for all: one that is chosen once on reference pairs makes ' +
      'few-step sampling of other pictures better than random starts, and better than samplers with many more steps.',
    ...verdictOf(findings(results)),
    command: `npx espalier reproduce boundary-conditions${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${budgets.join(', ')} NFE a picture, controls up to 250; ${seeds.length} seeds of ${candidates} candidates, ${references} reference ` +
      `pairs and ${tests} test pictures`,
    table: results.rows(),
  }
}

/** Some pictures of one seed. */
function part({ clean, degraded }: Pairs, j: number, from: number, to: number): Pictures {
  const rows = ({ shape: [, ...event], data }: Tensor): Tensor => {
    const size = event.reduce((product, n) => product * n, 1)
    return { shape: [to - from, ...event], data: data.subarray(from * size, to * size) }
  }
  return { clean: rows(clean[j]), degraded: rows(degraded[j]) }
}
