import { type GuidedChain, isGuidedChain, type StochasticChain } from './chain.ts'

/**
 * The rest of a chain from one state on: a chain whose every start is that state, and whose level l is the level
 * `from + l`. Its samples are draws of `p(x_0 | x_from = state)`, so a search over it is after
 * `p(x_0 | x_from) exp(lambda r(x_0)) / Z`, with Z the exponential of `lambda` times the soft value of the state. What
 * lies before the state costs nothing; everything else is the chain's: costs, draws, samples, what it remembers of
 * states. So are the steps that guided proposals count (`done` of `steps`).
 *
 * @param from its level, 0 to `depth - 1`
 * @param state an object of its own: what a look-ahead predicts at it serves all rollouts
 * @throws where nothing is left of the chain at that level
 */
export function continued<S, X>(chain: GuidedChain<S, X>, from: number, state: S): GuidedChain<S, X>
export function continued<S, X>(chain: StochasticChain<S, X>, from: number, state: S): StochasticChain<S, X>
export function continued<S, X>(chain: StochasticChain<S, X>, from: number, state: S): StochasticChain<S, X> {
  if (!(Number.isInteger(from) && from >= 0 && from < chain.depth)) {
    throw new Error(`a chain of ${chain.depth} levels goes on from one of 0 to ${chain.depth - 1}, got ${from}`)
  }
  const { finish, finishCost } = chain
  const rest: StochasticChain<S, X> = {
    kernel: 'stochastic',
    depth: chain.depth - from,
    cost: (level, looked) => chain.cost(from + level, looked),
    stochastic: (level) => chain.stochastic(from + level),
    start: async (keys) => keys.map(() => state),
    step: (states, level, keys) => chain.step(states, from + level, keys),
    lookahead: (states, level) => chain.lookahead(states, from + level),
    lookaheadCost: (level) => chain.lookaheadCost(from + level),
    decode: (states) => chain.decode(states),
    save: (saved) => chain.save(saved),
    load: (data) => chain.load(data),
    ...(finish &&
      finishCost && {
        finish: (states, level, keys) => finish(states, from + level, keys),
        finishCost: (level, looked) => finishCost(from + level, looked),
      }),
  }
  if (!isGuidedChain(chain)) return rest
  const guided: GuidedChain<S, X> = {
    ...rest,
    propose: (states, level, keys, strength) => chain.propose(states, from + level, keys, strength),
    gradientCost: (level) => chain.gradientCost(from + level),
    rewardCost: (level) => chain.rewardCost(from + level),
  }
  return guided
}
