/** Runs of text. */

import { loadEnergy, type MaskedCard, type NamedTokenSampler } from 'espalier/text'
import type { GivenConfig } from './config.ts'
import { asConfigError } from './engine-error.ts'
import { gatedRuntime } from './gated-runtime.ts'
import { graphOf } from './rewards.ts'
import { checkBudget, gatedReward, type Place, type Prepared } from './set-up.ts'
import { fitTextReward } from './text-rewards.ts'
import { openOther, type Tokens } from './text-states.ts'
import { walkText } from './text-walk.ts'

/** @throws EngineError one line: the field, what is wrong */
export async function prepareText(given: GivenConfig, place: Place): Promise<Prepared> {
  const walk = await walkText(given, place)
  const { config, method, modality, sampler, tokens } = walk
  const { model } = config
  const fit = await asConfigError('reward', () => fitTextReward(config.reward, { ...place, key: model, tokens }))
  const energy = await asConfigError('solver', () => energyOf(sampler, place, model, tokens))
  return {
    ...walk,
    models: [model, ...fit.models, ...(energy ? [energy.name] : [])],
    async open(gate, origin, use) {
      const runtime = gatedRuntime(place.runtime, gate)
      try {
        const denoiser = await walk.load(runtime)
        const reward = await asConfigError('reward', () => fit.open(runtime))
        const solver = await asConfigError('solver', async () => {
          if (!energy) return sampler.make()
          const { graph, other, carryOver } = energy
          return sampler.make({ energy: await loadEnergy(runtime, await graph(), other, { carryOver }) })
        })
        const { chain, levels } = await walk.chain(denoiser, solver, origin)
        await checkBudget(config, method, chain, reward)
        return await use({ method, chain, reward: gatedReward(reward, gate), levels, modality })
      } finally {
        await Promise.all([runtime.close(), fit.release()])
      }
    },
  }
}

/** The energy that a sampler weighs its drafts by; nothing where it has none. @throws one line where it is not there */
async function energyOf({ energy }: NamedTokenSampler, { source }: Place, model: string, tokens: Tokens<MaskedCard>) {
  if (!energy) return undefined
  const name = energy.model ?? `${model}-autoregressive`
  const { card: other } = await openOther(source, name, tokens, 'energy')
  return { name, other, carryOver: energy.of === 'co-ar', graph: () => graphOf(source, name) }
}
