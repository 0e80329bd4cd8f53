/** What the table calls things. A setting is a world and what was held fixed: the steps of a grid, or the calls. */

import { float32Gumbels, largestGumbel } from 'espalier/text'
import type { ReproductionRow } from '../result.ts'
import { type TextWorldName, textMetrics } from '../support/text.ts'

export const metrics = {
  ...textMetrics,
  nfe: 'NFE a sequence',
  /** Loss of the judge beyond that of the exact sampler at a temperature of the same entropy. */
  beyond: 'nats beyond the temperature curve',
  /** CPU time of a sampler, as a multiple of first hitting's. */
  cpu: 'CPU time / first hitting',
  /** Network calls of a batch. */
  calls: 'network calls of a batch',
} as const

export const names = {
  exact: 'first hitting',
  extrapolated: 'first hitting, order 2',
  corrected: 'first hitting, corrected',
  ancestral: 'ancestral',
  euler: 'Euler',
  leaping: 'tau-leaping',
  rk2: 'theta-RK-2',
  trapezoidal: 'theta-trapezoidal',
  remasking: 'remasking',
  confident: 'confidence-ordered',
  data: 'held-out text',
} as const

/** Noise that float32 has, and noise that is cut where it shows the same in fewer steps: at uniforms of 1 - 2^-12. */
export const noises = [
  { key: 'float32', name: 'float32 Gumbels', noise: float32Gumbels },
  { key: 'cut', name: 'cut Gumbels', noise: { largest: largestGumbel(12) } },
] as const
export type Noise = (typeof noises)[number]

export const faulty = ({ name }: Noise): string => `ancestral, ${name}`
export const predicted = ({ name }: Noise): string => `predicted, ${name}`

/** Below 1. The others are far enough apart for a curve that others are compared with at its entropy. */
export const temperatures = [0.3, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95] as const
export const compared = [0.3, 0.5, 0.7, 0.85] as const
export const cooled = (temperature: number): string =>
  temperature === 1 ? names.exact : `${names.exact}, T = ${temperature}`

/** Ways to run the ancestral sampler, and what they recompute. */
export const ways = {
  published: 'ancestral: V Gumbels a mask and step, no cache',
  cached: 'ancestral: V Gumbels a mask and step, cache of batches',
  ours: 'ancestral: exact draws where one moves, cache of rows',
} as const

export const data = (world: TextWorldName): string => `${world}`
export const atSteps = (world: TextWorldName, steps: number): string => `${world}, N = ${steps}`
export const inCalls = (world: TextWorldName, calls: number): string => `${world}, ${calls} calls`
export const inBatches = (world: TextWorldName, steps: number, batch: number): string =>
  `${world}, N = ${steps}, batch ${batch}`

/** The steps of a row's setting, or NaN. */
export const stepsOf = ({ setting }: Pick<ReproductionRow, 'setting'>): number =>
  Number(/, N = (\d+)$/.exec(setting)?.[1])
