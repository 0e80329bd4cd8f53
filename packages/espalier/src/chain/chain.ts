import type { Key } from '../tensor/random.ts'

/**
 * A reverse-time Markov chain: all that a search needs to know of a diffusion model.
 * Level 0 is pure noise (`start`), level `depth` is final (`decode`). One `step` may be a block of solver steps.
 *
 * @typeParam S a state (one particle)
 * @typeParam X a decoded sample, what a reward scores
 */
export interface Chain<S, X> {
  /** Number of levels; `step` is defined for `0 <= level < depth`. */
  readonly depth: number
  /** NFE that one row of `step(…, level, …)` costs. */
  cost(level: number): number
  /** Whether `step` at this level draws fresh noise (a deterministic level cannot be branched at). */
  stochastic(level: number): boolean
  /**
   * Independent draws from the prior, one per key. Here and in `step`, all randomness of row i comes from named purposes
   * of `keys[i]` (and, in `step`, the level): one key may serve a whole rollout, and numbered children (`fold(key, n)`)
   * are left to the search.
   */
  start(keys: readonly Key[]): Promise<S[]>
  /** One stochastic reverse step from `level` to `level + 1`; row i uses `keys[i]` alone. */
  step(states: readonly S[], level: number, keys: readonly Key[]): Promise<S[]>
  /** The expected clean sample `E[x_0 | x_level]`, one per state (costs `lookaheadCost(level)` NFE a row). */
  lookahead(states: readonly S[], level: number): Promise<X[]>
  lookaheadCost(level: number): number
  /** Samples of final states (level `depth`). */
  decode(states: readonly S[]): Promise<X[]>
  /** Bytes of a state for checkpoints, and back. */
  save(state: S): Float32Array
  load(data: Float32Array): S
}
