import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'

/**
 * How tokens are noised over the times [0, 1] (0 is clean, 1 is noise): each token on its own keeps its value with the
 * probability `alpha(t) = 1 - noised(t)`. All in float64, and stated by `noised`, which is exact near both ends.
 */
export interface TokenSchedule {
  /** With the parameters in it: two schedules of one name are the same. */
  readonly name: string
  /** `1 - alpha(t)`, increasing. */
  noised(t: number): number
  /** `d noised / dt = -alpha'(t) = sigma(t) alpha(t)`; finite also where alpha is 0. */
  rate(t: number): number
  /** The time of a noised share: the inverse of `noised`. */
  timeOf(noised: number): number
}

/**
 * Log-linear: `noised = (1 - epsilon) t` (Sahoo et al. 2024, Lou et al. 2024). SEDD's epsilon is 1e-3; at 0, the
 * default, it is linear and ends in nothing but noise.
 */
export function logLinear(epsilon = 0): TokenSchedule {
  if (!(epsilon >= 0 && epsilon < 1)) throw new Error(`log-linear: epsilon is ${epsilon}, expected a number in [0, 1)`)
  const slope = 1 - epsilon
  return {
    name: `log-linear(${epsilon})`,
    noised: (t) => slope * t,
    rate: () => slope,
    timeOf: (noised) => noised / slope,
  }
}

/** Cosine: `alpha = 1 - cos(pi (1 - t) / 2)`, that is `noised = sin(pi t / 2)` (MaskGIT, Chang et al. 2022). */
export function cosine(): TokenSchedule {
  return {
    name: 'cosine',
    noised: (t) => Math.sin((Math.PI / 2) * t),
    rate: (t) => (Math.PI / 2) * Math.cos((Math.PI / 2) * t),
    timeOf: (noised) => (2 / Math.PI) * Math.asin(noised),
  }
}

/** Polynomial: `noised = t^power` (Shi et al. 2024, MD4). */
export function polynomial(power = 2): TokenSchedule {
  if (!(power > 0 && power < Infinity)) throw new Error(`polynomial: the power is ${power}, expected a number above 0`)
  return {
    name: `polynomial(${power})`,
    noised: (t) => t ** power,
    rate: (t) => power * t ** (power - 1),
    timeOf: (noised) => noised ** (1 / power),
  }
}

/**
 * Geometric: `-log alpha = smin^(1 - t) smax^t` (Lou et al. 2024, for uniform rates). A little noise, `smin`, is left
 * at t = 0, and a little data, `exp(-smax)`, at t = 1.
 */
export function geometric(smin = 1e-3, smax = 20): TokenSchedule {
  if (!(smin > 0 && smax > smin && smax < Infinity)) {
    throw new Error(`geometric: smin and smax are ${smin} and ${smax}, expected 0 < smin < smax`)
  }
  const total = (t: number) => smin ** (1 - t) * smax ** t
  const growth = Math.log(smax / smin)
  return {
    name: `geometric(${smin},${smax})`,
    noised: (t) => -Math.expm1(-total(t)),
    rate: (t) => total(t) * growth * Math.exp(-total(t)),
    timeOf: (noised) => Math.log(-Math.log1p(-noised) / smin) / growth,
  }
}

const specification = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('log-linear'), epsilon: z._default(z.number(), 0) }),
  z.strictObject({ type: z.literal('cosine') }),
  z.strictObject({ type: z.literal('polynomial'), power: z._default(z.number(), 2) }),
  z.strictObject({
    type: z.literal('geometric'),
    smin: z._default(z.number(), 1e-3),
    smax: z._default(z.number(), 20),
  }),
])

/** A schedule as JSON. */
export type TokenScheduleSpecification = z.input<typeof specification>

/** @throws one line where it is none of the schedules, or a parameter is out of range */
export function parseTokenSchedule(json: unknown, what = 'schedule'): TokenSchedule {
  const given = parseWith(specification, json, what)
  switch (given.type) {
    case 'log-linear':
      return logLinear(given.epsilon)
    case 'cosine':
      return cosine()
    case 'polynomial':
      return polynomial(given.power)
    case 'geometric':
      return geometric(given.smin, given.smax)
  }
}
