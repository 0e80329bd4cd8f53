/**
 * Momentum (Wizadwongsa et al. 2024, "Diffusion sampling with momentum for mitigating divergence artifacts", arXiv
 * 2307.11118): heavy ball (HB) and its generalised form (GHVB) under strong guidance at few steps, and the stability
 * limits that the paper explains them with, computed from the tables.
 */

import { versions } from '@espalier/cli'
import {
  type Comparison,
  compareSolvers,
  distanceName,
  guidedWorld,
  type Method,
  magnitudeMetric,
  shareOutsideMetric,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { edm, logSnrGrid, uniformGrid, vpScaledLinear } from 'espalier/process'
import { ddim, dpmSolverPlusPlus, ghvb, heavyBall, ipndm, type Solver, stabilityLimit } from 'espalier/solve'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { allClasses, oneClass } from '../support/clusters.ts'
import { type ImageModelName, imageModelNames, openImageModels } from '../support/images.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, verdictOf } from '../support/verdict.ts'

const first: Method = { method: 'DDIM', solver: ddim() }
/** With the start of iPNDM, as in the paper, so that a step costs one call. */
const plms4: Method = { method: 'PLMS4', solver: ipndm({ order: 4 }) }
const hb: Method = { method: 'HB 3.8', solver: heavyBall({ order: 3.8 }) }
const generalised: Method = { method: 'GHVB 3.8', solver: ghvb({ order: 3.8 }) }
const data2: Method = { method: 'DPM-Solver++ 2M', solver: dpmSolverPlusPlus({ order: 2 }) }

export const solvers = [plms4, generalised, hb, first, data2]
const scales: Readonly<Record<ImageModelName, readonly number[]>> = { mnist: [1, 8, 15], fashion: [1, 15] }
/** NFE a sample; under guidance a step costs 2. */
const budgets = [4, 5, 8, 10, 15, 20, 25, 50]
const guidedBudgets = [4, 8, 10, 16, 20, 30, 50]
/** Under the strongest guidance order shows late: the three that are compared by it, also at 40 steps. */
const later = solvers.map((method) =>
  [plms4, generalised, hb].includes(method) ? { ...method, budgets: [...guidedBudgets, 80] } : method,
)
export const score = 'magnitude score'
export const beyond = 'share of coordinates beyond 2 standard deviations'
export const limit = 'real stability limit'

/** The process of the latent networks that the paper samples, even in t. Networks are viewed on it. */
const process = vpScaledLinear()
export const worldScale = 15
export const plainWorld = 'mixture'
export const world = `mixture, w = ${worldScale}`

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 6 }, (_, i) => i)
  const results = new Results(seeds)
  const samples = quick ? 5 : 20
  const points = quick ? 250 : 1000
  const { models, absent } = await openImageModels(imageModelNames)

  // 1. The theory, from the tables: how large |delta deps/dy| may be on a grid of equal steps in rho.
  for (const [method, solver] of limits) {
    const z = stabilityLimit(solver(edm(), equalSteps), edm())
    const values = seeds.map(() => Number(z.toFixed(4)))
    results.add({ method, setting: 'equal steps in rho', metric: limit, nfe: 0, values })
  }
  // 2. A world without and with guidance, 3. networks.
  const ofWorld = {
    ...{ grid: uniformGrid, samples: points, methods: solvers },
    reference: { solver: dpmSolverPlusPlus({ order: 3 }), steps: 500, samples: quick ? 100 : 250 },
    metrics: [worldW2(oneClass, seeds, points), shareOutsideMetric(beyond, 2)],
  }
  const counts = [5, 6, 7, 8, 10, 15, 20, 25, 40, 50]
  const comparisons: Comparison[] = [
    {
      ...{ ...ofWorld, subject: worldSubject(plainWorld, oneClass, process), budgets: [4, ...counts] },
      // Even in t, the last step would be nearly all of the error.
      ...{ grid: logSnrGrid, gridOptions: { to: 1e-3 } },
    },
    {
      ...{ ...ofWorld, subject: guidedWorld(world, allClasses, oneClass, worldScale, process) },
      budgets: [4, 8, ...counts.filter((n) => n <= 40).map((n) => 2 * n)],
    },
    ...models.flatMap((model) => {
      const metrics = [magnitudeMetric(model.moments), ...(quick ? [] : [model.cnnFid(seeds.length, samples)])]
      return scales[model.name].map(
        (w): Comparison => ({
          ...{ subject: model.subject(w, process), grid: uniformGrid, samples, metrics },
          ...{ methods: w === worldScale ? later : solvers, budgets: w === 1 ? budgets : guidedBudgets },
          reference: { solver: dpmSolverPlusPlus({ order: 2 }), steps: quick ? 100 : 200, samples: quick ? 4 : 5 },
        }),
      )
    }),
  ]
  await compareSolvers(comparisons, results, onProgress)
  await Promise.all(models.map((model) => model.close()))

  return {
    paper:
      'Wizadwongsa, Chinchuthakun, Khungurn, Raj, Suwajanakorn 2024, Diffusion sampling with momentum, arXiv 2307.11118',
    claim:
      'High-order multistep solvers leave divergence artifacts at few steps under strong guidance because their stability ' +
      'regions are small. Momentum enlarges the region: HB removes artifacts at the price of accuracy, GHVB removes some ' +
      'of them and keeps the order, so that it is nearer to the solution once there are more steps.',
    ...verdictOf(
      findings(
        results,
        models.flatMap(({ name, subject }) => scales[name].map((w) => [subject(w).name, w] as const)),
      ),
    ),
    command: `npx espalier reproduce ghvb${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget: `4 to 50 NFE a sample, 2 a step under guidance, there some to 80; ${seeds.length} seeds of ${points} points, of ${samples} images${absent.map((line) => `; not run: ${line}`).join('')}`,
    table: results.rows(),
  }
}

/** Adams-Bashforth, GHVB and HB of orders 1 to 4, beta 0.8 and 0.5. */
const limits: (readonly [string, Solver])[] = [1, 2, 3, 4].flatMap((order) => [
  [`PLMS${order}`, ipndm({ order })] as const,
  ...[0.8, 0.5].flatMap((beta) => [
    [`GHVB(${order}, ${beta})`, ghvb({ order, beta })] as const,
    [`HB(${order}, ${beta})`, heavyBall({ order, beta })] as const,
  ]),
])
/** `rho` is proportional to t there. */
const equalSteps = Array.from({ length: 21 }, (_, i) => 1 - i / 40)

/** The parts of the claim: stability from the tables; under guidance artifacts at 10 steps (8 in the world); accuracy at 25. */
function findings(results: Results, settings: readonly (readonly [string, w: number])[]): Finding[] {
  const [ab, g, h] = ['PLMS4', 'GHVB(4, 0.8)', 'HB(4, 0.8)'].map(
    (method) => results.at(method, { setting: 'equal steps in rho', metric: limit }).mean,
  )
  const [base, general, ball] = [plms4, generalised, hb].map(({ method }) => method)
  const fewer = (setting: string, metric: string, budget: number) => [
    lower(results, general, base, { setting, metric, budget }),
    lower(results, ball, base, { setting, metric, budget }),
  ]
  return [
    {
      holds: ab < g && g < h,
      about: 'real stability limit, from the tables',
      text: `${ab.toFixed(3)} for PLMS4, ${g.toFixed(3)} for GHVB 3.8, ${h.toFixed(3)} for HB 3.8`,
    },
    ...fewer(world, beyond, 16),
    ...[[plainWorld, 1] as const, [world, worldScale] as const, ...settings].flatMap(([setting, w]) => [
      ...(w > 1 && setting !== world ? fewer(setting, score, 20) : []),
      lower(results, general, ball, { setting, metric: distanceName, budget: w === 1 ? 25 : 50 }),
      ...(w === worldScale ? [lower(results, general, ball, { setting, metric: distanceName, budget: 80 })] : []),
    ]),
  ]
}
