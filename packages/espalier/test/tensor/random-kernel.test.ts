import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fold, type Key, key, keyTable, normal, normalRows } from '../../src/tensor/index.ts'
import { assembleNormalKernel, loadNormalKernel } from '../../src/tensor/normal-kernel.ts'
import { fillNormal } from '../../src/tensor/random.ts'

const anyKey = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(key)

/** Where two arrays first differ in their bits, or -1. */
function firstDifference(a: Float32Array, b: Float32Array): number {
  const [p, q] = [new Int32Array(a.buffer), new Int32Array(b.buffer)]
  return p.length === q.length ? p.findIndex((word, i) => word !== q[i]) : 0
}

/** {@link normalRows} by its definition, without the kernel. */
function referenceRows(keys: readonly Key[], n: number, size: number): Float32Array {
  const out = new Float32Array(keys.length * size)
  keys.forEach((row, i) => {
    const { hi, lo } = fold(row, n)
    fillNormal(hi, lo, out, i * size, size)
  })
  return out
}

normal(key(0), new Float32Array(1024)) // the kernel is there from now on, for short arrays too

describe('the kernel for normals', () => {
  it('can be compiled at once on the main thread of a browser', () => {
    const bytes = assembleNormalKernel()
    expect(bytes.length).toBeLessThan(4096)
    expect(WebAssembly.validate(bytes)).toBe(true)
  })

  it('draws the bits of the reference: one key, any length, any place', () => {
    const draw = fc.tuple(anyKey, fc.oneof(fc.nat(200), fc.nat(10_000)), fc.nat(9), fc.nat(9))
    fc.assert(
      fc.property(draw, ([k, length, offset, extra]) => {
        const [out, expected] = [0, 1].map(() => new Float32Array(offset + length + extra).fill(99))
        normal(k, out, offset, length)
        fillNormal(k.hi, k.lo, expected, offset, length)
        expect(firstDifference(out, expected)).toBe(-1)
      }),
    )
  })

  it('draws the bits of the reference: rows of any number and size, as keys or as a table', () => {
    const child = fc.oneof(fc.nat(1000), fc.maxSafeInteger().map(Math.abs))
    const draw = fc.tuple(fc.array(anyKey, { minLength: 1, maxLength: 30 }), fc.nat(40), child)
    fc.assert(
      fc.property(draw, fc.constantFrom(0, 1, 0, 1000), ([keys, size, n], more) => {
        const expected = referenceRows(keys, n, size + more)
        for (const rows of [keys, keyTable(keys)]) {
          const out = new Float32Array(keys.length * (size + more)).fill(99)
          normalRows(rows, n, out)
          expect(firstDifference(out, expected)).toBe(-1)
        }
      }),
    )
  })

  it('draws the bits of the reference over millions of words', () => {
    const n = 1 << 20
    for (const seed of [1n, 1n << 63n]) {
      const [out, expected] = [new Float32Array(n), new Float32Array(n)]
      normal(key(seed), out)
      fillNormal(key(seed).hi, key(seed).lo, expected, 0, n)
      expect(firstDifference(out, expected)).toBe(-1)
    }
    const keys = Array.from({ length: 10_001 }, (_, i) => fold(key(5), i))
    for (const size of [1, 2, 3, 5]) {
      const out = new Float32Array(keys.length * size)
      normalRows(keyTable(keys), 12, out)
      expect(firstDifference(out, referenceRows(keys, 12, size))).toBe(-1)
    }
  })

  it('still draws what was recorded', () => {
    const out = new Float32Array(100_000)
    normal(key(2024), out)
    let hash = 0x811c9dc5
    for (const word of new Uint32Array(out.buffer)) hash = Math.imul(hash ^ word, 0x01000193)
    expect(hash >>> 0).toBe(2082288287)
  })
})

describe('without WebAssembly', () => {
  afterEach(() => vi.unstubAllGlobals())

  it.each([
    ['none', undefined],
    [
      'compilation is forbidden',
      {
        Module: () => {
          throw new EvalError('unsafe-eval')
        },
      },
    ],
  ])('the kernel is left out: %s', async (_, standIn) => {
    vi.stubGlobal('WebAssembly', standIn)
    expect(loadNormalKernel()).toBeUndefined()
    vi.resetModules()
    const fresh = await import('../../src/tensor/random.ts')
    const out = new Float32Array(5000)
    fresh.normal(key(7), out)
    vi.unstubAllGlobals()
    const expected = new Float32Array(5000)
    normal(key(7), expected)
    expect(firstDifference(out, expected)).toBe(-1)
  })
})
