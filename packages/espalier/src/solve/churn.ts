import type { Process } from '../process/process.ts'
import type { Stage } from './plan.ts'

/** The noise that EDM adds before a step, and removes in it (Karras et al. 2022, Algorithm 2). */
export interface ChurnOptions {
  /** `S_churn`: a step from rho starts at `rho (1 + min(churn / n, sqrt(2) - 1))` instead. Default 0: none. */
  readonly churn?: number
  /** `S_tmin`, `S_tmax`: the range of rho in which noise is added. Default: everywhere. */
  readonly churnMin?: number
  readonly churnMax?: number
  /** `S_noise`: the new noise is this many times what the marginal asks for. Default 1. */
  readonly churnNoise?: number
}

/** @throws where an amount is negative or not a number */
export function checkChurn({ churn = 0, churnMin = 0, churnMax = Infinity, churnNoise = 1 }: ChurnOptions): void {
  if (!(churn >= 0 && churnMin >= 0 && churnMax >= churnMin && churnNoise >= 0)) {
    const got = `${churn}, ${churnMin}, ${churnMax}, ${churnNoise}`
    throw new Error(`churn needs churn >= 0, 0 <= churnMin <= churnMax and churnNoise >= 0, got ${got}`)
  }
}

/**
 * The stage that raises the noise of the state before step `step` of `steps`, and the time that it is raised to:
 *
 *     rho^ = rho (1 + gamma),      x^ = (a^ / a) x + a^ sqrt(rho^^2 - rho^2) churnNoise z.
 *
 * Gamma is cut where the process has no such noise: at t = 1 nothing can be added. Undefined where nothing is.
 */
export function churned(
  process: Process,
  time: number,
  step: number,
  steps: number,
  { churn = 0, churnMin = 0, churnMax = Infinity, churnNoise = 1 }: ChurnOptions,
): { readonly stage: Stage; readonly time: number } | undefined {
  const lambda = process.logSnr(time)
  const rho = Math.exp(-lambda)
  const gamma = rho >= churnMin && rho <= churnMax ? Math.min(churn / steps, Math.SQRT2 - 1) : 0
  if (gamma === 0 || rho === Infinity || time >= 1) return undefined
  const wanted = process.timeOfLogSnr(lambda - Math.log1p(gamma))
  const raised = wanted <= 1 ? wanted : 1 // NaN too, for a level that the process does not have
  const a = process.a(raised)
  const ratio = a / process.a(time)
  const noise = churnNoise * Math.sqrt(Math.max(0, process.s(raised) ** 2 - (ratio * process.s(time)) ** 2))
  const none = { states: [1], predictions: [] }
  return { time: raised, stage: { step, time: null, ask: none, states: [ratio], predictions: [], noise } }
}
