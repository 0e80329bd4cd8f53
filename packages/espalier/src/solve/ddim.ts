import { ancestralStep, keptWithEta } from './ancestral.ts'
import { oneStepPlan, type Solver } from './plan.ts'

/**
 * DDIM (Song, Meng, Ermon 2021, eq. 12) for any process. With `h` the step in lambda,
 *
 *     x_to = a_to x_0 + sqrt(s_to^2 - c^2) eps + c z,   c = eta s_to sqrt(1 - exp(-2 h)),
 *
 * and `eps = (x - a x_0) / s` put in. `eta = 0` is the first-order solver of the probability-flow ODE, `eta = 1` is
 * ancestral sampling with the posterior variance. A step to t = 0 returns the data prediction itself.
 * @param options.eta amount of noise, 0 (default) to 1
 */
export function ddim(options: { readonly eta?: number } = {}): Solver {
  const { eta = 0 } = options
  if (!(eta >= 0 && eta <= 1)) throw new Error(`ddim needs 0 <= eta <= 1, got ${eta}`)
  return (process, grid) =>
    oneStepPlan(`ddim(eta=${eta})`, process, grid, 'data', (from, to) =>
      ancestralStep(process, from, to, keptWithEta(process, from, to, eta)),
    )
}
