import type { Chain } from '../chain/chain.ts'
import type { Reward } from '../reward/reward.ts'

/**
 * Guesses the value `V(x) = (1/lambda) log E[exp(lambda r(x_0)) | x]` of states before the end. Population methods
 * weigh their rows by it on the way; the final reward corrects what it got wrong.
 */
export interface ValueFunction<S> {
  readonly name: string
  /** NFE of one row at a level. */
  cost(level: number): number
  /** Reward evaluations of one row. */
  readonly rewardEvaluations: number
  /** Whether it asks the network at the very states, so that their next step costs less (`chain.cost(level, true)`). */
  readonly looks: boolean
  /** One number per state, in units of the reward. */
  evaluate(states: readonly S[], level: number): Promise<ArrayLike<number>>
}

/** The reward of the expected clean sample, `r(E[x_0 | x])`: what SMC, FK, TDS, DAS and SVDD-PM take for the value. */
export function posteriorMean<S, X>(chain: Chain<S, X>, reward: Reward<X>): ValueFunction<S> {
  return {
    name: 'posterior-mean',
    cost: (level) => chain.lookaheadCost(level),
    rewardEvaluations: 1,
    looks: true,
    evaluate: async (states, level) => reward.evaluate(await chain.lookahead(states, level)),
  }
}
