import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { key, normal, stream, type Tensor } from '../../src/tensor/index.ts'
import { assembleSingleCombine, combineByElement, combineSingle } from '../../src/tensor/single-combine.ts'

function tensors(seed: number, count: number, size: number): Tensor[] {
  return Array.from({ length: count }, (_, i) => {
    const data = new Float32Array(size)
    normal(key(seed + i), data)
    return { shape: [size], data }
  })
}
const like = (size: number): Tensor => ({ shape: [size], data: new Float32Array(size).fill(99) })
const bits = (x: Float32Array) => new Int32Array(x.buffer)

describe('sums in float32', () => {
  it('have a kernel that can be compiled at once on the main thread of a browser', () => {
    expect(assembleSingleCombine().length).toBeLessThan(4096)
  })

  it('are those of the definition, for any size, any number of terms, and in place', () => {
    const size = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 4080, max: 4112 }), fc.constant(10_001))
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 6 }), size, fc.boolean(), (seed, n, size, inPlace) => {
        const terms = tensors(seed, n, size)
        const draws = stream(key(seed))
        const coefficients = Float64Array.from(terms, () => draws.normal())
        const expected = like(size)
        combineByElement(expected.data, coefficients, terms, n)
        const out = inPlace ? terms[n - 1] : like(size)
        expect(combineSingle(out, coefficients, terms)).toBe(true)
        expect(bits(out.data)).toEqual(bits(expected.data))
        const exact = combineSingle(out, [1], [expected])
        expect(exact && bits(out.data).every((word, i) => word === bits(expected.data)[i])).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('agree with float64 to a few roundings', () => {
    const terms = tensors(1, 3, 1000)
    const out = like(1000)
    combineSingle(out, [0.9, 0.1, 0.2], terms)
    out.data.forEach((value, i) => {
      const [x, y, z] = terms.map(({ data }) => data[i])
      const size = Math.abs(0.9 * x) + Math.abs(0.1 * y) + Math.abs(0.2 * z)
      expect(Math.abs(value - (0.9 * x + 0.1 * y + 0.2 * z))).toBeLessThan(2.4e-7 * size)
    })
  })

  it('say where something is not finite, wherever it is, and of this sum only', () => {
    for (const size of [1, 5, 4096, 9000]) {
      for (const at of [0, size >> 1, size - 1]) {
        for (const bad of [Number.NaN, Infinity, -Infinity]) {
          const [x, y] = tensors(2, 2, size)
          x.data[at] = bad
          expect(combineSingle(like(size), [1, 1], [x, y])).toBe(false)
          expect(combineSingle(like(size), [1, 1], [y, y])).toBe(true)
          expect(combineByElement(like(size).data, [1, 1], [x, y], 2)).toBe(false)
        }
      }
    }
    const large = { shape: [3], data: Float32Array.of(1, 3e38, 1) }
    expect(combineSingle(like(3), [2], [large])).toBe(false)
  })

  it('refuse what does not fit, and have no terms for zeros', () => {
    const [x] = tensors(1, 1, 4)
    expect(() => combineSingle(like(5), [1], [x])).toThrow('cannot combine tensors of shapes [5] and [4]')
    expect(() => combineSingle(like(4), [], [x])).toThrow('cannot combine 1 tensors with 0 coefficients')
    const out = like(4)
    expect(combineSingle(out, [], [])).toBe(true)
    expect([...out.data]).toEqual([0, 0, 0, 0])
  })
})

describe('without WebAssembly', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('the same bits', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    vi.resetModules()
    const fresh = await import('../../src/tensor/single-combine.ts')
    const terms = tensors(3, 3, 50)
    const [slow, fast] = [like(50), like(50)]
    expect(fresh.combineSingle(slow, [0.3, -2, 0.7], terms)).toBe(true)
    vi.unstubAllGlobals()
    combineSingle(fast, [0.3, -2, 0.7], terms)
    expect(bits(slow.data)).toEqual(bits(fast.data))
  })
})
