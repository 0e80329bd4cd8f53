import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readReward } from '../src/index.ts'

describe('a reward as it is written', () => {
  it('is understood, or refused in one line, whatever is typed', () => {
    const piece = fc.constantFrom(
      'sum',
      'min',
      'clip',
      'constraint',
      '(',
      ')',
      ',',
      '-',
      '*',
      '>=',
      ':',
      '0.5',
      'ink',
      ' ',
      '=',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        try {
          readReward(pieces.join(''))
        } catch (error) {
          expect((error as Error).constructor).toBe(Error)
          expect((error as Error).message).not.toMatch(/\n|undefined|\[object/)
        }
      }),
      { numRuns: 500 },
    )
  })

  it('with regular expressions in it is read as it stands', () => {
    const piece = fc.constantFrom('a', '(', ')', ',', '[/]', '\\/', '\\(', '>=', '*', ':', ' ', '-')
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), (pieces) => {
        const pattern = `/${pieces.join('')}/i`
        const named = { type: 'named', name: 'count', argument: pattern }
        expect(readReward(`count:${pattern}`)).toEqual(named)
        expect(readReward(`min(rhyme,count:${pattern},count:/x/)`)).toMatchObject({ of: [{}, named, {}] })
        expect(readReward(`constraint(count:${pattern}>=2,rhyme)`)).toMatchObject({
          conditions: [{ measured: named, bound: 'atLeast', value: 2 }],
        })
      }),
    )
  })

  it('takes an expression as it stands, alone and in combinations', () => {
    expect(readReward('js: mean(x) * (1 - x[0]) >= 2')).toEqual({
      type: 'expression',
      source: 'mean(x) * (1 - x[0]) >= 2',
    })
    expect(readReward('-js:max(x)')).toEqual({
      type: 'sum',
      terms: [{ weight: -1, of: { type: 'expression', source: 'max(x)' } }],
    })
    expect(readReward('min(js: clamp(x, [0, 1]), ink)')).toMatchObject({
      of: [
        { type: 'expression', source: 'clamp(x, [0, 1])' },
        { type: 'named', name: 'ink' },
      ],
    })
    expect(readReward('js: "matches:/a/" + 1')).toEqual({ type: 'expression', source: '"matches:/a/" + 1' })
  })
})
