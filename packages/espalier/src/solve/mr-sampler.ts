import type { Target } from '../process/denoiser.ts'
import { type DpmMultistepOptions, dpmSolver, dpmSolverPlusPlus } from './dpm-solver.ts'
import type { Solver } from './plan.ts'

export interface MrSamplerOptions extends Pick<DpmMultistepOptions, 'lowerOrderFinal' | 'variant'> {
  /** 1 to 3 (the paper has 1 and 2; 3 is in its code, for the ODE). Default 2. */
  readonly order?: number
  /** The probability-flow ODE (default), or the reverse SDE. */
  readonly form?: 'ode' | 'sde'
  /**
   * The prediction that is interpolated; whatever the network makes is converted to it. Default `data`. The noise forms
   * grow with `exp(h)` and break down at few steps: the SDE's below some 15.
   */
  readonly prediction?: Target
}

/**
 * MR Sampler (Li et al. 2025, "MR Sampler: fast sampling for mean-reverting diffusion", Propositions 1-4): on the residual
 * `r = x - mu` of a mean-reverting process (see `meanReverting`) its solvers ARE those of DPM-Solver with the integral of
 * the interpolating line, as the mean cancels: this is the name under which users of such models look for them.
 *
 * Unlike the released code, which below 10 steps lowers the order towards the end but takes the last step at full order,
 * `lowerOrderFinal` lowers it to the last step.
 *
 * Order 1 of the SDE with data is the posterior step of IR-SDE over any stride, {@link ddpm}. Runs start from
 * `x = mu + std z`, so from pure noise of the residual, and end at `s(0) > 0`: {@link denoised} adds the last prediction.
 */
export function mrSampler(options: MrSamplerOptions = {}): Solver {
  const { order = 2, form = 'ode', prediction = 'data', ...rest } = options
  if (form !== 'ode' && form !== 'sde') throw new Error(`mrSampler has the forms ode and sde, got ${form}`)
  const family = prediction === 'data' ? dpmSolverPlusPlus : dpmSolver
  const solver = family({ ...rest, order, type: 'taylor', tau: form === 'sde' ? 1 : 0 })
  const released = rest.variant === 'released' ? ',released' : ''
  return (process, grid) => ({
    ...solver(process, grid),
    name: `mr-sampler(${order},${form},${prediction}${released})`,
  })
}
