import type { StochasticChain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import { categorical, fold, type Key, key, purpose, stream } from 'espalier/tensor'

/** A Markov chain on `0 .. size - 1` with random tables: small enough that every soft value is a finite sum. */
export interface FiniteWorld {
  readonly chain: StochasticChain<number, number>
  readonly reward: Reward<number>
  /** `values[level][state]`, by the soft Bellman recursion over all continuations. */
  softValues(lambda: number): number[][]
  /** `log E[exp(lambda r)]` under the chain. */
  logZ(lambda: number): number
  /** The tilted law of the final state. */
  target(lambda: number): number[]
  /** The chain's own law of the final state. */
  prior(): number[]
}

export function finiteWorld(seed: number, depth = 3, size = 3, rewards?: readonly number[]): FiniteWorld {
  const draws = stream(purpose(key(seed), 'world'))
  const law = () => {
    const weights = Array.from({ length: size }, () => 0.1 + draws.uniform())
    const total = weights.reduce((a, b) => a + b)
    return weights.map((w) => w / total)
  }
  const initial = law()
  const tables = Array.from({ length: depth }, () => Array.from({ length: size }, law))
  const reward = rewards ?? Array.from({ length: size }, () => 2 * draws.normal())
  const draw = (weights: readonly number[], k: Key) => categorical(stream(k).uniform(), weights)

  const expTilted = (lambda: number, pick: (state: number) => number) => {
    let row = Array.from({ length: size }, (_, x) => Math.exp(lambda * reward[x]) * pick(x))
    const levels = [row]
    for (let level = depth - 1; level >= 0; level--) {
      const below = row
      row = tables[level].map((p) => p.reduce((sum, q, y) => sum + q * below[y], 0))
      levels.unshift(row)
    }
    return levels
  }
  const total = (row: readonly number[]) => initial.reduce((sum, p, x) => sum + p * row[x], 0)
  const lawOf = (lambda: number) => {
    const z = total(expTilted(lambda, () => 1)[0])
    return Array.from({ length: size }, (_, x) => total(expTilted(lambda, (y) => (x === y ? 1 : 0))[0]) / z)
  }

  return {
    chain: {
      kernel: 'stochastic',
      depth,
      cost: () => 1,
      stochastic: () => true,
      start: async (keys) => keys.map((k) => draw(initial, purpose(k, 'start'))),
      step: async (states, level, keys) =>
        states.map((x, i) => draw(tables[level][x], fold(purpose(keys[i], 'step'), level))),
      lookahead: async (states) => [...states],
      lookaheadCost: (level) => (level < depth ? 1 : 0),
      decode: async (states) => [...states],
      save: (state) => Float32Array.of(state),
      load: (data) => data[0],
    },
    reward: { name: 'table', evaluate: async (samples) => samples.map((x) => reward[x]) },
    softValues: (lambda) => expTilted(lambda, () => 1).map((row) => row.map((e) => Math.log(e) / lambda)),
    logZ: (lambda) => Math.log(total(expTilted(lambda, () => 1)[0])),
    target: lawOf,
    prior: () => lawOf(0),
  }
}

/** A state that is an object, so that a chain can remember that it was looked at. */
export interface Box {
  readonly x: number
}

/**
 * The chain with a count of the rows that its network would be asked. Where it remembers, a state that was looked at takes
 * its step for nothing.
 */
export function countedChain(chain: StochasticChain<number, number>, remembers: boolean) {
  let rows = 0
  const seen = new WeakMap<object, number>()
  const ask = (states: readonly Box[], level: number) => {
    for (const state of states) {
      if (remembers && seen.get(state) === level) continue
      seen.set(state, level)
      rows++
    }
  }
  const counted: StochasticChain<Box, number> = {
    ...{ kernel: 'stochastic', depth: chain.depth, stochastic: () => true },
    cost: (_, looked = false) => (remembers && looked ? 0 : 1),
    lookaheadCost: (level) => (level < chain.depth ? 1 : 0),
    start: async (keys) => (await chain.start(keys)).map((x) => ({ x })),
    async step(states, level, keys) {
      ask(states, level)
      const numbers = states.map(({ x }) => x)
      return (await chain.step(numbers, level, keys)).map((x) => ({ x }))
    },
    async lookahead(states, level) {
      ask(states, level)
      return states.map(({ x }) => x)
    },
    decode: async (states) => states.map(({ x }) => x),
    save: ({ x }) => Float32Array.of(x),
    load: (data) => ({ x: data[0] }),
  }
  return { chain: counted, rows: () => rows }
}
