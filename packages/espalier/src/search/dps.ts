import { guidedChain } from '../chain/chain.ts'
import { type IslandResult, runIslands } from './islands.ts'
import { populationsOf } from './smc.ts'
import type { TdsOptions } from './tds.ts'

export interface DpsOptions<S, X> extends Omit<TdsOptions<S, X>, 'trigger' | 'resampling'> {
  /** Factor of the gradient beside lambda. Default 1. */
  readonly scale?: number
}

/**
 * Diffusion posterior sampling with a reward (Chung et al. 2023, arXiv 2209.14687; the form with a reward is the
 * baseline of Jain et al. 2025): every step is drawn from `N(mu + s^2 lambda grad_x r(E[x_0 | x]), s^2 I)`, and nothing
 * makes up for it: a heuristic, whose samples have another limit than the tilted law. They do not interact, and weigh
 * the same.
 *
 * @throws Error where the chain has no gradient
 */
export function dps<S, X>(options: DpsOptions<S, X>): Promise<IslandResult<S, X>> {
  const { particles, lambda = 1, scale = 1 } = options
  if (!(scale >= 0 && scale < Infinity)) throw new Error(`the scale is ${scale}, expected a number from 0 on`)
  guidedChain<S, X>(options.chain)
  const rule = (starts: number) => ({
    ...{ starts, copies: 1, looks: () => false, select: () => undefined },
    strength: () => scale * lambda,
  })
  const settings = { particles, scale }
  return runIslands(populationsOf('dps', particles, rule, { settings, weighted: false, readOut: 'best' }), options)
}
