/** What a search walks: what runs of all kinds of data share. */

import { type Chain, continued, stochasticChain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import { rolloutCost, type SearchMethod } from 'espalier/search'
import { key } from 'espalier/tensor'
import type { Level, RunConfig, RunState } from './engine.ts'
import { asConfigError } from './engine-error.ts'
import type { Gate } from './gate.ts'
import type { Origin } from './origin.ts'
import type { RewardPlace } from './rewards.ts'
import type { ModelSource } from './source.ts'
import type { Modality, SavedState } from './view.ts'

/** Rows of one network call. */
export const maxBatch = 64

/** What runs are made of, and what they may. */
export interface Place {
  readonly runtime: Runtime
  readonly source: ModelSource
  /** What rewards may have beside their names. Default: nothing. */
  readonly rewards?: RewardPlace
}

/**
 * A run that can be searched.
 *
 * @typeParam S a state of the chain
 * @typeParam X a sample, what the reward scores
 */
export interface SetUp<S, X> {
  readonly method: SearchMethod
  readonly chain: Chain<S, X>
  readonly reward: Reward<X>
  /** Level d is that of the nodes of depth d. */
  readonly levels: readonly Level[]
  readonly modality: Modality<X>
}

/** What a chain expects at a state on its way, as a sample. */
export type LookAhead = (state: SavedState) => Promise<RunState>

/** All of a config but its reward, fitted to its model. No network is open yet. */
export interface Walk {
  /** With all that was left out. */
  readonly config: RunConfig
  readonly method: SearchMethod
  /** Numbers of one row of a network call. */
  readonly rowSize: number
  /** Numbers of a state. */
  readonly stateSize: number
  /**
   * How many steps are left at each level of a run of a method, the last one 0: entry d is that of nodes of depth d.
   * @param left steps at the first. Default: all
   */
  stepsLeft(method: SearchMethod, left?: number): readonly number[]
  /** Whether anything is drawn in the last steps. */
  draws(left: number): boolean
  /**
   * Opens the model for looks ahead of its chain; what was loaded is the runtime's to release.
   * @throws EngineError one line for what is wrong with the config
   */
  openLookAhead(runtime: Runtime, origin: Origin | undefined): Promise<LookAhead>
}

/** A config that fits its model. No network is open yet. */
export interface Prepared extends Walk {
  /** Keys of all models that it takes: its own, and those of its reward and its sampler. */
  readonly models: readonly string[]
  /**
   * Opens everything that the search needs, hands it over, and releases it.
   * @throws EngineError one line for what is wrong with the config
   */
  open<T>(gate: Gate, origin: Origin | undefined, use: <S, X>(opened: SetUp<S, X>) => Promise<T>): Promise<T>
}

/** The chain from an origin on, where there is one: its first block is what lies before. */
export async function begun<S, X>(chain: Chain<S, X>, origin: Origin | undefined): Promise<Chain<S, X>> {
  if (!origin) return chain
  return continued(stochasticChain(chain), 1, await loaded(chain, origin.state, 'the state to begin with'))
}

/** Looks ahead of a chain from states of its levels: nodes of depth d are of level d. */
export function lookAhead<S, X>(chain: Chain<S, X>, { sample }: Pick<Modality<X>, 'sample'>): LookAhead {
  return async ({ depth, data }) => {
    const [ahead] = await chain.lookahead([await loaded(chain, data, 'the state')], depth)
    return sample(ahead)
  }
}

/** A state that a chain saved, which may have come with a file. @throws one line where it is of another chain */
async function loaded<S, X>(chain: Chain<S, X>, data: Float32Array, what: string): Promise<S> {
  const [start] = await chain.start([key(0)])
  const { length } = chain.save(start)
  if (data.length === length) return chain.load(data)
  throw new Error(`${what} has ${data.length} numbers, states here have ${length}`)
}

/** A search that is stopped before it begins has looked at its options. */
export async function checkBudget<S, X>(
  { method: text, budget, lambda, width, seed }: RunConfig,
  method: SearchMethod,
  chain: Chain<S, X>,
  reward: Reward<X>,
): Promise<void> {
  await asConfigError('budget', () => {
    const cost = rolloutCost(chain)
    if (budget < cost) throw new Error(`${budget} is less than one sample of ${cost} NFE; raise it, or lower the steps`)
  })
  await asConfigError(`method ${text}`, () =>
    method.run({ chain, reward, budget, lambda, width, seed, signal: AbortSignal.abort() }),
  )
}

/** A reward whose every call passes the gate, and which a stop does not wait for. */
export function gatedReward<X>(reward: Reward<X>, gate: Gate): Reward<X> {
  return {
    name: reward.name,
    evaluate: (samples) => gate.through(() => gate.orStop(reward.evaluate(samples))),
  }
}
