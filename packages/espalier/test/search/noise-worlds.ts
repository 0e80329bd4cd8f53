import type { NoiseChain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import { fold, type Key, normal, purpose } from 'espalier/tensor'

/** States in float64: exact oracles for the algebra of noise searches. */
export type Vector = Float64Array

export interface IdentityOptions {
  readonly dimension?: number
  readonly depth?: number
  /** NFE of a level. Default 1. */
  readonly cost?: number
  /** Called at every step and look-ahead with the number of rows and the NFE of one. */
  readonly onCall?: (rows: number, nfe: number) => void
}

/**
 * Data N(0, I) on a variance-preserving process, exactly: the probability flow is the identity, the marginal of every level
 * is N(0, I), and the expected clean sample at level l is `a x`, `a = sin(pi/2 l / depth)`.
 */
export function identityChain(options: IdentityOptions = {}): NoiseChain<Vector, Vector> {
  const { dimension = 64, depth = 1, cost = 1, onCall } = options
  const signal = (level: number) => Math.sin(((Math.PI / 2) * level) / depth)
  const drawn = (own: Key) => {
    const x = new Float64Array(dimension)
    normal(own, x)
    return x
  }
  return {
    kernel: 'deterministic',
    depth,
    cost: () => cost,
    stochastic: () => false,
    start: async (keys) => keys.map((own) => drawn(purpose(own, 'start'))),
    step: async (states) => {
      onCall?.(states.length, cost)
      return states.map((x) => x.slice())
    },
    lookahead: async (states, level) => {
      if (level < depth) onCall?.(states.length, cost)
      return states.map((x) => x.map((v) => signal(level) * v))
    },
    lookaheadCost: (level) => (level === depth ? 0 : cost),
    decode: async (states) => [...states],
    neighbours: (starts, cosine, keys) =>
      starts.map((x, i) => {
        const v = drawn(purpose(keys[i], 'neighbour'))
        const along = dot(v, x) / dot(x, x)
        const across = v.map((value, j) => value - along * x[j])
        const scale = Math.sqrt(((1 - cosine * cosine) * dot(x, x)) / dot(across, across))
        return x.map((value, j) => cosine * value + scale * across[j])
      }),
    renoise: (states, level, to, keys) => {
      const ratio = signal(to) / signal(level)
      const std = Math.sqrt(Math.max(0, 1 - ratio * ratio)) // s'^2 - ratio^2 s^2, as a^2 + s^2 = 1
      return states.map((x, i) => {
        const z = drawn(fold(purpose(keys[i], 'renoise'), to))
        return x.map((v, j) => ratio * v + std * z[j])
      })
    },
    // two words a number, so that nothing is lost
    save: (state) => new Float32Array(state.slice().buffer),
    load: (data) => new Float64Array(data.slice().buffer),
  }
}

export function dot(x: Vector, y: Vector): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i]
  return sum
}

export const first: Reward<Vector> = { name: 'first coordinate', evaluate: async (samples) => samples.map((x) => x[0]) }
export const constant: Reward<Vector> = { name: 'constant', evaluate: async (samples) => samples.map(() => 1) }

/** Means and standard errors over seeds. */
export function average(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const square = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1)
  return { mean, error: Math.sqrt(square / values.length) }
}

/** Largest distance of the empirical law of the values to N(0, 1), times sqrt(n): above 1.95 with probability .001. */
export function kolmogorov(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const n = sorted.length
  return Math.sqrt(n) * Math.max(...sorted.map((v, i) => Math.max(normalCdf(v) - i / n, (i + 1) / n - normalCdf(v))))
}

/** By the trapezoidal rule, to 1e-7. */
export function normalCdf(x: number): number {
  const n = 400
  const h = x / n
  let sum = (1 + Math.exp((-x * x) / 2)) / 2
  for (let i = 1; i < n; i++) sum += Math.exp(-((i * h) ** 2) / 2)
  return 0.5 + (sum * h) / Math.sqrt(2 * Math.PI)
}
