/** Tokens as they are shown. */

import {
  loadTokenState,
  type MaskedCard,
  openTokenizer,
  sameTokens,
  spellTokens,
  type TextTokenizer,
  type TokenCard,
  type TokenSample,
} from 'espalier/text'
import { isTextCard } from './cards.ts'
import type { RunState } from './engine.ts'
import type { ModelSource } from './source.ts'
import type { Modality } from './view.ts'

/** How a token is written that is not known yet. */
const MASK = '▁'

/** What tokens of a model mean. */
export interface Tokens<Card extends TokenCard = TokenCard> {
  readonly card: Card
  readonly tokenizer: TextTokenizer
}

/** @throws one line where there is no such model, it is none of text, or its tokenizer is missing or does not fit */
export async function openTokens(source: ModelSource, model: string): Promise<Tokens> {
  const card = await source.card(model)
  if (!isTextCard(card)) throw new Error(`"${model}" is no model of text; its card is of the type ${card.type}`)
  const json = await source.tokenizer(model)
  if (json === undefined) throw new Error(`"${model}" has no tokenizer.json, which a model of text needs`)
  const tokenizer = await openTokenizer(json, `the tokenizer of ${model}`)
  if (tokenizer.vocabulary === card.vocabulary) return { card, tokenizer }
  throw new Error(
    `the tokenizer of ${model} has ${tokenizer.vocabulary} tokens, its card says ${card.vocabulary}; give its own`,
  )
}

/** How sequences of so many tokens are shown. */
export function texts(tokens: Tokens<MaskedCard>, length: number): Modality<TokenSample> {
  return {
    event: [length],
    notes: {},
    sample: (sample) => shown(tokens, sample.tokens),
    state: tokenStates(tokens),
  }
}

/** How states that a chain of token states saved are shown. */
export function tokenStates(tokens: Tokens): (saved: Float32Array) => RunState {
  return (saved) => shown(tokens, loadTokenState(tokens.card, saved).tokens)
}

function shown({ tokenizer }: Tokens, tokens: Int32Array): RunState {
  return { shape: [tokens.length], data: Float32Array.from(tokens), text: spellTokens(tokenizer, tokens, MASK) }
}

/**
 * Another model of the same tokens.
 * @param what it is, for errors
 * @throws one line where there is none of that name, or a text would be other tokens to it
 */
export async function openOther(source: ModelSource, name: string, own: Tokens, what: string): Promise<Tokens> {
  if (!(await source.keys()).includes(name)) throw new Error(`there is no ${what} ${name} here`)
  const other = await openTokens(source, name)
  if (sameTokens(other.tokenizer, own.tokenizer)) return other
  throw new Error(`the ${what} ${name} has another tokenizer than ${own.card.name}; they must read the same tokens`)
}
