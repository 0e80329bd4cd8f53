/** What a run keeps of its model when that is removed, so that it can be looked at as before. */

import { readSnapshot, writeSnapshot } from 'espalier/tensor'
import { isTextCard, parseCard } from './cards.ts'
import type { ModelSource } from './source.ts'

const format = 'espalier-model-1'

/**
 * What states and exact values need of a model: of text how its tokens read, of a world all of it.
 * @returns nothing of other networks, whose runs say themselves what their states are, nor of a card that is damaged
 */
export async function modelFile(key: string, source: ModelSource): Promise<Uint8Array | undefined> {
  const card = await source.card(key).catch(() => undefined)
  if (!card || !(isTextCard(card) || card.type === 'gaussian-mixture')) return undefined
  const tokenizer = isTextCard(card) ? await source.tokenizer(key) : undefined
  // As texts: what looks like numbers in them is none of ours.
  return writeSnapshot(format, { card: JSON.stringify(card), tokenizer: JSON.stringify(tokenizer) })
}

/** A source that knows of a model what {@link modelFile} gave. */
export function withModel(file: Uint8Array, key: string, source: ModelSource): ModelSource {
  // Read when it is asked for: whoever asks tells of a file that is damaged.
  const read = () => readSnapshot(format, file).value as { readonly card: string; readonly tokenizer?: string }
  return {
    ...source,
    card: async (name) => (name === key ? parseCard(JSON.parse(read().card), `the card of ${key}`) : source.card(name)),
    async tokenizer(name) {
      if (name !== key) return source.tokenizer(name)
      const { tokenizer } = read()
      return tokenizer && JSON.parse(tokenizer)
    },
  }
}
