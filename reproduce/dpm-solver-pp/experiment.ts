/**
 * DPM-Solver++ (Lu et al. 2022, "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", arXiv
 * 2211.01095): what high-order solvers do under strong classifier-free guidance, with the noise and with the data
 * prediction, and what thresholding adds.
 */

import { versions } from '@espalier/cli'
import { thresholded } from 'espalier/guide'
import {
  type Comparison,
  compareSolvers,
  distanceName,
  guidedWorld,
  type Method,
  shareOutsideMetric,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { type Denoiser, logSnrGrid, uniformGrid, vpLinear } from 'espalier/process'
import { ddim, dpmSolver, dpmSolverPlusPlus, dpmSolverSinglestep, uniPC } from 'espalier/solve'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { allClasses, oneClass } from '../support/clusters.ts'
import { imageModelNames, openImageModels } from '../support/images.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, verdictOf } from '../support/verdict.ts'

const first: Method = { method: 'DDIM', solver: ddim() }
/** What the paper compares with: DPM-Solver-2 and -3 in the singlestep form of Lu et al. 2022a. */
const noise2s: Method = { method: 'DPM-Solver 2S', solver: dpmSolverSinglestep({ order: 2, target: 'noise' }) }
export const noise3s: Method = { method: 'DPM-Solver 3S', solver: dpmSolverSinglestep({ order: 3, target: 'noise' }) }
export const noise2: Method = { method: 'DPM-Solver 2M', solver: dpmSolver({ order: 2 }) }
export const noise3: Method = { method: 'DPM-Solver 3M', solver: dpmSolver({ order: 3 }) }
const data2: Method = { method: 'DPM-Solver++ 2M', solver: dpmSolverPlusPlus({ order: 2 }) }
const data2s: Method = { method: 'DPM-Solver++ 2S', solver: dpmSolverSinglestep({ order: 2 }) }
export const pc: Method = { method: 'UniPC-2', solver: uniPC({ order: 2 }) }
/** Dynamic thresholding is the paper's, at its 99.5%; static is a plain clip. */
const limited = ({ method, solver }: Method, type: 'dynamic' | 'static'): Method => ({
  ...{ method: `${method}, ${type} threshold`, solver },
  wrap: (denoiser: Denoiser) => thresholded(denoiser, { type }),
})

export const shown = [first, noise2s, noise3s, noise2, data2, data2s, pc]
/** They solve another equation: their distance to the solution of the first one means nothing. */
export const limitedSolvers = [limited(first, 'dynamic'), limited(data2, 'dynamic'), limited(data2, 'static')]
export const outside = 'share of pixels beyond 1.2'

/** Guidance scales of each network. */
const scales = [1, 4, 8]
const steps = [8, 12, 25]
/** The paper's process and times: linear beta, even in t. Networks are viewed on it. */
const setting = { process: vpLinear(), grid: uniformGrid }
export const world = 'mixture'
export const strongWorld = 'mixture, w = 8'

/** With very few evaluations and, where they cost one each, with many: the methods that the claim is about. */
const more = (methods: readonly Method[], budgets: readonly number[], extra: readonly number[]): Method[] =>
  methods.map((method) =>
    [first, noise2, data2].some((key) => key.method === method.method)
      ? { ...method, budgets: [...budgets, ...extra].sort((a, b) => a - b) }
      : method,
  )

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 6 }, (_, i) => i)
  const results = new Results(seeds)
  const samples = quick ? 4 : 20
  const points = quick ? 250 : 1000
  const { models, absent } = await openImageModels(imageModelNames)
  const guidedBudgets = steps.map((n) => 2 * n)
  const plain = { methods: more(shown, steps, [4, 50]), budgets: steps }
  const strong = { methods: more([...shown, noise3], guidedBudgets, [8]), budgets: guidedBudgets }
  const between = { methods: [first, noise2, data2], budgets: guidedBudgets }

  // 1. A world of clusters, and one class of it under guidance. Even in t, the last step would be nearly all of the error.
  const { process, grid } = setting
  const ofWorld = {
    ...{ grid: logSnrGrid, gridOptions: { to: 1e-3 }, samples: points, metrics: [worldW2(oneClass, seeds, points)] },
    reference: { solver: dpmSolverPlusPlus({ order: 3 }), steps: 500, samples: quick ? 100 : 250 },
  }
  const comparisons: Comparison[] = [
    { ...ofWorld, ...plain, subject: worldSubject(world, oneClass, process) },
    { ...ofWorld, ...strong, subject: guidedWorld(strongWorld, allClasses, oneClass, 8, process) },
  ]
  // 2. Networks of digits and of clothes.
  for (const model of models) {
    const metrics = [shareOutsideMetric(outside, 1.2), ...(quick ? [] : [model.cnnFid(seeds.length, samples)])]
    const reference = { solver: dpmSolverPlusPlus({ order: 2 }), steps: quick ? 60 : 150, samples: quick ? 4 : 6 }
    for (const w of scales) {
      const common = { grid, subject: model.subject(w, process), samples, metrics }
      comparisons.push({ ...common, ...(w === 1 ? plain : w === 8 ? strong : between), reference })
      if (w === 8) comparisons.push({ ...common, methods: limitedSolvers, budgets: guidedBudgets })
    }
  }
  await compareSolvers(comparisons, results, onProgress)
  await Promise.all(models.map((model) => model.close()))

  return {
    paper: 'Lu, Zhou, Bao, Chen, Li, Zhu 2022, DPM-Solver++, arXiv 2211.01095',
    claim:
      'Under strong guidance, high-order solvers of the noise prediction become worse than DDIM at few steps; those of ' +
      'the data prediction (DPM-Solver++) do not, and stay better than DDIM. Thresholding keeps samples in their range.',
    ...verdictOf([
      ...findings(results, world, strongWorld),
      ...models.flatMap(({ subject }) => {
        const strong = subject(8).name
        return [...findings(results, subject(1).name, strong), ...thresholding(results, strong, !quick)]
      }),
    ]),
    command: `npx espalier reproduce dpm-solver-pp${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `4 to 50 NFE; ${steps.join(', ')} steps, 2 NFE each under guidance; ${seeds.length} seeds of ${points} points, of ` +
      `${samples} images${absent.map((line) => `; not run: ${line}`).join('')}`,
    table: results.rows(),
  }
}

/** The parts of the claim, each read off with its intervals: at 8 steps, without guidance and under the strongest. */
function findings(results: Results, plain: string, strong: string): Finding[] {
  const at = { setting: strong, metric: distanceName, budget: 16 }
  return [
    lower(results, data2.method, first.method, { ...at, setting: plain, budget: 8 }),
    lower(results, data2.method, first.method, at),
    ...[noise2s, noise3s, noise2, noise3].map(({ method }) => lower(results, first.method, method, at)),
  ]
}

function thresholding(results: Results, setting: string, fid: boolean): Finding[] {
  return [outside, ...(fid ? ['CNN-FID'] : [])].flatMap((metric) =>
    limitedSolvers.slice(1).map(({ method }) => lower(results, method, data2.method, { setting, metric, budget: 16 })),
  )
}
