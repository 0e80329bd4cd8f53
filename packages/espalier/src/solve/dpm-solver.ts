import type { Target } from '../process/denoiser.ts'
import { type ExponentialOptions, exponentialStep, integral, type LinearStep } from './exponential.ts'
import { type MultistepOptions, multistepPlan } from './multistep.ts'
import type { Solver } from './plan.ts'

export interface DpmMultistepOptions extends Partial<MultistepOptions> {
  /** 1 to 3. Default 2. */
  readonly order?: number
  /**
   * The second-order step. `taylor` integrates the line through two predictions exactly (the released codes' `heun`);
   * `midpoint` (default, as there) takes its value at the middle of the step, `(1 + 1/(2r)) m_0 - 1/(2r) m_{-1}`.
   */
  readonly type?: 'midpoint' | 'taylor'
  /** Noise: 0 (default) for the ODE, 1 for SDE-DPM-Solver(++); `eta` of k-diffusion is its square. */
  readonly tau?: number
  /**
   * `released`: the third-order weight of the public codes, where the half second difference is multiplied by the
   * weight of a whole one: order 2. Default: the right one, order 3.
   */
  readonly variant?: 'correct' | 'released'
}

/**
 * DPM-Solver++ multistep (Lu et al. 2022, "DPM-Solver++", Algorithm 2 and its third order): data prediction,
 * interpolated in lambda. One network call per step. `tau = 1` is SDE-DPM-Solver++ (eq. 18-19 there).
 */
export function dpmSolverPlusPlus(options: DpmMultistepOptions = {}): Solver {
  return dpmMultistep('dpm-solver++', 'data', options)
}

/** DPM-Solver multistep (Lu et al. 2022, "DPM-Solver"): as {@link dpmSolverPlusPlus} on the noise prediction. */
export function dpmSolver(options: DpmMultistepOptions = {}): Solver {
  return dpmMultistep('dpm-solver', 'noise', options)
}

function dpmMultistep(family: string, target: Target, options: DpmMultistepOptions): Solver {
  const { order = 2, type = 'midpoint', tau = 0, variant = 'correct', lowerOrderFinal } = options
  if (!(order <= 3)) throw new Error(`${family} multistep has orders 1 to 3, got ${order}`)
  const name = `${family}(${order}M,${type}${tau ? `,tau=${tau}` : ''}${variant === 'released' ? ',released' : ''})`
  return (process, grid) =>
    multistepPlan(name, process, grid, target, { order, lowerOrderFinal }, (nodes, to) => {
      const common = { process, target, from: nodes[0], to, tau }
      if (nodes.length === 2 && type === 'midpoint') return midpointStep(common, nodes)
      const step = exponentialStep({ ...common, nodes })
      return nodes.length === 3 && variant === 'released' ? halved(step, common, nodes) : step
    })
}

/** What the coefficients of a step depend on, beside its nodes. */
export type ExponentialCommon = Omit<ExponentialOptions, 'nodes' | 'variable'>

/** The first-order step with, for its prediction, the line through two of them at the middle of the step in lambda. */
export function midpointStep(common: ExponentialCommon, nodes: readonly number[]): LinearStep {
  const { x, predictions, noise } = exponentialStep({ ...common, nodes: [common.from] })
  const [first, second, start, end] = [...nodes, common.from, common.to].map(common.process.logSnr)
  const share = ((start + end) / 2 - second) / (first - second)
  return { x, predictions: [predictions[0] * share, predictions[0] * (1 - share)], noise }
}

/** Takes away half of the weight of the second difference `D_2 = (D_10 - D_11) / (r_0 + r_1)`. */
function halved(step: LinearStep, common: ExponentialCommon, nodes: readonly number[]): LinearStep {
  const [second, first, start, end] = [nodes[2], nodes[1], nodes[0], common.to].map(common.process.logSnr)
  const h = end - start
  const [r0, r1] = [(start - first) / h, (first - second) / h]
  const weight = integral(common, (lambda) => ((lambda - start) / h) ** 2 / 2) / (r0 + r1)
  const [m0, m1, m2] = step.predictions
  return { ...step, predictions: [m0 - weight / r0, m1 + weight * (1 / r0 + 1 / r1), m2 - weight / r1] }
}
