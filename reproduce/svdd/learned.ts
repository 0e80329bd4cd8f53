/** Values for SVDD-MC: learned once from rollouts of the model, which five populations share the cost of. */

import type { StochasticChain } from 'espalier/chain'
import type { Reward } from 'espalier/reward'
import type { Tensor } from 'espalier/tensor'
import { type FittedValues, fitValues } from 'espalier/train'
import type { ImageWorld } from '../support/image-world.ts'

const populations = 5
/** Some four passes over the states that it learns from. */
const training = { steps: 800, batch: 64 }

const fitted = new WeakMap<ImageWorld, Promise<FittedValues<Float32Array>>>()

/**
 * The mean reward from each state on, as the released code for images learns it; learned once a world.
 * @param share rollouts that each population pays for
 */
export function learnedValues(
  world: ImageWorld,
  chain: StochasticChain<Float32Array, Tensor>,
  reward: Reward<Tensor>,
  share: number,
): Promise<FittedValues<Float32Array>> {
  const known = fitted.get(world)
  if (known) return known
  const { runtime, event } = world
  const values = fitValues({
    chain,
    reward,
    runtime,
    event,
    seed: 0,
    rollouts: share * populations,
    ...training,
  })
  fitted.set(world, values)
  return values
}
