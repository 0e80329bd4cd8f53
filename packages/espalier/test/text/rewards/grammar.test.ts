import { constraint, threshold } from 'espalier/reward'
import { grammarReward, readGrammar, recogniser, stringReward } from 'espalier/text'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const recognise = (grammar: string, text: string) => recogniser(readGrammar(grammar))(text)
/** All texts of the letters up to a length. */
const texts = (letters: string, longest: number) => {
  const all = ['']
  for (let from = 0; all[from].length < longest; from++) for (const letter of letters) all.push(all[from] + letter)
  return all
}

describe('context-free languages', () => {
  test('as many b as a: what can still become one, and what is one', () => {
    for (const text of texts('ab', 7)) {
      const [, a, b] = /^(a*)(b*)/.exec(text) as RegExpExecArray
      const viable = a.length + Math.min(a.length, b.length)
      const complete = viable === text.length && a.length === b.length
      expect(recognise('s = "a" s "b" | ""', text)).toEqual({ viable, complete })
    }
  })

  test('parentheses, with rules that may be empty in several ways', () => {
    for (const grammar of [
      's = "(" s ")" s | ""',
      's = s s | "(" s ")" | ""',
      's = ("(" s ")")*',
      's = p* \n p = "(" s? ")"',
    ]) {
      const accepts = recogniser(readGrammar(grammar))
      for (const text of texts('()', 8)) {
        let depth = 0
        let viable = 0
        for (const sign of text) {
          depth += sign === '(' ? 1 : -1
          if (depth < 0) break
          viable++
        }
        expect(accepts(text)).toEqual({ viable, complete: depth === 0 })
      }
    }
  })

  test('palindromes', () => {
    const accepts = recogniser(readGrammar('s = "a" s "a" | "b" s "b" | [ab] | ""'))
    for (const text of texts('ab', 8)) {
      expect(accepts(text)).toEqual({ viable: text.length, complete: text === [...text].reverse().join('') })
    }
  })

  /** An expression in both notations, with the number of its letters. */
  const expression: fc.Arbitrary<{ grammar: string; pattern: string; size: number }> = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      tie('letter'),
      tie('many'),
      tie('either'),
      tie('both'),
    ),
    letter: fc.constantFrom('"a"', "'b'", '[ab]', '"ab"', '""').map((grammar) => ({
      grammar,
      pattern: grammar.replace(/['"]/g, '').replace(/^$/, '(?:)'),
      size: grammar === '"ab"' ? 2 : 1,
    })),
    many: fc.tuple(tie('any'), fc.constantFrom('?', '*', '+')).map(([part, mark]) => {
      const { grammar, pattern, size } = part as { grammar: string; pattern: string; size: number }
      return { grammar: `(${grammar})${mark}`, pattern: `(?:${pattern})${mark}`, size }
    }),
    either: fc.tuple(tie('any'), tie('any')).map((parts) => join(parts, '|')),
    both: fc.tuple(tie('any'), tie('any')).map((parts) => join(parts, ' ')),
  })).any as never
  const join = (parts: unknown[], sign: string) => {
    const [p, q] = parts as { grammar: string; pattern: string; size: number }[]
    return {
      grammar: `(${p.grammar} ${sign} ${q.grammar})`,
      pattern: `(?:${p.pattern}${sign.trim()}${q.pattern})`,
      size: p.size + q.size,
    }
  }

  test('agree with regular expressions on their regular ones', () => {
    const all = texts('ab', 9)
    fc.assert(
      fc.property(
        expression.filter(({ size }) => size <= 5),
        ({ grammar, pattern }) => {
          const whole = new RegExp(`^${pattern}$`)
          const language = all.filter((text) => whole.test(text))
          // An expression of five letters needs at most five more to end.
          const begins = new Set(language.flatMap((text) => [0, 1, 2, 3, 4].map((n) => text.slice(0, n))))
          const accepts = recogniser(readGrammar(`s = ${grammar}`))
          for (const text of texts('ab', 4)) {
            let viable = text.length
            while (viable > 0 && !begins.has(text.slice(0, viable))) viable--
            expect(accepts(text)).toEqual({ viable, complete: whole.test(text) })
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  test('take time in proportion to a repetition', () => {
    const { viable, complete } = recognise('s = [a-z ]* "."', `${'and it came to pass '.repeat(500)}.`)
    expect([viable, complete]).toEqual([10_001, true])
  })
})

describe('the notation', () => {
  test('has comments, escapes, classes and code points', () => {
    const grammar = `
      # who begat whom
      verse = "And " name " begat " name ("; and " name " begat " name)* "."   # may go on
      name  = [A-Z] [a-z]+ | '"' [^"\\]]+ '"' | "\\u2766\\n" | "🌳"
    `
    const complete = (text: string) => recognise(grammar, text).complete
    expect(complete('And Irad begat Mehujael.')).toBe(true)
    expect(complete('And Irad begat Mehujael; and Mehujael begat "x".')).toBe(true)
    expect(complete('And 🌳 begat ❦\n.')).toBe(true)
    expect(recognise(grammar, 'And 🌳 begat "]".').viable).toBe('And * begat "'.length)
    expect(recognise(grammar, 'And irad begat Mehujael.')).toEqual({ viable: 4, complete: false })
  })

  test.each([
    ['', 'a grammar begins with a rule, such as: text = "And " name'],
    ['"a"', 'a grammar begins with a rule'],
    ['s = name', 'the grammar has no rule "name"'],
    ['s = "a"\ns = "b"', 'the grammar has two rules "s"; separate alternatives with |'],
    ['s = ("a"', 'a parenthesis of the grammar is not closed'],
    ['s = "a")', '")" is not understood in the rule "s" of the grammar'],
    ['s = *', '"*" is not understood in the rule "s"'],
    ['s = "a"\n    % "b"', 'line 2 of the grammar is not understood from "% \\"b\\"" on'],
    ['s = "a', 'line 1 of the grammar is not understood'],
    ['s = "\\x"', '"\\x" of the grammar has an escape that JSON does not know'],
    ['s = [z-a]', '[z-a] of the grammar is no class of characters'],
    ['s = "a" s', 'the rule "s" of the grammar never ends: each of its alternatives needs it again'],
    ['s = "a" | t\nt = "b" u\nu = t', 'the rule "t" of the grammar never ends'],
  ])('refuses %j in one line', (grammar, says) => {
    expect(() => readGrammar(grammar)).toThrow(says)
    expect(() => readGrammar(grammar)).not.toThrow(/\n/)
  })
})

describe('the reward of a grammar', () => {
  const values = async (texts: string[], cut = false) =>
    Array.from(await grammarReward('s = "ab" s | "."', { cut }).evaluate(texts))

  test('is the share of the text that can still become one of the language; its end is the last step', async () => {
    expect(await values(['ab.', 'ab', 'abb.', 'x', '', '.', '..'])).toEqual([1, 2 / 3, 2 / 5, 0, 0, 1, 1 / 3])
    expect(await values(['ab.', 'ab', 'aba', 'abb.', ''], true)).toEqual([1, 1, 1, 1 / 2, 1])
  })

  test('is a constraint through the combinators', async () => {
    const soft = grammarReward('s = "ab" s | "."')
    expect(Array.from(await threshold(soft, 1).evaluate(['ab.', 'ab']))).toEqual([1, 0])
    const long = stringReward('characters', (text) => text.length)
    expect(Array.from(await constraint(soft, { atLeast: 1 }, long).evaluate(['ab.', 'ab']))).toEqual([3, -Infinity])
  })
})
