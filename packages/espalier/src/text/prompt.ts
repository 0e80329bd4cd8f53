import type { TextTokenizer } from './tokenizer.ts'

const hole = /\[mask(?::(\d+))?\]/g

/**
 * A prompt as it is written: text, and `[mask]` or `[mask:3]` where one or three tokens are not known. Spaces belong to
 * the token behind them in most vocabularies, so text before a hole best ends without one.
 *
 * @returns tokens, `vocabulary` (the mask) at the holes; a prefix where there is no hole
 * @throws one line where a hole is not understood, or a character has no token
 */
export function parsePrompt(text: string, { encode, vocabulary }: TextTokenizer): Int32Array {
  const tokens: number[] = []
  let from = 0
  const add = (part: string) => {
    const odd = part.indexOf('[mask')
    if (odd >= 0) {
      throw new Error(`${JSON.stringify(part.slice(odd, odd + 16))} is not understood; a hole is [mask] or [mask:3]`)
    }
    tokens.push(...encode(part))
  }
  for (const match of text.matchAll(hole)) {
    const count = Number(match[1] ?? 1)
    if (!(count >= 1 && Number.isSafeInteger(count)))
      throw new Error(`${match[0]} holds no token; write [mask:1] or more`)
    add(text.slice(from, match.index))
    if (count > 65_536) throw new Error(`${match[0]} is longer than any sequence`)
    for (let i = 0; i < count; i++) tokens.push(vocabulary)
    from = match.index + match[0].length
  }
  add(text.slice(from))
  return Int32Array.from(tokens)
}
