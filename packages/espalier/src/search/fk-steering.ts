import type { Population } from './island.ts'
import type { IslandResult } from './islands.ts'
import { oneOf } from './search.ts'
import { runPopulations, type SmcOptions } from './smc.ts'

/** What a row is preferred by on the way: see {@link fkSteering}. */
export type Potential = 'difference' | 'max' | 'sum' | 'reward'

export interface FkOptions<S, X> extends SmcOptions<S, X> {
  /** Default `difference`. */
  readonly potential?: Potential
}

/**
 * Feynman-Kac steering (Singhal, Horvitz, Teehan, Ren, Yu, McKeown, Ranganath 2025, arXiv 2501.06848, section 3.2).
 * With `s_t = lambda r(E[x_0 | x_t])`, a row is multiplied at every stop by the potential
 *
 *     difference  G_t = exp(s_t - s_{t+1})       (this is SMC)
 *     max         G_t = exp(max_{u >= t} s_u)
 *     sum         G_t = exp(sum_{u >= t} s_u)
 *     reward      G_t = exp(s_t)
 *
 * and at the end by `exp(lambda r(x_0))` over the product of all before, which is what absolute weights do of
 * themselves: every potential gives the same limit, the tilted law, at another variance.
 *
 * The released class forgets the factors of stops where an adaptive run does not resample, takes the running maximum
 * for the final reward, and starts the maximum at 0; this one does not.
 */
export function fkSteering<S, X>(options: FkOptions<S, X>): Promise<IslandResult<S, X>> {
  const potential = oneOf('potential', options.potential ?? 'difference', ['difference', 'max', 'sum', 'reward'])
  const preference = (population: Population<S>) => {
    const [product, path] = population.memory
    for (let k = 0; k < product.length; k++) {
      product[k] = potentials[potential](population.scores[k], product, path, k)
    }
    return population.logWeights.map((weight, k) => weight + product[k])
  }
  return runPopulations('fk-steering', options, preference, { memory: [0, Number.NaN], settings: { potential } })
}

/**
 * `log` of the product of the potentials so far, given the score of this stop; `path` is the running maximum or sum.
 */
const potentials: Record<Potential, (s: number, product: Float64Array, path: Float64Array, k: number) => number> = {
  difference: (s) => s,
  max: (s, product, path, k) => {
    path[k] = Number.isNaN(path[k]) ? s : Math.max(path[k], s)
    return product[k] + path[k]
  },
  sum: (s, product, path, k) => {
    path[k] = Number.isNaN(path[k]) ? s : path[k] + s
    return product[k] + path[k]
  },
  reward: (s, product, _, k) => product[k] + s,
}
