import { z } from 'zod/mini'
import { type TextTokenizer, tokenizerOf } from './tokenizer.ts'

/** Characters that stand for bytes in the vocabulary of a byte-level tokenizer (Radford et al. 2019). */
export const byteSigns: readonly string[] = (() => {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, b) => String.fromCodePoint(printable(b) ? b : next++))
})()

const none = z.nullish(z.array(z.unknown()).check(z.maxLength(0)))
const absent = z.nullish(z.null())

/** Byte-pair encoding that merges nothing. What else a file may say changes what its tokens mean. */
const bytesAlone = z.object({
  added_tokens: none,
  normalizer: absent,
  pre_tokenizer: z.object({ type: z.literal('ByteLevel'), add_prefix_space: z.literal(false) }),
  post_processor: absent,
  decoder: z.object({ type: z.literal('ByteLevel') }),
  model: z.strictObject({
    type: z.literal('BPE'),
    vocab: z.partialRecord(z.enum(byteSigns as [string]), z.int().check(z.nonnegative())),
    merges: none,
  }),
})

/**
 * The tokenizer of a `tokenizer.json` whose tokens are single bytes (of ASCII text: characters), which needs no
 * library; undefined where it is of another kind.
 */
export function byteTokenizer(json: unknown): TextTokenizer | undefined {
  const { data } = z.safeParse(bytesAlone, json)
  if (!data) return undefined
  const { vocab } = data.model
  const tokenOf = byteSigns.map((sign) => vocab[sign] ?? Number.NaN)
  const tokens = tokenOf.filter((token) => token >= 0).sort((a, b) => a - b)
  if (tokens.some((token, i) => token !== i)) return undefined
  const bytes = tokens.map((token) => tokenOf.indexOf(token))
  const encoder = new TextEncoder()
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return tokenizerOf({
    vocabulary: tokens.length,
    read: (text) => Array.from(encoder.encode(text), (byte) => tokenOf[byte]),
    decode: (tokens) => decoder.decode(Uint8Array.from(tokens, (token) => bytes[token])),
  })
}
