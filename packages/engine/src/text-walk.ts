/** How runs of text are walked: all of them but what they are scored by. */

import { branchPoints, type Chain } from 'espalier/chain'
import type { Runtime } from 'espalier/runtime'
import { type SearchMethod, searchFrom } from 'espalier/search'
import {
  batchedTokens,
  defaultTokenSampler,
  loadTokenDenoiser,
  type MaskedCard,
  maskedChain,
  type NamedTokenSampler,
  parsePrompt,
  processOf,
  promptOf,
  type SequenceEnergy,
  type TokenDenoiser,
  type TokenSample,
  type TokenSolver,
  type TokenState,
  tokenSamplerFrom,
} from 'espalier/text'
import { type GivenConfig, runDefaults } from './config.ts'
import type { Level, RunConfig } from './engine.ts'
import { asConfigError, EngineError } from './engine-error.ts'
import type { Origin } from './origin.ts'
import { graphOf } from './rewards.ts'
import { begun, lookAhead, maxBatch, type Place, type Walk } from './set-up.ts'
import { openTokens, type Tokens, texts } from './text-states.ts'
import type { Modality } from './view.ts'

/** Numbers of predictions that a chain remembers, at most: 256 MiB, which a page can spare. */
const REMEMBERED = 2 ** 26

export interface TextWalk extends Walk {
  readonly tokens: Tokens<MaskedCard>
  readonly sampler: NamedTokenSampler
  readonly modality: Modality<TokenSample>
  /** The model, its calls in batches. */
  load(runtime: Runtime): Promise<TokenDenoiser>
  /** The chain of a sampler that is open, and its levels: as many as a run has from its origin on. */
  chain(
    denoiser: TokenDenoiser,
    solver: TokenSolver,
    origin: Origin | undefined,
  ): Promise<{ readonly chain: Chain<TokenState, TokenSample>; readonly levels: readonly Level[] }>
}

/** A model of text that can be sampled from. @throws one line where it cannot */
export async function openTextModel(place: Pick<Place, 'source'>, key: string): Promise<Tokens<MaskedCard>> {
  const { card, tokenizer } = await openTokens(place.source, key)
  if (card.type === 'masked') return { card, tokenizer }
  throw new Error(`"${key}" is of the type ${card.type}; it can serve others, and not be sampled from`)
}

/** @throws EngineError one line: the field, what is wrong */
export async function walkText(given: GivenConfig, { source }: Pick<Place, 'source'>): Promise<TextWalk> {
  const { model } = given
  const tokens = await asConfigError('model', () => openTextModel({ source }, model))
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
  const points = ({ blocks }: SearchMethod, left: number) => branchPoints(blocks, left)
  const modality = texts(tokens, length)

  const walk: TextWalk = {
    config,
    method,
    tokens,
    sampler,
    modality,
    rowSize: length * vocabulary,
    stateSize: length,
    stepsLeft: (of, left = steps) => [...points(of, left), 0],
    draws: () => true,
    load: (runtime) =>
      asConfigError('model', async () =>
        batchedTokens(await loadTokenDenoiser(runtime, await graphOf(source, model), card), { maxBatch }),
      ),
    async chain(denoiser, solver, origin) {
      const own = points(method, origin?.left ?? steps)
      const all = chainOf(denoiser, solver, origin ? [steps, ...own] : own)
      const chain = await asConfigError('origin', () => begun(all, origin))
      const levels = [...own, 0].map((_, level) => ({ time: all.noised(level + (origin ? 1 : 0)), sigma: null }))
      return { chain, levels }
    },
    async openLookAhead(runtime, origin) {
      // What weighs drafts has no part in what is expected of a state.
      const { chain } = await walk.chain(await walk.load(runtime), sampler.make({ energy: blank }), origin)
      return lookAhead(chain, modality)
    },
  }
  return walk
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
