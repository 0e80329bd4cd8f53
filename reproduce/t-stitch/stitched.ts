/** How two models of one process can share the steps of a run. */

import { type StitchPart, stitch, switchTimes } from 'espalier/guide'
import type { Denoiser } from 'espalier/process'

export interface Pair {
  readonly small: Denoiser
  readonly large: Denoiser
}

/** Who makes which steps, where the small model has the share r of them. `alternating` takes turns: half of them. */
export type Order = 'small first' | 'large first' | 'alternating'

/** One denoiser of two, for the runs on one grid. */
export function stitched(order: Order, r: number, { small, large }: Pair, grid: readonly number[]): Denoiser {
  if (order === 'alternating') {
    const turns = grid.slice(1, -1).map((until, k): StitchPart => ({ denoiser: k % 2 === 0 ? small : large, until }))
    return stitch([...turns, { denoiser: turns.length % 2 === 0 ? small : large }])
  }
  const [first, second, share] = order === 'small first' ? [small, large, r] : [large, small, 1 - r]
  return stitch([{ denoiser: first, until: switchTimes(grid, [share, 1 - share])[0] }, { denoiser: second }])
}

export const nameOf = (order: Order, r: number) => (order === 'alternating' ? order : `${order}, r = ${r}`)
/** The ends of the sweep: r = 0 and r = 1. */
export const largeAlone = 'large alone'
export const smallAlone = 'small alone'
/** Shares of the steps that are swept, between the ends. */
export const shares = [0.2, 0.3, 0.4, 0.5, 0.6, 0.8]
/** The share that the paper calls free of loss, which is also tried with other numbers of steps. */
export const paperShare = 0.4
/** Numbers of steps that it is tried with; under guidance, where a step costs 2 NFE, half as many. */
export const counts = [4, 5, 10, 20, 50]
export const guidedCounts = [2, 4, 5, 10, 25]
export const guidanceScale = 4

/**
 * What a call of the small network costs, in calls of the large one: 0.12 to 0.14 as measured in batches of 64 on two
 * cores. It fixes the control, which is the large model with fewer steps; the times themselves are measured in each run.
 */
export const relativeCost = 1 / 8

/** Steps of the large model alone that cost as much as a stitched run of n steps, or a little less. */
export function stepsAtEqualCost(n: number, r: number): number {
  const small = Math.round(r * n)
  return Math.floor(n - small + small * relativeCost)
}
