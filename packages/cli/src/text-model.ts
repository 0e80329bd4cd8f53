/** Models of text as `--model`, `--judge` and energies name them: opened with their tokenizers, checked, and asked once. */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Runtime } from 'espalier/runtime'
import {
  type AutoregressiveModel,
  createTokenizer,
  type EnergyForm,
  freePrompt,
  loadEnergy,
  loadTokenDenoiser,
  type MaskedCard,
  networkAutoregressive,
  type SequenceEnergy,
  sameTokens,
  stackTokens,
  type TextTokenizer,
  type TokenCard,
  type TokenDenoiser,
} from 'espalier/text'
import { isTextCard } from './card.ts'
import { asUserError, UserError } from './errors.ts'
import { type ModelFiles, readModelFiles } from './model.ts'
import { zooModels } from './zoo.ts'

/** A token diffusion that is ready to be asked. */
export interface TextModel {
  readonly name: string
  readonly card: MaskedCard
  readonly sha256: string
  readonly denoiser: TokenDenoiser
  readonly tokenizer: TextTokenizer
}

/** A model of text on the disk. */
export interface TextFiles extends ModelFiles {
  readonly card: TokenCard
  readonly graph: Uint8Array
  readonly tokenizer: TextTokenizer
}

/** Finds and reads a model of text. @throws UserError if there is none, or its files are damaged or do not fit */
export function readTextFiles(name: string, option: string): TextFiles {
  const files = readModelFiles(name, option)
  const { card, graph, folder } = files
  if (!isTextCard(card) || !graph) {
    throw new UserError(`${option} ${name} is no model of text; its card is of the type ${card.type}`)
  }
  return { ...files, card, graph, tokenizer: readTokenizer(folder, card, `${option} ${name}`) }
}

/** The tokenizer of a folder, `tokenizer.json` unless the card names another. */
export function readTokenizer(folder: string, card: TokenCard, what: string): TextTokenizer {
  const file = join(folder, String(card.tokenizer?.file ?? 'tokenizer.json'))
  if (!existsSync(file)) throw new UserError(`${what}: ${file} is missing; a model of text needs its tokenizer`)
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UserError(`${what}: ${file} is not JSON (${(error as Error).message})`)
  }
  let tokenizer: TextTokenizer
  try {
    tokenizer = createTokenizer(json, file)
  } catch (error) {
    throw new UserError(`${what}: ${(error as Error).message}`, { cause: error })
  }
  if (tokenizer.vocabulary === card.vocabulary) return tokenizer
  throw new UserError(`${what}: ${file} has ${tokenizer.vocabulary} tokens, the card says ${card.vocabulary}`)
}

/**
 * Loads a token diffusion and asks it for one sequence, so that a damaged or unfitting network is told before work
 * begins.
 *
 * @throws UserError where files, card and graph do not fit together
 */
export async function openTextModel(runtime: Runtime, name: string): Promise<TextModel> {
  const { card, graph, sha256, tokenizer } = readTextFiles(name, '--model')
  return asUserError(`--model ${name}`, async () => {
    const denoiser = await loadTokenDenoiser(runtime, graph, card)
    const needed = Object.entries((card as MaskedCard).conditions).find(([, condition]) => !condition.default)
    if (needed) throw new Error(`its condition "${needed[0]}" has no default; give it one in the card`)
    const length = Math.min(2, denoiser.context)
    // Of a uniform process no token is the mask, which its network need not know.
    const row = denoiser.process.kind === 'masked' ? freePrompt(denoiser, length) : new Int32Array(length)
    await denoiser.predict(stackTokens([row]), Float64Array.of(0.5))
    return { name, card: card as MaskedCard, sha256, denoiser, tokenizer }
  })
}

/** An autoregressive model that says how likely texts are: another one than what makes or steers them. */
export async function openJudge(runtime: Runtime, name: string, model: TextModel): Promise<AutoregressiveModel> {
  const { card, graph, tokenizer } = readTextFiles(name, '--judge')
  if (card.type !== 'autoregressive') {
    throw new UserError(`--judge ${name} is of the type ${card.type}; an autoregressive model is needed`)
  }
  checkSame(tokenizer, model, `--judge ${name}`)
  return asUserError(`--judge ${name}`, async () => networkAutoregressive(await runtime.load(graph), card))
}

/**
 * The energy that a sampler weighs its drafts by.
 * @param wanted a model's name; default the zoo's `<model>-autoregressive`
 */
export async function openEnergy(
  runtime: Runtime,
  { model: wanted, of }: { readonly model?: string; readonly of: EnergyForm },
  model: TextModel,
): Promise<SequenceEnergy> {
  const own = `${model.name}-autoregressive`
  const name = wanted ?? (zooModels().some((entry) => entry.name === own) ? own : undefined)
  if (name === undefined) {
    throw new UserError(`--sampler energy: there is no ${own} in the zoo; name an energy as energy(model=folder)`)
  }
  const { card, graph, tokenizer } = readTextFiles(name, '--sampler energy: model')
  checkSame(tokenizer, model, `--sampler energy: model ${name}`)
  return asUserError(`--sampler energy: model ${name}`, () =>
    loadEnergy(runtime, graph, card, { carryOver: of === 'co-ar' }),
  )
}

/** @throws UserError where a text would be other tokens to another model */
export function checkSame(
  other: TextTokenizer,
  { name, tokenizer }: Pick<TextModel, 'name' | 'tokenizer'>,
  what: string,
): void {
  if (sameTokens(other, tokenizer)) return
  throw new UserError(`${what} has another tokenizer than ${name}; they must read the same tokens`)
}
