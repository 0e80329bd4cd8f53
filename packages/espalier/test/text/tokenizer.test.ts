import { byteSigns, createTokenizer, openTokenizer } from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byteTokenizer } from '../../src/text/byte-tokenizer.ts'

/** A byte-level tokenizer without merges, of these tokens. */
const fileOf = (tokens: readonly string[], more: object = {}) => ({
  version: '1.0',
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
  post_processor: null,
  decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
  model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges: [], ...more },
})

/** The same by the library: an option that says nothing is one more than single bytes are known to have. */
const byLibrary = (tokens: readonly string[]) => createTokenizer(fileOf(tokens, { dropout: null }))

/** What comes of it, or the error that says why nothing does. */
const outcome = <T>(make: () => T): T | string => {
  try {
    return make()
  } catch (error) {
    return (error as Error).message
  }
}

const letters = [...'abcdef.,;', ...'éß€ ', '\n', '\t', "'", '0', '7']
const text = fc.array(fc.constantFrom(...letters), { maxLength: 20 }).map((drawn) => drawn.join(''))

describe('a tokenizer of single bytes', () => {
  it('gives the tokens, the texts and the errors of the library', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...byteSigns], { minLength: 1 }), text, (tokens, given) => {
        const own = byteTokenizer(fileOf(tokens))
        const library = byLibrary(tokens)
        expect(own?.vocabulary).toBe(library.vocabulary)
        expect(outcome(() => own?.encode(given))).toEqual(outcome(() => library.encode(given)))
        const ids = Array.from(given, (_, i) => (i * 7919) % tokens.length)
        expect(own?.decode(ids)).toBe(library.decode(ids))
      }),
    )
  })

  it('spells every text, where there is a token for every byte', () => {
    const { encode, decode, vocabulary } = createTokenizer(fileOf(byteSigns))
    expect(vocabulary).toBe(256)
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (given) => {
        expect(decode(encode(given))).toBe(given)
      }),
    )
    expect(encode('aé')).toEqual(Int32Array.of(97, 0xc3, 0xa9))
  })

  it.each([
    ['pairs that are merged', fileOf(['a', 'b', 'ab'], { merges: [['a', 'b']] })],
    ['a token of two bytes', fileOf(['a', 'b', 'ab'])],
    ['a token for what is unknown', fileOf(['a', 'b'], { unk_token: 'b' })],
    ['tokens that are left out', fileOf([], { vocab: { a: 0, b: 2 } })],
    ['two bytes of one token', fileOf([], { vocab: { a: 0, b: 0, c: 2 } })],
    ['a token that was added', { ...fileOf(['a']), added_tokens: [{ id: 1, content: '<x>' }] }],
    ['capitals that are folded', { ...fileOf(['a']), normalizer: { type: 'Lowercase' } }],
    ['a space before the text', { ...fileOf(['a']), pre_tokenizer: { type: 'ByteLevel', add_prefix_space: true } }],
    ['words', { model: { type: 'WordPiece', vocab: { a: 0 } } }],
    ['no object', 'a'],
  ])('is not one with %s', (_, json) => {
    expect(byteTokenizer(json)).toBeUndefined()
  })
})

describe('openTokenizer', () => {
  it('reads the same files as createTokenizer, and refuses the same', async () => {
    const bytes = await openTokenizer(fileOf(['b', 'a']))
    expect(bytes.encode('ab')).toEqual(Int32Array.of(1, 0))
    const merging = await openTokenizer(fileOf(['a', 'b', 'ab'], { merges: [['a', 'b']] }))
    expect(merging.encode('aabb')).toEqual(Int32Array.of(0, 2, 1))
    await expect(openTokenizer({ model: { type: 'Runes', vocab: { a: 0 } } }, 'mine.json')).rejects.toThrow(
      /^mine.json: /,
    )
    await expect(openTokenizer({}, 'mine.json')).rejects.toThrow(/^mine.json.model: Invalid input/)
  })
})
