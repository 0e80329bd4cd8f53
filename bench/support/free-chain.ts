import type { StochasticChain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import { fold, type Key, purpose } from 'espalier/tensor'

/**
 * A chain of five blocks whose steps compute next to nothing, so that what is measured is the search: a state is an array
 * of one number, drawn from the row's key and held in the middle by its parent's.
 */
export function freeChain(event: readonly number[]): StochasticChain<Float32Array, Float32Array> {
  const size = event.reduce((product, n) => product * n, 1)
  const draw = (key: Key) => purpose(key, 'free').lo / 2 ** 31 - 1
  return {
    kernel: 'stochastic',
    depth: 5,
    cost: () => 10,
    stochastic: () => true,
    start: async (keys) => keys.map((key) => new Float32Array(size).fill(draw(key))),
    step: async (states, level, keys) =>
      states.map((x, i) => new Float32Array(size).fill(0.7 * x[0] + draw(fold(keys[i], level)))),
    lookahead: async (states) => [...states],
    lookaheadCost: () => 0,
    decode: async (states) => [...states],
    save: (state) => state,
    load: (data) => data,
  }
}

/** The first number of a state. */
export const freeReward: Reward<Float32Array> = {
  name: 'first number',
  evaluate: async (samples) => Float64Array.from(samples, (x) => x[0]),
}
