import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { integer, names, number, oneOf, seeds } from '../src/options.ts'
import { describe as describeProgress, progressLine } from '../src/progress.ts'

function terminal(isTTY: boolean, columns = 100) {
  const written: string[] = []
  return { written, stream: { isTTY, columns, write: (text: string) => written.push(text) } }
}

describe('the progress line', () => {
  it('says NFE, rate, time left and the best reward', () => {
    const state = { label: 'dts-star', nfe: 8000, budget: 20000, best: 2.4123 }
    expect(describeProgress(state, 10)).toBe('dts-star  8000/20 000 NFE (40%)  800 NFE/s  15.0 s left  best 2.41')
  })

  it('measures the rate from where a resumed run began', () => {
    expect(describeProgress({ label: 'a', nfe: 9000, budget: 10000 }, 10, 8000)).toContain('100 NFE/s  10.0 s left')
  })

  it('is silent where nobody watches, but still says what must be said', () => {
    const { written, stream } = terminal(false)
    const line = progressLine(stream, () => 0)
    line.update({ label: 'a', nfe: 1, budget: 2 })
    line.clear()
    expect(written.filter(Boolean)).toEqual([])
    line.say('Stopping.')
    expect(written.filter(Boolean)).toEqual(['Stopping.\n'])
  })

  it('redraws at most ten times a second, never beyond the terminal', () => {
    const { written, stream } = terminal(true, 20)
    let time = 0
    const line = progressLine(stream, () => time)
    for (time = 0; time < 1000; time += 10) line.update({ label: 'a long label', nfe: time, budget: 1000, best: 1 })
    const drawn = written.filter((text) => text.startsWith('a long'))
    expect(drawn).toHaveLength(10)
    expect(Math.max(...drawn.map((text) => text.length))).toBeLessThan(20)
  })
})

describe('option values', () => {
  it('are read', () => {
    expect(integer(1)('20_000')).toBe(20000)
    expect(number(0)('1e-3')).toBe(0.001)
    expect(oneOf(['a', 'b'])('b')).toBe('b')
    expect(names('x, y')).toEqual(['x', 'y'])
    expect(seeds('0-2,7,1')).toEqual([0, 1, 2, 7])
  })

  it('are refused when they are not what is needed', () => {
    const bad: [(text: string) => unknown, string][] = [
      [integer(1), '-5'],
      [integer(1), '0'],
      [integer(0), '1.5'],
      [integer(0), ''],
      [integer(0), 'many'],
      [number(0), '-1'],
      [number(0), 'NaN'],
      [number(0, 1), '2'],
      [number(0), 'Infinity'],
      [oneOf(['a']), 'A'],
      [names, 'a,,b'],
      [seeds, '-1'],
      [seeds, '5-2'],
      [seeds, '1.5'],
      [seeds, ''],
      [seeds, '0-99999999'],
    ]
    for (const [parse, text] of bad) expect(() => parse(text), text).toThrow(InvalidArgumentError)
  })
})
