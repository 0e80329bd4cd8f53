import type { Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { legendre } from './legendre.ts'

/** The variable in which predictions are interpolated: half log-SNR, `rho = s / a`, or the process time itself. */
export type Variable = 'lambda' | 'rho' | 'time'

/** `x_to = x x_from + sum_j predictions[j] m_j + noise z`. */
export interface LinearStep {
  readonly x: number
  readonly predictions: number[]
  readonly noise: number
}

export interface ExponentialOptions {
  readonly process: Process
  readonly target: Target
  /** The step goes from time `from` to the earlier time `to`. */
  readonly from: number
  readonly to: number
  /** Times of the predictions that are interpolated, all different; one node makes a first-order step. */
  readonly nodes: readonly number[]
  /** Default `lambda`. */
  readonly variable?: Variable
  /** Noise: 0 (default) solves the probability-flow ODE, 1 the reverse SDE, others the SDE of the same marginals. */
  readonly tau?: number
}

/**
 * One step of an exponential integrator: the linear part of the reverse-time equation is solved exactly, and the
 * prediction is replaced by the Lagrange polynomial through its values at `nodes`. With `lambda` from `from` to `to`,
 * `h` its difference, and `w = 1 + tau^2` (Xue et al. 2023, SA-Solver, eq. 10; tau = 0: Lu et al. 2022, DPM-Solver++,
 * eq. 8, and DPM-Solver, eq. 3.4; in other variables: Zhang and Chen 2023, DEIS, eq. 14):
 *
 *     data:   x_to = (s_to / s) exp(-tau^2 h) x + w a_to INT exp(-w (lambda_to - l)) x_0(l) dl
 *                                               + s_to sqrt(1 - exp(-2 tau^2 h)) z
 *     noise:  x_to = (a_to / a) x - w s_to INT exp(lambda_to - l) eps(l) dl + tau s_to sqrt(exp(2 h) - 1) z
 *
 * The integrals are taken by Gauss-Legendre quadrature. The weights sum to that of a constant prediction, to rounding.
 * A step to s = 0 is the data prediction itself (first order, without noise), but the noise form with a polynomial in
 * rho or time stays finite there, and takes several nodes. A step from a = 0 keeps only the noise of x.
 * @throws where two nodes coincide, where several nodes meet an infinite h, for noise at a = 0, and unless `tau >= 0`
 */
export function exponentialStep(options: ExponentialOptions): LinearStep {
  const { process, target, from, to, nodes, variable = 'lambda', tau = 0 } = options
  if (!(tau >= 0 && tau < Infinity)) throw new Error(`the amount of noise tau must be a number from 0 on, got ${tau}`)
  const [a0, s0, a1, s1] = [process.a(from), process.s(from), process.a(to), process.s(to)]
  const lambda0 = process.logSnr(from)
  const lambda1 = process.logSnr(to)
  const h = lambda1 - lambda0
  // At s = 0 the noise form of the SDE would add noise to clean data; every form ends with the data prediction.
  const t2 = s1 === 0 && target === 'noise' ? 0 : tau * tau
  const w = 1 + t2
  const data = target === 'data'
  if (!data && a0 === 0) {
    throw new Error(
      `a noise prediction says nothing at t = ${from} of ${process.name}, where a = 0: use a data solver, or a grid from an earlier time`,
    )
  }
  const x = data ? (s1 / s0) * (t2 === 0 ? 1 : Math.exp(-t2 * h)) : a1 / a0
  const total = data ? -a1 * Math.expm1(-w * h) : w * (s1 - (a1 / a0) * s0)
  const variance = data ? -Math.expm1(-2 * t2 * h) * s1 * s1 : t2 * ((a1 / a0) ** 2 * s0 * s0 - s1 * s1)
  const noise = t2 === 0 ? 0 : Math.sqrt(variance)
  if (nodes.length === 1) return { x, predictions: [total], noise }

  if (!Number.isFinite(h) && (data || a0 === 0 || variable === 'lambda')) {
    throw new Error(`a step of ${process.name} from t = ${from} to t = ${to} is infinite in lambda: order 1 only`)
  }
  const at = (lambda: number, time?: number) =>
    variable === 'lambda' ? lambda : variable === 'rho' ? Math.exp(-lambda) : (time ?? process.timeOfLogSnr(lambda))
  const points = nodes.map((t) => at(process.logSnr(t), t))
  if (new Set(points).size !== points.length) throw new Error(`two interpolation nodes coincide: ${nodes.join(', ')}`)
  const weights = points.map((_, j) => (j === 0 ? 0 : integral(options, (lambda) => basis(points, j, at(lambda)))))
  weights[0] = total - weights.reduce((sum, weight) => sum + weight, 0)
  return { x, predictions: weights, noise }
}

/** The weighted integral of a function of lambda over the step, as in {@link exponentialStep}: `f = 1` gives its total. */
export function integral(options: Omit<ExponentialOptions, 'nodes'>, f: (lambda: number) => number): number {
  const { process, target, from, to, tau = 0 } = options
  const w = 1 + tau * tau
  const end = process.logSnr(to)
  let sum = 0
  if (end === Infinity && target === 'noise') {
    // rho in place of lambda: -s_to exp(lambda_to - l) dl = a_to d rho, down to 0.
    const start = process.s(from) / process.a(from)
    legendre(0, start, (rho, weight) => {
      sum -= weight * process.a(to) * f(-Math.log(rho))
    })
    return sum
  }
  legendre(process.logSnr(from), end, (lambda, weight) => {
    const kernel =
      target === 'data' ? process.a(to) * Math.exp(-w * (end - lambda)) : -process.s(to) * Math.exp(end - lambda)
    sum += weight * w * kernel * f(lambda)
  })
  return sum
}

/** The Lagrange polynomial that is 1 at `points[j]` and 0 at the others. */
function basis(points: readonly number[], j: number, v: number): number {
  let product = 1
  for (let k = 0; k < points.length; k++) if (k !== j) product *= (v - points[k]) / (points[j] - points[k])
  return product
}
