/** Runs of text. */

import { branchPoints } from 'espalier/chain'
import { type SearchMethod, searchFrom } from 'espalier/search'
import {
  batchedTokens,
  defaultTokenSampler,
  loadEnergy,
  loadTokenDenoiser,
  type MaskedCard,
  maskedChain,
  type NamedTokenSampler,
  parsePrompt,
  processOf,
  promptOf,
  type SequenceEnergy,
  type TokenDenoiser,
  type TokenSolver,
  tokenSamplerFrom,
} from 'espalier/text'
import { type GivenConfig, runDefaults } from './config.ts'
import type { RunConfig } from './engine.ts'
import { asConfigError, EngineError } from './engine-error.ts'
import { gatedRuntime } from './gated-runtime.ts'
import { graphOf } from './rewards.ts'
import { begun, checkBudget, gatedReward, maxBatch, type Place, type Prepared } from './set-up.ts'
import { fitTextReward } from './text-rewards.ts'
import { openOther, openTokens, type Tokens, texts } from './text-states.ts'

/** Numbers of predictions that a chain remembers, at most: 256 MiB, which a page can spare. */
const REMEMBERED = 2 ** 26

/** A model of text that can be sampled from. @throws one line where it cannot */
export async function openTextModel(place: Pick<Place, 'source'>, key: string): Promise<Tokens<MaskedCard>> {
  const { card, tokenizer } = await openTokens(place.source, key)
  if (card.type === 'masked') return { card, tokenizer }
  throw new Error(`"${key}" is of the type ${card.type}; it can serve others, and not be sampled from`)
}

/** @throws EngineError one line: the field, what is wrong */
export async function prepareText(given: GivenConfig, place: Place): Promise<Prepared> {
  const { model } = given
  const tokens = await asConfigError('model', () => openTextModel(place, model))
  const { card, tokenizer } = tokens
  if (given.class !== undefined) throw new EngineError('config', `class: the model ${model} takes no class`)
  if ((given.guidance ?? 1) !== 1) {
    throw new EngineError('config', `guidance: it strengthens a class, and the model ${model} takes none`)
  }
  const method = await asConfigError('method', () => methodOf(given.method ?? runDefaults.method))
  const config: RunConfig = {
    ...runDefaults,
    ...given,
    solver: given.solver ?? defaultTokenSampler(card.process.type, true),
  }

  // What a chain must know of the network, whose file need not be open for that.
  const described = { process: processOf(card), context: card.context, timeFree: card.inputs.time === undefined }
  const whole = await asConfigError('prompt', () => parsePrompt(config.prompt ?? '', tokenizer))
  const { vocabulary } = tokenizer
  const length = config.length ?? (whole.includes(vocabulary) ? whole.length : card.context)
  const prompt = await asConfigError(config.length === undefined ? 'prompt' : 'length', () => {
    const filled = promptOf(described, { prompt: whole, length })
    if (filled.includes(vocabulary)) return filled
    throw new Error(`the prompt fills all ${length} tokens; give a larger length, or leave a [mask] in it`)
  })
  const sampler = await asConfigError('solver', () => samplerOf(config.solver))
  const fit = await asConfigError('reward', () => fitTextReward(config.reward, { ...place, key: model, tokens }))

  const remember = Math.max(1, Math.floor(REMEMBERED / (length * vocabulary)))
  /** @param branchAt remaining steps */
  const chainOf = (denoiser: TokenDenoiser, solver: TokenSolver, branchAt?: readonly number[]) =>
    maskedChain({ denoiser, sampler: solver, prompt, branchAt, remember })
  const unopened: TokenDenoiser = { ...described, predict: () => Promise.reject(new Error('no network is open')) }
  const blank: SequenceEnergy = { name: 'none', logWeights: async ({ shape }) => new Float64Array(shape[0]) }
  const steps = await asConfigError('solver', () => {
    const solver = sampler.make({ energy: blank })
    chainOf(unopened, solver)
    return solver({ ...described, prompt }).steps
  })
  const energy = await asConfigError('solver', () => energyOf(sampler, place, model, tokens))
  const points = ({ blocks }: SearchMethod, left: number) => branchPoints(blocks, left)

  return {
    config,
    rowSize: length * vocabulary,
    stepsLeft: (of, left = steps) => [...points(of, left), 0],
    draws: () => true,
    async open(gate, origin, use) {
      const runtime = gatedRuntime(place.runtime, gate)
      try {
        const denoiser = await asConfigError('model', async () =>
          batchedTokens(await loadTokenDenoiser(runtime, await graphOf(place.source, model), card), { maxBatch }),
        )
        const reward = await asConfigError('reward', () => fit.open(runtime))
        const opened = await asConfigError('solver', async () => {
          if (!energy) return sampler.make()
          const { graph, other, carryOver } = energy
          return sampler.make({ energy: await loadEnergy(runtime, await graph(), other, { carryOver }) })
        })
        const own = points(method, origin?.left ?? steps)
        const all = chainOf(denoiser, opened, origin ? [steps, ...own] : own)
        const chain = await asConfigError('origin', () => begun(all, origin))
        await checkBudget(config, method, chain, reward)
        const levels = [...own, 0].map((_, level) => ({ time: all.noised(level + (origin ? 1 : 0)), sigma: null }))
        const modality = texts(tokens, length)
        return await use({ method, chain, reward: gatedReward(reward, gate), levels, modality })
      } finally {
        await Promise.all([runtime.close(), fit.release()])
      }
    },
  }
}

/** @throws one line where there is no such method, or tokens are not for it */
function methodOf(text: string): SearchMethod {
  const method = searchFrom(text)
  if (method.chain === 'guided') throw new Error(`${text} follows a gradient, and tokens have none; take another`)
  if (method.chain === 'deterministic') {
    throw new Error(`${text} searches over start noises of images, and text has none; take another`)
  }
  return method
}

/** @throws one line where there is no such sampler, or it reads a file */
function samplerOf(text: string): NamedTokenSampler {
  const sampler = tokenSamplerFrom(text)
  if (sampler.profile === undefined) return sampler
  throw new Error(`${text} is a file, and a run opens none; take a named sampler`)
}

/** The energy that a sampler weighs its drafts by; nothing where it has none. @throws one line where it is not there */
async function energyOf({ energy }: NamedTokenSampler, { source }: Place, model: string, tokens: Tokens<MaskedCard>) {
  if (!energy) return undefined
  const name = energy.model ?? `${model}-autoregressive`
  const { card: other } = await openOther(source, name, tokens, 'energy')
  return { other, carryOver: energy.of === 'co-ar', graph: () => graphOf(source, name) }
}
