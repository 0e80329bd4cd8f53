import type { Process } from '../process/process.ts'
import { type Ask, interpret } from './interpret.ts'
import { undenoised } from './levels.ts'
import { type Plan, sameProcess } from './plan.ts'

/** Data `N(mean, std^2)`, the same in every coordinate. */
export interface Gaussian {
  readonly mean: number
  readonly std: number
}

export interface Moments {
  readonly times: readonly number[]
  /** Mean and variance of the state at each time of the grid. */
  readonly mean: readonly number[]
  readonly variance: readonly number[]
  /** Those of the process itself: `a mean` and `a^2 std^2 + s^2`. */
  readonly exact: { readonly mean: readonly number[]; readonly variance: readonly number[] }
  /**
   * The state at each time of the grid as an affine function of independent standard normal numbers: the constant, the
   * weight of the start noise, and the weight of each noise that the plan draws, in order.
   */
  readonly coefficients: readonly Float64Array[]
}

export interface MomentsOptions {
  /** `marginal` (default): start from the law of the process at `grid[0]`; `noise`: from pure noise `N(0, s^2)`. */
  readonly start?: 'marginal' | 'noise'
}

/**
 * The exact law of a plan's state at every time of its grid, for Gaussian data, without sampling.
 *
 * The denoiser of Gaussian data is affine, and so is a plan: everything that a run keeps is an affine function of the
 * start noise and the noises it draws. So the plan is interpreted on the coefficients of these functions in place of
 * states; memory, stages and a noise that two stages share come out right by themselves.
 * @throws where the plan is for another process
 */
export function moments(plan: Plan, process: Process, data: Gaussian, options: MomentsOptions = {}): Moments {
  sameProcess(plan, process)
  const { start = 'marginal' } = options
  const times = plan.grid
  const marginal = (t: number) => Math.hypot(process.a(t) * data.std, process.s(t))
  const column = new Map<number, number>()
  plan.stages.forEach(({ noise }, i) => {
    if (noise !== 0) column.set(i, column.size + 2)
  })
  const first = new Float64Array(column.size + 2)
  first[0] = start === 'marginal' ? process.a(times[0]) * data.mean : 0
  first[1] = start === 'marginal' ? marginal(times[0]) : process.s(times[0])
  const coefficients: Float64Array[] = [first]
  interpret(plan, linearDenoiser(plan, process, data), first, {
    noise: (stage, out) => {
      out.fill(0)
      out[column.get(stage)!] = 1
    },
    onStep: (_, state) => {
      coefficients.push(state)
      return undefined
    },
  })
  const exact = { mean: times.map((t) => process.a(t) * data.mean), variance: times.map((t) => marginal(t) ** 2) }
  if (undenoised(plan, process) !== plan) {
    // After a last data prediction the state stands for clean data.
    exact.mean[times.length - 1] = data.mean
    exact.variance[times.length - 1] = data.std ** 2
  }
  return {
    times,
    mean: coefficients.map((c) => c[0]),
    variance: coefficients.map((c) => covariance(c, c)),
    exact,
    coefficients,
  }
}

/** The covariance of two states, each given by its {@link Moments.coefficients}. */
export function covariance(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 1; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

/**
 * The prediction for Gaussian data on coefficient vectors. With `v = a^2 std^2 + s^2`,
 * `E[x_0 | x] = mean + (a std^2 / v) (x - a mean)` and `E[eps | x] = (s / v) (x - a mean)`.
 */
function linearDenoiser({ target }: Plan, process: Process, { mean, std }: Gaussian): Ask {
  return (x, t, out) => {
    const [a, s] = [process.a(t), process.s(t)]
    const variance = a * a * std * std + s * s
    const gain = target === 'noise' ? s / variance : s === 0 ? 1 / a : (a * std * std) / variance
    for (let i = 0; i < x.length; i++) out[i] = gain * x[i]
    out[0] += (target === 'noise' ? 0 : mean) - gain * a * mean
  }
}
