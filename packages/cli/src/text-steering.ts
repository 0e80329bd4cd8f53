/** Searches over a model of text: set up once, run once per method and seed. */

import type { Reward } from 'espalier/reward'
import type { Runtime } from 'espalier/runtime'
import type { SearchMethod } from 'espalier/search'
import { batchedTokens, maskedChain, type TokenSample, type TokenState } from 'espalier/text'
import { branchOf, chainsOf, maxBatch, type SearchSettings, type Steering } from './steering.ts'
import { openTextModel, type TextModel } from './text-model.ts'
import { textRewardFrom } from './text-rewards.ts'
import { openTextTask, type TextSettings } from './text-sampler.ts'

/** Searches over a model of text. */
export interface TextSteerSettings extends SearchSettings, Omit<TextSettings, 'noise'> {
  readonly sampler: string
}

export interface TextSteering extends Steering<TokenState, TokenSample> {
  readonly model: TextModel
}

/** Opens everything that the searches need. @throws UserError for what the user can put right */
export async function setUpTextSteering(runtime: Runtime, settings: TextSteerSettings): Promise<TextSteering> {
  const model = await openTextModel(runtime, settings.model)
  const { name, tokenizer } = model
  const shared = { ...model, denoiser: batchedTokens(model.denoiser, { maxBatch }) }
  const task = await openTextTask(runtime, shared, settings)
  const rewards = new Map<string, Reward<TokenSample>>()
  for (const text of settings.rewards) {
    const { classifier } = settings
    rewards.set(text, await textRewardFrom(text, { runtime, tokenizer, model: name, classifier }))
  }
  const make = (method: SearchMethod) => {
    if (method.chain === 'guided') throw new Error('it follows a gradient, and tokens have none; take another')
    if (method.chain === 'deterministic') {
      throw new Error('it searches over start noises of images, and text has none; take another')
    }
    return maskedChain({ ...task, branchAt: branchOf(method, settings) })
  }
  return {
    model,
    rewards,
    notes: { model: name },
    facts: [['sampler', settings.sampler], ...(settings.prompt ? [['prompt', settings.prompt] as const] : [])],
    pace: settings.sampler,
    chain: await chainsOf(settings, rewards, make, 'the calls or steps of --sampler'),
    tensor: ({ tokens }) => ({ shape: [tokens.length], data: Float32Array.from(tokens) }),
    spell: ({ data }) => tokenizer.decode(data),
  }
}
