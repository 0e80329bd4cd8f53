import type { Target } from '../process/denoiser.ts'
import { exponentialStep } from './exponential.ts'
import { type MultistepOptions, orderAt } from './multistep.ts'
import type { Solver } from './plan.ts'
import { predictorCorrectorPlan } from './predictor-corrector.ts'
import { halfwayStep } from './uni-pc.ts'

export interface SaSolverOptions extends Pick<Partial<MultistepOptions>, 'lowerOrderFinal'> {
  /** Number of predictions that the predictor interpolates, 1 to 4. Default 2. */
  readonly predictorOrder?: number
  /** Number that the corrector interpolates, the new one among them: 1 to 4, or 0 for no corrector. Default 2. */
  readonly correctorOrder?: number
  /** Noise, 0 (the ODE) to 1 (the reverse SDE, default) and beyond, or a function of the time a step starts from. */
  readonly tau?: number | ((t: number) => number)
  /** What is interpolated. Default `data`; with `noise` the variance is right only as the steps get short. */
  readonly target?: Target
  /**
   * `released`: the public codes add a term of O(h^3) to the two-point steps of the data form. It makes them the `bh1`
   * steps of UniPC. Default: the integrals as in the paper.
   */
  readonly variant?: 'correct' | 'released'
}

/**
 * SA-Solver (Xue et al. 2023, "SA-Solver: stochastic Adams solver", Algorithm 1, from its eq. 10): Adams-Bashforth
 * predictor and Adams-Moulton corrector for the SDEs with the marginals of the process, one network call per step.
 * Predictor and corrector of a step take the same noise, which the table keeps as a state of its own. `tau` is constant
 * within a step, which is how the paper chooses it too: its coefficients are then integrals of exponentials.
 *
 * For tau = 0 the order is min(P + 1, C), or P without corrector; with noise the weak order on Gaussian data is 2 at most.
 */
export function saSolver(options: SaSolverOptions = {}): Solver {
  const { predictorOrder = 2, correctorOrder = 2, tau = 1, target = 'data', variant = 'correct' } = options
  if (![1, 2, 3, 4].includes(predictorOrder) || ![0, 1, 2, 3, 4].includes(correctorOrder)) {
    throw new Error(
      `SA-Solver has predictors of order 1 to 4 and correctors of order 0 (none) to 4, got ${predictorOrder} and ${correctorOrder}`,
    )
  }
  const amount = typeof tau === 'number' ? `tau=${tau}` : 'tau(t)'
  const suffix = `${target === 'data' ? '' : `,${target}`}${variant === 'released' ? ',released' : ''}`
  const name = `sa-solver(P${predictorOrder}C${correctorOrder},${amount}${suffix})`
  return (process, grid) =>
    predictorCorrectorPlan(name, process, grid, target, (k) => {
      const [from, to] = [grid[k], grid[k + 1]]
      const amount = typeof tau === 'number' ? tau : tau(from)
      if (!(amount >= 0 && amount < Infinity)) throw new Error(`SA-Solver needs tau >= 0, got ${amount} at t = ${from}`)
      const step = { process, target, from, to, tau: amount }
      const adams = (nodes: readonly number[]) =>
        variant === 'released' && target === 'data' && nodes.length === 2
          ? halfwayStep(step, nodes, 'bh1')
          : exponentialStep({ ...step, nodes })
      const count = (order: number) => orderAt(process, grid, k, { ...options, order })
      return {
        predictor: adams(grid.slice(k - count(predictorOrder) + 1, k + 1).reverse()),
        corrector: () => {
          if (correctorOrder === 0 || process.a(from) === 0) return undefined
          const old = correctorOrder === 1 ? 0 : count(correctorOrder - 1)
          return adams([to, ...grid.slice(k - old + 1, k + 1).reverse()])
        },
      }
    })
}
