/**
 * DPM-Solver++ (Lu et al. 2022, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", arXiv
 * 2211.01095): what high-order solvers do under strong classifier-free guidance, with the noise and with the data
 * prediction, and what thresholding adds.
 */

import { versions } from '@espalier/cli'
import { thresholded } from 'espalier/guide'
import { type Denoiser, uniformGrid, vpLinear } from 'espalier/process'
import { ddim, dpmSolver, dpmSolverPlusPlus, dpmSolverSinglestep, uniPC } from 'espalier/solve'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { type Comparison, compareAll, distance, type Method } from '../support/compare.ts'
import { type ImageModelName, imageModelNames, openImageModels } from '../support/images.ts'
import { shareOutside } from '../support/metrics.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, verdictOf } from '../support/verdict.ts'

const first: Method = { method: 'DDIM', solver: ddim() }
/** What the paper compares with: DPM-Solver-2 and -3 in the singlestep form of Lu et al. 2022a. */
const noise2s: Method = { method: 'DPM-Solver 2S', solver: dpmSolverSinglestep({ order: 2, target: 'noise' }) }
const noise3s: Method = { method: 'DPM-Solver 3S', solver: dpmSolverSinglestep({ order: 3, target: 'noise' }) }
const noise2: Method = { method: 'DPM-Solver 2M', solver: dpmSolver({ order: 2 }) }
const noise3: Method = { method: 'DPM-Solver 3M', solver: dpmSolver({ order: 3 }) }
const data2: Method = { method: 'DPM-Solver++ 2M', solver: dpmSolverPlusPlus({ order: 2 }) }
const data3: Method = { method: 'DPM-Solver++ 3M', solver: dpmSolverPlusPlus({ order: 3 }) }
const data2s: Method = { method: 'DPM-Solver++ 2S', solver: dpmSolverSinglestep({ order: 2 }) }
const pc: Method = { method: 'UniPC-2', solver: uniPC({ order: 2 }) }
/** The paper's dynamic thresholding, at its 99.5%. */
const limited = ({ method, solver }: Method): Method => ({
  ...{ method: `${method}, thresholded`, solver },
  wrap: (denoiser: Denoiser) => thresholded(denoiser, { type: 'dynamic' }),
})

export const shown = [first, noise2s, noise3s, noise2, data2, data2s, pc]
const solvers = [...shown, noise3, data3]
/** They solve another equation: their distance to the solution of the first one means nothing. */
export const limitedSolvers = [limited(first), limited(data2)]
export const outside = 'share of pixels beyond 1.2'

/** Guidance scales of each network; the second one only repeats the strongest. */
const scales: Readonly<Record<ImageModelName, readonly number[]>> = { mnist: [1, 4, 8], fashion: [8] }
const steps = [8, 12, 25]
/** The paper's process and times: linear beta, even in t. Networks are viewed on it. */
const setting = { process: vpLinear(), grid: uniformGrid }

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 8 }, (_, i) => i)
  const results = new Results(seeds)
  const samples = quick ? 4 : 20
  const { models, absent } = await openImageModels(imageModelNames)

  const comparisons = models.flatMap((model): Comparison[] => {
    const fid = model.cnnFid(seeds.length, samples)
    return scales[model.name].flatMap((w): Comparison[] => {
      const metrics = [shareOutside(outside, 1.2), ...(quick ? [] : [fid])]
      const budgets = steps.map((n) => (w === 1 ? n : 2 * n))
      const subject = model.subject(w, setting.process)
      const common = { subject, grid: setting.grid, samples, budgets, metrics }
      const reference = { solver: dpmSolverPlusPlus({ order: 2 }), steps: quick ? 60 : 150, samples: quick ? 4 : 8 }
      const plain: Comparison = { ...common, methods: solvers, reference }
      return w === 1 ? [plain] : [plain, { ...common, methods: limitedSolvers }]
    })
  })
  await compareAll(comparisons, results, onProgress)
  await Promise.all(models.map((model) => model.close()))

  return {
    paper: 'Lu, Zhou, Bao, Chen, Li, Zhu 2022, DPM-Solver++, arXiv 2211.01095',
    claim:
      'Under strong guidance, high-order solvers of the noise prediction become worse than DDIM at few steps; those of ' +
      'the data prediction (DPM-Solver++) do not, and stay better than DDIM. Thresholding keeps samples in their range.',
    ...verdictOf(
      models.flatMap(({ name, subject }) => findings(results, scales[name], (w) => subject(w).name, !quick)),
    ),
    command: `npx espalier reproduce dpm-solver-pp${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `${steps.join(', ')} steps, 2 NFE each under guidance; ${seeds.length} seeds of ${samples} images${absent.map((line) => `; not run: ${line}`).join('')}`,
    table: results.rows(),
  }
}

/** The parts of the claim, each read off with its intervals: at 8 steps, without guidance and under the strongest. */
function findings(results: Results, scales: readonly number[], name: (w: number) => string, fid: boolean): Finding[] {
  return scales.flatMap((w) => {
    const at = { setting: name(w), metric: distance, budget: w === 1 ? 8 : 16 }
    const ahead = lower(results, data2.method, first.method, at)
    if (w < 8) return [ahead]
    return [
      ahead,
      ...[noise2s, noise3s, noise2, noise3].map(({ method }) => lower(results, first.method, method, at)),
      lower(results, limited(data2).method, data2.method, { ...at, metric: outside }),
      ...(fid ? [lower(results, limited(data2).method, data2.method, { ...at, metric: 'CNN-FID' })] : []),
    ]
  })
}
