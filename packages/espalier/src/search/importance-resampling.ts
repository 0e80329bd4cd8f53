import { logSumExp } from '../tensor/log-sum-exp.ts'
import { categorical } from '../tensor/random.ts'
import { logTilt, softmax } from './log-weights.ts'
import { independentRollouts, type RolloutOptions } from './rollouts.ts'
import type { SearchResult } from './search.ts'

/**
 * Self-normalised importance resampling: independent samples of the model, weighted by `exp(lambda r)`. Consistent for
 * the tilted law, with `Z = mean exp(lambda r)` unbiased; it needs about `1/p` rollouts before it sees a set of
 * probability p. The selected sample is one draw by the weights.
 */
export function importanceResampling<S, X>(options: RolloutOptions<S, X>): Promise<SearchResult<X>> {
  return independentRollouts('importance-resampling', options, (rewards, lambda, draws) => {
    const logWeights = rewards.map((reward) => logTilt(lambda, reward))
    const weights = softmax(logWeights)
    return {
      weights,
      selected: categorical(draws.uniform(), weights),
      logZ: logSumExp(logWeights) - Math.log(rewards.length),
    }
  })
}
