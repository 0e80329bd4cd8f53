import type { Process } from '../process/process.ts'
import { ancestralStep, keptWithEta } from './ancestral.ts'
import { chained, dpmSolverSinglestep } from './dpm-singlestep.ts'
import { exponentialStep } from './exponential.ts'
import { stageOf } from './multistep.ts'
import { HERE, parsePlan, type Solver, type Stage } from './plan.ts'

export interface DpmAncestralOptions {
  /** Amount of fresh noise, at least 0; as in `eulerAncestral`. Default 1. */
  readonly eta?: number
}

/**
 * DPM-Solver++ 2S ancestral ("DPM++ 2S a" of k-diffusion): a deterministic second-order step that goes too far, to
 * `rho_down`, and fresh noise that brings the state back to `rho_to`, as in `eulerAncestral`. The prediction is that at
 * the middle, in lambda, of the way to `rho_down`, which for eta = 1 is the level of the step's end. Two calls a step; one,
 * of first order, to s = 0, and for eta > 1 where the process has no noise as low as that middle. As the way back is the forward process itself, without error, the law converges
 * with the order of the step down: 2.
 */
export function dpmSolverPlusPlusAncestral({ eta = 1 }: DpmAncestralOptions = {}): Solver {
  if (!(eta >= 0)) throw new Error(`dpmSolverPlusPlusAncestral needs eta >= 0, got ${eta}`)
  return twoStage(`dpm-solver++(2S,ancestral,eta=${eta})`, (process, step, from, to) => {
    const kept = keptWithEta(process, from, to, eta)
    const { x, prediction, noise } = ancestralStep(process, from, to, kept)
    const down = process.logSnr(to) - Math.log(kept)
    const found = process.timeOfLogSnr((process.logSnr(from) + down) / 2)
    const middle = Math.abs(found - to) < 1e-12 ? to : found // the end of the step itself where eta = 1
    if (!(Number.isFinite(down) && middle >= 0)) return [stageOf(step, from, { x, predictions: [prediction], noise })]
    const half = exponentialStep({ process, target: 'data', from, to: middle, nodes: [from] })
    const whole = { x, predictions: [prediction, 0], noise }
    return chained(step, [from, middle], [half, whole], [{ x: x / half.x, noise }])
  })
}

export interface DpmSdeOptions {
  /** Amount of noise: 1 (default) for the reverse SDE, 0 for the ODE. The `eta` of k-diffusion, for small steps. */
  readonly tau?: number
  /** Where the network is asked a second time, as a share of the step in lambda. Default 1/2. */
  readonly r?: number
  /** `released`: the form of k-diffusion, see below. */
  readonly variant?: 'correct' | 'released'
}

/**
 * DPM-Solver++ for the SDE, singlestep ("DPM++ SDE" of k-diffusion): as 2S, with noise at the inner node too. It is
 * `dpmSolverSinglestep` with `tau`, whose two noises belong to one path of the SDE: weak order 2.
 *
 * `released` is the public form: both stages are ancestral steps from the start of the step (which for `tau = 1` have
 * the same coefficients), and their noises are increments of a Brownian motion whose time is rho, so they correlate by
 * `sqrt((rho - rho_1) / (rho - rho_to))` where the SDE has `exp(-(h - h_1)) sqrt((1 - exp(-2 h_1)) / (1 - exp(-2 h)))`.
 * For small steps that is the same, so its order is 2 again; it is not a defect, and with r = 1/2 its error can be the
 * smaller one.
 */
export function dpmSolverPlusPlusSde({ tau = 1, r = 1 / 2, variant = 'correct' }: DpmSdeOptions = {}): Solver {
  if (!(tau >= 0 && r > 0 && r < 1)) {
    throw new Error(`dpmSolverPlusPlusSde needs tau >= 0 and 0 < r < 1, got tau = ${tau}, r = ${r}`)
  }
  if (variant === 'correct') return dpmSolverSinglestep({ order: 2, inner: 'ratio', r1: r, tau })
  return twoStage(`dpm-solver++(sde,released,eta=${tau})`, (process, step, from, to) => {
    const h = process.logSnr(to) - process.logSnr(from)
    const whole = ancestralStep(process, from, to, keptWithEta(process, from, to, tau))
    if (!Number.isFinite(h)) return [stageOf(step, from, { ...whole, predictions: [whole.prediction] })]
    const middle = process.timeOfLogSnr(process.logSnr(from) + r * h)
    const half = ancestralStep(process, from, middle, keptWithEta(process, from, middle, tau))
    // The part of the noise that both stages share is x_middle less its mean.
    const correlation = Math.sqrt(Math.expm1(-r * h) / Math.expm1(-h))
    const shared = half.noise === 0 ? 0 : (correlation * whole.noise) / half.noise
    const newest = whole.prediction / (2 * r)
    return [
      stageOf(step, from, { ...half, predictions: [half.prediction] }),
      {
        step,
        time: middle,
        ask: HERE,
        states: [shared, whole.x - shared * half.x],
        predictions: [newest, whole.prediction - newest - shared * half.prediction],
        noise: whole.noise * Math.sqrt(1 - correlation * correlation),
      },
    ]
  })
}

/** A plan from the stages of each step. */
function twoStage(
  name: string,
  stagesOf: (process: Process, step: number, from: number, to: number) => Stage[],
): Solver {
  return (process, grid) => {
    const stages = grid.slice(0, -1).flatMap((from, step) => stagesOf(process, step, from, grid[step + 1]))
    return parsePlan({ type: 'plan', name, process: process.name, target: 'data', grid, stages })
  }
}
