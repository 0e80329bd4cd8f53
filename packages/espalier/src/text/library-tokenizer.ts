import type { Tokenizer } from '@huggingface/tokenizers'
import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'
import { type TextTokenizer, tokenizerOf } from './tokenizer.ts'

const json = z.looseObject({
  model: z.looseObject({ type: z.string(), vocab: z.record(z.string(), z.int().check(z.nonnegative())) }),
  added_tokens: z._default(z.array(z.looseObject({ id: z.int().check(z.nonnegative()), content: z.string() })), []),
})

/**
 * A tokenizer of any kind that the library knows. Special tokens are not added.
 * @param Library its class, which a page loads where it needs it
 * @throws one line where the file is not one that the library reads
 */
export function libraryTokenizer(
  Library: typeof Tokenizer,
  tokenizerJson: unknown,
  what = 'tokenizer.json',
): TextTokenizer {
  const { model, added_tokens } = parseWith(json, tokenizerJson, what)
  const ids = [...Object.values(model.vocab), ...added_tokens.map(({ id }) => id)]
  let tokenizer: Tokenizer
  try {
    tokenizer = new Library(tokenizerJson as object, {})
  } catch (cause) {
    throw new Error(`${what}: ${(cause as Error).message}`, { cause })
  }
  const plain = { skip_special_tokens: false, clean_up_tokenization_spaces: false }
  return tokenizerOf({
    vocabulary: Math.max(...ids) + 1,
    read: (text) =>
      text === ''
        ? []
        : tokenizer.encode(text, { add_special_tokens: false }).ids.map((id: number | undefined) => id ?? Number.NaN),
    decode: (tokens) => (tokens.length === 0 ? '' : tokenizer.decode(Array.from(tokens), plain)),
  })
}
