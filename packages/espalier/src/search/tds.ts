import type { GuidedChain } from '../chain/chain.ts'
import { costFrom, edgesOf } from './edges.ts'
import type { IslandResult } from './islands.ts'
import { runPopulations, type SmcOptions, tilted } from './smc.ts'

export interface TdsOptions<S, X> extends SmcOptions<S, X> {
  /** A chain that was given the gradient of the reward. */
  readonly chain: GuidedChain<S, X>
}

/**
 * Twisted Diffusion Sampler (Wu, Trippe, Naesseth, Blei, Cunningham 2023, arXiv 2306.17775, Algorithm 1): SMC whose
 * steps are drawn from `N(mu + s^2 g, s^2 I)` with `g = lambda grad_x r(E[x_0 | x])`, and whose weights carry `log p -
 * log q` of every step, so that the samples still converge to the tilted law.
 *
 * @throws Error where the chain has no gradient
 */
export function tds<S, X>(options: TdsOptions<S, X>): Promise<IslandResult<S, X>> {
  const { lambda = 1 } = options
  return runPopulations('tds', options, (population) => tilted(population, 1), { strength: () => lambda })
}

export interface DasOptions<S, X> extends TdsOptions<S, X> {
  /** Growth of the tempering, `gamma(i) = min((1 + growth)^i - 1, 1)` after i of 100 solver steps. Default 0.008. */
  readonly growth?: number
}

/**
 * Diffusion Alignment as Sampling (S. Kim, M. Kim, Park 2025, arXiv 2501.05803): TDS with a tempered target,
 * `p(x_t) exp(gamma_t lambda r(E[x_0 | x_t]))` with gamma rising from 0 at the noise to 1 at the data, since the
 * look-ahead means little at first. Resamples by SSP. The schedule is the released one, told in shares of the run (the
 * paper has 100 steps; with other numbers of steps it reaches 1 at the same place).
 */
export function das<S, X>(options: DasOptions<S, X>): Promise<IslandResult<S, X>> {
  const { lambda = 1, growth = 0.008, chain } = options
  if (!(growth > 0 && growth < Infinity)) throw new Error(`growth is ${growth}, expected a positive number`)
  const gamma = (share: number) => Math.min((1 + growth) ** (100 * share) - 1, 1)
  const edges = edgesOf(chain)
  const cost = (stop: number) => costFrom(edges, 0) - costFrom(edges, stop)
  const share = (stop: number) => cost(stop) / cost(edges.length)
  return runPopulations('das', options, (population) => tilted(population, gamma(share(population.stop))), {
    strength: (done, steps) => lambda * gamma(done / steps),
    scheme: 'ssp',
    settings: { growth },
  })
}
