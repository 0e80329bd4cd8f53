import { ancestralStep } from './ancestral.ts'
import { oneStepPlan, type Solver } from './plan.ts'

/**
 * The ancestral chain of ResShift (Yue, Wang, Loy 2023, "ResShift", sec. 2.1), on the residual `r = x - y` from the
 * degraded image y. The forward chain moves the residual by increments and adds noise,
 *
 *     r_t = r_{t-1} - (eta_t - eta_{t-1}) r_0 + kappa sqrt(eta_t - eta_{t-1}) z,
 *
 * so `a = 1 - eta` and `s = kappa sqrt(eta)`, and its posterior `q(r_to | r, r_0)` is
 *
 *     r_to = (s_to / s)^2 r + (a_to - a (s_to / s)^2) r_0 + s_to sqrt(1 - (s_to / s)^2) z.
 *
 * (With y added back: `x_to = (eta_to / eta) x + (1 - eta_to / eta) x_0 + ...`, in which y has gone.)
 *
 * It is not {@link ddpm} on the same marginals: there the forward step SHRINKS the state, `r_t = (a_t / a_{t-1}) r_{t-1}
 * + ...`, here it is moved by a multiple of the clean residual and its noise is left whole, as on a variance-exploding
 * process. So this chain keeps the share `s_to / s` of the noise, and DDPM only `(a / a_to) (s_to / s)`; where a is
 * constant they are one. Both keep the marginals of a known `r_0`, and both lose variance of the posterior when
 * `r_0` is a mean: the fewer steps the more.
 */
export function resShift(): Solver {
  return (process, grid) =>
    oneStepPlan('res-shift', process, grid, 'data', (from, to) =>
      ancestralStep(process, from, to, process.s(to) / process.s(from)),
    )
}
