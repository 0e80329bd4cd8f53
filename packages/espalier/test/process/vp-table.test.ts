import { describe, expect, it } from 'vitest'
import {
  cosineBetas,
  linearBetas,
  type Process,
  scaledLinearBetas,
  vpTable,
  zeroTerminalSnr,
} from '../../src/process/index.ts'

const rho = (process: Process, t: number) => Math.exp(-process.logSnr(t))
const abars = (betas: Float64Array) => {
  let product = 1
  return betas.map((beta) => (product *= 1 - beta))
}

describe('the standard tables', () => {
  it.each([
    ['linear', linearBetas(), 0.01, 157.41, 4.605, -5.059],
    ['scaled-linear', scaledLinearBetas(), 0.0292, 14.615, 3.535, -2.682],
    ['cosine', cosineBetas(), 0.0064, 20291, 5.047, -9.918],
  ])('%s: key values of rho and lambda', (_, betas, low, high, first, last) => {
    const process = vpTable(betas)
    expect(rho(process, 1 / 1000) / low).toBeCloseTo(1, 2)
    expect(rho(process, 1) / high).toBeCloseTo(1, 4)
    expect(process.logSnr(1 / 1000)).toBeCloseTo(first, 3)
    expect(process.logSnr(1)).toBeCloseTo(last, 3)
    expect(process.last).toBe(1 / 1000)
  })

  it('cosine: the squared cosine but for the cap, which the last beta meets', () => {
    const betas = cosineBetas()
    const f = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2
    expect(betas[999]).toBe(0.999)
    abars(betas)
      .subarray(0, 998)
      .forEach((abar, i) => {
        expect(abar / (f((i + 1) / 1000) / f(0))).toBeCloseTo(1, 10)
      })
    expect(cosineBetas(10, { cap: 0.5 })[9]).toBe(0.5)
    expect(() => cosineBetas(10, { cap: 1 })).toThrow('0 < cap < 1')
  })
})

describe('zeroTerminalSnr', () => {
  const betas = scaledLinearBetas()
  const rescaled = zeroTerminalSnr(betas)

  it('keeps the first abar and ends in none', () => {
    expect(rescaled[0]).toBe(betas[0])
    expect(rescaled[999]).toBe(1)
    expect(abars(rescaled)[999]).toBe(0)
  })

  it('moves sqrt(abar) by one affine map', () => {
    const before = abars(betas).map(Math.sqrt)
    const after = abars(rescaled).map(Math.sqrt)
    const slope = (after[0] - after[500]) / (before[0] - before[500])
    for (const i of [1, 250, 800, 998]) {
      expect(after[i]).toBeCloseTo(after[0] + slope * (before[i] - before[0]), 12)
    }
  })

  it('makes a process without signal at 1, from which grids start', () => {
    const process = vpTable(rescaled)
    expect([process.a(1), process.s(1), process.logSnr(1), process.start]).toEqual([0, 1, -Infinity, 1])
    expect(process.timeOfLogSnr(-Infinity)).toBe(1)
    // the signal falls linearly over the last step, and so do its derivatives at the very end
    expect(process.a(0.9995) / process.a(0.999)).toBeCloseTo(0.5, 10)
    expect(process.da(1)).toBeCloseTo(-1000 * process.a(0.999), 10)
    expect(process.ds(1)).toBe(0)
    expect(process.timeOfLogSnr(process.logSnr(0.99999))).toBeCloseTo(0.99999, 12)
  })

  it('can keep a last abar, where a finite rho is needed', () => {
    const process = vpTable(zeroTerminalSnr(betas, { last: 2 ** -24 }), { interpolation: 'rho' })
    expect(rho(process, 1)).toBeCloseTo(Math.sqrt(2 ** 24 - 1), 6)
    expect(() => vpTable(rescaled, { interpolation: 'rho' })).toThrow('has no rho there')
    expect(() => zeroTerminalSnr(betas, { last: 0.5 })).toThrow('the last abar must lie in [0, ')
    expect(() => zeroTerminalSnr([0.1])).toThrow('at least two betas, got 1')
    expect(() => zeroTerminalSnr([0.1, 2])).toThrow('beta 1 of 2 is 2')
  })
})

describe('interpolation', () => {
  const betas = linearBetas(20, 0.01, 0.3)
  const plain = vpTable(betas)

  it.each(['log-alpha', 'log-rho', 'rho'] as const)('%s meets the table and is linear between', (interpolation) => {
    const process = vpTable(betas, { interpolation })
    const of = {
      'log-alpha': (t: number) => Math.log(process.a(t)),
      'log-rho': process.logSnr,
      rho: (t: number) => rho(process, t),
    }[interpolation]
    for (let i = 0; i < 19; i++) {
      expect(process.a((i + 1) / 20)).toBeCloseTo(plain.a((i + 1) / 20), 13)
      const [low, high] = [of((i + 1) / 20), of((i + 2) / 20)]
      for (const share of [0.25, 0.5, 0.9]) {
        expect(of((i + 1 + share) / 20)).toBeCloseTo(low + share * (high - low), 12)
      }
    }
    expect(process.a(0.02)).toBe(plain.a(0.02)) // below index 0 all are the same
    if (interpolation !== 'log-alpha') expect(Math.abs(process.a(0.52) - plain.a(0.52))).toBeGreaterThan(1e-6)
  })
})
