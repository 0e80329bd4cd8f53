import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  categorical,
  categoricalFromLog,
  fold,
  gumbel,
  type Key,
  key,
  normal,
  normalRows,
  philox,
  purpose,
  stream,
  uniform,
} from '../../src/tensor/index.ts'

const N = 1 << 18

function draws(fill: typeof normal, k: Key, n = N): Float64Array {
  const out = new Float64Array(n)
  fill(k, out)
  return out
}

/** Kolmogorov-Smirnov statistic times sqrt(n): above 1.95 with probability 1e-3. */
function kolmogorov(sample: Float64Array, cdf: (x: number) => number): number {
  const sorted = Float64Array.from(sample).sort()
  let d = 0
  sorted.forEach((x, i) => {
    const f = cdf(x)
    d = Math.max(d, Math.abs(f - i / sorted.length), Math.abs(f - (i + 1) / sorted.length))
  })
  return d * Math.sqrt(sorted.length)
}

/** Standard normal CDF: Taylor about 0, continued fraction in the tails. */
function normalCdf(x: number): number {
  if (x < 0) return 1 - normalCdf(-x)
  if (x < 3) {
    let term = x
    let sum = x
    for (let k = 1; k < 100; k++) sum += term *= (x * x) / (2 * k + 1)
    return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
  }
  let fraction = x
  for (let k = 200; k >= 1; k--) fraction = x + k / fraction
  return 1 - Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI) / fraction
}

function moments(x: Float64Array): { mean: number; variance: number; skew: number; kurtosis: number } {
  const m = [1, 2, 3, 4].map((p) => x.reduce((s, v) => s + v ** p, 0) / x.length)
  return { mean: m[0], variance: m[1], skew: m[2], kurtosis: m[3] }
}

function correlation(x: Float64Array, y: Float64Array): number {
  let s = 0
  for (let i = 0; i < x.length; i++) s += x[i] * y[i]
  return s / x.length
}

describe('philox', () => {
  // Random123's kat_vectors, philox4x32 with 10 rounds: counter, key, result.
  it.each([
    [[0, 0, 0, 0], [0, 0], '6627e8d5 e169c58d bc57ac4c 9b00dbd8'],
    [[0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff], '408f276d 41c83b0e a20bc7c6 6d5451fd'],
    [[0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0], 'd16cfe09 94fdcceb 5001e420 24126ea1'],
  ])('reproduces the known answers of Random123', (c, k, expected) => {
    const words = philox(c[0], c[1], c[2], c[3], k[0], k[1], new Uint32Array(4))
    expect([...words].map((w) => w.toString(16).padStart(8, '0')).join(' ')).toBe(expected)
  })
})

describe('keys', () => {
  it('holds a seed as it is, and bigints modulo 2^64', () => {
    expect(key(5)).toEqual({ hi: 0, lo: 5 })
    expect(key(2 ** 40 + 7)).toEqual({ hi: 256, lo: 7 })
    expect(key(-1)).toEqual(key((1n << 64n) - 1n))
    expect(() => key(0.5)).toThrow('a seed must be an integer')
  })

  it('folds to distinct keys along distinct paths', () => {
    const seen = new Set<string>()
    const add = (k: Key) => seen.add(`${k.hi}:${k.lo}`)
    for (let seed = 0; seed < 20; seed++) {
      const root = key(seed)
      add(root)
      for (let i = 0; i < 50; i++) {
        const child = fold(root, i)
        add(child)
        for (let j = 0; j < 20; j++) add(fold(child, j))
      }
      for (const name of ['noise', 'noise2', 'noi', 'start', 'select', 'a', 'b', 'ab', 'ba']) add(purpose(root, name))
    }
    expect(seen.size).toBe(20 * (1 + 50 + 50 * 20 + 9))
  })

  it('folds numbers above 2^32 and refuses what is not a count', () => {
    expect(fold(key(1), 2 ** 32 + 3)).not.toEqual(fold(key(1), 3))
    for (const n of [-1, 0.5, NaN, 2 ** 53]) expect(() => fold(key(1), n)).toThrow('numbered')
    expect(() => purpose(key(1), '')).toThrow('needs a name')
  })

  it('mixes names to their last character', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (a, b) => {
        const same = JSON.stringify(purpose(key(9), a)) === JSON.stringify(purpose(key(9), b))
        expect(same).toBe(a === b)
      }),
    )
  })
})

describe('arrays of draws', () => {
  const fills = { normal, uniform, gumbel }
  for (const [name, fill] of Object.entries(fills)) {
    it(`${name}: element i depends on the key and i alone`, () => {
      fc.assert(
        fc.property(fc.maxSafeInteger(), fc.nat(40), fc.nat(9), fc.nat(9), (seed, length, offset, extra) => {
          const long = draws(fill, key(seed), 64)
          const out = new Float64Array(offset + length + extra).fill(99)
          fill(key(seed), out, offset, length)
          out.forEach((v, i) => {
            expect(v).toBe(i < offset || i >= offset + length ? 99 : long[i - offset])
          })
        }),
      )
    })

    it(`${name}: float32 draws are the float64 draws, rounded`, () => {
      const single = new Float32Array(1001)
      fill(key(3), single)
      draws(fill, key(3), 1001).forEach((v, i) => {
        if (fill === uniform) expect(Math.abs(single[i] - v)).toBeLessThanOrEqual(2 ** -24)
        else expect(single[i]).toBe(Math.fround(v))
      })
    })

    it(`${name}: refuses to write outside the array`, () => {
      expect(() => fill(key(1), new Float32Array(4), 2, 3)).toThrow('3 draws at offset 2 of an array of 4')
    })
  }

  it('normalRows gives each row the stream of its folded key', () => {
    for (const size of [1, 2, 3, 7]) {
      const keys = [key(1), key(2), fold(key(3), 4)]
      const out = new Float32Array(3 * size)
      normalRows(keys, 9, out)
      const expected = new Float32Array(3 * size)
      for (let i = 0; i < 3; i++) normal(fold(keys[i], 9), expected, i * size, size)
      expect(out).toEqual(expected)
    }
    expect(() => normalRows([key(1), key(2)], 0, new Float32Array(3))).toThrow('2 rows do not divide 3 draws')
    expect(() => normalRows([], 0, new Float32Array(0))).not.toThrow()
    expect(() => normalRows([], 0, new Float32Array(3))).toThrow('0 rows do not divide 3 draws')
  })

  it('normals have the moments, the distribution and the tail of N(0, 1)', () => {
    const z = draws(normal, key(2024))
    const { mean, variance, skew, kurtosis } = moments(z)
    const se = 1 / Math.sqrt(N)
    expect(Math.abs(mean)).toBeLessThan(4 * se)
    expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.SQRT2 * se)
    expect(Math.abs(skew)).toBeLessThan(4 * Math.sqrt(15) * se)
    expect(Math.abs(kurtosis - 3)).toBeLessThan(4 * Math.sqrt(96) * se)
    expect(kolmogorov(z, normalCdf)).toBeLessThan(1.95)
    const beyond = z.filter((v) => Math.abs(v) > 3).length
    const expected = N * 2 * (1 - normalCdf(3))
    expect(Math.abs(beyond - expected)).toBeLessThan(4 * Math.sqrt(expected))
    expect(z.some((v) => Math.abs(v) > 4)).toBe(true)
  })

  it('each of the four lanes of a block is normal, and they are uncorrelated', () => {
    const z = draws(normal, key(77))
    const lanes = [0, 1, 2, 3].map((lane) => z.filter((_, i) => (i & 3) === lane))
    const se = 1 / Math.sqrt(N / 4)
    lanes.forEach((x, i) => {
      expect(kolmogorov(x, normalCdf)).toBeLessThan(1.95)
      for (const y of lanes.slice(i + 1)) {
        expect(Math.abs(correlation(x, y))).toBeLessThan(4 * se)
        expect(
          Math.abs(
            correlation(
              x.map((v) => v * v - 1),
              y.map((v) => v * v - 1),
            ),
          ),
        ).toBeLessThan(8 * se)
      }
    })
  })

  it('agrees with Box-Muller by the Math functions', () => {
    const k = key(11)
    const z = draws(normal, k, 4000)
    for (let i = 0; i < 4000; i += 4) {
      const w = philox(i / 4, 0, 0, 0x4e000000, k.lo, k.hi, new Uint32Array(4))
      const radius = Math.sqrt(-2 * Math.log((w[0] + 0.5) / 2 ** 32))
      const angle = (2 * Math.PI * (w[1] + 0.5)) / 2 ** 32
      expect(z[i]).toBeCloseTo(radius * Math.cos(angle), 12)
      expect(z[i + 1]).toBeCloseTo(radius * Math.sin(angle), 12)
    }
  })

  it('uniforms and Gumbels have their distributions', () => {
    const u = draws(uniform, key(5))
    expect(kolmogorov(u, (x) => x)).toBeLessThan(1.95)
    expect(Math.min(...u.subarray(0, 9999))).toBeGreaterThan(0)
    const single = new Float32Array(N)
    uniform(key(5), single)
    expect(single.every((v) => v > 0 && v < 1)).toBe(true)
    expect(kolmogorov(draws(gumbel, key(6)), (x) => Math.exp(-Math.exp(-x)))).toBeLessThan(1.95)
  })

  it('streams of different keys, children and kinds are independent', () => {
    const root = key(1)
    const se = 1 / Math.sqrt(N)
    const base = draws(normal, root)
    for (const other of [key(2), key(1n << 32n), fold(root, 0), fold(root, 1), purpose(root, 'noise')]) {
      expect(Math.abs(correlation(base, draws(normal, other)))).toBeLessThan(4 * se)
    }
    const siblings = [0, 1, 2].map((i) => draws(normal, fold(root, i)))
    expect(Math.abs(correlation(siblings[0], siblings[1]))).toBeLessThan(4 * se)
    expect(Math.abs(correlation(siblings[1], siblings[2]))).toBeLessThan(4 * se)
    const u = draws(uniform, root).map((v) => (v - 0.5) * Math.sqrt(12))
    expect(Math.abs(correlation(base, u))).toBeLessThan(4 * se)
    // The kinds share no words: the squared radius of a Box-Muller pair would be a function of a shared uniform.
    const radii = u.map((_, i) => (base[2 * i] ** 2 + base[2 * i + 1] ** 2) / 2 - 1).subarray(0, N / 2)
    expect(Math.abs(correlation(radii, u.subarray(0, N / 2)))).toBeLessThan(6 * se)
    // The first draw of many sibling rows is itself a normal sample.
    const first = new Float64Array(N / 8)
    for (let i = 0; i < first.length; i++) normal(fold(root, i), first, i, 1)
    expect(kolmogorov(first, normalCdf)).toBeLessThan(1.95)
  })
})

describe('scalar streams', () => {
  it('repeats itself, and does not depend on the kinds of the other draws', () => {
    const a = stream(key(8))
    const b = stream(key(8))
    const first = [a.uniform(), a.normal(), a.integer(10), a.uniform()]
    b.integer(3)
    b.uniform()
    b.normal()
    expect(b.uniform()).toBe(first[3])
  })

  it('draws uniforms, normals and integers', () => {
    const s = stream(key(4))
    expect(kolmogorov(Float64Array.from({ length: 20000 }, s.uniform), (x) => x)).toBeLessThan(1.95)
    expect(kolmogorov(Float64Array.from({ length: 20000 }, s.normal), normalCdf)).toBeLessThan(1.95)
    const counts = new Array(7).fill(0)
    for (let i = 0; i < 70000; i++) counts[s.integer(7)]++
    const chi2 = counts.reduce((sum, c) => sum + (c - 10000) ** 2 / 10000, 0)
    expect(chi2).toBeLessThan(22.5) // 6 degrees of freedom, probability 1e-3
    for (const n of [0, -1, 1.5, NaN, 2 ** 33]) expect(() => s.integer(n)).toThrow('integer(n) needs')
  })
})

describe('categorical draws', () => {
  it('inverts the cumulative sum, and never draws a zero weight', () => {
    expect([0, 0.09, 0.11, 0.39, 0.41, 0.9999].map((u) => categorical(u, [1, 3, 6]))).toEqual([0, 0, 1, 1, 2, 2])
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-9, max: 10, noNaN: true })), { minLength: 1 }),
        (u, weights) => {
          fc.pre(weights.some((w) => w > 0))
          expect(weights[categorical(u, weights)]).toBeGreaterThan(0)
          const fromLog = categoricalFromLog(
            u,
            weights.map((w) => Math.log(w) + 700),
          )
          expect(weights[fromLog]).toBeGreaterThan(0)
        },
      ),
    )
  })

  it('draws from log-weights of any size, uniformly where nothing is possible', () => {
    expect(categoricalFromLog(0.3, [-1e5, -1e5 + Math.log(3), -Infinity])).toBe(1)
    expect(categoricalFromLog(0.2, [-1e5, -1e5 + Math.log(3), -Infinity])).toBe(0)
    expect([0.1, 0.6].map((u) => categoricalFromLog(u, [-Infinity, -Infinity]))).toEqual([0, 1])
  })

  it('says what is wrong with the weights', () => {
    expect(() => categorical(0.5, [1, -1])).toThrow('weight 1 of 2 is -1')
    expect(() => categorical(0.5, [0, 0])).toThrow('sum to 0')
    expect(() => categorical(0.5, [1, NaN])).toThrow('weight 1 of 2 is NaN')
    expect(() => categoricalFromLog(0.5, [NaN])).toThrow('log-weight 0 of 1 is NaN')
    expect(() => categoricalFromLog(0.5, [])).toThrow('0 weights')
  })
})
