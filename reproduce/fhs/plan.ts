/** What is run of each world: steps, calls and sequences of a seed. */

import type { TextWorldName } from '../support/text.ts'
import type { Noise } from './names.ts'

export interface Plan {
  readonly world: TextWorldName
  /** Tokens of a sequence. */
  readonly length: number
  /** Sequences of a seed, in one batch. */
  readonly count: number
  /** Steps of the ancestral sampler with exact draws. */
  readonly steps: readonly number[]
  /** Calls of few-call samplers; the last is one a token. */
  readonly calls: readonly number[]
  /** Steps of draws by Gumbels, and sequences of a seed. */
  readonly gumbels: Readonly<Record<Noise['key'], readonly (readonly [steps: number, count: number])[]>>
  /** Steps of the closed form. */
  readonly predicted: Readonly<Record<Noise['key'], readonly number[]>>
  readonly predictedCount: number
  /** Steps that are timed with batches of so many rows. */
  readonly timed: readonly { readonly batch: number; readonly steps: readonly number[] }[]
}

export const plans: readonly Plan[] = [
  {
    ...{ world: 'words', length: 32, count: 48, steps: [4, 8, 16, 64, 256, 1024, 4096], calls: [4, 8, 16, 32] },
    gumbels: {
      cut: [
        [64, 48],
        [256, 48],
        [1024, 48],
        [4096, 24],
      ],
      float32: [
        [64, 48],
        [1024, 48],
        [4096, 24],
        [16_384, 12],
      ],
    },
    predicted: { cut: [64, 256, 1024, 4096, 16_384], float32: [1024, 16_384, 262_144] },
    predictedCount: 24,
    timed: [
      { batch: 1, steps: [64, 256, 1024] },
      { batch: 16, steps: [64] },
    ],
  },
  {
    ...{ world: 'kjv', length: 64, count: 16, steps: [8, 16, 64, 256, 1024, 4096], calls: [8, 16, 32, 64] },
    gumbels: {
      cut: [
        [64, 16],
        [256, 16],
        [1024, 8],
      ],
      float32: [[4096, 4]],
    },
    predicted: { cut: [64, 256, 1024, 4096, 16_384], float32: [4096, 262_144] },
    predictedCount: 8,
    timed: [
      { batch: 1, steps: [64, 256] },
      { batch: 16, steps: [64] },
    ],
  },
]

/** The direction, in under two minutes: words alone. */
export const quickPlans: readonly Plan[] = [
  {
    ...{ world: 'words', length: 32, count: 16, steps: [8, 64, 1024], calls: [8, 16, 32] },
    gumbels: {
      cut: [
        [64, 16],
        [1024, 16],
      ],
      float32: [[1024, 16]],
    },
    predicted: { cut: [64, 1024], float32: [1024, 262_144] },
    predictedCount: 16,
    timed: [{ batch: 1, steps: [256] }],
  },
]
