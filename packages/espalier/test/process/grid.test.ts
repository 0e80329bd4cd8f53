import { describe, expect, it } from 'vitest'
import {
  grids,
  karrasGrid,
  logSnrGrid,
  powerGrid,
  quadraticGrid,
  uniformGrid,
  vpCosine,
  vpLinear,
} from '../../src/process/index.ts'

const process = vpLinear()

describe.each(Object.entries(grids))('%s grid', (_, grid) => {
  it('has n + 1 strictly decreasing times with exact ends', () => {
    for (let n = 1; n <= 100; n++) {
      for (const options of [{}, { from: 0.9, to: 0.05 }]) {
        const times = grid(process, n, options)
        expect(times).toHaveLength(n + 1)
        expect(times[0]).toBe(options.from ?? 1)
        expect(times[n]).toBe(options.to ?? 0)
        times.slice(1).forEach((t, i) => {
          expect(t).toBeLessThan(times[i])
        })
      }
    }
  })

  it('starts a cosine process where lambda = -5.1', () => {
    expect(vpCosine().logSnr(grid(vpCosine(), 10)[0])).toBeCloseTo(-5.1, 10)
  })

  it('refuses what is not a grid', () => {
    expect(() => grid(process, 0)).toThrow('positive whole number of steps, got 0')
    expect(() => grid(process, 2.5)).toThrow('2.5')
    expect(() => grid(process, 3, { from: 0.1, to: 0.2 })).toThrow('from = 0.1, to = 0.2')
    expect(() => grid(process, 3, { from: 1.1 })).toThrow('within [0, 1]')
    expect(() => grid(process, 3, { to: Number.NaN })).toThrow('NaN')
  })
})

const gaps = (v: number[]) => v.slice(1).map((x, i) => x - v[i])

describe('spacing', () => {
  it('is even in t, sqrt t, lambda and rho^(1/7)', () => {
    const options = { from: 0.9, to: 0.01 }
    const rho = (t: number) => Math.exp(-process.logSnr(t))
    for (const values of [
      uniformGrid(process, 8, options),
      quadraticGrid(process, 8, options).map(Math.sqrt),
      powerGrid(3)(process, 8, options).map(Math.cbrt),
      logSnrGrid(process, 8, options).map(process.logSnr),
      karrasGrid(process, 8, options).map((t) => rho(t) ** (1 / 7)),
    ]) {
      const steps = gaps(values)
      for (const step of steps) expect(step).toBeCloseTo(steps[0], 10)
    }
    expect(() => powerGrid(0)).toThrow('positive')
  })

  it('jumps from the last noisy time to clean data', () => {
    const rho = karrasGrid(process, 18, { last: process.timeOfLogSnr(-Math.log(0.002)) }).map((t) =>
      Math.exp(-process.logSnr(t)),
    )
    expect(rho[17]).toBeCloseTo(0.002, 12)
    expect(rho[18]).toBe(0)
    // EDM equation 5, i = 5 of N = 18
    const top = rho[0]
    expect(rho[5]).toBeCloseTo((top ** (1 / 7) + (5 / 17) * (0.002 ** (1 / 7) - top ** (1 / 7))) ** 7, 8)
    expect(process.logSnr(logSnrGrid(process, 5)[4])).toBeCloseTo(Math.log(100), 10)
    expect(() => logSnrGrid(process, 5, { last: 1 })).toThrow('last noisy time')
  })
})
