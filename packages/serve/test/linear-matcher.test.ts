import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linearMatcher } from '../src/linear-matcher.ts'

describe('regular expressions of strangers', () => {
  it('match what those of the language do', () => {
    const part = fc.constantFrom('a', 'b', '.', '[ab]', '(a|b)', 'a+', 'b*', 'c?', '\\w', '\\b', '(?:ab)+')
    const patterns = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''))
    const texts = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'A', ' ', '\n'), maxLength: 20 })
    fc.assert(
      fc.property(patterns, fc.constantFrom('', 'i', 'm', 's', 'is'), texts, (source, flags, text) => {
        const expected = text.match(new RegExp(source, `${flags}g`)) ?? []
        expect(linearMatcher(source, flags).matches(text)).toEqual([...expected])
      }),
    )
  })

  it('end where those of the language would not', () => {
    const text = `${'a'.repeat(5000)}c`
    for (const source of ['(a+)+b', '(a|a)*b', '(.*)*b']) expect(linearMatcher(source, 'i').matches(text)).toEqual([])
  })

  it('are refused where a text is too long for them', async () => {
    const text = 'ab'.repeat(10_000)
    const long = linearMatcher('(?:[ab]?){900}[cd]', '')
    expect(() => long.matches(text)).toThrow(
      /^a pattern of \d+ states along a text of 20000 characters is more work than is allowed \(8388608\); shorten the/,
    )
    expect(long.matches(text.slice(0, 2000))).toEqual([])
    // Each match looks to the end of the text in vain.
    const quadratic = linearMatcher('[ab].*c|[ab]', '')
    const begun = performance.now()
    expect(() => quadratic.matches(text.repeat(10))).toThrow(/^all matches in a text of 200000 characters take longer/)
    // Not the minutes that it would take.
    expect(performance.now() - begun).toBeLessThan(20_000)
    expect(quadratic.matches('ab')).toEqual(['a', 'b'])
    expect(linearMatcher('[ab]', '').matches(text.repeat(10))).toHaveLength(200_000)
  })

  it('are refused where they cannot be followed in linear time', () => {
    expect(() => linearMatcher('(a)\\1', '')).toThrow('invalid escape sequence')
    expect(() => linearMatcher('a(?=b)', '')).toThrow()
    expect(() => linearMatcher('a', 'y')).toThrow('the flag "y" is not known here; there are i, m and s')
  })
})
