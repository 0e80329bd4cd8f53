import { guidedChain } from '../chain/chain.ts'
import type { Stream } from '../tensor/random.ts'
import type { IslandRule, Place, Population, Selection } from './island.ts'
import { type IslandOptions, type IslandResult, runIslands, type Voyage } from './islands.ts'
import { effectiveSampleSize, softmax } from './log-weights.ts'
import { type ResamplingScheme, resample, resamplingSchemes } from './resampling.ts'
import { oneOf } from './search.ts'

export interface SmcOptions<S, X> extends IslandOptions<S, X> {
  /** Rows of one population. Default: one population that takes the whole budget. */
  readonly particles?: number
  /**
   * Resample when the effective sample size falls below this share of the rows; 1 resamples at every stop. Default 0.5.
   */
  readonly trigger?: number
  /** Default `systematic`. */
  readonly resampling?: ResamplingScheme
}

/**
 * Sequential Monte Carlo (Del Moral 2004; as "FK steering" with the potential DIFF: Singhal et al. 2025, arXiv
 * 2501.06848). Rows are weighted by `exp(lambda (v_t - v_{t+1}))`, with `v = r(E[x_0 | x_t])`, and resampled where the
 * weights have become too uneven; weights accumulate from one resampling to the next. The product telescopes to
 * `exp(lambda r(x_0))`, so Z is unbiased and the samples converge to the tilted law for any finite v; rows of
 * `-Infinity` die, whatever they would have come to.
 */
export function smc<S, X>(options: SmcOptions<S, X>): Promise<IslandResult<S, X>> {
  return runPopulations('smc', options, (population) => tilted(population, 1), {})
}

/** How far each row is preferred when its population is resampled, as a logarithm: `lw + U`. */
export type Preference<S> = (population: Population<S>, place: Place) => Float64Array

/** `lw + beta s`: the weights under the target that is tilted by a share beta of the scores. */
export function tilted({ logWeights, scores }: Population<unknown>, beta: number): Float64Array {
  return logWeights.map((weight, k) => weight + (beta === 0 ? 0 : beta * scores[k]))
}

/** What the relatives of SMC add to it. */
export interface PopulationDesign<S> extends Pick<IslandRule<S>, 'memory' | 'strength'> {
  readonly settings?: Readonly<Record<string, unknown>>
  readonly readOut?: 'draw' | 'best'
  readonly scheme?: ResamplingScheme
}

/** Populations that are resampled in proportion to a preference: SMC, FK steering, TDS and DAS. */
export function runPopulations<S, X>(
  method: string,
  options: SmcOptions<S, X>,
  preference: Preference<S>,
  { settings, readOut = 'draw', scheme, ...design }: PopulationDesign<S>,
): Promise<IslandResult<S, X>> {
  const { particles, trigger = 0.5 } = options
  if (design.strength) guidedChain<S, X>(options.chain)
  const resampling = oneOf('resampling', options.resampling ?? scheme ?? 'systematic', resamplingSchemes)
  if (!(trigger >= 0 && trigger <= 1))
    throw new Error(`the trigger is ${trigger}, expected a share of the rows in [0, 1]`)
  const rule = (rows: number): IslandRule<S> => ({
    ...design,
    starts: rows,
    copies: 1,
    looks: (stop) => stop > 0,
    select: (population, place) => {
      if (place.last || population.stop === 0) return undefined
      return reselect(population, preference(population, place), { trigger, resampling, draws: place.draws })
    },
  })
  const all: Record<string, unknown> = { particles, trigger, resampling, ...settings }
  return runIslands(populationsOf(method, particles, rule, { settings: all, readOut }), options)
}

/**
 * Chooses as many rows as there are with probabilities `P = softmax(preference)`, each with the weight `w / (K P)`,
 * where the effective sample size of P has fallen below `trigger` K; else nothing.
 */
export function reselect(
  { logWeights }: Population<unknown>,
  preference: ArrayLike<number>,
  { trigger, resampling, draws }: { trigger: number; resampling: ResamplingScheme; draws: Stream },
): Selection | undefined {
  const n = logWeights.length
  const P = softmax(preference)
  if (!(effectiveSampleSize(P) < trigger * n || trigger === 1)) return undefined
  const ancestors = resample(resampling, P, n, draws)
  return { ancestors, logWeights: Float64Array.from(ancestors, (k) => logWeights[k] - Math.log(n * P[k])) }
}

/**
 * Populations of so many rows one after the other, as long as the budget pays; without a number one that takes it all.
 */
export function populationsOf<S, X>(
  method: string,
  rows: number | undefined,
  rule: (rows: number) => IslandRule<S>,
  { settings, readOut, weighted = true }: Pick<Voyage<S, X>, 'settings' | 'readOut'> & { readonly weighted?: boolean },
): Voyage<S, X> {
  if (rows !== undefined && !(Number.isInteger(rows) && rows >= 1)) {
    throw new Error(`a population of ${rows} rows cannot be, expected an integer from 1 on`)
  }
  return {
    ...{ method, settings, weighted, readOut },
    next(done, left, cost) {
      if (rows !== undefined) return cost({ rule: rule(rows) }) <= left ? [{ rule: rule(rows) }] : []
      const affordable = Math.floor(left / cost({ rule: rule(1) }))
      return done.length === 0 && affordable >= 1 ? [{ rule: rule(affordable) }] : []
    },
  }
}
