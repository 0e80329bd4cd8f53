import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { combine, concatenate, gather, logSumExp, row, rowSize, sizeOf, stack, tensor } from '../../src/tensor/index.ts'

const value = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 })

describe('tensor', () => {
  it('holds data of its shape, or zeros', () => {
    expect(tensor([2, 3]).data).toEqual(new Float32Array(6))
    const data = Float32Array.of(1, 2)
    expect(tensor([1, 2], data).data).toBe(data)
    expect([sizeOf([]), sizeOf([2, 0]), rowSize(tensor([4, 2, 3]))]).toEqual([1, 0, 6])
    expect(() => tensor([2], Float32Array.of(1))).toThrow('a tensor of shape [2] has 2 elements, got 1')
    expect(() => tensor([-1])).toThrow('whole numbers >= 0, got [-1]')
    expect(() => rowSize(tensor([]))).toThrow('no rows')
  })

  it('gathers, stacks and joins rows', () => {
    const batch = tensor([3, 2], Float32Array.of(1, 2, 3, 4, 5, 6))
    expect(gather(batch, [2, 0, 2])).toEqual(tensor([3, 2], Float32Array.of(5, 6, 1, 2, 5, 6)))
    expect(stack([row(batch, 1), row(batch, 0)], [2])).toEqual(gather(batch, [1, 0]))
    expect(concatenate([gather(batch, [0]), gather(batch, [1, 2])])).toEqual(batch)
    expect(stack([], [2]).shape).toEqual([0, 2])
    expect(() => gather(batch, [3])).toThrow('no row 3 in a batch of shape [3,2]')
    expect(() => gather(batch, [-1])).toThrow('no row -1')
    expect(() => stack([Float32Array.of(1)], [2])).toThrow('row 0 has 1 elements, events [2] have 2')
    expect(() => concatenate([batch, tensor([1, 3])])).toThrow('shapes [3,2] and [1,3]')
    expect(() => concatenate([])).toThrow('0 batches')
  })
})

describe('combine', () => {
  it('is the float64 sum in order, rounded once, for any number of terms, in place or not', () => {
    fc.assert(
      fc.property(
        fc.nat(9).chain((n) =>
          fc.record({
            coefficients: fc.array(value, { minLength: n, maxLength: n }),
            columns: fc.array(fc.array(value, { minLength: 5, maxLength: 5 }), { minLength: n, maxLength: n }),
            place: fc.nat(Math.max(0, n - 1)),
          }),
        ),
        ({ coefficients, columns, place }) => {
          const terms = columns.map((column) => tensor([5], Float32Array.from(column)))
          const expected = Float32Array.from({ length: 5 }, (_, i) =>
            coefficients.map((c, j) => c * terms[j].data[i]).reduce((sum, v) => sum + v, 0),
          )
          const out = tensor([5], new Float32Array(5).fill(3))
          expect(combine(out, coefficients, terms)).toBe(out)
          out.data.forEach((v, i) => {
            expect(v + 0).toBe(expected[i] + 0)
          })
          if (terms.length > 0) expect(combine(terms[place], coefficients, terms)).toEqual(out)
        },
      ),
    )
  })

  it('takes the first n terms of longer lists', () => {
    const x = tensor([1], Float32Array.of(2))
    expect(combine(tensor([1]), [3, 5, 7], [x, x, x], 2).data[0]).toBe(16)
  })

  it('refuses what does not fit', () => {
    expect(() => combine(tensor([2]), [1], [tensor([3])])).toThrow('shapes [2] and [3]')
    expect(() => combine(tensor([2]), [1], [tensor([2]), tensor([2])])).toThrow('2 tensors with 1 coefficients')
  })
})

describe('logSumExp', () => {
  it('neither overflows nor underflows', () => {
    expect(logSumExp([1000, 1000])).toBeCloseTo(1000 + Math.LN2, 12)
    expect(logSumExp([-1000, -1000, 5], 2)).toBeCloseTo(-1000 + Math.LN2, 12)
    expect([logSumExp([]), logSumExp([-Infinity])]).toEqual([-Infinity, -Infinity])
    expect(logSumExp([Number.NEGATIVE_INFINITY, 3])).toBe(3)
  })
})
