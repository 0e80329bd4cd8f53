import { argmax, independentRollouts, type RolloutOptions } from './rollouts.ts'
import type { SearchResult } from './search.ts'

/**
 * Best-of-N: N independent samples of the model, and the one with the largest reward. The law of the winner stays within
 * `KL <= ln N - (N - 1) / N` of the model. All candidates have the weight 1/N: they are draws of the model itself.
 */
export function bestOfN<S, X>(options: RolloutOptions<S, X>): Promise<SearchResult<X>> {
  return independentRollouts('best-of-n', options, (rewards) => ({
    weights: new Float64Array(rewards.length).fill(1 / rewards.length),
    selected: argmax(rewards),
  }))
}
