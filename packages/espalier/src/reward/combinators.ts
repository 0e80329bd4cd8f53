import type { Tensor } from '../tensor/tensor.ts'
import { type Composition, composedReward } from './composed.ts'
import type { DifferentiableReward, Reward } from './reward.ts'

/**
 * Rewards made of rewards. Each has a gradient where its parts have one; values and gradients take one call of each
 * part.
 */

export interface Term<X, R extends Reward<X> = Reward<X>> {
  readonly reward: R
  /** Any finite number. A weight of 0 leaves the term out, were it `-Infinity`. */
  readonly weight: number
}

/** `sum_j weight_j r_j`. A negative weight turns a reward of `-Infinity` into an error, `+Infinity`. */
export function weightedSum(terms: readonly Term<Tensor, DifferentiableReward<Tensor>>[]): DifferentiableReward<Tensor>
export function weightedSum<X>(terms: readonly Term<X>[]): Reward<X>
export function weightedSum<X>(terms: readonly Term<X>[]): Reward<X> {
  const weights = terms.map(({ reward, weight }) => finite(weight, `the weight of "${reward.name}"`))
  return composedReward(
    terms.map(({ reward }) => reward),
    {
      name: terms.map(({ reward, weight }, j) => termName(reward.name, weight, j === 0)).join(''),
      value: (r) => weights.reduce((sum, weight, j) => (weight === 0 ? sum : sum + weight * r[j]), 0),
      slopes: () => weights,
    },
  )
}

/** The least of the rewards: all of them are wanted. The gradient is that of the least one (of equals, the first). */
export function minimum(rewards: readonly DifferentiableReward<Tensor>[]): DifferentiableReward<Tensor>
export function minimum<X>(rewards: readonly Reward<X>[]): Reward<X>
export function minimum<X>(rewards: readonly Reward<X>[]): Reward<X> {
  return composedReward(rewards, {
    name: `min(${rewards.map(({ name }) => name).join(', ')})`,
    value: (r) => Math.min(...r),
    slopes: (r) => {
      const least = r.indexOf(Math.min(...r))
      return rewards.map((_, j) => (j === least ? 1 : 0))
    },
  })
}

/**
 * Whether a reward reaches a value: 1 where `r >= at`, else 0, without a gradient (it would be 0 nearly everywhere).
 *
 * With a softness `s > 0` it is `log sigmoid((r - at) / s)`: the log-probability that `r` plus logistic noise of scale
 * s reaches the value; near 0 above it, falling with slope `1/s` below it, and with a gradient.
 */
export function threshold(
  reward: DifferentiableReward<Tensor>,
  at: number,
  options: { readonly softness: number },
): DifferentiableReward<Tensor>
export function threshold<X>(reward: Reward<X>, at: number, options?: { readonly softness?: number }): Reward<X>
export function threshold<X>(
  reward: Reward<X>,
  at: number,
  { softness }: { readonly softness?: number } = {},
): Reward<X> {
  finite(at, `the threshold of "${reward.name}"`)
  if (softness === undefined) {
    return composedReward([reward], { name: `[${reward.name} >= ${at}]`, value: ([r]) => (r >= at ? 1 : 0) })
  }
  if (!(softness > 0 && softness < Infinity)) {
    throw new Error(`the softness of the threshold of "${reward.name}" is ${softness}, expected a positive number`)
  }
  return composedReward([reward], {
    name: `log p(${reward.name} > ${at} +- ${softness})`,
    value: ([r]) => logSigmoid((r - at) / softness),
    slopes: ([r]) => [1 / (1 + Math.exp((r - at) / softness)) / softness],
  })
}

/** The reward, cut to `[low, high]`; outside of it the gradient is 0. */
export function clip(reward: DifferentiableReward<Tensor>, low: number, high: number): DifferentiableReward<Tensor>
export function clip<X>(reward: Reward<X>, low: number, high: number): Reward<X>
export function clip<X>(reward: Reward<X>, low: number, high: number): Reward<X> {
  if (!(low <= high && low < Infinity && high > -Infinity)) {
    throw new Error(`"${reward.name}" cannot be clipped to [${low}, ${high}]; expected low <= high`)
  }
  return composedReward([reward], {
    name: `clip(${reward.name}, ${low}, ${high})`,
    value: ([r]) => Math.min(high, Math.max(low, r)),
    slopes: ([r]) => [r >= low && r <= high ? 1 : 0],
  })
}

/** What a constraint asks of a reward; at least one of the two. */
export interface Bounds {
  readonly atLeast?: number
  readonly atMost?: number
}

/**
 * The reward where another one lies within bounds, `-Infinity` ("never") where it does not. Within them the gradient is
 * that of the reward, outside it is 0: it does not lead back.
 *
 */
export function constraint(
  measured: Reward<Tensor>,
  bounds: Bounds,
  reward: DifferentiableReward<Tensor>,
): DifferentiableReward<Tensor>
export function constraint<X>(measured: Reward<X>, bounds: Bounds, reward: Reward<X>): Reward<X>
export function constraint<X>(measured: Reward<X>, bounds: Bounds, reward: Reward<X>): Reward<X> {
  const { atLeast = -Infinity, atMost = Infinity } = bounds
  if (!(atLeast <= atMost && (atLeast > -Infinity || atMost < Infinity))) {
    throw new Error(`"${measured.name}" cannot lie in [${atLeast}, ${atMost}]; expected a bound, and low <= high`)
  }
  const condition = [
    ...(atLeast > -Infinity ? [`${measured.name} >= ${atLeast}`] : []),
    ...(atMost < Infinity ? [`${measured.name} <= ${atMost}`] : []),
  ].join(' and ')
  const holds = (value: number) => value >= atLeast && value <= atMost
  const composition: Composition = {
    name: `${reward.name} if ${condition}`,
    value: ([value, r]) => (holds(value) ? r : -Infinity),
    slopes: ([value]) => [0, holds(value) ? 1 : 0],
    slopesOf: [1],
  }
  return composedReward([measured, reward], composition)
}

/** `-r`. A reward of `-Infinity` becomes an error. */
export function negated(reward: DifferentiableReward<Tensor>): DifferentiableReward<Tensor>
export function negated<X>(reward: Reward<X>): Reward<X>
export function negated<X>(reward: Reward<X>): Reward<X> {
  return scaled(reward, -1)
}

/** `factor r`. */
export function scaled(reward: DifferentiableReward<Tensor>, factor: number): DifferentiableReward<Tensor>
export function scaled<X>(reward: Reward<X>, factor: number): Reward<X>
export function scaled<X>(reward: Reward<X>, factor: number): Reward<X> {
  return weightedSum([{ reward, weight: factor }])
}

/** `r + offset`. */
export function shifted(reward: DifferentiableReward<Tensor>, offset: number): DifferentiableReward<Tensor>
export function shifted<X>(reward: Reward<X>, offset: number): Reward<X>
export function shifted<X>(reward: Reward<X>, offset: number): Reward<X> {
  finite(offset, `the offset of "${reward.name}"`)
  return composedReward([reward], {
    name: `${reward.name} ${offset < 0 ? '-' : '+'} ${Math.abs(offset)}`,
    value: ([r]) => r + offset,
    slopes: () => [1],
  })
}

/** `log(1 / (1 + exp(-z)))`, exact far below 0. */
function logSigmoid(z: number): number {
  return Math.min(z, 0) - Math.log1p(Math.exp(-Math.abs(z)))
}

/** A term as it stands in a sum: `2 a`, ` - 0.5 b`. */
function termName(name: string, weight: number, first: boolean): string {
  const size = Math.abs(weight)
  const sign = weight < 0 ? '-' : '+'
  // A part that is itself a sum keeps its parentheses.
  const inner = / [+-] | if /.test(name) || name.startsWith('-') ? `(${name})` : name
  const body = size === 1 ? inner : `${size} ${inner}`
  if (first) return weight < 0 ? `-${body}` : size === 1 ? name : body
  return ` ${sign} ${body}`
}

function finite(value: number, what: string): number {
  if (!Number.isFinite(value)) throw new Error(`${what} is ${value}, expected a finite number`)
  return value
}
