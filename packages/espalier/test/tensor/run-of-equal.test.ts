import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { assembleCompare, endOfRun } from '../../src/tensor/run-of-equal.ts'

function byDefinition(numbers: Float64Array, from: number): number {
  let to = from + 1
  while (to < numbers.length && numbers[to] === numbers[from]) to++
  return to
}

describe('the end of a run of equal numbers', () => {
  it('is found by a kernel that can be compiled at once on the main thread of a browser', () => {
    expect(WebAssembly.validate(assembleCompare())).toBe(true)
    expect(assembleCompare().length).toBeLessThan(4096)
  })

  it('is the first place with another number, whatever the numbers and the lengths', () => {
    const length = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 240, max: 280 }), fc.constant(9001))
    const value = fc.constantFrom(0, -0, 0.5, 0.5 + 2 ** -53, Number.NaN, Infinity)
    fc.assert(
      fc.property(fc.array(fc.tuple(value, length), { minLength: 1, maxLength: 6 }), fc.nat(30), (runs, from) => {
        const numbers = Float64Array.from(runs.flatMap(([v, n]) => new Array<number>(n).fill(v)))
        const at = from % numbers.length
        expect(endOfRun(numbers, at)).toBe(byDefinition(numbers, at))
      }),
      { numRuns: 300, seed: 1 },
    )
  })

  it('is seen at every place of a long array', () => {
    const numbers = new Float64Array(4096 + 300)
    for (let i = 1; i < numbers.length; i += i < 40 || i > 4300 ? 1 : 37) {
      numbers[i] = 1
      expect(endOfRun(numbers, 0)).toBe(i)
      numbers[i] = 0
    }
    expect(endOfRun(numbers, 0)).toBe(numbers.length)
  })
})

describe('without WebAssembly', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('it is the same', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    vi.resetModules()
    const fresh = await import('../../src/tensor/run-of-equal.ts')
    const numbers = new Float64Array(2000).fill(3, 0, 1234)
    expect([fresh.endOfRun(numbers, 0), fresh.endOfRun(numbers, 1234)]).toEqual([1234, 2000])
  })
})
