/**
 * The samplers that MR Sampler is compared with (Li et al. 2025, section 5), on the residual `x - mu`.
 *
 * Each exists in two forms. `grid`: its coefficients are those of the step that it takes. `released`: the public code of
 * both papers visits N of the T times of the model but keeps the coefficients of a step from index i to i - 1, so that
 * with N < T the state hardly moves: N/T of the way. The catastrophic curves of few-step posterior sampling are this
 * mistake; the fair baseline is the first form, and both belong in the comparison.
 */

import type { Process } from 'espalier/process'
import { ddpm, oneStepPlan, type Solver, type Update } from 'espalier/solve'

export interface BaselineOptions {
  /** Default `grid`. */
  readonly stride?: 'grid' | 'released'
  /** T of the model, for the released form: index i is at time `i / T`. Default 100. */
  readonly steps?: number
}

/** A one-step solver whose coefficients are those of the whole step, or of one index of the model. */
function strided(
  name: string,
  target: 'data' | 'noise',
  { stride = 'grid', steps = 100 }: BaselineOptions,
  step: (process: Process, from: number, to: number) => Update,
): Solver {
  return (process, grid) =>
    oneStepPlan(`${name}(${stride})`, process, grid, target, (from, to) => {
      const index = Math.round(from * steps)
      return stride === 'grid' ? step(process, from, to) : step(process, index / steps, (index - 1) / steps)
    })
}

/**
 * Posterior sampling of IR-SDE (Luo et al. 2023, the "optimal reverse"): the mean and variance of `q(x_to | x, x_0)` at
 * the predicted `x_0`. Over the steps of the grid it is DDPM on the residual, and MR Sampler's SDE of order 1 with data.
 */
export function posteriorSampling(options: BaselineOptions = {}): Solver {
  return strided('posterior', 'data', options, (process, from, to) => {
    const { states, predictions, noise } = ddpm()(process, [from, to]).stages[0]
    return { x: states[0] ?? 0, prediction: predictions[0], noise }
  })
}

/**
 * Euler-Maruyama on the reverse SDE, `dr = (-f r - g^2 score) dt + g dw` backwards in time, with `g^2 = 2 std^2 f`,
 * `score = -eps / s`, and `f dt = log(a_to / a)`.
 */
export function eulerMaruyama(options: BaselineOptions = {}): Solver {
  return strided('euler-maruyama', 'noise', options, (process, from, to) => {
    const [a, s] = [process.a(from), process.s(from)]
    const drift = Math.log(process.a(to) / a)
    const stationary = s / Math.sqrt(1 - a * a)
    return {
      x: 1 + drift,
      prediction: (-2 * stationary ** 2 * drift) / s,
      noise: stationary * Math.sqrt(2 * drift),
    }
  })
}
