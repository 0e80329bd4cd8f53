import { logSumExp } from '../tensor/log-sum-exp.ts'
import { GaussianMixture } from './gaussian-mixture.ts'
import type { Process } from './process.ts'

/**
 * A reward whose tilt `p(x) exp(lambda r(x)) / Z` of a Gaussian mixture is a Gaussian mixture again:
 * `linear`: `r(x) = gradient . x`;
 * `modes`: `r(x) = log sum_i weights[i] exp(-|x - centers[i]|^2 / (2 scale^2))`.
 */
export type SolvableReward =
  | { readonly type: 'linear'; readonly gradient: readonly number[] }
  | {
      readonly type: 'modes'
      readonly centers: readonly (readonly number[])[]
      readonly weights: readonly number[]
      readonly scale: number
    }

/** `r(x) = -|x - center|^2 / (2 scale^2)`: one mode. */
export function quadraticReward(center: readonly number[], scale: number): SolvableReward {
  return { type: 'modes', centers: [center], weights: [1], scale }
}

function squaredDistance(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += (x[i] - y[i]) ** 2
  return sum
}

/** The reward of a point. */
export function rewardOf(reward: SolvableReward, x: ArrayLike<number>): number {
  if (reward.type === 'linear') return reward.gradient.reduce((sum, g, i) => sum + g * x[i], 0)
  return logSumExp(
    reward.centers.map((c, i) => Math.log(reward.weights[i]) - squaredDistance(x, c) / (2 * reward.scale ** 2)),
  )
}

/** One term of `E[exp(lambda r)]` under one Gaussian: its log mass, and the Gaussian that the product is. */
interface Term {
  readonly logMass: number
  readonly mean: Float64Array
  readonly std: number
  /** Which centre of the reward it belongs to. */
  readonly center: number
}

/** The product `N(x; mean, std^2 I) exp(lambda r(x))`, term by term. */
function multiply(reward: SolvableReward, lambda: number, mean: Float64Array, std: number): Term[] {
  const v = std * std
  if (reward.type === 'linear') {
    const g = reward.gradient.map((value) => lambda * value)
    const logMass = g.reduce((sum, value, i) => sum + value * mean[i] + (value * value * v) / 2, 0)
    return [{ logMass, mean: mean.map((m, i) => m + v * g[i]), std, center: 0 }]
  }
  const t = reward.scale ** 2 / lambda
  return reward.centers.map((c, i) => ({
    logMass:
      lambda * Math.log(reward.weights[i]) -
      0.5 * mean.length * Math.log1p(v / t) -
      squaredDistance(mean, c) / (2 * (t + v)),
    mean: mean.map((m, j) => (t * m + v * c[j]) / (t + v)),
    std: std * Math.sqrt(t / (t + v)),
    center: i,
  }))
}

/** A tilted law and its soft values, all exact. */
export interface Tilted {
  /** `p(x) exp(lambda r(x)) / Z`, again a world. */
  readonly law: GaussianMixture
  /** `log Z = log E_p[exp(lambda r)]`. */
  readonly logZ: number
  /** Probability of each centre of a `modes` reward under {@link Tilted.law} (one number for `linear`). */
  readonly masses: readonly number[]
  /** The soft value `V_t(x) = (1 / lambda) log E[exp(lambda r(x_0)) | x_t = x]`; at t = 0 the reward. */
  value(process: Process, x: ArrayLike<number>, t: number): number
}

/**
 * Tilts a Gaussian mixture by a solvable reward.
 * @param lambda inverse temperature, > 0. A reward with several modes is solvable at 1 only, since
 *   `(sum_i ...)^lambda` is a sum of Gaussians only there.
 */
export function tilt(world: GaussianMixture, reward: SolvableReward, lambda = 1): Tilted {
  check(world, reward, lambda)
  const terms = world.means.flatMap((mean, k) =>
    multiply(reward, lambda, mean, world.stds[k]).map((term) => ({
      ...term,
      logMass: term.logMass + Math.log(world.weights[k]),
    })),
  )
  const logZ = logSumExp(terms.map((term) => term.logMass))
  const kept = terms.filter((term) => term.logMass - logZ > -700) // others weigh less than a float64 can hold
  const masses = new Array<number>(reward.type === 'linear' ? 1 : reward.centers.length).fill(0)
  for (const term of terms) masses[term.center] += Math.exp(term.logMass - logZ)
  return {
    law: new GaussianMixture({
      means: kept.map((term) => term.mean),
      stds: kept.map((term) => term.std),
      weights: kept.map((term) => Math.exp(term.logMass - logZ)),
      event: [...world.event],
    }),
    logZ,
    masses,
    value(process, x, t) {
      const s = process.s(t)
      if (s === 0) return rewardOf(reward, x)
      const posterior = world.posterior(x, process.a(t), s)
      const masses = posterior.means.flatMap((mean, k) =>
        multiply(reward, lambda, mean, posterior.stds[k]).map((term) => term.logMass + Math.log(posterior.weights[k])),
      )
      return logSumExp(masses) / lambda
    },
  }
}

function check(world: GaussianMixture, reward: SolvableReward, lambda: number): void {
  if (!(lambda > 0 && lambda < Infinity)) throw new Error(`the inverse temperature must be positive, got ${lambda}`)
  const vectors = reward.type === 'linear' ? [reward.gradient] : reward.centers
  for (const vector of vectors) {
    if (vector.length !== world.dimension) {
      throw new Error(`a reward on ${vector.length} numbers cannot score a world of ${world.dimension}`)
    }
  }
  if (reward.type === 'linear') return
  if (reward.centers.length === 0 || reward.weights.length !== reward.centers.length) {
    throw new Error(`a modes reward has ${reward.centers.length} centres and ${reward.weights.length} weights`)
  }
  if (!(reward.scale > 0)) throw new Error(`the scale of a modes reward must be positive, got ${reward.scale}`)
  if (lambda !== 1 && reward.centers.length > 1) {
    throw new Error(`a reward with ${reward.centers.length} modes is solvable at lambda = 1 only, got ${lambda}`)
  }
}
