import type { Key } from '../tensor/random.ts'

/**
 * A reverse-time Markov chain: all that a search needs to know of a diffusion model.
 * Level 0 is pure noise (`start`), level `depth` is final (`decode`). One `step` may be a block of solver steps.
 *
 * States are values: nothing changes one after it was made. So a copy of a particle is the same object again, and what
 * a chain remembers about a state (its prediction) comes along.
 *
 * @typeParam S a state (one particle)
 * @typeParam X a decoded sample, what a reward scores
 */
export interface Chain<S, X> {
  /**
   * `stochastic` if at least one step draws fresh noise, so that a state has many continuations; see
   * {@link StochasticChain}.
   */
  readonly kernel: 'stochastic' | 'deterministic'
  /** Number of levels; `step` is defined for `0 <= level < depth`. */
  readonly depth: number
  /**
   * NFE that one row of `step(…, level, …)` costs.
   * @param looked whether `lookahead` has seen this very state: its prediction is then not paid twice. Default false
   */
  cost(level: number, looked?: boolean): number
  /** Whether `step` at this level draws fresh noise (a deterministic level cannot be branched at). */
  stochastic(level: number): boolean
  /**
   * Independent draws from the prior, one per key. Here and in `step`, all randomness of row i comes from named
   * purposes of `keys[i]` (and, in `step`, the level): one key may serve a whole rollout, and numbered children
   * (`fold(key, n)`) are left to the search.
   */
  start(keys: readonly Key[]): Promise<S[]>
  /** One stochastic reverse step from `level` to `level + 1`; row i uses `keys[i]` alone. */
  step(states: readonly S[], level: number, keys: readonly Key[]): Promise<S[]>
  /** The expected clean sample `E[x_0 | x_level]`, one per state (costs `lookaheadCost(level)` NFE a row). */
  lookahead(states: readonly S[], level: number): Promise<X[]>
  /** NFE of a first look; a chain that remembers predictions gives a state's again for nothing. */
  lookaheadCost(level: number): number
  /** Samples of final states (level `depth`). */
  decode(states: readonly S[]): Promise<X[]>
  /**
   * Optional: from `level` straight to final states by a plan of fewer steps than the levels would take, for rollouts
   * that are only there to be scored. Its law is another than that of the steps. Row i uses `keys[i]` alone.
   */
  finish?(states: readonly S[], level: number, keys: readonly Key[]): Promise<S[]>
  /** NFE of one row of `finish`; 0 from level `depth`. Both are there or neither is. */
  finishCost?(level: number, looked?: boolean): number
  /** Bytes of a state for checkpoints, and back. */
  save(state: S): Float32Array
  load(data: Float32Array): S
}

/**
 * A chain with a stochastic kernel: what particle and tree methods need. A deterministic chain does not fit its type.
 */
export interface StochasticChain<S, X> extends Chain<S, X> {
  readonly kernel: 'stochastic'
}

/** A chain whose samples are decided by their start (an ODE solver): what searches over noises need. */
export interface NoiseChain<S, X> extends Chain<S, X> {
  readonly kernel: 'deterministic'
  /**
   * A start near each start: at the angle `acos(cosine)` from it and as far from the origin. A neighbour of a draw from
   * the prior is again one. Row i uses `keys[i]` alone.
   * @param cosine in [-1, 1]
   */
  neighbours(starts: readonly S[], cosine: number, keys: readonly Key[]): S[]
  /**
   * States at `level` noised again to the earlier level `to` (at most `level`) by the forward process; costs no NFE.
   */
  renoise(states: readonly S[], level: number, to: number, keys: readonly Key[]): S[]
}

/** States drawn from a proposal `q`, and what makes up for it. */
export interface Proposal<S> {
  readonly states: S[]
  /** `log p - log q` of each row's way from its old state to its new one. */
  readonly logRatio: Float64Array
}

/**
 * A chain whose every solver step is Gaussian, `N(mean, std^2 I)`, with a known mean, and which can move that mean
 * along the gradient of a reward of the expected clean sample: the proposal of TDS, DAS and DPS.
 */
export interface GuidedChain<S, X> extends StochasticChain<S, X> {
  /**
   * `step`, each solver step drawn from `N(mean + std^2 strength g, std^2 I)` instead, with
   * `g = grad_x r(E[x_0 | x])` at the state x that the step starts from.
   *
   * @param strength factor of the solver step after which `done` of all `steps` solver steps are done (1 <= done <=
   *   steps): the inverse temperature, or a tempered part of it
   */
  propose(
    states: readonly S[],
    level: number,
    keys: readonly Key[],
    strength: (done: number, steps: number) => number,
  ): Promise<Proposal<S>>
  /**
   * Gradient evaluations (backward passes through the network) of one row of `propose` at this level. Its forward
   * passes are those of `step`: `cost(level, looked)`.
   */
  gradientCost(level: number): number
  /** Reward evaluations of one row of `propose` at this level: one for each gradient that it takes. */
  rewardCost(level: number): number
}

/** A chain that knows the law of its step in closed form, at levels that are one solver step. */
export interface GaussianChain<S, X> extends StochasticChain<S, X> {
  /** Mean of each row's next state and the standard deviation about it. Costs `cost(level)` NFE a row. */
  moments(states: readonly S[], level: number): Promise<{ readonly means: S[]; readonly std: number }>
  /** `log N(next; mean, std^2 I)` of each row. */
  logProbability(next: readonly S[], means: readonly S[], std: number): Float64Array
}

/**
 * The chain as one with a stochastic kernel, for chains that come from files and options, where the compiler cannot
 * know.
 * @throws Error where it is deterministic
 */
export function stochasticChain<S, X>(chain: Chain<S, X>): StochasticChain<S, X> {
  if (isStochasticChain(chain)) return chain
  throw new Error(
    'this chain draws no noise on its way, so its states have one continuation each and there is nothing to branch or to ' +
      'resample; take a stochastic solver (ddpm, or ddim with eta 1), or search over start noises instead',
  )
}

/**
 * The chain as one with guided proposals, where only a run can tell.
 * @throws Error where it has none
 */
export function guidedChain<S, X>(chain: Chain<S, X>): GuidedChain<S, X> {
  if (isGuidedChain(chain)) return chain
  throw new Error(
    'this chain cannot move its steps along the gradient of a reward; give it a differentiable reward (its option `gradient`), ' +
      'or take a search without gradients',
  )
}

/**
 * The chain as one whose start decides its sample, where only a run can tell.
 * @throws Error where it draws noise on its way
 */
export function noiseChain<S, X>(chain: Chain<S, X>): NoiseChain<S, X> {
  if (chain.kernel === 'deterministic') return chain as NoiseChain<S, X>
  throw new Error(
    'this chain draws noise on its way, so its start does not decide its sample; take a deterministic solver (ddim, ' +
      'dpm++2m), or a search over paths of a stochastic one',
  )
}

export function isGuidedChain<S, X>(chain: Chain<S, X>): chain is GuidedChain<S, X> {
  return isStochasticChain(chain) && 'propose' in chain
}

export function isStochasticChain<S, X>(chain: Chain<S, X>): chain is StochasticChain<S, X> {
  return chain.kernel === 'stochastic'
}
