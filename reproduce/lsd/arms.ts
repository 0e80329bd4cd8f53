/** Samplers of few steps, as they are told apart: what their times are and what bends their scores. */

import type { ProfileKernel, ProfileVariant, ScoreMetric } from 'espalier/text'

export interface Arm {
  readonly method: string
  readonly kernel: ProfileKernel
  /** Default even. */
  readonly times?: 'jump' | 'learned'
  /** A number bends all steps alike. Default 1. */
  readonly factors?: 'fitted' | number
  /** Default `lsd-score`. */
  readonly variant?: ProfileVariant
  /** Streams of teacher and student. Default true. */
  readonly coupled?: boolean
  readonly metric?: ScoreMetric
  /** Share of positions at which the student of the fit begins elsewhere. */
  readonly relax?: number
  /** Calls that it leaves unused. */
  readonly fewer?: number
  /** Of the network, of plain steps. */
  readonly temperature?: number
}

const titles: Readonly<Record<ProfileKernel, string>> = { euler: 'Euler', tweedie: 'Tweedie' }
const of = (
  kernel: ProfileKernel,
  name: (title: string) => string,
  rest: Omit<Arm, 'method' | 'kernel'> = {},
): Arm => ({
  method: name(titles[kernel]),
  kernel,
  ...rest,
})
const fitted = 'fitted'
const log = 'lsd-log'

export const temperatures = [0.8, 0.9, 1.1] as const

/** By what they do; each of a kernel. */
export const arms = {
  plain: (kernel: ProfileKernel) => of(kernel, (title) => title),
  jump: (kernel: ProfileKernel) => of(kernel, (title) => `JYS-${title}`, { times: 'jump' }),
  lsd: (kernel: ProfileKernel) => of(kernel, (title) => `LSD-${title}`, { factors: fitted }),
  lsdLog: (kernel: ProfileKernel) => of(kernel, (title) => `LSD-${title}, log`, { factors: fitted, variant: log }),
  plus: (kernel: ProfileKernel) => of(kernel, (title) => `LSD+-${title}`, { times: 'learned', factors: fitted }),
  plusLog: (kernel: ProfileKernel) =>
    of(kernel, (title) => `LSD+-${title}, log`, { times: 'learned', factors: fitted, variant: log }),
  /** The times of LSD+ alone. */
  learned: (kernel: ProfileKernel) => of(kernel, (title) => `${title}, times of LSD+`, { times: 'learned' }),
  relaxed: (kernel: ProfileKernel) =>
    of(kernel, (title) => `LSD+-${title}, relaxed`, { times: 'learned', factors: fitted, relax: 0.05 }),
  /** Streams of their own: the failure. */
  apart: (kernel: ProfileKernel) => of(kernel, (title) => `LSD-${title}, apart`, { factors: fitted, coupled: false }),
  entropy: (kernel: ProfileKernel) =>
    of(kernel, (title) => `LSD-${title}, score entropy`, { factors: fitted, metric: 'entropy' }),
  jumpLsd: (kernel: ProfileKernel) => of(kernel, (title) => `JYS-LSD-${title}`, { times: 'jump', factors: fitted }),
  /** As many steps as what needs a last fill takes in as many calls, and none. */
  fewer: (kernel: ProfileKernel) => of(kernel, (title) => `${title}, one call less`, { fewer: 1 }),
  times: (kernel: ProfileKernel, factor: number) => of(kernel, (title) => `${title} x ${factor}`, { factors: factor }),
  power: (kernel: ProfileKernel, factor: number) =>
    of(kernel, (title) => `${title}, power ${factor}`, { factors: factor, variant: log }),
  cooled: (kernel: ProfileKernel, temperature: number) =>
    of(kernel, (title) => (temperature === 1 ? title : `${title}, T = ${temperature}`), { temperature }),
} as const

export const controls = (kernel: ProfileKernel): Arm[] => [
  arms.times(kernel, 0.8),
  arms.times(kernel, 1.2),
  arms.power(kernel, 1.2),
]
export const curve = (kernel: ProfileKernel): Arm[] => temperatures.map((t) => arms.cooled(kernel, t))

/** What the paper learns. */
export const learnt = (kernel: ProfileKernel): Arm[] => [
  arms.lsd(kernel),
  arms.lsdLog(kernel),
  arms.plus(kernel),
  arms.plusLog(kernel),
]
/** Other ways to learn it. */
export const variants = (kernel: ProfileKernel): Arm[] => [
  arms.apart(kernel),
  arms.entropy(kernel),
  arms.relaxed(kernel),
  arms.jumpLsd(kernel),
]

/** Whether its numbers come from runs of a teacher. */
export const isFitted = ({ times, factors }: Arm): boolean => times !== undefined || factors === 'fitted'
