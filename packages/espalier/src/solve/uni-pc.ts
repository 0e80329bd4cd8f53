import type { Target } from '../process/denoiser.ts'
import { type ExponentialCommon, midpointStep } from './dpm-solver.ts'
import { exponentialStep, type LinearStep } from './exponential.ts'
import { type MultistepOptions, orderAt } from './multistep.ts'
import type { Solver } from './plan.ts'
import { predictorCorrectorPlan } from './predictor-corrector.ts'

export interface UniPcOptions extends Partial<MultistepOptions> {
  /** p, the number of old predictions, 1 to 4: the order of the predictor; the corrector has p + 1. Default 2. */
  readonly order?: number
  /** The function B(h): `h` (bh1) or `exp(h) - 1` (bh2, default), with the sign of the target. */
  readonly b?: 'bh1' | 'bh2'
  /** Whether the states are corrected (UniPC, default) or not (UniP), or after which steps, counted from 0. */
  readonly corrector?: boolean | ((step: number) => boolean)
  /** What is interpolated. Default `data`. */
  readonly target?: Target
}

/**
 * UniPC (Zhao et al. 2023, "UniPC: a unified predictor-corrector framework", Theorem 3.1 and Corollary 3.2) in its
 * multistep form: one network call per step, whose prediction corrects the state that it was asked at (UniC-p) before
 * the next state is predicted (UniP-p); the last state is not corrected.
 *
 * The paper finds the weights of the differences of predictions from a linear system with `B(h)` on both sides. Where
 * that system has as many equations as unknowns, its solution does not depend on B: it is the exact integral of the
 * polynomial through the predictions. B matters only where one unknown is given the leading term 1/2 in place of the
 * solution: in the predictor with p = 2 (with `bh2` the midpoint form of DPM-Solver++(2M)) and in the corrector with
 * p = 1.
 */
export function uniPC(options: UniPcOptions = {}): Solver {
  const { order = 2, b = 'bh2', corrector = true, target = 'data', lowerOrderFinal } = options
  if (!(Number.isInteger(order) && order >= 1 && order <= 4)) throw new Error(`UniPC has orders 1 to 4, got ${order}`)
  const corrects = typeof corrector === 'function' ? corrector : () => corrector
  const name = `${corrector ? 'unipc' : 'unip'}(${order},${b}${target === 'data' ? '' : `,${target}`})`
  return (process, grid) =>
    predictorCorrectorPlan(name, process, grid, target, (k) => {
      const [from, to] = [grid[k], grid[k + 1]]
      const p = orderAt(process, grid, k, { order, lowerOrderFinal })
      const old = grid.slice(k - p + 1, k + 1).reverse()
      const common = { process, target, from, to }
      return {
        predictor: p === 2 ? halfwayStep(common, old, b) : exponentialStep({ ...common, nodes: old }),
        corrector: () => {
          if (!corrects(k) || process.a(from) === 0) return undefined
          return p === 1 ? halfwayStep(common, [to, from], b) : exponentialStep({ ...common, nodes: [to, ...old] })
        },
      }
    })
}

/**
 * The two-point step with weight 1/2: `x_to = x x_from + T m_from + B (m_node - m_from) / (2 r)`, where T is the weight
 * of a constant prediction, `r = (lambda_node - lambda_from) / h`, and B is T (bh2: {@link midpointStep}) or the limit
 * of T for small h, `(1 + tau^2) h` times `a_to` for data and `-s_to` for noise (bh1).
 * @param nodes the time `from`, and another one, in either order
 */
export function halfwayStep(common: ExponentialCommon, nodes: readonly number[], b: 'bh1' | 'bh2'): LinearStep {
  const step = midpointStep(common, nodes)
  if (b === 'bh2') return step
  const { process, target, from, to, tau = 0 } = common
  const h = process.logSnr(to) - process.logSnr(from)
  const total = step.predictions[0] + step.predictions[1]
  const short = (1 + tau * tau) * h * (target === 'data' ? process.a(to) : -process.s(to))
  const predictions = nodes.map((node, j) => {
    const weight = (short / total) * step.predictions[node === from ? 1 - j : j]
    return node === from ? total - weight : weight
  })
  return { ...step, predictions }
}
