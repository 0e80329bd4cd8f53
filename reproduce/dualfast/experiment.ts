/**
 * DualFast (Yu, Hao, Wang, Zhao 2025, "DualFast: dual-speedup framework for fast sampling of diffusion models", arXiv
 * 2506.13058): mixing an earlier noise into the first-order term of a solver, against its base and against the solvers
 * of second order that it comes near to.
 *
 * The paper's schedule of c is not published: a default that grows to 0.5 (DDIM) or 0.2 (others), and one calibrated on
 * noises of its own, are both in the table.
 */

import { versions } from '@espalier/cli'
import {
  type Comparison,
  compareSolvers,
  distanceName,
  guidedWorld,
  type Method,
  type Metric,
  type Subject,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { GaussianMixture, logSnrGrid, uniformGrid, vpLinear } from 'espalier/process'
import { ddim, deis, dpmSolver, dpmSolverPlusPlus, dualFast, growing, type Solver, uniPC } from 'espalier/solve'
import type { ReproductionOptions, ReproductionResult } from '../result.ts'
import { allClasses, oneClass } from '../support/clusters.ts'
import { imageModelNames, openImageModels } from '../support/images.ts'
import { Results } from '../support/results.ts'
import { type Finding, lower, show, verdictOf } from '../support/verdict.ts'
import { calibrate, calibrationRows, mixed, type Schedule } from './calibrate.ts'
import { splitErrors } from './errors.ts'

const first: Method = { method: 'DDIM', solver: ddim() }
const noise2: Method = { method: 'DPM-Solver 2M', solver: dpmSolver({ order: 2 }) }
const data2: Method = { method: 'DPM-Solver++ 2M', solver: dpmSolverPlusPlus({ order: 2 }) }
const pc: Method = { method: 'UniPC-2', solver: uniPC({ order: 2 }) }
export const bases = [first, noise2, data2, pc]
/** The control that the identity calls for: Adams-Bashforth 2 with variable steps in rho. */
export const ab2: Method = { method: 'AB2 in rho', solver: deis({ order: 2, variable: 'rho' }) }

export const plain = (base: Method): Method => ({
  method: `${base.method} + DualFast`,
  solver: dualFast(base.solver, { c: growing(base === first ? 0.5 : 0.2) }),
})
export const tunedName = (base: Method) => `${base.method} + DualFast, calibrated`
const tuned = (base: Method, schedules: ReadonlyMap<number, Schedule>): Method => ({
  method: tunedName(base),
  solver: mixed(base.solver, (steps) => {
    const { most, power } = schedules.get(steps)!
    return growing(most, power)
  }),
})
/** What one order more does without DualFast: the control for gains over solvers of second order. */
export const third: readonly Method[] = [
  { method: 'DPM-Solver++ 3M', solver: dpmSolverPlusPlus({ order: 3 }) },
  { method: 'tAB2', solver: deis({ order: 3 }) },
]
/** DDIM with `c = r / 2`, r the ratio of the step to the one before in rho: it should *be* AB2. */
const half: Solver = (process, grid) => {
  const rho = grid.map((t) => process.s(t) / process.a(t))
  const c = (k: number) => (k === 0 ? 0 : (rho[k + 1] - rho[k]) / (rho[k] - rho[k - 1]) / 2)
  return dualFast(ddim(), { c })(process, grid)
}
export const identity: Method = { method: 'DDIM + DualFast, c = r/2', solver: half }

/** A mixture, and a "network" that is wrong about it: every cluster half as wide again. */
const means = [[-1.2], [0.4], [1.5]]
const weights = [0.5, 0.3, 0.2]
const truth = new GaussianMixture({ means, weights, stds: [0.25, 0.35, 0.2] })
const network = new GaussianMixture({ means, weights, stds: [0.375, 0.525, 0.3] })
const process = vpLinear()
export const wrongWorld = 'mixture, wrong network'
export const rightWorld = 'mixture, perfect network'
export const guidedMixture = 'clusters, w = 4'

const budgets = [4, 5, 6, 8, 10]
/** These also where the gain should have gone; c is not calibrated there. */
const long = [...budgets, 20, 50]
const alsoLong = (method: Method): Method =>
  [first, data2, ab2].some((base) => method.method === base.method || method.method === plain(base).method)
    ? { ...method, budgets: long }
    : method
/** Under guidance: the default schedules only. */
const scale = 4
const guidedBudgets = [8, 12, 20]
export const guided = [first, ab2, data2, plain(first), plain(data2)]
/** Linear beta, even in t; networks are viewed on it. */
const setting = { grid: uniformGrid, gridOptions: { to: 1e-3 }, budgets }

export async function run(options: ReproductionOptions = {}): Promise<ReproductionResult> {
  const { quick = false, onProgress } = options
  const seeds = options.seeds ?? Array.from({ length: quick ? 4 : 6 }, (_, i) => i)
  const results = new Results(seeds)
  const points = quick ? 100 : 250
  const images = quick ? 10 : 40
  const { models, absent } = await openImageModels(imageModelNames)

  const right = worldSubject(rightWorld, truth, process)
  const wrong: Subject = { ...right, name: wrongWorld, denoiser: network.denoiser(process) }
  const fine = { solver: dpmSolverPlusPlus({ order: 3 }), steps: quick ? 60 : 100, samples: quick ? 10 : 16 }
  const ofWorld = (subject: Subject) => ({
    ...{ subject, samples: points, metrics: [worldW2(truth, seeds, points)] as Metric[] },
    reference: { ...fine, steps: 500, samples: points },
  })
  const untuned: Omit<Comparison, 'methods'>[] = [
    ...[wrong, right].map((subject) => ({ ...setting, ...ofWorld(subject) })),
    ...models.map((model) => ({
      ...{ ...setting, subject: model.subject(1, process), samples: images, reference: fine },
      metrics: quick ? [] : [model.cnnFid(seeds.length, images)],
    })),
  ]

  // 1. What one step does wrong, as the paper splits it.
  splitErrors({ truth, network, process }, quick ? 100 : 250, results)
  // 2. Calibration, on noises of its own.
  const comparisons: Comparison[] = []
  const choices: string[] = []
  let done = 0
  const weightOf = ({ weight = 1 }: Subject) => weight
  const shared = { ...fine, samples: quick ? 12 : 32 }
  const total = untuned.reduce(
    (sum, c) => sum + weightOf(c.subject) * calibrationRows({ ...c, methods: bases, reference: shared }),
    0,
  )
  for (const comparison of untuned) {
    const { name } = comparison.subject
    const found = await calibrate({ ...comparison, methods: bases, reference: shared }, (rows) => {
      done += rows * weightOf(comparison.subject)
      onProgress?.((0.15 * done) / total, `${name}, calibration`)
    })
    for (const base of bases) {
      const list = [...found.get(base.method)!].map(([n, { most, power }]) => `${n}: ${most} (power ${power})`)
      choices.push(`${name}, ${base.method}: ${list.join(', ')}`)
    }
    const calibrated = bases.map((base) => tuned(base, found.get(base.method)!))
    const controls = comparison.subject.exact ? [ab2, identity, ...third] : [ab2, ...third]
    const methods = [...[...bases, ...controls, ...bases.map(plain)].map(alsoLong), ...calibrated]
    comparisons.push({ ...comparison, methods })
  }
  // 3. Under guidance, where nothing was calibrated; a step costs 2 NFE.
  comparisons.push({
    ...{ ...setting, subject: guidedWorld(guidedMixture, allClasses, oneClass, scale, process), samples: points },
    ...{ budgets: [...guidedBudgets, 50], methods: guided, metrics: [worldW2(oneClass, seeds, points)] },
    // Even in t, the last step would be nearly all of the error.
    ...{ grid: logSnrGrid, reference: { ...fine, steps: 500, samples: points } },
  })
  for (const model of models) {
    comparisons.push({
      ...{ ...setting, subject: model.subject(scale, process), samples: images, reference: { ...fine, samples: 10 } },
      ...{ budgets: guidedBudgets, methods: guided, metrics: quick ? [] : [model.cnnFid(seeds.length, images)] },
    })
  }
  // 4. Everything from the same noise.
  await compareSolvers(comparisons, results, (share, what) => onProgress?.(0.15 + 0.85 * share, what))
  await Promise.all(models.map((model) => model.close()))

  return {
    paper: 'Yu, Hao, Wang, Zhao 2025, DualFast, arXiv 2506.13058',
    claim:
      'Replacing the noise in the first-order term of a solver by an extrapolation away from an earlier one lowers the ' +
      'error of DDIM, DPM-Solver, DPM-Solver++ and UniPC at few evaluations, at no cost.',
    ...verdictOf(
      findings(
        results,
        models.map(({ subject }) => [subject(1).name, subject(scale).name]),
      ),
    ),
    command: `npx espalier reproduce dualfast${quick ? ' --quick' : ''}`,
    seeds,
    versions: versions(),
    budget:
      `${budgets.join(', ')} NFE a sample, some also 20 and 50; ${seeds.length} seeds of ${images} images; calibrated on ${shared.samples} others ` +
      `(steps: largest c and its power): ${choices.join('; ')}${absent.map((line) => `; not run: ${line}`).join('')}`,
    table: results.rows(),
  }
}

/**
 * The parts of the claim, each read off with its intervals, and the control that it must beat.
 * @param networks their settings without and with guidance
 */
function findings(results: Results, networks: readonly (readonly [string, string])[]): Finding[] {
  const gap = results.lead(identity.method, ab2.method, { setting: wrongWorld, metric: distanceName, budget: 8 })
  const gains = (setting: string, budget: number) =>
    [first, data2].map((base) =>
      lower(results, plain(base).method, base.method, { setting, metric: distanceName, budget }),
    )
  return [
    {
      holds: Math.abs(gap.mean) < 1e-5,
      about: 'identity',
      text: `DDIM + DualFast with c = r/2 and AB2 in rho differ by ${show(Math.abs(gap.mean))} in their distances`,
    },
    ...[wrongWorld, ...networks.map(([plain]) => plain)].flatMap((setting) => {
      const at = (budget: number) => ({ setting, metric: distanceName, budget })
      return [
        ...gains(setting, 5),
        lower(results, tunedName(first), ab2.method, at(5)),
        lower(results, tunedName(first), data2.method, at(5)),
        lower(results, tunedName(data2), data2.method, at(5)),
        ...third.map(({ method }) => lower(results, tunedName(data2), method, at(5))),
        lower(results, tunedName(data2), data2.method, at(10)),
      ]
    }),
    ...networks.flatMap(([, strong]) => gains(strong, 12)),
  ]
}
