import type { Process } from '../process/process.ts'
import { oneStepPlan, type Solver, type Update } from './plan.ts'

/**
 * One step of the family of Song, Meng, Ermon (2021, "Denoising diffusion implicit models", eq. 7): with the data
 * prediction `x_0` and `eps = (x - a x_0) / s`,
 *
 *     x_to = a_to x_0 + kept s_to eps + s_to sqrt(1 - kept^2) z.
 *
 * Every member takes `q(x_from | x_0)` to `q(x_to | x_0)`; they differ in how much of the noise of x they keep:
 *
 *     1                                   DDIM, Euler in rho: the first-order step of the probability-flow ODE
 *     sqrt(1 - eta^2 (1 - exp(-2 h)))     DDIM with eta, Euler ancestral
 *     exp(-h)                             DDPM, where the forward process is Markov; h is the step in lambda
 *     s_to / s                            ResShift
 *     0                                   all noise drawn afresh: multistep consistency sampling
 *
 * A step to s = 0 is the data prediction itself.
 */
export function ancestralStep(process: Process, from: number, to: number, kept: number): Update {
  const [a, s] = [process.a(to), process.s(to)]
  if (s === 0) return { x: 0, prediction: a, noise: 0 }
  return {
    x: (kept * s) / process.s(from),
    prediction: a * (1 - kept * decayOf(process, from, to)), // a_to - kept s_to a / s
    noise: s * Math.sqrt(1 - kept * kept),
  }
}

/** `exp(-h) = rho_to / rho_from`: 0 to s = 0, and from a = 0. */
export function decayOf(process: Process, from: number, to: number): number {
  return Math.exp(process.logSnr(from) - process.logSnr(to))
}

/** What DDIM keeps: `eta` times the standard deviation of the posterior is fresh, all of the noise at most. */
export function keptWithEta(process: Process, from: number, to: number, eta: number): number {
  const decay = decayOf(process, from, to)
  // 1 - eta^2 (1 - decay^2), in the form that keeps the digits of a small decay.
  return Math.sqrt(Math.max(0, 1 - eta * eta + (eta * decay) ** 2))
}

export interface EulerAncestralOptions {
  /** Amount of fresh noise, at least 0. Default 1. */
  readonly eta?: number
  /**
   * Where the deterministic part of the step ends. `rho` (default): at `rho_down = sqrt(rho_to^2 - rho_up^2)`,
   * `rho_up = min(rho_to, eta rho_to sqrt(1 - rho_to^2 / rho^2))`, which is DDIM with eta. `time`: at
   * `t_down = t_to (1 - eta (1 - t_to / t))`, with eta <= 1, which is what public code does on a rectified flow.
   */
  readonly variable?: 'rho' | 'time'
}

/**
 * Euler ancestral sampling, as public code (k-diffusion and others) has it: an Euler step in rho goes too far, to a
 * lower level `rho_down`, and fresh noise brings the state back to the level `rho_to`:
 *
 *     y_to = y + (rho_down - rho) eps + sqrt(rho_to^2 - rho_down^2) z,      y = x / a.
 *
 * So it keeps the share `rho_down / rho_to` of the noise (see {@link ancestralStep}).
 */
export function eulerAncestral(options: EulerAncestralOptions = {}): Solver {
  const { eta = 1, variable = 'rho' } = options
  const most = variable === 'time' ? 1 : Infinity
  if (!(eta >= 0 && eta <= most)) {
    throw new Error(`eulerAncestral in ${variable} needs ${most === 1 ? '0 <= eta <= 1' : 'eta >= 0'}, got ${eta}`)
  }
  return (process, grid) =>
    oneStepPlan(`euler-ancestral(${variable},eta=${eta})`, process, grid, 'data', (from, to) => {
      const kept =
        variable === 'rho'
          ? keptWithEta(process, from, to, eta)
          : decayOf(process, to, to * (1 - eta * (1 - to / from)))
      return ancestralStep(process, from, to, kept)
    })
}

/**
 * Multistep consistency sampling (Song et al. 2023, "Consistency models", Algorithm 1): each step is the data
 * prediction with fresh noise, `x_to = a_to x_0 + s_to z`. Meant for networks whose data prediction is a sample (and
 * the `stochastic_sampling` of public flow schedulers); with an ordinary denoiser it blurs.
 */
export function renoise(): Solver {
  return (process, grid) =>
    oneStepPlan('renoise', process, grid, 'data', (from, to) => ancestralStep(process, from, to, 0))
}
