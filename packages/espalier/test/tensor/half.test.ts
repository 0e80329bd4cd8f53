import { fromHalf, halfBits, halfValue, LARGEST_HALF, toHalf } from 'espalier/tensor'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const all = Uint16Array.from({ length: 0x10000 }, (_, i) => i)
const finite = [...all].filter((bits) => (bits & 0x7c00) !== 0x7c00)

describe('half floats', () => {
  it('know the landmarks of the format', () => {
    const landmarks: [number, number][] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, LARGEST_HALF],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x03ff, 2 ** -14 - 2 ** -24],
      [0x7c00, Number.POSITIVE_INFINITY],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x3555, 0.333251953125],
    ]
    for (const [bits, value] of landmarks) {
      expect(Object.is(halfValue(bits), value)).toBe(true)
      expect(halfBits(value)).toBe(bits)
    }
  })

  it('come back from float32, all 65536 of them', () => {
    const back = toHalf(fromHalf(all))
    for (const bits of all) {
      const nan = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0
      if (nan) expect(Number.isNaN(halfValue(back[bits]))).toBe(true)
      else if (back[bits] !== bits) expect.fail(`${bits} came back as ${back[bits]}`)
    }
  })

  it('grow with their bits, so that neighbours are neighbours', () => {
    for (let bits = 0; bits < 0x7c00; bits++) expect(halfValue(bits + 1) > halfValue(bits)).toBe(true)
  })

  it('are the nearest ones, ties to even, at every midpoint and on both sides of it', () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [halfValue(bits), halfValue(bits + 1)]
      const middle = (low + high) / 2
      const even = bits & 1 ? bits + 1 : bits
      // The neighbours of the midpoint in float32.
      const gap = middle * 2 ** -23
      for (const sign of [1, -1]) {
        const flag = sign < 0 ? 0x8000 : 0
        const ok =
          halfBits(sign * middle) === (even | flag) &&
          halfBits(sign * (middle - gap)) === (bits | flag) &&
          halfBits(sign * (middle + gap)) === ((bits + 1) | flag)
        if (!ok) expect.fail(`around ${middle}`)
      }
    }
    expect(halfBits(65519.99)).toBe(0x7bff)
    expect(halfBits(65520)).toBe(0x7c00)
    expect(halfBits(-1e30)).toBe(0xfc00)
    expect(halfBits(2 ** -25)).toBe(0)
    expect(halfBits(2 ** -25 * 1.0001)).toBe(1)
    expect(halfBits(1e-30)).toBe(0)
  })

  it('of any float32 are the nearest by exhaustive search', () => {
    const values = finite.map(halfValue)
    fc.assert(
      fc.property(fc.float({ min: -65519, max: 65519, noNaN: true }), (x) => {
        const error = Math.abs(halfValue(halfBits(x)) - x)
        let best = Number.POSITIVE_INFINITY
        for (const value of values) best = Math.min(best, Math.abs(value - x))
        expect(error).toBe(best)
      }),
      { numRuns: 100, seed: 1 },
    )
  })
})
