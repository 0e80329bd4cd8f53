import {
  edm,
  flow,
  type GaussianMixture,
  meanReverting,
  type Process,
  uniformGrid,
  ve,
  vpLinear,
} from '../../src/process/index.ts'
import { execute, interpret, type Plan, type Solver } from '../../src/solve/index.ts'
import { moments } from '../../src/solve/moments.ts'
import { fold, normal } from '../../src/tensor/index.ts'
import { problemG } from '../process/worlds.ts'
import { askOf } from './golden.ts'
import { order, rowKeys, rows } from './helpers.ts'

/** Processes of every kind, with a range of times in which the flow of the worlds is far from trivial. */
export const ranges: readonly { readonly process: Process; readonly from: number; readonly to: number }[] = [
  { process: vpLinear(), from: 0.7, to: 0.05 },
  { process: ve(), from: 0.8, to: 0.2 },
  { process: flow(), from: 0.95, to: 0.05 },
  { process: meanReverting({ schedule: 'constant', std: 1 }), from: 0.8, to: 0.1 },
  { process: edm(), from: 0.04, to: 0.006 },
]

const exact = new Map<string, number[]>()

/** Order of a solver of the probability flow: slope of its error between n = 66 and n = 132 uniform steps. */
export function flowOrder(solver: Solver, range: (typeof ranges)[number], world: GaussianMixture = problemG): number {
  const { process, from, to } = range
  const starts = [-1, 0.3, 2].map((x) => x * Math.hypot(process.a(from), process.s(from)))
  const name = `${process.name} ${world.means.length}`
  if (!exact.has(name))
    exact.set(
      name,
      starts.map((x) => world.flow(process, [x], from, to)[0]),
    )
  const ns = [66, 132]
  const errors = ns.map((n) => {
    const plan = solver(process, uniformGrid(process, n, { from, to }))
    const ends = starts.map((x) => interpret(plan, askOf(process, plan.target, world), [x]).states[0][0])
    return Math.hypot(...ends.map((x, i) => x - exact.get(name)![i]))
  })
  return order(ns, errors)
}

/**
 * Errors of the law for Gaussian data, worst over the times of the grid: of the mean, and of the variance (relative),
 * at each n, from the right marginal on.
 */
export function lawErrors(
  solver: Solver,
  { process, from, to }: (typeof ranges)[number],
  ns: readonly number[],
): { readonly mean: number; readonly variance: number }[] {
  return ns.map((n) => {
    const law = moments(solver(process, uniformGrid(process, n, { from, to })), process, { mean: 0.7, std: 0.5 })
    return {
      mean: Math.max(...law.mean.map((m, i) => Math.abs(m - law.exact.mean[i]))),
      variance: Math.max(...law.variance.map((v, i) => Math.abs(v / law.exact.variance[i] - 1))),
    }
  })
}

/** The largest difference, over five rows, between `execute` and `interpret` with the same noise, for problem G. */
export async function executeAgainstInterpret(plan: Plan, process: Process): Promise<number> {
  const keys = rowKeys(3, 5)
  const x = rows([-1.5, -0.4, 0.2, 0.9, 2])
  const end = await execute(plan, problemG.denoiser(process), x, { keys })
  const ask = askOf(process, plan.target)
  const gaps = keys.map((key, row) => {
    const noise = (stage: number, out: Float64Array) => {
      const draw = new Float32Array(1)
      normal(fold(key, stage), draw, 0, 1)
      out[0] = draw[0]
    }
    return Math.abs(interpret(plan, ask, [x.data[row]], { noise }).states[0][0] - end.data[row])
  })
  return Math.max(...gaps)
}
