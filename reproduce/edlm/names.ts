/** What the table calls things. A setting is what was held fixed: network calls, steps of a grid, or what is measured. */

import { textMetrics } from '../support/text.ts'

export const metrics = {
  ...textMetrics,
  nfe: 'NFE a sequence',
  energies: 'energy rows a sequence',
  /** Both networks together: a row of one costs about as much as a row of the other. */
  rows: 'network rows a sequence',
  cpu: 'CPU ms a sequence',
  /** `1 / sum w^2` of k drafts. */
  effective: 'effective drafts',
  effectiveFirst: 'effective drafts, first quarter of the calls',
  effectiveLast: 'effective drafts, last quarter of the calls',
  /** Loss of the judge beyond that of MDLM in as many calls, at a temperature of the same entropy. */
  beyond: 'nats beyond the temperature curve of as many calls',
  /** The same beside MDLM in one call a token: what is left when steps cost nothing. */
  beyondBest: 'nats beyond the temperature curve of 64 calls',
  fewer: 'MDLM calls for the same perplexity / own',
  fewerMatched: 'MDLM calls for the same perplexity and entropy / own',
  fasterMatched: 'MDLM CPU time for the same perplexity and entropy / own',
  /** Of held-out text. */
  nats: 'nats a token',
  logZ: 'log Z, jackknife',
  logZBelow: 'log Z, from below',
  logZAbove: 'log Z, from above',
  /** As in the released code. */
  logZOne: 'log Z, minus E of one draft',
  tv: 'TV to the law',
  bits: 'nats a sequence',
} as const

/** Which model weighs the drafts. */
export const energies = { ar: 'EDLM-AR', coAr: 'EDLM-coAR', nce: 'EDLM-NCE' } as const
export type EnergyName = keyof typeof energies

export const names = {
  mdlm: 'MDLM',
  mdlmGrid: 'MDLM on a grid',
  autoregressive: 'AR model alone',
  data: 'held-out text',
} as const

export const edlm = (energy: EnergyName, drafts: number): string => `${energies[energy]}, k = ${drafts}`
export const windowed = (drafts: number): string => `${edlm('ar', drafts)}, w = 0.2`
export const released = (drafts: number): string => `${edlm('ar', drafts)}, released sign`
export const onGrid = (drafts: number): string => `${edlm('ar', drafts)} on a grid`
/** The highest `log p_AR` of m whole sequences. */
export const bestOf = (m: number): string => `best of ${m} by the AR model`
/** One of m whole sequences by `p_AR` over the chance with which it was drawn. */
export const resampled = (m: number): string => `1 of ${m} by importance`

export const temperatures = [0.7, 0.8, 0.9] as const
export const cooled = (temperature: number): string =>
  temperature === 1 ? names.mdlm : `${names.mdlm}, T = ${temperature}`

export const settings = {
  data: 'kjv',
  leftToRight: 'kjv, one token a call',
  likelihood: 'kjv, held-out text',
  exact: 'a law of four bits',
} as const
export const inCalls = (calls: number): string => `kjv, ${calls} calls`
export const onSteps = (steps: number): string => `kjv, N = ${steps}`

/** Of the likelihood of held-out text. */
export const bounds = {
  mdlm: 'MDLM, bound',
  valid: (energy: EnergyName, drafts: number) => `${energies[energy]}, bound with k = ${drafts}`,
  paper: (energy: EnergyName) => `${energies[energy]}, paper objective`,
  released: (energy: EnergyName) => `${energies[energy]}, paper objective, log Z of one draft`,
  autoregressive: names.autoregressive,
} as const

/** Of the law that can be summed over. */
export const exactly = {
  drafts: (k: number) => `k = ${k}`,
  released: (k: number) => `k = ${k}, released sign`,
  entropy: 'entropy',
  factorised: 'bound of MDLM',
  joint: 'bound of the joint law',
  paper: 'paper objective',
} as const
