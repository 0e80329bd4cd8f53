import { exponentialStep, type Variable } from './exponential.ts'
import { type MultistepOptions, multistepPlan } from './multistep.ts'
import type { Solver } from './plan.ts'

export interface DeisOptions extends Partial<MultistepOptions> {
  /** Order r + 1 of the paper's r: the number of predictions in the polynomial, 1 to 4. Default 4 (tAB3). */
  readonly order?: number
  /** The variable of the polynomial: `time` (default, tAB), `rho` (rhoAB) or `lambda`. */
  readonly variable?: Variable
  /** Default false, unlike other multistep solvers: the paper keeps its order to the end. */
  readonly lowerOrderFinal?: MultistepOptions['lowerOrderFinal']
}

/**
 * DEIS with Adams-Bashforth extrapolation (Zhang and Chen 2023, "Fast sampling of diffusion models with exponential
 * integrator", eq. 14-15): the noise prediction is extrapolated by a polynomial in t or in rho. Order 1 is DDIM.
 * @throws for another order
 */
export function deis(options: DeisOptions = {}): Solver {
  const { order = 4, variable = 'time', lowerOrderFinal = false } = options
  if (!(Number.isInteger(order) && order >= 1 && order <= 4)) throw new Error(`DEIS has orders 1 to 4, got ${order}`)
  const letter = { time: 't', rho: 'rho', lambda: 'lambda' }[variable]
  return (process, grid) =>
    multistepPlan(`deis(${letter}AB${order - 1})`, process, grid, 'noise', { order, lowerOrderFinal }, (nodes, to) =>
      exponentialStep({ process, target: 'noise', from: nodes[0], to, nodes, variable }),
    )
}
