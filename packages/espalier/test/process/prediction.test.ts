import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Coefficients,
  conversion,
  convert,
  edm,
  inputScale,
  type NetworkOutput,
  type Prediction,
  vpLinear,
} from '../../src/process/index.ts'

const kinds: Prediction[] = ['noise', 'data', 'velocity', 'score', 'flow']

/** The definitions, straight from the vocabulary. */
const define: Record<Prediction, (x0: number, eps: number, c: Coefficients) => number> = {
  noise: (_, eps) => eps,
  data: (x0) => x0,
  velocity: (x0, eps, { a, s }) => a * eps - s * x0,
  score: (_, eps, { s }) => -eps / s,
  flow: (x0, eps, { da, ds }) => da * x0 + ds * eps,
}

const coefficient = fc.double({ min: 0.05, max: 3, noNaN: true })
const value = fc.double({ min: -5, max: 5, noNaN: true })

describe('conversion', () => {
  it('takes every prediction to every other, for any a and s', () => {
    fc.assert(
      fc.property(coefficient, coefficient, coefficient, coefficient, value, value, (a, s, fall, rise, x0, eps) => {
        const c = { a, s, da: -fall, ds: rise }
        const x = a * x0 + s * eps
        for (const from of kinds) {
          for (const to of kinds) {
            const k = conversion(from, to, c)
            const wanted = define[to](x0, eps, c)
            const size = Math.abs(k.x * x) + Math.abs(k.output * define[from](x0, eps, c)) + 1
            expect(Math.abs(k.x * x + k.output * define[from](x0, eps, c) - wanted)).toBeLessThan(
              1e-13 * size * (1 + 1 / s),
            )
          }
        }
      }),
    )
  })

  it('returns to the noise through data, velocity and flow to 1e-12', () => {
    fc.assert(
      fc.property(coefficient, coefficient, value, value, (a, s, x0, eps) => {
        const c = { a, s, da: -1, ds: 1 }
        const x = a * x0 + s * eps
        let value = eps
        const path: Prediction[] = ['noise', 'data', 'velocity', 'flow', 'score', 'noise']
        for (let i = 1; i < path.length; i++) {
          const k = conversion(path[i - 1], path[i], c)
          value = k.x * x + k.output * value
        }
        expect(Math.abs(value - eps)).toBeLessThan(1e-12 * (1 + Math.abs(eps)) * ((a + s) / Math.min(a, s)) ** 2)
      }),
    )
  })

  it('has an inverse: from any prediction to any other and back is nothing, to 1e-12', () => {
    fc.assert(
      fc.property(coefficient, coefficient, coefficient, coefficient, (a, s, fall, rise) => {
        const c = { a, s, da: -fall, ds: rise }
        for (const from of kinds) {
          for (const to of kinds) {
            const there = conversion(from, to, c)
            const back = conversion(to, from, c)
            expect(Math.abs(there.output * back.output - 1)).toBeLessThan(1e-12)
            const rest = back.x + back.output * there.x
            expect(Math.abs(rest)).toBeLessThan(1e-12 * (1 + Math.abs(back.x)))
          }
        }
      }),
    )
  })

  it('is the rectified-flow pair at a = 1 - t, s = t', () => {
    const c = { a: 0.7, s: 0.3, da: -1, ds: 1 }
    expect(conversion('flow', 'data', c).x).toBeCloseTo(1, 14)
    expect(conversion('flow', 'data', c).output).toBeCloseTo(-0.3, 14)
    expect(conversion('flow', 'noise', c).x).toBeCloseTo(1, 14)
    expect(conversion('flow', 'noise', c).output).toBeCloseTo(0.7, 14)
  })

  it('knows the clean data at s = 0 and the noise at a = 0 whatever was predicted', () => {
    for (const from of ['noise', 'velocity', 'score', 'flow'] as const) {
      expect(conversion(from, 'data', { a: 1, s: 0, da: -0.05, ds: Infinity })).toEqual({ x: 1, output: 0 })
      expect(conversion(from === 'noise' ? 'data' : from, 'noise', { a: 0, s: 1, da: -1, ds: 0 })).toEqual({
        x: 1,
        output: 0,
      })
    }
  })
})

describe('the preconditioning of EDM', () => {
  /** Table 1 of Karras et al. 2022. */
  const table = (rho: number, d: number) => ({
    skip: d ** 2 / (rho ** 2 + d ** 2),
    out: (rho * d) / Math.sqrt(d ** 2 + rho ** 2),
    in: 1 / Math.sqrt(rho ** 2 + d ** 2),
  })

  it('gives every prediction, for any a, s and deviation of the data', () => {
    fc.assert(
      fc.property(coefficient, coefficient, coefficient, value, value, (a, s, sigmaData, x0, eps) => {
        const c = { a, s, da: -1, ds: 1 }
        const x = a * x0 + s * eps
        const coefficients = table(s / a, sigmaData)
        const raw = (x0 - (coefficients.skip * x) / a) / coefficients.out
        const output: NetworkOutput = { type: 'edm', sigmaData }
        expect(inputScale(output, c)).toBeCloseTo(coefficients.in / a, 12)
        for (const to of kinds) {
          const k = conversion(output, to, c)
          const size = 1 + Math.abs(k.x * x) + Math.abs(k.output * raw) * (1 + 1 / s)
          expect(Math.abs(k.x * x + k.output * raw - define[to](x0, eps, c))).toBeLessThan(1e-12 * size * (1 + 1 / s))
        }
      }),
    )
  })

  it('keeps its digits at the ends of EDM, and needs no output where there is no noise or no signal', () => {
    for (const s of [1e-9, 0.002, 80, 1e9]) {
      const c = { a: 1, s, da: 0, ds: 1 }
      const output: NetworkOutput = { type: 'edm', sigmaData: 0.5 }
      const { skip, out } = table(s, 0.5)
      const data = conversion(output, 'data', c)
      expect(data.x / skip).toBeCloseTo(1, 13)
      expect(data.output / out).toBeCloseTo(1, 13)
      // (1 - c_skip) / s = s / (s^2 + d^2)
      expect(conversion(output, 'noise', c).x / (s / (s * s + 0.25))).toBeCloseTo(1, 13)
    }
    expect(conversion({ type: 'edm', sigmaData: 2 }, 'data', { a: 1, s: 0, da: 0, ds: 1 })).toEqual({ x: 1, output: 0 })
    expect(conversion({ type: 'edm', sigmaData: 2 }, 'noise', { a: 0, s: 1, da: -1, ds: 1 })).toEqual({
      x: 1,
      output: 0,
    })
    expect(conversion({ type: 'edm', sigmaData: 2 }, 'data', { a: 0, s: 1, da: -1, ds: 1 })).toEqual({
      x: 0,
      output: 2,
    })
    expect(inputScale('noise', { a: 1, s: 3, da: 0, ds: 1 })).toBe(1)
  })

  it('with data of deviation 1 on a variance-preserving process is minus the velocity', () => {
    for (const t of [0.1, 0.5, 0.9]) {
      const c = { a: vpLinear().a(t), s: vpLinear().s(t), da: 0, ds: 0 }
      const [raw, velocity] = [conversion({ type: 'edm', sigmaData: 1 }, 'data', c), conversion('velocity', 'data', c)]
      expect(raw.x).toBeCloseTo(velocity.x, 14)
      expect(raw.output).toBeCloseTo(-velocity.output, 14)
      expect(inputScale({ type: 'edm', sigmaData: 1 }, c)).toBeCloseTo(1, 14)
    }
  })

  it('is converted row by row', () => {
    const x = { shape: [2, 1], data: Float32Array.of(3, 3) }
    const output = { shape: [2, 1], data: Float32Array.of(1, 1) }
    const t = [0.01, 1]
    convert(edm(), { type: 'edm', sigmaData: 0.5 }, 'data', output, x, t)
    t.forEach((u, i) => {
      const { skip, out } = table(80 * u, 0.5)
      expect(output.data[i]).toBeCloseTo(skip * 3 + out, 6)
    })
  })
})

describe('convert', () => {
  const process = vpLinear()

  it('converts rows at their own times, in place', () => {
    const t = [0.2, 0.2, 0.9]
    const x0 = [1, -1, 0.5]
    const eps = [0.3, 2, -1]
    const x = { shape: [3, 1], data: Float32Array.from(t, (u, i) => process.a(u) * x0[i] + process.s(u) * eps[i]) }
    const output = { shape: [3, 1], data: Float32Array.from(eps) }
    expect(convert(process, 'noise', 'velocity', output, x, t)).toBe(output)
    output.data.forEach((v, i) => {
      expect(v).toBeCloseTo(process.a(t[i]) * eps[i] - process.s(t[i]) * x0[i], 4)
    })
  })

  it('leaves a wanted prediction alone', () => {
    const output = { shape: [1, 2], data: Float32Array.of(1, 2) }
    convert(process, 'data', 'data', output, output, [0])
    expect([...output.data]).toEqual([1, 2])
  })

  it('says where a conversion does not exist, and what does not fit', () => {
    const one = { shape: [1, 1], data: Float32Array.of(1) }
    expect(() => convert(process, 'data', 'noise', one, one, [0])).toThrow(
      'a data prediction has no noise at t = 0 (row 0)',
    )
    expect(() => convert(process, 'data', 'noise', one, one, [0, 1])).toThrow('2 times')
  })
})
