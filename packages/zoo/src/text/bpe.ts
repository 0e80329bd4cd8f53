import { byteSigns } from 'espalier/text'

/** How GPT-2's pre-tokenizer cuts text before bytes are merged: words with the space before them, numbers, signs. */
const pieces = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/**
 * Byte-pair encoding (Sennrich et al. 2016) learned from a text: the most frequent pair of neighbouring tokens of a word
 * becomes a token, until there are `size` of them. Ties go to the pair that sorts first. Only bytes that occur have a
 * token. With `size` at most their number it is a tokenizer of characters (of ASCII text).
 * @returns the `tokenizer.json` that common libraries read
 */
export function trainTokenizer(text: string, size: number): object {
  const counts = new Map<string, number>()
  for (const [piece] of text.matchAll(pieces)) counts.set(piece, (counts.get(piece) ?? 0) + 1)
  const encoder = new TextEncoder()
  const words = [...counts].map(([piece, count]) => ({
    count,
    parts: Array.from(encoder.encode(piece), (byte) => byteSigns[byte]),
  }))
  const vocabulary = [...new Set(words.flatMap(({ parts }) => parts))].sort()
  const merges: [string, string][] = []
  while (vocabulary.length < size) {
    const pair = mostFrequentPair(words)
    if (!pair) break
    merges.push(pair)
    vocabulary.push(pair.join(''))
    for (const word of words) word.parts = merged(word.parts, pair)
  }
  return {
    version: '1.0',
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])), merges },
  }
}

function mostFrequentPair(
  words: readonly { readonly count: number; readonly parts: readonly string[] }[],
): [string, string] | undefined {
  const counts = new Map<string, number>()
  for (const { count, parts } of words) {
    for (let i = 1; i < parts.length; i++) {
      const pair = `${parts[i - 1]} ${parts[i]}`
      counts.set(pair, (counts.get(pair) ?? 0) + count)
    }
  }
  let best: string | undefined
  let most = 1
  for (const [pair, count] of counts) {
    if (count > most || (count === most && best !== undefined && pair < best)) [best, most] = [pair, count]
  }
  return best === undefined ? undefined : (best.split(' ') as [string, string])
}

function merged(parts: readonly string[], [left, right]: readonly [string, string]): string[] {
  const out: string[] = []
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === left && parts[i + 1] === right) {
      out.push(left + right)
      i++
    } else out.push(parts[i])
  }
  return out
}
