/**
 * DEIS (Zhang and Chen 2023, "Fast sampling of diffusion models with exponential integrator", arXiv 2204.13902): where
 * the error of few steps comes from, on a world whose ODE is known exactly, and what is left of it on small networks.
 */

import { versions } from '@espalier/cli'
import {
  type Comparison,
  compareSolvers,
  distanceName,
  guidedWorld,
  type Method,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { GaussianMixture, logSnrGrid, quadraticGrid, vpLinear } from 'espalier/process'
import { ddim, deis, dpmSolverPlusPlus, ipndm, rungeKutta } from 'espalier/solve'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { allClasses, oneClass } from '../support/clusters.ts'
import { imageModelNames, openImageModels } from '../support/images.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, verdictOf } from '../support/verdict.ts'
import { eulerInTime, exponentialOfScore } from './ablation.ts'

const euler: Method = { method: 'Euler', solver: eulerInTime }
const eiScore: Method = { method: 'EI (score)', solver: exponentialOfScore }
const first: Method = { method: 'DDIM = EI (noise)', solver: ddim() }
const tab = (r: number): Method => ({ method: `tAB${r}`, solver: deis({ order: r + 1 }) })
const pndm: Method = { method: 'iPNDM', solver: ipndm() }
const heun: Method = { method: 'rhoHeun', solver: rungeKutta({ method: 'heun', variable: 'rho', target: 'noise' }) }

const budgets = [5, 7, 10, 15, 20]
export const ablation = [euler, eiScore, first, tab(1), tab(2), tab(3)]
export const solvers: readonly Method[] = [
  { ...first, budgets: [4, ...budgets, 30, 50] },
  pndm,
  { ...heun, budgets: [...budgets, 50] },
  tab(1),
  tab(2),
  { ...tab(3), budgets: [4, ...budgets, 50] },
]
/** Under guidance a step costs 2 NFE. */
export const guided = [first, pndm, tab(3)]
const scale = 4
const guidedBudgets = [10, 20, 40]

/** Five clusters of different sizes: wide ones, and narrow ones as those of images are in most directions. */
const clusters = (scale: number) =>
  new GaussianMixture({
    means: [0, 1, 2, 3, 4].map((k) => [2 * Math.cos((2 * Math.PI * k) / 5), 2 * Math.sin((2 * Math.PI * k) / 5)]),
    stds: [0.1, 0.2, 0.3, 0.2, 0.1].map((std) => std * scale),
  })
export const wide = 'wide clusters'
export const narrow = 'narrow clusters'
export const guidedMixture = 'three classes of clusters, w = 4'
export const narrowEven = 'narrow clusters, even in log-SNR'
/** The paper's process and setting for few steps: times down to 1e-3, even in sqrt(t). Networks are viewed on it. */
const process = vpLinear()
const setting = { grid: quadraticGrid, gridOptions: { to: 1e-3 } }
const evenSetting = { ...setting, grid: logSnrGrid }

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 6 }, (_, i) => i)
  const results = new Results(seeds)
  const images = quick ? 10 : 60
  const fine = { solver: dpmSolverPlusPlus({ order: 3 }), steps: quick ? 60 : 100 }
  const { models, absent } = await openImageModels(imageModelNames)
  const subjects = models.map((model) => ({
    subject: model.subject(1, process),
    strong: model.subject(scale, process),
    fid: model.cnnFid(seeds.length, images),
  }))

  // 1. The ablation, in seconds: worlds whose exact solution is known.
  const samples = quick ? 250 : 2000
  const worlds = [
    [wide, clusters(1), setting],
    [narrow, clusters(0.1), setting],
    [narrowEven, clusters(0.1), evenSetting],
  ] as const
  const comparisons = worlds.map(
    ([name, mixture, where]): Comparison => ({
      ...{ ...where, subject: worldSubject(name, mixture, process), samples },
      ...{ methods: ablation, budgets: [4, ...budgets, 30, 50] },
      reference: { ...fine, samples: quick ? 100 : 250 },
      metrics: [worldW2(mixture, seeds, samples)],
    }),
  )
  // The same under guidance; a step costs 2 NFE.
  comparisons.push({
    ...{ ...evenSetting, subject: guidedWorld(guidedMixture, allClasses, oneClass, scale, process), samples },
    ...{ methods: guided, budgets: [8, ...guidedBudgets, 50] },
    reference: { solver: fine.solver, steps: 500, samples: quick ? 100 : 250 },
    metrics: [worldW2(oneClass, seeds, samples)],
  })
  // 2. Networks of digits and of clothes, conditional without guidance and with it; DDIM also at far larger budgets.
  for (const { subject, strong, fid } of subjects) {
    const common = { ...setting, samples: images, metrics: quick ? [] : [fid] }
    comparisons.push({
      ...common,
      subject,
      methods: solvers,
      budgets,
      reference: { ...fine, samples: quick ? 10 : 20 },
    })
    comparisons.push({
      ...{ ...common, subject: strong, methods: guided, budgets: guidedBudgets },
      reference: { ...fine, samples: 10 },
    })
  }
  await compareSolvers(comparisons, results, onProgress)
  await Promise.all(models.map((model) => model.close()))

  return {
    paper:
      'Zhang and Chen 2023, Fast sampling of diffusion models with exponential integrator (DEIS), arXiv 2204.13902',
    claim:
      'At few steps most of the error is that of the discretisation. Solving the linear part exactly helps only with the ' +
      'noise prediction instead of the score; extrapolating it by a polynomial (tAB) then makes 10 evaluations better ' +
      'than DDIM with many more, and better than Runge-Kutta methods at so few.',
    ...verdictOf(
      findings(
        results,
        subjects.map(({ subject, strong }) => [subject.name, strong.name]),
        !quick,
      ),
    ),
    command: `npx espalier reproduce deis${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `4 to 50 NFE a sample; ${seeds.length} seeds of ${samples} points, of ${images} images${absent.map((line) => `; not run: ${line}`).join('')}`,
    table: results.rows(),
  }
}

/**
 * The parts of the claim, each read off with its intervals.
 * @param networks their settings without and with guidance
 * @param fid whether it was measured
 */
function findings(results: Results, networks: readonly (readonly [string, string])[], fid: boolean): Finding[] {
  const [plain, line, cubic] = [first, tab(1), tab(3)].map(({ method }) => method)
  return [
    ...[wide, narrow, narrowEven].flatMap((setting) => {
      const at = { setting, metric: distanceName, budget: 10 }
      return [
        lower(results, euler.method, eiScore.method, at),
        lower(results, plain, euler.method, at),
        lower(results, line, plain, at),
        lower(results, cubic, line, at),
      ]
    }),
    ...networks.flatMap(([setting, strong]) => {
      const at = { setting, metric: distanceName, budget: 10 }
      return [
        lower(results, cubic, plain, at),
        lower(results, cubic, plain, at, 20),
        lower(results, cubic, plain, at, 30),
        lower(results, cubic, line, at),
        lower(results, cubic, heun.method, at),
        ...(fid ? [lower(results, cubic, plain, { ...at, metric: 'CNN-FID' })] : []),
        lower(results, cubic, plain, { ...at, setting: strong, budget: 20 }),
      ]
    }),
  ]
}
