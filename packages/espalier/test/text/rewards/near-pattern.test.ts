import { nearPattern } from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const edits = async (pattern: RegExp, ...texts: string[]) =>
  Array.from(await nearPattern(pattern).evaluate(texts), (value) => 0 - value)

/** All texts of two letters up to a length. */
const texts = (longest: number) => {
  const all = ['']
  for (let from = 0; all[from].length < longest; from++) all.push(`${all[from]}a`, `${all[from]}b`)
  return all
}

function levenshtein(p: string, q: string): number {
  let row = Array.from({ length: q.length + 1 }, (_, j) => j)
  for (let i = 1; i <= p.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= q.length; j++) {
      row.push(Math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (p[i - 1] === q[j - 1] ? 0 : 1)))
    }
  }
  return row[q.length]
}

describe('how far a text is from a regular expression', () => {
  test('by hand', async () => {
    expect(await edits(/begat/, 'Irad begat', 'Irad bogat', 'Irad beat', 'Irad be ga', '')).toEqual([0, 1, 1, 2, 5])
    expect(await edits(/lo(ve|rd)s?/i, 'the LORD', 'lots', 'x')).toEqual([0, 2, 4])
    expect(await edits(/^And .*\.$/s, 'And it\nwas so.', 'and it was so.', 'It was so.', 'And it was so')).toEqual([
      0, 1, 3, 1,
    ])
    expect(await edits(/^ab$/, 'xxabx')).toEqual([3])
    expect(await edits(/(?:ha){3}/, 'hahaha', 'hahha', 'ha')).toEqual([0, 1, 4])
    expect(await edits(/[a-c]\d{2,3}?\.\u0041\x42[^\]]/, 'b12.ABc', 'b1.AB]')).toEqual([0, 2])
    expect(await edits(/^.\p{L}$/u, '🌳é', '🌳🌳')).toEqual([0, 1])
    expect(await edits(/(?<name>a|)b/, 'b')).toEqual([0])
    expect(await edits(/$a/, 'aaa')).toEqual([Infinity])
  })

  test('is refused where it is more work than is allowed', async () => {
    const reward = nearPattern(/ab/, { work: 1000 })
    expect(await reward.evaluate(['a'.repeat(100)])).toEqual(Float64Array.of(-1))
    const line =
      /a pattern of \d+ edges along a text of 1000 characters is more work than is allowed \(1000\); shorten the pattern/
    await expect(reward.evaluate(['ab', 'a'.repeat(1000)])).rejects.toThrow(line)
  })

  test('lets others have their turn between two texts', async () => {
    let turns = 0
    const others = setInterval(() => turns++)
    await edits(/[^c]{1900}/, ...new Array(20).fill('ab'.repeat(200)))
    clearInterval(others)
    expect(turns).toBeGreaterThan(3)
  })

  test('is quick where backtracking is not', async () => {
    expect(await edits(/^(a+)+b$/, 'a'.repeat(300))).toEqual([1])
    expect(await edits(/(a|a)*(a|a)*c/, 'a'.repeat(300))).toEqual([1])
  })

  interface Expression {
    readonly source: string
    readonly letters: number
  }
  const { any } = fc.letrec<{ any: Expression; leaf: Expression; many: Expression; both: Expression }>((tie) => ({
    any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('many'), tie('both')),
    leaf: fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '^', '$', '').map((source) => ({ source, letters: 1 })),
    many: fc
      .tuple(tie('any'), fc.constantFrom('?', '*', '+', '{2}', '{1,2}', '*?', '{0,}'))
      .map(([{ source, letters }, mark]) => ({ source: `(${source})${mark}`, letters: 2 * letters })),
    both: fc.tuple(tie('any'), tie('any'), fc.constantFrom('|', '')).map(([p, q, sign]) => ({
      source: `(?:${p.source}${sign}${q.source})`,
      letters: p.letters + q.letters,
    })),
  }))

  test('is the least distance to a text that matches', async () => {
    const all = texts(7)
    const given = texts(3)
    await fc.assert(
      fc.asyncProperty(
        any.filter(({ letters }) => letters <= 4),
        async ({ source }) => {
          const pattern = new RegExp(source)
          const matching = all.filter((text) => pattern.test(text))
          const least = given.map((text) => Math.min(...matching.map((other) => levenshtein(text, other))))
          expect(await edits(pattern, ...given)).toEqual(least)
        },
      ),
      { numRuns: 150 },
    )
  })

  test.each([
    [/a(?=b)/, '/a(?=b)/: "(?=b" is not understood here'],
    [/(?<!a)b/, '"(?<!" is not understood here'],
    [/(a)\1/, '"\\1" is not understood here'],
    [/\bGod/, '"\\bGo" is not understood here'],
    [/^a/m, '/^a/m: the flag m is not understood here'],
    [/a{3000}/, '/a{3000}/: more than 2000 states or 20000 edges; repeat less'],
    [
      /(?:a|b|c|d|e|f|g|h|i|j|k|l|m|n){1500}/,
      '/(?:a|b|c|d|e|f|g|h|i|j|k|l|m|n){1500}/: more than 2000 states or 20000 edges; repeat less',
    ],
  ])('refuses %s', (pattern, says) => {
    expect(() => nearPattern(pattern)).toThrow(says)
  })

  test('refuses properties without the flag that gives them a meaning', () => {
    const property = '\\p{L}'
    expect(() => nearPattern(new RegExp(property))).toThrow('\\p{L} needs the flag u')
  })
})
