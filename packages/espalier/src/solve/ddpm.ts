import { ancestralStep, decayOf } from './ancestral.ts'
import { oneStepPlan, type Solver } from './plan.ts'

/**
 * Ancestral sampling (Ho, Jain, Abbeel 2020, eq. 6-7), for steps of any length: the mean of `q(x_to | x, x_0)` at the
 * predicted `x_0`, with `h` the step in lambda,
 *
 *     x_to = (s_to / s) exp(-h) x + a_to (1 - exp(-2 h)) x_0 + c z,
 *
 * and one of the two fixed variances of the paper: `small`, that of the posterior, `c = s_to sqrt(1 - exp(-2 h))`,
 * right for data at one point (the same table as DDIM with eta = 1), or `large`, that of the forward step,
 * `c = s sqrt(1 - exp(-2 h))`, right for data from N(0, I). A step to t = 0 draws no noise: it returns the prediction.
 */
export function ddpm(options: { readonly variance?: 'small' | 'large' } = {}): Solver {
  const { variance = 'small' } = options
  if (variance !== 'small' && variance !== 'large') {
    throw new Error(`ddpm needs the variance "small" or "large", got ${JSON.stringify(variance)}`)
  }
  return (process, grid) =>
    oneStepPlan(`ddpm(variance=${variance})`, process, grid, 'data', (from, to) => {
      const decay = decayOf(process, from, to)
      const small = ancestralStep(process, from, to, decay)
      if (variance === 'small' || small.noise === 0) return small
      return { ...small, noise: process.s(from) * Math.sqrt(1 - decay * decay) }
    })
}
