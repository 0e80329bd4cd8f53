import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bootstrap95,
  jackknife,
  mean,
  mean95,
  pairedDifference95,
  quantile,
  studentCdf,
  studentQuantile,
  variance,
} from '../../src/measure/index.ts'

describe('studentQuantile', () => {
  it('equals the closed forms for 1, 2 and 4 degrees of freedom', () => {
    for (const p of [0.6, 0.75, 0.9, 0.975, 0.999]) {
      const alpha = 4 * p * (1 - p)
      const root = Math.sqrt(alpha)
      const four = 2 * Math.sqrt(Math.cos(Math.acos(root) / 3) / root - 1)
      expect(studentQuantile(p, 1)).toBeCloseTo(Math.tan(Math.PI * (p - 0.5)), 9)
      expect(studentQuantile(p, 2)).toBeCloseTo(2 * (p - 0.5) * Math.sqrt(2 / alpha), 10)
      expect(studentQuantile(p, 4)).toBeCloseTo(four, 10)
    }
  })

  it('tends to the normal quantile', () => {
    expect(studentQuantile(0.975, Number.POSITIVE_INFINITY)).toBeCloseTo(1.959963984540054, 6)
    expect(studentQuantile(0.975, 1e6)).toBeCloseTo(1.959963984540054, 4)
  })

  it('equals the finite series for odd degrees of freedom (Abramowitz & Stegun 26.7.3)', () => {
    const central = (t: number, df: number) => {
      const theta = Math.atan(t / Math.sqrt(df))
      let term = Math.cos(theta)
      let sum = term
      for (let k = 3; k <= df - 2; k += 2) sum += term *= ((k - 1) / k) * Math.cos(theta) ** 2
      return (2 / Math.PI) * (theta + Math.sin(theta) * sum)
    }
    for (const df of [5, 9, 29]) expect(central(studentQuantile(0.975, df), df)).toBeCloseTo(0.95, 12)
  })

  it('inverts the distribution function, and is odd about the median', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        fc.double({ min: 0.5, max: 500, noNaN: true }),
        (p, df) => {
          expect(studentCdf(studentQuantile(p, df), df)).toBeCloseTo(p, 10)
          expect(studentQuantile(1 - p, df)).toBeCloseTo(-studentQuantile(p, df), 6)
        },
      ),
    )
  })
})

describe('mean95', () => {
  it('gives the interval worked by hand', () => {
    // mean 3, s^2 = 2.5, n = 5: half width = 2.7764451 * sqrt(0.5)
    const interval = mean95([1, 2, 3, 4, 5])
    expect(interval.mean).toBe(3)
    expect(variance([1, 2, 3, 4, 5])).toBe(2.5)
    expect(interval.high - 3).toBeCloseTo(2.7764451051977987 * Math.SQRT1_2, 10)
    expect(3 - interval.low).toBeCloseTo(interval.high - 3, 12)
    expect(interval.n).toBe(5)
  })

  it('covers the true mean of normal data 95 times in 100', () => {
    // Box-Muller on a Weyl sequence: deterministic, equidistributed, and independent of the library under test.
    let k = 0
    const normal = () => {
      k++
      const u = (k * 0.7548776662466927) % 1
      const v = (k * 0.5698402909980532) % 1
      return Math.sqrt(-2 * Math.log1p(-u)) * Math.cos(2 * Math.PI * v)
    }
    const pool = Float64Array.from({ length: 200_000 }, normal)
    // Shuffled by a linear congruential walk, since neighbours of a Weyl sequence are not independent.
    let state = 12345
    const draw = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return pool[Math.floor((state / 2 ** 32) * pool.length)]
    }
    let covered = 0
    const trials = 4000
    for (let i = 0; i < trials; i++) {
      const { low, high } = mean95(Float64Array.from({ length: 4 }, draw))
      if (low <= 0 && 0 <= high) covered++
    }
    // Four standard errors of a proportion of 0.95 in 4000.
    expect(Math.abs(covered / trials - 0.95)).toBeLessThan(4 * Math.sqrt((0.95 * 0.05) / trials))
  })

  it('has no interval for one value and no mean for none', () => {
    expect(mean95([7])).toEqual({ mean: 7, low: Number.NaN, high: Number.NaN, n: 1 })
    expect(() => mean95([])).toThrow(/at least one/)
  })

  it('pairs by seed', () => {
    const difference = pairedDifference95([2, 4, 9], [1, 3, 8])
    expect(difference).toEqual({ mean: 1, low: 1, high: 1, n: 3 })
    expect(() => pairedDifference95([1], [1, 2])).toThrow(/same seeds/)
  })
})

describe('bootstrap95', () => {
  it('is near the t-interval for a mean of many values', () => {
    const values = Float64Array.from({ length: 400 }, (_, i) => Math.sin(i * 12.9898) * 3 + 1)
    let state = 1
    const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
    const average = (v: Float64Array) => v.reduce((a, b) => a + b, 0) / v.length
    const boot = bootstrap95(values, average, uniform)
    const exact = mean95(values)
    expect(boot.mean).toBeCloseTo(exact.mean, 12)
    expect(Math.abs(boot.low - exact.low)).toBeLessThan(0.1 * (exact.high - exact.low))
    expect(Math.abs(boot.high - exact.high)).toBeLessThan(0.1 * (exact.high - exact.low))
  })
})

describe('quantile', () => {
  it('interpolates between order statistics', () => {
    expect(quantile([3, 1, 2], 0.5)).toBe(2)
    expect(quantile([4, 1, 2, 3], 0.5)).toBe(2.5)
    expect(quantile([0, 10], 0.25)).toBe(2.5)
    expect(() => quantile([1], 1.5)).toThrow(/outside/)
  })
})

describe('jackknife', () => {
  it('of a mean gives the values themselves', () => {
    const values = [3, 1, 4, 1, 5]
    const pseudo = jackknife(5, (kept) => mean(kept.map((j) => values[j])))
    pseudo.forEach((value, j) => {
      expect(value).toBeCloseTo(values[j], 12)
    })
  })

  it('removes the bias of the variance with 1/n', () => {
    const values = [3, 1, 4, 1, 5, 9, 2, 6]
    const biased = (kept: readonly number[]) => {
      const centre = mean(kept.map((j) => values[j]))
      return mean(kept.map((j) => (values[j] - centre) ** 2))
    }
    expect(mean(jackknife(8, biased))).toBeCloseTo(variance(values), 12)
  })

  it('of one group is the statistic; of none there is none', () => {
    expect(jackknife(1, () => 7)).toEqual([7])
    expect(() => jackknife(0, () => 7)).toThrow('0 groups')
  })
})
