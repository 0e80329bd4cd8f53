import { coefficientsAt, conversion } from '../process/prediction.ts'
import type { Process } from '../process/process.ts'
import { ancestralStep } from './ancestral.ts'
import { oneStepPlan, type Solver } from './plan.ts'

/** Diffusion coefficients by name, as functions of the time, with the factor that `norm` stands for where left out. */
const diffusions = {
  /** `norm t^2`, norm 3 (Kim et al. 2025). */
  square: { norm: 3, g: (t: number, _: Process) => t * t },
  /** `norm t`, norm 3: more noise near the data. */
  linear: { norm: 3, g: (t: number, _: Process) => t },
  /** `g^2 = 2 (s s' - s^2 a'/a)`: that of the forward SDE, whose drift is then free of the score. Infinite at a = 0. */
  forward: {
    norm: 1,
    g: (t: number, { a, s, da, ds }: Process) => Math.sqrt(2 * s(t) * (ds(t) - (s(t) * da(t)) / a(t))),
  },
} as const

export type FlowDiffusion = keyof typeof diffusions
export const flowDiffusions = Object.keys(diffusions) as FlowDiffusion[]

export interface FlowSdeOptions {
  /**
   * Diffusion coefficient `g(t) >= 0` at the time of the process: by name (`square`: `norm t^2`, `linear`: `norm t`,
   * `forward`: that of the forward SDE, which is infinite where a = 0), a constant, or a function. Default `square`.
   */
  readonly g?: FlowDiffusion | number | ((t: number, process: Process) => number)
  /** Factor of g. Default 3 for `square` and `linear`, else 1. */
  readonly norm?: number
}

/**
 * The probability flow `dx = u dt` as an SDE with the same marginals for any `g(t)` (Kim, Yoon, Hwang, Sung 2025,
 * "Inference-time scaling for flow models via stochastic generation and rollover budget forcing", arXiv 2503.19385,
 * eq. 7; Song et al. 2021), by Euler-Maruyama:
 *
 *     dx = (u - g^2/2 score) dt + g dw,
 *     x_to = x - h u + h g^2/2 score + g sqrt(h) z,        h = t - t_to > 0.
 *
 * Both `u = a' x_0 + s' eps` and `score = -eps / s` are linear in the state and the prediction, so a step is one row
 * of a table. It makes a flow model's states have many continuations, which searches need. `g = 0` is {@link euler} in
 * time. A step to clean data, s = 0, is the data prediction itself, without noise. Weak order 1.
 *
 * With the network seen on another process (`viewed`), times, u and score are that process's: a flow model through
 * `viewed(denoiser, vpLinear())` has the paper's VP-SDE.
 * @throws where g or norm is negative or not finite at a time of the grid
 */
export function flowSde(options: FlowSdeOptions = {}): Solver {
  const { g = 'square' } = options
  const named = typeof g === 'string' ? diffusions[g] : undefined
  if (typeof g === 'string' && !named) throw new Error(`no diffusion "${g}": there are ${flowDiffusions.join(', ')}`)
  const norm = options.norm ?? named?.norm ?? 1
  if (!(norm >= 0 && norm < Infinity)) throw new Error(`flowSde needs a norm from 0 on, got ${norm}`)
  const shape = named ? named.g : typeof g === 'number' ? () => g : (g as (t: number, process: Process) => number)
  const name = `flow-sde(${typeof g === 'function' ? 'custom' : g},${norm})`
  return (process, grid) =>
    oneStepPlan(name, process, grid, 'data', (from, to) => {
      if (process.s(to) === 0) return ancestralStep(process, from, to, 0)
      const diffusion = norm === 0 ? 0 : norm * shape(from, process)
      if (!(diffusion >= 0 && diffusion < Infinity)) {
        throw new Error(
          `${name} on ${process.name}: g is ${diffusion} at t = ${from}, expected a finite number from 0 on`,
        )
      }
      const coefficients = coefficientsAt(process, from)
      const flow = conversion('data', 'flow', coefficients)
      const score = conversion('data', 'score', coefficients)
      const half = (diffusion * diffusion) / 2
      const step = to - from
      return {
        x: 1 + step * (flow.x - half * score.x),
        prediction: step * (flow.output - half * score.output),
        noise: diffusion * Math.sqrt(-step),
      }
    })
}
