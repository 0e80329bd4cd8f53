/** What is run of each world. */

import { type Arm, arms, controls, curve, learnt, variants } from './arms.ts'
import type { WorldName } from './names.ts'

export interface Plan {
  readonly world: WorldName
  /** Network calls of a sequence, at most, the last fill among them. */
  readonly calls: readonly number[]
  /** Sequences of a seed. */
  readonly count: number
  /** Steps of the teacher, about: a multiple of the student's. */
  readonly teacher: number
  /** Pairs of trajectories of a fit. */
  readonly pairs: number
  readonly arms: readonly Arm[]
}

/** Euler steps and analytic ones are the same on a linear masked schedule: one of them stands for both. */
const oneKernel: readonly Arm[] = [
  arms.plain('euler'),
  arms.plain('tweedie'),
  arms.fewer('euler'),
  arms.jump('euler'),
  ...learnt('euler'),
  ...variants('euler'),
  ...controls('euler'),
  ...curve('euler'),
]
const bothKernels: readonly Arm[] = [
  ...(['euler', 'tweedie'] as const).flatMap((kernel) => [
    arms.plain(kernel),
    arms.jump(kernel),
    arms.lsd(kernel),
    arms.plus(kernel),
    ...curve(kernel),
  ]),
  arms.lsdLog('euler'),
  arms.plusLog('euler'),
  arms.apart('euler'),
  arms.entropy('euler'),
  arms.jumpLsd('euler'),
  ...controls('euler'),
]

export const plans: readonly Plan[] = [
  { world: 'words', calls: [4, 8, 16, 32], count: 48, teacher: 256, pairs: 24, arms: oneKernel },
  {
    ...{ world: 'words on a cosine', calls: [8], count: 48, teacher: 256, pairs: 24 },
    arms: [
      ...(['euler', 'tweedie'] as const).flatMap((kernel) => [
        arms.plain(kernel),
        arms.jump(kernel),
        arms.lsd(kernel),
        arms.plus(kernel),
        ...curve(kernel),
      ]),
    ],
  },
  { world: 'words-uniform', calls: [4, 8, 16], count: 32, teacher: 256, pairs: 8, arms: bothKernels },
  { world: 'countdown', calls: [4, 8, 16, 32], count: 50, teacher: 256, pairs: 32, arms: oneKernel },
  { world: 'countdown-uniform', calls: [4, 8, 16], count: 50, teacher: 256, pairs: 16, arms: bothKernels },
  {
    ...{ world: 'kjv', calls: [8, 16], count: 24, teacher: 256, pairs: 8 },
    arms: [
      arms.plain('euler'),
      arms.fewer('euler'),
      arms.jump('euler'),
      arms.lsd('euler'),
      arms.lsdLog('euler'),
      arms.plus('euler'),
      arms.relaxed('euler'),
      arms.apart('euler'),
      arms.times('euler', 0.8),
      arms.power('euler', 1.2),
      ...curve('euler'),
    ],
  },
]

const few: readonly Arm[] = [
  arms.plain('euler'),
  arms.jump('euler'),
  arms.lsd('euler'),
  arms.plus('euler'),
  arms.power('euler', 1.2),
  ...curve('euler'),
]

/** The direction, in under two minutes. */
export const quickPlans: readonly Plan[] = [
  { world: 'words', calls: [4, 8], count: 24, teacher: 64, pairs: 8, arms: few },
  { world: 'countdown-uniform', calls: [4, 8], count: 50, teacher: 64, pairs: 8, arms: few },
]
