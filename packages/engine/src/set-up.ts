/** What a search walks: what runs of all kinds of data share. */

import { type Chain, continued, stochasticChain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import { rolloutCost, type SearchMethod } from 'espalier/search'
import { key } from 'espalier/tensor'
import type { Level, RunConfig } from './engine.ts'
import { asConfigError } from './engine-error.ts'
import type { Gate } from './gate.ts'
import type { Origin } from './origin.ts'
import type { RewardPlace } from './rewards.ts'
import type { ModelSource } from './source.ts'
import type { Modality } from './view.ts'

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

/** A config that fits its model. No network is open yet. */
export interface Prepared {
  /** With all that was left out. */
  readonly config: RunConfig
  /** Numbers of one row of a network call. */
  readonly rowSize: number
  /**
   * How many steps are left at each level of a run of a method, the last one 0: entry d is that of nodes of depth d.
   * @param left steps at the first. Default: all
   */
  stepsLeft(method: SearchMethod, left?: number): readonly number[]
  /** Whether anything is drawn in the last steps. */
  draws(left: number): boolean
  /**
   * Opens everything that the search needs, hands it over, and releases it.
   * @throws EngineError one line for what is wrong with the config
   */
  open<T>(gate: Gate, origin: Origin | undefined, use: <S, X>(opened: SetUp<S, X>) => Promise<T>): Promise<T>
}

/** The chain from an origin on, where there is one: its first block is what lies before. */
export async function begun<S, X>(chain: Chain<S, X>, origin: Origin | undefined): Promise<Chain<S, X>> {
  if (!origin) return chain
  const [start] = await chain.start([key(0)])
  const { length } = chain.save(start)
  if (origin.state.length !== length) {
    throw new Error(`the state to begin with has ${origin.state.length} numbers, states here have ${length}`)
  }
  return continued(stochasticChain(chain), 1, chain.load(origin.state))
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
