/** What the table calls things. A setting is a world and the network calls of a sequence, at most, last fill included. */

import { textMetrics } from '../support/text.ts'

export const metrics = {
  ...textMetrics,
  nfe: 'NFE a sequence',
  /** Loss of the judge beyond that of the plain steps in as many calls, less what a temperature of as much entropy brings. */
  beyond: 'nats beyond plain steps at the same entropy',
  /** Words that exist, in the same comparison: what is above 0 is a gain. */
  validBeyond: 'words that exist beyond plain steps at the same entropy',
  /** Of values above 0. */
  errors: 'rule broken',
  fitNfe: 'NFE of the fit',
  fitCpu: 'CPU seconds of the fit',
  /** Of a law that can be summed over. */
  tv: 'TV to the law',
  entropyOfLaw: 'entropy of a sequence',
} as const
/** Factors and times are told for so many calls; all of them would be thousands. */
export const toldCalls = 8
export const factorOf = (step: number): string => `factor of step ${step + 1}`
export const timeOf = (step: number): string => `time of step ${step + 1}`

/** A model, and how its times are looked at. A masked network does not see them, so any schedule will do. */
export const worldNames = [
  'words',
  'words on a cosine',
  'words-uniform',
  'kjv',
  'countdown',
  'countdown-uniform',
] as const
export type WorldName = (typeof worldNames)[number]
/** Those with an exact model, which need no judge. */
export type CountdownName = 'countdown' | 'countdown-uniform'
export const isCountdown = (world: WorldName): world is CountdownName => world.startsWith('countdown')

export const inCalls = (world: string, calls: number): string => `${world}, ${calls} calls`

export const data = 'held-out text'

/** Worlds whose laws are enumerated. */
export const chains = ['chains, linear', 'chains, cosine', 'chains, uniform'] as const
export type ChainName = (typeof chains)[number]
