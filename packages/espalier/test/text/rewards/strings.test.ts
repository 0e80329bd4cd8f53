import type { Reward } from 'espalier/reward'
import {
  alliteration,
  distinctness,
  distinctShare,
  lengthReward,
  linesOf,
  type PronouncingDictionary,
  patternReward,
  rhymeOf,
  rhymeReward,
  sentimentReward,
  textReward,
  validWords,
  wordsOf,
} from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const of = async (reward: Reward<string>, ...texts: string[]) => Array.from(await reward.evaluate(texts))

test('words and lines', () => {
  expect(wordsOf("The LORD's house, Beth-el; 70 o’clock 'tis")).toEqual([
    'the',
    "lord's",
    'house',
    'beth',
    'el',
    "o'clock",
    'tis',
  ])
  expect(wordsOf('')).toEqual([])
  expect(linesOf('a b\n\n 12.\nc')).toEqual(['a b', 'c'])
})

test('a reward of texts scores what tokens spell', async () => {
  const decode = (tokens: ArrayLike<number>) => Array.from(tokens, (token) => 'abc'[token]).join('')
  const reward = textReward({ decode }, patternReward(/b/, 'count'))
  expect(reward.name).toBe('count /b/')
  expect(
    Array.from(await reward.evaluate([[1, 0, 1], [2]].map((tokens) => ({ tokens: Int32Array.from(tokens) })))),
  ).toEqual([2, 0])
})

describe('patterns', () => {
  test('are found, counted, or measured by what they cover', async () => {
    const text = 'Love the Lord; the love'
    expect(await of(patternReward(/lo(ve|rd)/i), text, 'low', '')).toEqual([1, 0, 0])
    expect(await of(patternReward(/lo(ve|rd)/i, 'count'), text, 'low', '')).toEqual([3, 0, 0])
    expect(await of(patternReward(/lo(ve|rd)/i, 'share'), text, 'low', '')).toEqual([12 / 23, 0, 0])
  })

  test('keep their flags, and begin at the beginning each time', async () => {
    const sticky = /e/gy
    sticky.lastIndex = 1
    expect(await of(patternReward(sticky, 'count'), 'tree', 'tree')).toEqual([2, 2])
    expect(sticky.lastIndex).toBe(1)
    expect(await of(patternReward(/^a.b$/ms, 'count'), 'a\nb', 'x\na-b')).toEqual([1, 1])
    expect(await of(patternReward(/x*/, 'count'), 'ab')).toEqual([3])
  })
})

describe('length', () => {
  test('is the distance to a number or to a range', async () => {
    expect(await of(lengthReward(3), 'abc', 'ab', 'abcde', '🌳🌳🌳')).toEqual([0, -1, -2, 0])
    expect(await of(lengthReward([2, 3], 'words'), 'in the beginning', 'in', 'in the beginning was the')).toEqual([
      0, -1, -2,
    ])
    expect(await of(lengthReward(2, 'lines'), 'a\nb\n', '')).toEqual([0, -2])
    expect(await of(lengthReward(1, { name: 'commas', count: (text) => text.split(',').length - 1 }), 'a,b,c')).toEqual(
      [-1],
    )
    expect(lengthReward([2, 3], 'words').name).toBe('2-3 words')
  })
  test.each([[-1], [Number.NaN], [[3, 2]], [[0, Infinity]]])('refuses %j', (target) => {
    expect(() => lengthReward(target as number)).toThrow('expected 0 <= least <= most')
  })
})

describe('rhyme', () => {
  const dictionary: PronouncingDictionary = {
    heaven: 'HH EH1 V AH0 N',
    seven: 'S EH1 V AH0 N',
    eleven: 'IH0 L EH1 V AH0 N',
    given: 'G IH1 V AH0 N',
    love: 'L AH1 V',
    glove: 'G L AH1 V',
    dove: 'D OW1 V',
    'dove(2)': 'D AH1 V',
    above: 'AH0 B AH1 V',
    the: 'DH AH0',
    of: 'AH1 V',
    night: 'N AY1 T',
    knight: 'N AY1 T',
    nightingale: 'N AY1 T AH0 NG G EY2 L',
    whale: 'W EY1 L',
  }
  const rhyme = (a: string, b: string) => rhymeOf(dictionary, a, b)

  test('is what is heard from the last stressed vowel on, after another consonant', () => {
    expect(rhyme('heaven', 'seven')).toBe(1)
    expect(rhyme('heaven', 'eleven')).toBe(1)
    expect(rhyme('above', 'dove')).toBe(1)
    expect(rhyme('love', 'of')).toBe(1)
    expect(rhyme('nightingale', 'whale')).toBe(1)
    // Half-rhymes: V AH N of EH V AH N and IH V AH N; V of AH V and EH V AH N is none, N is not V.
    expect(rhyme('heaven', 'given')).toBe(3 / 4)
    expect(rhyme('love', 'heaven')).toBe(0)
    expect(rhyme('the', 'love')).toBe(0)
    // Repetitions: the same word, the same sounds after the same consonant, and unknown words.
    expect(rhyme('love', 'love')).toBe(0)
    expect(rhyme('night', 'knight')).toBe(0)
    expect(rhyme('love', 'glove')).toBe(0)
    expect(rhyme('love', 'toString')).toBe(0)
  })

  test('follows a scheme through the lines', async () => {
    const text = 'Up to heaven,\nand love!\n\nThere are seven\nstars above.'
    expect(await of(rhymeReward(dictionary, { scheme: 'ABAB' }), text)).toEqual([1])
    expect(await of(rhymeReward(dictionary, { scheme: 'ABBA' }), text)).toEqual([0])
    expect(await of(rhymeReward(dictionary), text)).toEqual([0])
    expect(await of(rhymeReward(dictionary, { scheme: 'AAAA' }), 'love\nabove\ndove\nheaven')).toEqual([2 / 3])
    // The third line begins a stanza.
    expect(await of(rhymeReward(dictionary), 'love\nabove\nheaven', 'love', '')).toEqual([1, 0, 0])
    expect(await of(rhymeReward(dictionary, { breaks: /[,;.\n]/ }), 'Above, the dove; up to seven. Heaven')).toEqual([
      1,
    ])
  })

  test.each(['', 'ABC', 'A', 'A-A'])('a scheme %j is refused', (scheme) => {
    expect(() => rhymeReward(dictionary, { scheme })).toThrow('a rhyme scheme is written in letters')
  })

  test('is between 0 and 1 and the same both ways', () => {
    const word = fc.constantFrom(...Object.keys(dictionary))
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(rhyme(a, b)).toBe(rhyme(b, a))
        expect(rhyme(a, b)).toBeGreaterThanOrEqual(0)
        expect(rhyme(a, b)).toBeLessThanOrEqual(1)
      }),
    )
  })
})

describe('sentiment', () => {
  const lexicon = { good: 3, joy: 2, evil: -3, no: -1 }
  test('is the mean score of all words, turned round behind a negation in the clause', async () => {
    const at = (text: string) => of(sentimentReward(lexicon), text).then(([value]) => value)
    expect(await at('Good joy and evil')).toBe(2 / 4)
    expect(await at('it was not very good')).toBe(-3 / 5)
    expect(await at('not in the very good')).toBe(3 / 5)
    expect(await at('not so, good')).toBe(3 / 3)
    expect(await at("it isn't not good")).toBe(3 / 4)
    expect(await at('no evil')).toBe(3 / 2)
    expect(await at('toString constructor')).toBe(0)
    expect(await at('')).toBe(0)
    expect(await of(sentimentReward(lexicon, { reach: 0 }), 'not good')).toEqual([3 / 2])
  })
  test('does not grow with length, nor with what it does not know', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('good', 'evil', 'not', 'stone'), { minLength: 1 }), async (words) => {
        const text = words.join(' ')
        const [once, twice] = await of(sentimentReward(lexicon), text, `${text}. ${text}`)
        expect(twice).toBeCloseTo(once, 12)
        expect(Math.abs(once)).toBeLessThanOrEqual(3)
      }),
    )
  })
})

describe('words', () => {
  test('valid ones are those of a list', async () => {
    expect(await of(validWords(new Set(['lo', 'the'])), 'Lo, the thhe', 'qq', '')).toEqual([2 / 3, 0, 0])
  })

  test('distinct ones are counted by runs', async () => {
    expect(await of(distinctness(1), 'a b a b', 'a', '')).toEqual([1 / 2, 1, 1])
    expect(await of(distinctness(), 'a b a b', 'a b c', 'a')).toEqual([2 / 3, 1, 1])
    expect(distinctShare([Int32Array.of(1, 23), Int32Array.of(12, 3), Int32Array.of(1, 23)], 2)).toBe(2 / 3)
    expect(() => distinctness(0)).toThrow('runs of 0 words, expected a whole number from 1 on')
  })

  test('distinct runs are what a set of them says', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.nat(3), { maxLength: 9 }), { maxLength: 4 }),
        fc.integer({ min: 1, max: 4 }),
        (rows, n) => {
          const runs = rows.flatMap((row) => row.map((_, i) => row.slice(i, i + n)).filter((run) => run.length === n))
          const share = new Set(runs.map(String)).size / Math.max(1, runs.length)
          expect(distinctShare(rows, n)).toBe(runs.length === 0 ? 1 : share)
        },
      ),
    )
  })

  test('that begin alike', async () => {
    expect(await of(alliteration(), 'Peter piper picked a pepper', 'ab ab ab', 'a', '')).toEqual([2 / 4, 0, 0, 0])
  })
})
