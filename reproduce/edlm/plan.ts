/** What is run: calls of the network, drafts of a call, sequences of a seed. */

export interface Plan {
  readonly seeds: number
  /** Sequences of a seed: of samplers that weigh drafts, and of cheaper ones. */
  readonly count: number
  readonly cheap: number
  /** Calls of MDLM, at all temperatures; the last is one a token. */
  readonly calls: readonly number[]
  /** Calls by drafts. */
  readonly ar: Drafts
  readonly coAr: Drafts
  readonly nce: Drafts
  readonly windowed: Drafts
  readonly released: Drafts
  /** Steps of even grids of times, as the paper has them. */
  readonly grid: Drafts
  /** Whole sequences by MDLM in so many calls, from which one is chosen: of the first 2, 4, ... up to m. */
  readonly pools: readonly { readonly calls: number; readonly most: number }[]
  /** Held-out sequences of a seed whose likelihood is bounded, and states of each. */
  readonly bounded: { readonly count: number; readonly draws: number }
}

/** Calls by the number of drafts. */
export type Drafts = Readonly<Record<number, readonly number[]>>

export const plan: Plan = {
  ...{ seeds: 8, count: 10, cheap: 20, calls: [4, 8, 16, 32, 64] },
  ar: { 2: [4, 8, 16, 32], 4: [4, 8, 16, 64], 8: [4, 8, 16, 32], 16: [4, 8, 16] },
  coAr: { 8: [8, 16] },
  nce: { 2: [8, 16], 8: [4, 8, 16] },
  windowed: { 2: [4, 8, 16, 32], 16: [4, 8, 16] },
  released: { 2: [8], 8: [8] },
  grid: { 1: [8, 16, 32, 64], 8: [8, 16] },
  pools: [
    { calls: 8, most: 16 },
    { calls: 16, most: 8 },
    { calls: 32, most: 4 },
  ],
  bounded: { count: 6, draws: 8 },
}

/** The direction, in under two minutes. */
export const quickPlan: Plan = {
  ...{ seeds: 3, count: 4, cheap: 8, calls: [8, 16, 64] },
  ar: { 2: [8, 16], 8: [8, 16] },
  coAr: { 8: [8] },
  nce: { 8: [8] },
  windowed: { 2: [8, 16] },
  released: { 8: [8] },
  grid: { 1: [8], 8: [8] },
  pools: [{ calls: 8, most: 8 }],
  bounded: { count: 2, draws: 4 },
}
