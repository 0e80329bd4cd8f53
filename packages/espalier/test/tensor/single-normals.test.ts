import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { fold, type Key, key, keyTable, philox, SingleNormals } from '../../src/tensor/index.ts'
import { singleBoxMuller } from '../../src/tensor/single-box-muller.ts'
import { assembleSingleNormalKernel, loadSingleNormalKernel } from '../../src/tensor/single-normal-kernel.ts'

const TAG = 0x66000000

/** The draws of one row at one stage by their definition. */
function reference({ hi, lo }: Key, stage: number, size: number): Float32Array {
  const stages = size === 1 ? 4 : size === 2 ? 2 : 1
  const first = (stage % stages) * size
  const draws = new Float32Array(4 * Math.ceil((size * stages) / 4))
  for (let i = 0; i < draws.length; i += 4) {
    const w = philox(Math.floor(stage / stages), 0, 0, TAG + i / 4, lo, hi, new Uint32Array(4), 7)
    singleBoxMuller(w[0], w[1], draws, i)
    singleBoxMuller(w[2], w[3], draws, i + 2)
  }
  return draws.slice(first, first + size)
}

function bits(x: Float32Array): number[] {
  return [...new Int32Array(x.slice().buffer)]
}

const anyKey = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(key)

describe('Box-Muller in float32', () => {
  it('is within 4e-7 of the size of the exact transform of its words, at both ends too', () => {
    const words = new Uint32Array(20_000)
    for (let i = 0; i < words.length; i += 4) philox(i, 0, 0, 0, 1, 2, words.subarray(i, i + 4))
    words.set([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32 - 2, 0xb504f334 | 0, 0xb504f332 | 0])
    for (const [i, angle] of [0, 0x3fffffff, 0x40000000, 0x80000000, 0xbfffffff, 0xffffffff].entries()) {
      words[2 * i + 101] = angle
    }
    const pair = new Float32Array(2)
    let worst = 0
    for (let i = 0; i < words.length; i += 2) {
      const [u, a] = words.subarray(i, i + 2)
      singleBoxMuller(u, a, pair, 0)
      // -ln u, from the nearer end of the interval.
      const q = u < 2 ** 31 ? (u + 0.5) / 2 ** 32 : (2 ** 32 - 1 - u + 0.5) / 2 ** 32
      const radius = Math.sqrt(-2 * (u < 2 ** 31 ? Math.log(q) : Math.log1p(-q)))
      const x = ((((a << 2) | 2) / 2 ** 32) * Math.PI) / 2
      const cosine = radius * Math.cos(x) * (a & 0x40000000 ? -1 : 1)
      const sine = radius * Math.sin(x)
      const [first, second] = a >= 2 ** 31 ? [sine, cosine] : [cosine, sine]
      worst = Math.max(worst, Math.abs(pair[0] / first - 1), Math.abs(pair[1] / second - 1))
    }
    expect(worst).toBeLessThan(4e-7)
  })

  it('reaches 6.76, and no further', () => {
    const pair = new Float32Array(2)
    singleBoxMuller(0, 0, pair, 0)
    expect(pair[0]).toBeCloseTo(Math.sqrt(66 * Math.LN2), 5)
    singleBoxMuller(0xffffffff, 0, pair, 0)
    expect(pair[0] / Math.sqrt(2 ** -32)).toBeCloseTo(1, 5)
  })
})

describe('normals of float32 precision', () => {
  it('have kernels that can be compiled at once on the main thread of a browser', () => {
    for (const stages of [1, 2, 4] as const) {
      const bytes = assembleSingleNormalKernel(stages)
      expect(bytes.length).toBeLessThan(4096)
      expect(WebAssembly.validate(bytes)).toBe(true)
    }
  })

  it('are those of the definition: any keys, sizes and stages, whatever the batch and the order', () => {
    const stage = fc.oneof(fc.nat(9), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
    const size = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 6, max: 40 }), fc.constant(1030))
    fc.assert(
      fc.property(
        fc.array(anyKey, { minLength: 1, maxLength: 30 }),
        size,
        fc.array(stage, { minLength: 1, maxLength: 4 }),
        (keys, size, stages) => {
          const normals = new SingleNormals(keyTable(keys), size)
          for (const n of stages) {
            expect(bits(normals.at(n))).toEqual(keys.flatMap((row) => bits(reference(row, n, size))))
          }
        },
      ),
      { numRuns: 60 },
    )
  })

  it('are the same in many rows as in few', () => {
    for (const size of [1, 2, 3, 700]) {
      const keys = Array.from({ length: size > 100 ? 40 : 5003 }, (_, i) => fold(key(5), i))
      const all = new SingleNormals(keyTable(keys), size).at(7)
      const last = new SingleNormals(keyTable(keys.slice(-13)), size).at(7)
      expect(bits(all.slice(-13 * size))).toEqual(bits(last))
      expect(bits(last.slice(-size))).toEqual(bits(reference(keys.at(-1)!, 7, size)))
    }
  })

  it('refuse what numbers no stage', () => {
    const normals = new SingleNormals(keyTable([key(1)]), 2)
    for (const n of [-1, 0.5, Number.NaN, 2 ** 32]) expect(() => normals.at(n)).toThrow('a stage is numbered')
    expect(new SingleNormals(keyTable([]), 2).at(3)).toHaveLength(0)
  })
})

/** Standard normal CDF by its series, and its continued fraction in the tails. */
function normalCdf(x: number): number {
  if (x < 0) return 1 - normalCdf(-x)
  let [term, sum] = [x, x]
  if (x < 3) {
    for (let k = 1; k < 60; k++) sum += term *= (x * x) / (2 * k + 1)
    return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
  }
  let fraction = x
  for (let k = 100; k >= 1; k--) fraction = x + k / fraction
  return 1 - Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI) / fraction
}

describe('their distribution', () => {
  const rows = 1 << 16
  const stages = 6
  const normals = new SingleNormals(keyTable(Array.from({ length: rows }, (_, i) => fold(key(2024), i))), 2)
  const draws = Array.from({ length: stages }, (_, n) => normals.at(n).slice())
  /** One coordinate of one stage, over the rows. */
  const column = (n: number, i: number) => draws[n].filter((_, j) => j % 2 === i)
  const mean = (x: Float32Array, f: (v: number, i: number) => number) => {
    let sum = 0
    for (let i = 0; i < x.length; i++) sum += f(x[i], i)
    return sum / x.length
  }

  it('has the moments of N(0, 1) up to the sixth', () => {
    // E[z^p] and the variance of z^p.
    const exact = [0, 1, 0, 3, 0, 15]
    const variance = [1, 2, 15, 96, 945, 10170]
    const all = new Float32Array(stages * 2 * rows)
    draws.forEach((x, n) => {
      all.set(x, 2 * n * rows)
    })
    exact.forEach((value, i) => {
      const error = mean(all, (z) => z ** (i + 1)) - value
      expect(Math.abs(error) / Math.sqrt(variance[i] / all.length)).toBeLessThan(4)
    })
  })

  it('passes Kolmogorov-Smirnov in each coordinate and stage', () => {
    for (let n = 0; n < stages; n++) {
      for (const i of [0, 1]) {
        const sorted = column(n, i).sort()
        let distance = 0
        sorted.forEach((z, j) => {
          const f = normalCdf(z)
          distance = Math.max(distance, Math.abs(f - j / rows), Math.abs(f - (j + 1) / rows))
        })
        expect(distance * Math.sqrt(rows)).toBeLessThan(1.95) // probability 1e-3
      }
    }
  })

  it('has the tails', () => {
    for (const [from, sigmas] of [
      [2, 4],
      [3, 4],
      [4, 4],
    ]) {
      for (const sign of [-1, 1]) {
        const count = draws.reduce((sum, x) => sum + x.filter((z) => sign * z > from).length, 0)
        const expected = stages * 2 * rows * (1 - normalCdf(from))
        expect(Math.abs(count - expected)).toBeLessThan(sigmas * Math.sqrt(expected))
      }
    }
  })

  it('is independent between coordinates, stages and rows, in size too', () => {
    const columns = draws.flatMap((_, n) => [column(n, 0), column(n, 1)])
    const se = 1 / Math.sqrt(rows)
    columns.forEach((x, i) => {
      expect(Math.abs(mean(x, (z, row) => z * x[(row + 1) % rows]))).toBeLessThan(4.5 * se)
      for (const y of columns.slice(i + 1)) {
        expect(Math.abs(mean(x, (z, row) => z * y[row]))).toBeLessThan(4.5 * se)
        expect(Math.abs(mean(x, (z, row) => (z * z - 1) * (y[row] ** 2 - 1)))).toBeLessThan(9 * se)
      }
    })
  })
})

describe('without WebAssembly', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('the same bits', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    expect(loadSingleNormalKernel(2)).toBeUndefined()
    vi.resetModules()
    const fresh = await import('../../src/tensor/single-normals.ts')
    const keys = keyTable(Array.from({ length: 21 }, (_, i) => key(i)))
    const slow = [1, 2, 5].map((size) => bits(new fresh.SingleNormals(keys, size).at(5)))
    vi.unstubAllGlobals()
    expect(slow).toEqual([1, 2, 5].map((size) => bits(new SingleNormals(keys, size).at(5))))
  })
})
