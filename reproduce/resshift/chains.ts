/** Chains of any length with a perfect network, which needs no training: what is compared in closed form. */

import { type Process, residualShifting, vpCosine } from 'espalier/process'
import { ddim, ddpm, dpmSolverPlusPlus, resShift, type Solver } from 'espalier/solve'

export interface ChainOfSteps {
  readonly method: string
  readonly process: Process
  readonly solver: Solver
  /** Whether its states are residuals, clean minus degraded. */
  readonly residual: boolean
}

/** ResShift for T steps (least noise 0.2 up to 5, else 0.04), its ODE, and diffusions from noise at as many steps. */
export function chains(steps: number): ChainOfSteps[] {
  const shifting = residualShifting({ steps, minNoise: steps <= 5 ? 0.2 : 0.04 })
  const of = (residual: boolean) => (method: string, solver: Solver) => ({
    ...{ method, solver, residual, process: residual ? shifting : vpCosine() },
  })
  const [ofResidual, fromNoise] = [of(true), of(false)]
  return [
    ofResidual('ResShift', resShift()),
    ofResidual('ResShift as an ODE', ddim()),
    fromNoise('DDIM from noise', ddim()),
    fromNoise('2M from noise', dpmSolverPlusPlus()),
    fromNoise('DDPM from noise', ddpm()),
  ]
}

export const chainNames = chains(4).map(({ method }) => method)
