import type { ChurnOptions } from './churn.ts'
import type { Variable } from './exponential.ts'
import type { Solver } from './plan.ts'
import { rungeKutta } from './runge-kutta.ts'

export interface OdeOptions extends ChurnOptions {
  /** The variable of the ODE. Default `rho`. See {@link rungeKutta}. */
  readonly variable?: Variable
}

/**
 * Euler's method on the probability-flow ODE. In `rho` (default) it is DDIM, and what k-diffusion calls Euler; in
 * `time` it is plain Euler on dx/dt, which on a rectified flow is the same method again, and elsewhere the baseline
 * that exponential integrators improve on.
 */
export function euler(options: OdeOptions = {}): Solver {
  return rungeKutta({ ...options, method: 'euler' })
}

/**
 * Heun's second-order method with churn (Karras et al. 2022, "Elucidating the design space of diffusion-based
 * generative models", Algorithm 2), in rho for any process. Each step costs two network calls, and the last one, if
 * it reaches s = 0, one: 2 n - 1 in all. `variable: 'time'` on a rectified flow is the Heun of flow schedulers.
 *
 * A step's `gamma` is cut so that the raised time stays within the process (t <= 1): the first step from t = 1 adds
 * no noise.
 */
export function heun(options: OdeOptions = {}): Solver {
  return rungeKutta({ ...options, method: 'heun' })
}
