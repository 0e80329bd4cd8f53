import { Tokenizer } from '@huggingface/tokenizers'
import { z } from 'zod/mini'
import { parseWith } from '../tensor/parse.ts'

/** Text as tokens, and back. */
export interface TextTokenizer {
  /** Number of real tokens; the mask, which is none of them, is number `vocabulary`. */
  readonly vocabulary: number
  /** @throws one line where a character has no token */
  encode(text: string): Int32Array
  /** Real tokens alone; see {@link spellTokens} for sequences with masks. */
  decode(tokens: ArrayLike<number>): string
}

const json = z.looseObject({
  model: z.looseObject({ type: z.string(), vocab: z.record(z.string(), z.int().check(z.nonnegative())) }),
  added_tokens: z._default(z.array(z.looseObject({ id: z.int().check(z.nonnegative()), content: z.string() })), []),
})

/**
 * A tokenizer from the `tokenizer.json` of Hugging Face (byte-pair encoding, or characters: that without merges).
 * Special tokens are not added.
 * @throws one line where the file is not one that the library reads
 */
export function createTokenizer(tokenizerJson: unknown, what = 'tokenizer.json'): TextTokenizer {
  const { model, added_tokens } = parseWith(json, tokenizerJson, what)
  const ids = [...Object.values(model.vocab), ...added_tokens.map(({ id }) => id)]
  const vocabulary = Math.max(...ids) + 1
  let tokenizer: Tokenizer
  try {
    tokenizer = new Tokenizer(tokenizerJson as object, {})
  } catch (cause) {
    throw new Error(`${what}: ${(cause as Error).message}`, { cause })
  }
  const plain = { skip_special_tokens: false, clean_up_tokenization_spaces: false }
  const decode = (tokens: ArrayLike<number>) => (tokens.length === 0 ? '' : tokenizer.decode(Array.from(tokens), plain))
  const read = (text: string): number[] =>
    text === ''
      ? []
      : tokenizer.encode(text, { add_special_tokens: false }).ids.map((id: number | undefined) => id ?? Number.NaN)
  return {
    vocabulary,
    encode(text) {
      const tokens = read(text)
      const known = tokens.every((id) => id >= 0 && id < vocabulary)
      if (known && decode(tokens) === text) return Int32Array.from(tokens)
      const odd = [...new Set(text)].find((character) => {
        const alone = read(character)
        return !alone.every((id) => id >= 0) || decode(alone) !== character
      })
      throw new Error(
        odd === undefined
          ? `the tokenizer does not spell ${JSON.stringify(text)} back as it was`
          : `the tokenizer has no token for ${JSON.stringify(odd)}`,
      )
    },
    decode,
  }
}

/** Whether two tokenizers mean the same by every token. */
export function sameTokens(one: TextTokenizer, other: TextTokenizer): boolean {
  const { vocabulary } = one
  const same = (token: number) => one.decode([token]) === other.decode([token])
  return other.vocabulary === vocabulary && Array.from({ length: vocabulary }, (_, token) => token).every(same)
}

/** A sequence as text, with a sign wherever a token is not known yet. */
export function spellTokens({ vocabulary, decode }: TextTokenizer, tokens: ArrayLike<number>, sign = '_'): string {
  let text = ''
  let run: number[] = []
  const flush = () => {
    if (run.length > 0) text += decode(run)
    run = []
  }
  for (let p = 0; p < tokens.length; p++) {
    if (tokens[p] < vocabulary) run.push(tokens[p])
    else {
      flush()
      text += sign
    }
  }
  flush()
  return text
}
