/** Runs of images, fields and points. */

import { type CleanGradientFunction, cleanGradient } from 'espalier/guide'
import { asDifferentiable, type Denoiser } from 'espalier/process'
import { isDifferentiable, type Reward } from 'espalier/reward'
import type { ModelCard } from 'espalier/runtime'
import type { Tensor } from 'espalier/tensor'
import type { GivenConfig } from './config.ts'
import { asConfigError } from './engine-error.ts'
import { type FieldWalk, walkFields } from './field-walk.ts'
import { gatedRuntime } from './gated-runtime.ts'
import { fitReward } from './rewards.ts'
import { checkBudget, gatedReward, type Place, type Prepared } from './set-up.ts'

/** @throws EngineError one line: the field, what is wrong */
export async function prepareFields(given: GivenConfig, card: ModelCard, place: Place): Promise<Prepared> {
  const walk = await walkFields(given, card, place)
  const { config, method, modality, range } = walk
  const fit = await asConfigError('reward', () =>
    fitReward(config.reward, { ...place, key: config.model, card, range }),
  )
  return {
    ...walk,
    models: [config.model, ...fit.models],
    async open(gate, origin, use) {
      const runtime = gatedRuntime(place.runtime, gate)
      try {
        const denoiser = await walk.load(runtime, gate)
        const reward = await asConfigError('reward', () => fit.open(runtime))
        const gradient = await asConfigError(`method ${config.method}`, () => gradientFor(walk, denoiser, reward))
        const chain = await walk.chain(denoiser, origin, gradient)
        await checkBudget(config, method, chain, reward)
        const levels = walk.levels(origin?.left)
        return await use({ method, chain, reward: gatedReward(reward, gate), levels, modality })
      } finally {
        await Promise.all([runtime.close(), fit.release()])
      }
    },
  }
}

/** What a method follows that is after a gradient. @throws one line where the reward has none */
function gradientFor(
  { config, method, range }: FieldWalk,
  denoiser: Denoiser,
  reward: Reward<Tensor>,
): CleanGradientFunction | undefined {
  if (method.chain !== 'guided') return undefined
  if (isDifferentiable(reward)) return cleanGradient(asDifferentiable(denoiser), reward, { range })
  throw new Error(`the reward ${config.reward} has no gradient, which this method needs`)
}
