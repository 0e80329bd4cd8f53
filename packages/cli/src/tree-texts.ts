/** Trees of text: their states are read with the tokenizer of the model that they name. */

import { loadTokenState, spellTokens } from 'espalier/text'
import type { Text } from './text-files.ts'
import { readTextFiles } from './text-model.ts'
import type { OpenTree } from './tree-place.ts'

/**
 * How states of a tree are read as text; nothing where they are something else.
 * @throws UserError where its model is not there any more
 */
export function textReader({ notes: { event, model }, file }: OpenTree): ((state: Float32Array) => Text) | undefined {
  // Trees of images, fields and points say what shape their samples have.
  if (event !== undefined || model === undefined) return undefined
  const { card, tokenizer } = readTextFiles(model, `${file}: its model`)
  return (state) => {
    const { tokens } = loadTokenState(card, state)
    return { text: spellTokens(tokenizer, tokens), tokens: Array.from(tokens) }
  }
}
