/** Text as tokens, and back. */
export interface TextTokenizer {
  /** Number of real tokens; the mask, which is none of them, is number `vocabulary`. */
  readonly vocabulary: number
  /** @throws one line where a character has no token */
  encode(text: string): Int32Array
  /** Real tokens alone; see {@link spellTokens} for sequences with masks. */
  decode(tokens: ArrayLike<number>): string
}

/**
 * A tokenizer of these parts.
 * @param parts.read tokens of a text; NaN, or a negative number, is one that is not there
 */
export function tokenizerOf({
  vocabulary,
  read,
  decode,
}: Pick<TextTokenizer, 'vocabulary' | 'decode'> & { read(text: string): readonly number[] }): TextTokenizer {
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
