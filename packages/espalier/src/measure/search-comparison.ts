/** Searches against each other: the same rewards, the same seeds, the same budgets in NFE. */

import type { Chain } from '../chain/chain.ts'
import type { Reward } from '../reward/reward.ts'
import { type ChainKind, type SearchMethod, searchFrom } from '../search/catalogue.ts'
import { resample } from '../search/resampling.ts'
import type { SearchResult } from '../search/search.ts'
import { key, purpose, stream } from '../tensor/random.ts'
import type { Results } from './results.ts'
import { mean } from './statistics.ts'

/** What is searched for. */
export interface SearchTask<S, X> {
  /** Where it stands in the tables. */
  readonly name: string
  readonly reward: Reward<X>
  /** Inverse temperature. Default 1. */
  readonly lambda?: number
  /** The chain that a method walks, of the kind that it needs (`any` may be of either). */
  chain(kind: ChainKind, method: string): Chain<S, X>
}

/** One number about what a search brought, over the seeds. */
export interface SearchMetric<X> {
  readonly name: string
  /** @param results of one method and budget, one a seed @returns one value a seed */
  values(results: readonly SearchResult<X>[], task: string): readonly number[] | Promise<readonly number[]>
}

export interface SearchComparison<S, X> {
  readonly tasks: readonly SearchTask<S, X>[]
  /** As the catalogue has them, such as `svdd(candidates=10)`, or a name for a search that was set up by hand. */
  readonly methods: readonly (string | { readonly name: string; readonly search: SearchMethod })[]
  /** NFE of each search, at most. */
  readonly budgets: readonly number[]
  readonly metrics: readonly SearchMetric<X>[]
  /** Rollouts of one search that are under way together. Default 16. */
  readonly width?: number
  /** Seeds that are searched side by side, so that batches fill. Results do not depend on it. Default 4. */
  readonly together?: number
}

/**
 * Runs every method at every budget on every seed of the results, and adds one cell a metric to them.
 *
 * @param onRun the share of all NFE that is done, and what comes next
 * @throws the first error of a chain or a reward
 */
export async function compareSearches<S, X>(
  comparison: SearchComparison<S, X>,
  results: Results,
  onRun: (done: number, what: string) => void = () => {},
  signal?: AbortSignal,
): Promise<void> {
  const { tasks, methods, budgets, metrics, width = 16, together = 4 } = comparison
  const { seeds } = results
  const total = tasks.length * methods.length * seeds.length * budgets.reduce((sum, budget) => sum + budget, 0)
  let done = 0
  for (const task of tasks) {
    for (const method of methods) {
      const { name, search } = typeof method === 'string' ? { name: method, search: searchFrom(method) } : method
      const chain = task.chain(search.chain, name)
      for (const budget of budgets) {
        onRun(done / total, `${name}, ${task.name}, ${budget} NFE`)
        const found: SearchResult<X>[] = []
        for (let first = 0; first < seeds.length; first += together) {
          signal?.throwIfAborted()
          const group = seeds.slice(first, first + together)
          const { reward, lambda } = task
          found.push(
            ...(await Promise.all(
              group.map((seed) => search.run({ chain, reward, lambda, budget, seed, width, signal })),
            )),
          )
          signal?.throwIfAborted()
          done += group.length * budget
        }
        const average = (pick: (result: SearchResult<X>) => number) =>
          Math.round(found.reduce((sum, result) => sum + pick(result), 0) / found.length)
        for (const metric of metrics) {
          results.add({
            ...{ method: name, setting: task.name, metric: metric.name, budget },
            nfe: average((r) => r.nfe),
            gradientEvaluations: average((r) => r.gradientEvaluations),
            rewardEvaluations: average((r) => r.rewardEvaluations),
            values: await metric.values(found, task.name),
          })
        }
      }
    }
  }
}

/** The largest reward found. */
export const bestRewardMetric: SearchMetric<unknown> = {
  name: 'best reward',
  values: (results) => results.map(({ candidates, best }) => candidates[best].reward),
}

/** The mean reward under the method's own weights. */
export const meanRewardMetric: SearchMetric<unknown> = {
  name: 'mean reward',
  values: (results) =>
    results.map(({ candidates }) =>
      // What weighs nothing does not count, were its reward -Infinity.
      candidates.reduce((sum, { reward, weight }) => (weight === 0 ? sum : sum + weight * reward), 0),
    ),
}

/** What another reward, which the search did not see, gives to the best sample: over-optimisation shows in it. */
export function heldOutMetric<X>(name: string, judge: Reward<X>): SearchMetric<X> {
  return {
    name,
    values: async (results) =>
      Array.from(await judge.evaluate(results.map(({ candidates, best }) => candidates[best].sample))),
  }
}

/**
 * The mean of a number over samples drawn by the method's weights ({@link drawnSamples}): what a reward that the search
 * did not see gives to them, or, of a `threshold`, the share that meets a constraint.
 *
 * @param count samples drawn of each result. Default 64
 */
export function drawnMeanMetric<X>(name: string, judge: Reward<X>, count = 64): SearchMetric<X> {
  return {
    name,
    values: (results) =>
      Promise.all(results.map(async (result) => mean(await judge.evaluate(drawnSamples(result, count))))),
  }
}

/**
 * Samples drawn from a result by its weights, with as little repetition as the weights allow (systematic resampling).
 * Deterministic by the seed.
 */
export function drawnSamples<X>({ candidates }: SearchResult<X>, count: number, seed = 0): X[] {
  const draws = stream(purpose(key(seed), 'read-out'))
  const weights = candidates.map(({ weight }) => weight)
  return Array.from(resample('systematic', weights, count, draws), (k) => candidates[k].sample)
}

/** The samples of the largest rewards, best first. */
export function topSamples<X>({ candidates }: SearchResult<X>, count: number): X[] {
  const order = candidates.map((_, i) => i).sort((i, j) => candidates[j].reward - candidates[i].reward || i - j)
  return order.slice(0, count).map((i) => candidates[i].sample)
}
