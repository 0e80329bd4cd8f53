import { key, normal } from 'espalier/tensor'
import fc from 'fast-check'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { describe, expect, it } from 'vitest'
import { spectralRadius } from '../../src/solve/spectral-radius.ts'

/** Real and imaginary parts side by side. */
const complex = (rows: readonly (readonly number[])[]) => Float64Array.from(rows.flat().flatMap((v) => [v, 0]))

/** The same by a library of real matrices: `a + b i` as the block `[a -b; b a]`. */
function byLibrary(h: Float64Array, n: number): number {
  const block = (i: number, j: number) => {
    const [a, b] = [h[2 * ((i >> 1) * n + (j >> 1))], h[2 * ((i >> 1) * n + (j >> 1)) + 1]]
    return i % 2 === j % 2 ? a : i % 2 === 0 ? -b : b
  }
  const rows = Array.from({ length: 2 * n }, (_, i) => Array.from({ length: 2 * n }, (_, j) => block(i, j)))
  const { realEigenvalues, imaginaryEigenvalues } = new EigenvalueDecomposition(new Matrix(rows))
  return Math.max(...realEigenvalues.map((re, i) => Math.hypot(re, imaginaryEigenvalues[i])))
}

describe('spectralRadius', () => {
  it('is that of a library, to rounding', () => {
    for (let seed = 0; seed < 200; seed++) {
      const n = 1 + (seed % 10)
      const h = new Float64Array(2 * n * n)
      normal(key(seed), h)
      const expected = byLibrary(h, n)
      expect(Math.abs(spectralRadius(h, n) - expected)).toBeLessThan(1e-12 * expected)
    }
  })

  it('is the largest number on the diagonal of a triangle, however often it stands there, and however it is turned', () => {
    const entry = fc.integer({ min: -2, max: 2 })
    const square = (n: number) => fc.array(entry, { minLength: n * n, maxLength: n * n })
    const given = fc.integer({ min: 1, max: 6 }).chain((n) => fc.tuple(fc.constant(n), square(n), square(n), square(n)))
    fc.assert(
      fc.property(given, ([n, re, im, turned]) => {
        const h = new Float64Array(2 * n * n)
        let expected = 0
        for (let i = 0; i < n; i++) {
          for (let j = i; j < n; j++) h.set([re[i * n + j], im[i * n + j]], 2 * (i * n + j))
          expected = Math.max(expected, Math.hypot(re[i * n + i], im[i * n + i]))
        }
        // Adding a row to another, and subtracting columns the other way round, leaves the eigenvalues, in whole numbers.
        for (let p = 0; p + 1 < n; p++) {
          const by = turned[p]
          for (let k = 0; k < 2 * n; k++) h[2 * (p + 1) * n + k] += by * h[2 * p * n + k]
          for (let k = 0; k < n; k++) {
            for (const part of [0, 1]) h[2 * (k * n + p) + part] -= by * h[2 * (k * n + p + 1) + part]
          }
        }
        const size = Math.max(1, ...h.map(Math.abs))
        // An eigenvalue of multiplicity m is known to the m-th root of rounding.
        expect(Math.abs(spectralRadius(h, n) - expected)).toBeLessThan(size * 1e-13 ** (1 / n))
      }),
    )
  })

  it.each([
    ['one number', [[-3]], 3],
    [
      'a triangle',
      [
        [1, 5, -2],
        [0, -4, 7],
        [0, 0, 2],
      ],
      4,
    ],
    [
      'a turn',
      [
        [0, -1],
        [1, 0],
      ],
      1,
    ],
    [
      'a cycle, which the right shift leaves as it is',
      [
        [0, 0, 1],
        [1, 0, 0],
        [0, 1, 0],
      ],
      1,
    ],
    [
      'a longer cycle',
      [
        [0, 0, 0, 16],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
      ],
      2,
    ],
    [
      'a companion of (x - 1)(x - 2)(x + 5)',
      [
        [-2, 13, -10],
        [1, 0, 0],
        [0, 1, 0],
      ],
      5,
    ],
    [
      'nothing',
      [
        [0, 0],
        [0, 0],
      ],
      0,
    ],
    [
      'powers that vanish',
      [
        [0, 1, 3],
        [0, 0, 1],
        [0, 0, 0],
      ],
      0,
    ],
    [
      'large numbers',
      [
        [1e150, 0],
        [1e150, 2e150],
      ],
      2e150,
    ],
  ])('of %s', (_, rows, expected) => {
    const radius = spectralRadius(complex(rows), rows.length)
    expect(Math.abs(radius - expected)).toBeLessThanOrEqual(1e-12 * Math.max(1, expected))
  })

  it("is found of (x - 2)(x + 1 - 2i)^2, at which the library's decomposition goes on for ever", () => {
    const matrix = [
      [3, 1, 1, 2, 0, 1],
      [-4, 1, -4, 1, -2, 0],
      [4, -1, 3, 1, 1, 2],
    ]
    // A double eigenvalue is known to the root of rounding.
    expect(spectralRadius(Float64Array.from(matrix.flat()), 3)).toBeCloseTo(Math.sqrt(5), 6)
  })

  it('of numbers that are not finite is infinite', () => {
    expect(
      spectralRadius(
        complex([
          [1, 2],
          [Number.NaN, 1],
        ]),
        2,
      ),
    ).toBe(Infinity)
    expect(spectralRadius(complex([[Infinity]]), 1)).toBe(Infinity)
  })
})
