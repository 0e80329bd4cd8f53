import { describe, expect, it } from 'vitest'
import {
  cosineBetas,
  edm,
  flow,
  GaussianMixture,
  integrate,
  linearBetas,
  meanReverting,
  type Process,
  type ProcessSpecification,
  parseProcess,
  residualShifting,
  scaledLinearBetas,
  shiftOfTokens,
  subVp,
  ve,
  vpCosine,
  vpLinear,
  vpScaledLinear,
  vpTable,
  zeroTerminalSnr,
} from '../../src/process/index.ts'

const short = linearBetas(6, 0.1, 0.7)

/** Every process, and the JSON that names it. */
const family: [ProcessSpecification, Process][] = [
  [{ type: 'vp-linear', b0: 0.2, b1: 12 }, vpLinear({ b0: 0.2, b1: 12 })],
  [{ type: 'vp-scaled-linear' }, vpScaledLinear()],
  [{ type: 'vp-scaled-linear', b0: 0, b1: 3 }, vpScaledLinear({ b0: 0, b1: 3 })],
  [{ type: 'vp-cosine', offset: 0.01 }, vpCosine({ offset: 0.01 })],
  [{ type: 'sub-vp', b0: 0.3, b1: 15 }, subVp({ b0: 0.3, b1: 15 })],
  [{ type: 've', sigmaMin: 0.02, sigmaMax: 100 }, ve({ sigmaMin: 0.02, sigmaMax: 100 })],
  [{ type: 'edm', sigmaMin: 0.01, sigmaMax: 60 }, edm({ sigmaMin: 0.01, sigmaMax: 60 })],
  [{ type: 'flow' }, flow()],
  [{ type: 'flow', shift: 3 }, flow({ shift: 3 })],
  [{ type: 'mean-reverting' }, meanReverting()],
  [
    { type: 'mean-reverting', schedule: 'linear', steps: 7, floor: 0.01, std: 2 },
    meanReverting({ schedule: 'linear', steps: 7, floor: 0.01, std: 2 }),
  ],
  [{ type: 'mean-reverting', schedule: 'constant', steps: 3 }, meanReverting({ schedule: 'constant', steps: 3 })],
  [{ type: 'residual-shifting' }, residualShifting()],
  [
    { type: 'residual-shifting', steps: 4, kappa: 1.5, power: 0.8, minNoise: 0.2, end: 0.95 },
    residualShifting({ steps: 4, kappa: 1.5, power: 0.8, minNoise: 0.2, end: 0.95 }),
  ],
  [{ type: 'vp-table', betas: [...short] }, vpTable(short)],
  [{ type: 'vp-table', betas: { type: 'linear' } }, vpTable(linearBetas())],
  [{ type: 'vp-table', betas: { type: 'scaled-linear', steps: 500 } }, vpTable(scaledLinearBetas(500))],
  [{ type: 'vp-table', betas: { type: 'cosine', steps: 50, cap: 0.99 } }, vpTable(cosineBetas(50, { cap: 0.99 }))],
  [{ type: 'vp-table', betas: [...short], interpolation: 'log-rho' }, vpTable(short, { interpolation: 'log-rho' })],
  [{ type: 'vp-table', betas: [...short], interpolation: 'rho' }, vpTable(short, { interpolation: 'rho' })],
  [{ type: 'vp-table', betas: [...short], zeroTerminalSnr: true }, vpTable(zeroTerminalSnr(short))],
]
const named = family.map(([spec, process]) => [process.name, process, spec] as const)

/** Times where the coefficients have a kink. */
function kinks(process: Process): number[] {
  if ('steps' in process)
    return Array.from({ length: process.steps as number }, (_, i) => i / (process.steps as number))
  const [, steps] =
    /^mean-reverting\([a-z]+,(\d+)/.exec(process.name) ?? /^residual-shifting\((\d+)/.exec(process.name) ?? []
  return Array.from({ length: Number(steps ?? 1) }, (_, i) => i / Number(steps ?? 1))
}

describe.each(named)('%s', (_, process, spec) => {
  const times = Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000)

  it('has lambda = log(a / s), decreasing', () => {
    times.forEach((t, i) => {
      expect(process.logSnr(t)).toBeCloseTo(Math.log(process.a(t) / process.s(t)), 10)
      if (i > 0) expect(process.logSnr(t)).toBeLessThan(process.logSnr(times[i - 1]))
    })
  })

  it('inverts lambda to 1e-12, ends included', () => {
    for (const t of [0, ...times, 1]) {
      // The cosine ends in a = cos(pi/2) = 6e-17, all of it rounding.
      if (t === 1 && spec.type === 'vp-cosine') continue
      expect(Math.abs(process.timeOfLogSnr(process.logSnr(t)) - t)).toBeLessThan(1e-12)
    }
  })

  it('is exact where there is no noise and where there is no signal', () => {
    for (const t of [0, 1]) {
      const [a, s] = [process.a(t), process.s(t)]
      if (a === 0) expect([s, process.logSnr(t), process.timeOfLogSnr(-Infinity)]).toEqual([1, -Infinity, 1])
      if (s === 0) expect([a, process.logSnr(t), process.timeOfLogSnr(Infinity)]).toEqual([1, Infinity, 0])
    }
    expect(process.s(0) === 0).toBe(!['ve', 'mean-reverting'].includes(spec.type))
    expect(process.a(1) === 0).toBe(spec.type === 'flow' || 'zeroTerminalSnr' in spec)
    for (const t of [0, 0.3, 1]) expect(Number.isFinite(process.da(t))).toBe(true)
    expect(Number.isFinite(process.ds(1))).toBe(true)
  })

  it('has the derivatives of a and s', () => {
    const h = 1e-6
    const knots = kinks(process)
    for (let t = 0.0505; t < 1; t += 0.1) {
      if (knots.some((knot) => Math.abs(t - knot) < 2 * h)) continue
      const slope = (f: (t: number) => number) => (f(t + h) - f(t - h)) / (2 * h)
      expect(Math.abs(process.da(t) - slope(process.a))).toBeLessThan(1e-6 * (1 + Math.abs(process.da(t))))
      expect(Math.abs(process.ds(t) - slope(process.s))).toBeLessThan(1e-6 * (1 + Math.abs(process.ds(t))))
    }
  })

  it("carries a Gaussian along dx/dt = a' x_0 + s' eps as the closed form says", () => {
    const world = new GaussianMixture({ means: [[0.8, -0.4]], stds: [0.5] })
    const x0 = new Float64Array(2)
    const eps = new Float64Array(2)
    const velocity = (t: number, x: Float64Array, out: Float64Array) => {
      const [a, s, da, ds] = [process.a(t), process.s(t), process.da(t), process.ds(t)]
      world.predict(x, a, s, 'data', x0)
      world.predict(x, a, s, 'noise', eps)
      for (let i = 0; i < 2; i++) out[i] = da * x0[i] + ds * eps[i]
    }
    const start = [1.3, -0.9].map((v) => v * Math.max(1, process.s(1)))
    // Between the last few kinks, or down to t = 0.05; a hair away from them, where a slope may be another or infinite.
    const ends = [
      1,
      ...kinks(process)
        .reverse()
        .filter((t) => t > 0.05)
        .slice(0, 5),
    ]
    if (ends.length === 1) ends.push(0.05)
    for (let i = 1; i < ends.length; i++) {
      const [from, to] = [ends[i - 1] - (i === 1 ? 0 : 1e-6), ends[i] + 1e-6]
      const exact = world.flow(process, start, from, to)
      const numeric = integrate(velocity, start, from, to)
      exact.forEach((v, j) => {
        expect(Math.abs(numeric[j] - v)).toBeLessThan(1e-8 * (1 + Math.abs(v)))
      })
    }
  })

  it('carries a mixture between any two times, and back', () => {
    const world = new GaussianMixture({ means: [[-1], [1]], stds: [0.4, 0.3] })
    const x = [0.7 * Math.max(process.a(1), process.s(1))]
    const there = world.flow(process, x, 1, 0.2)
    const whole = world.flow(process, x, 1, 0)
    expect(world.flow(process, there, 0.2, 0)[0]).toBeCloseTo(whole[0], 9)
    expect(world.flow(process, there, 0.2, 1)[0] / x[0]).toBeCloseTo(1, 6)
  })

  it('is what its JSON builds, by a name of its own', () => {
    expect(parseProcess(spec).name).toBe(process.name)
    expect(parseProcess(JSON.parse(JSON.stringify(spec))).logSnr(0.4)).toBe(process.logSnr(0.4))
    expect(named.filter(([name]) => name === process.name)).toHaveLength(1)
  })
})

describe('vpScaledLinear', () => {
  it('follows the table of latent diffusion to 0.021 in log abar', () => {
    const table = vpTable(scaledLinearBetas())
    const gaps = Array.from({ length: 1000 }, (_, i) => {
      const t = (i + 1) / 1000
      return 2 * Math.abs(Math.log(table.a(t) / vpScaledLinear().a(t)))
    })
    expect(Math.max(...gaps)).toBeCloseTo(0.021, 3)
  })

  it('is the formula with the cubes', () => {
    const [A, B] = [Math.sqrt(0.85), Math.sqrt(12)]
    for (const t of [0.1, 0.5, 1]) {
      const logAbar = -((A + (B - A) * t) ** 3 - A ** 3) / (3 * (B - A))
      expect(2 * Math.log(vpScaledLinear().a(t))).toBeCloseTo(logAbar, 12)
    }
  })
})

describe('subVp', () => {
  it('has s = 1 - a^2 and the signal of vpLinear', () => {
    for (const t of [0.01, 0.4, 1]) {
      expect(subVp().a(t)).toBe(vpLinear().a(t))
      expect(subVp().s(t)).toBeCloseTo(1 - vpLinear().a(t) ** 2, 14)
    }
    expect(subVp().s(1e-12) / 1e-13).toBeCloseTo(1, 9) // 1 - a^2 = b0 t to first order
  })
})

describe('ve and edm', () => {
  it('have their levels exactly at the ends', () => {
    expect([ve().s(0), ve().s(1)]).toEqual([0.01, 50])
    expect(ve().s(0.5)).toBeCloseTo(Math.sqrt(0.5), 14)
    expect([edm().s(0), edm().s(1)]).toEqual([0, 80])
    expect(edm().s(edm().last ?? 1)).toBeCloseTo(0.002, 15)
  })

  it('refuse impossible levels', () => {
    expect(() => ve({ sigmaMin: 0 })).toThrow('ve needs 0 < sigmaMin < sigmaMax, got sigmaMin = 0 and sigmaMax = 50')
    expect(() => edm({ sigmaMin: 90 })).toThrow('edm needs')
  })
})

describe('flow', () => {
  it('is the straight line, whose velocity is eps - x_0', () => {
    expect([flow().a(0.3), flow().s(0.3), flow().da(0.3), flow().ds(0.3)]).toEqual([0.7, 0.3, -1, 1])
  })

  it('shifted: lambda less log S, at every time', () => {
    for (const shift of [0.4, 3, shiftOfTokens(1024)]) {
      for (let t = 0.01; t < 1; t += 0.07) {
        const shifted = flow({ shift })
        expect(shifted.logSnr(t)).toBeCloseTo(flow().logSnr(t) - Math.log(shift), 12)
        expect(shifted.a(t) + shifted.s(t)).toBeCloseTo(1, 14)
        expect(flow().logSnr((shift * t) / (1 + (shift - 1) * t))).toBeCloseTo(shifted.logSnr(t), 12)
      }
    }
  })

  it('has the shifts of Flux', () => {
    expect(Math.log(shiftOfTokens(256))).toBeCloseTo(0.5, 14)
    expect(Math.log(shiftOfTokens(4096))).toBeCloseTo(1.15, 14)
    expect(() => flow({ shift: 0 })).toThrow('must be positive, got 0')
    expect(() => shiftOfTokens(-1)).toThrow('tokens')
  })
})

describe('meanReverting', () => {
  it('has the check values of IR-SDE', () => {
    const process = meanReverting({ std: 50 / 255 })
    expect(process.a(0)).toBeCloseTo(0.999936, 6)
    expect(process.s(0) / (50 / 255)).toBeCloseTo(0.0113078, 7)
    expect(process.logSnr(0)).toBeCloseTo(6.111, 3)
    expect(process.logSnr(1)).toBeCloseTo(-3.669, 3)
    expect(process.a(1)).toBeCloseTo(0.005, 15)
    // F rises from index 0 to 1 by theta_1 dt, and F_0 = theta_0 dt: theta_0 = 6.1424e-4, dt = 0.1040926
    expect(-Math.log(process.a(0)) / 0.1040926).toBeCloseTo(6.1424e-4, 8)
  })

  it('accumulates its speeds, linear or constant', () => {
    const steps = 4
    const linear = [0, 1, 2, 3, 4].map((i) => 1e-4 + ((0.02 - 1e-4) * i) / steps)
    for (const [schedule, theta] of [
      ['linear', linear],
      ['constant', [1, 1, 1, 1, 1]],
    ] as const) {
      const process = meanReverting({ schedule, steps, floor: 0.01, std: 0.3 })
      const total = theta.reduce((sum, v) => sum + v, 0)
      let sum = 0
      theta.forEach((v, i) => {
        sum += v
        expect(process.a(i / steps)).toBeCloseTo(0.01 ** (sum / total), 14)
        expect((process.s(i / steps) / 0.3) ** 2 + process.a(i / steps) ** 2).toBeCloseTo(1, 14)
      })
      // F, and not a, is linear between
      expect(process.a(1.5 / steps)).toBeCloseTo(Math.sqrt(process.a(1 / steps) * process.a(2 / steps)), 14)
    }
  })

  it('refuses what makes no sense', () => {
    expect(() => meanReverting({ steps: 1.5 })).toThrow('at least 2 whole steps, got 1.5')
    expect(() => meanReverting({ floor: 1 })).toThrow('0 < floor < 1, got 1')
    expect(() => meanReverting({ std: 0 })).toThrow('std > 0')
    expect(() => meanReverting({ schedule: 'quadratic' as 'linear' })).toThrow('got quadratic')
  })
})

describe('residualShifting', () => {
  const roots = (process: Process, steps: number, kappa: number) =>
    Array.from({ length: steps }, (_, i) => Number((process.s((i + 1) / steps) / kappa).toFixed(4)))

  it('has the published sequences', () => {
    const conference = [
      0.02, 0.1172, 0.1763, 0.2336, 0.2916, 0.351, 0.4124, 0.4759, 0.5417, 0.6099, 0.6807, 0.754, 0.83, 0.9086, 0.99,
    ]
    expect(roots(residualShifting(), 15, 2)).toEqual(conference)
    expect(roots(residualShifting({ steps: 4, minNoise: 0.2 }), 4, 2)).toEqual([0.1, 0.5201, 0.7614, 0.99])
  })

  it('shifts the signal by eta where the noise is kappa sqrt(eta), down to clean data', () => {
    const process = residualShifting({ steps: 4, minNoise: 0.2, kappa: 2 })
    for (const t of [0.01, 0.2, 0.25, 0.3, 0.77, 1]) expect(process.a(t)).toBeCloseTo(1 - (process.s(t) / 2) ** 2, 14)
    // sqrt(eta) is linear below index 1
    expect(process.s(0.1) / process.s(0.25)).toBeCloseTo(0.4, 14)
    // min(m / kappa, m) is m for a small kappa
    expect(residualShifting({ kappa: 0.5, minNoise: 0.1 }).s(1 / 15)).toBeCloseTo(0.5 * 0.1, 14)
  })

  it('refuses what makes no sense', () => {
    expect(() => residualShifting({ steps: 1 })).toThrow('at least 2 whole steps')
    expect(() => residualShifting({ kappa: -1 })).toThrow('kappa > 0, got -1')
    expect(() => residualShifting({ end: 1 })).toThrow('0.02 < end < 1, got end = 1')
  })
})

describe('parseProcess', () => {
  it.each([
    [{ type: 'flow', shift: 'x' }, /^process\.shift: .*number/],
    [{ type: 've', sigma: 3 }, /^process: .*sigma/],
    [{ type: 'vp-table', betas: { type: 'warp' } }, /^process\.betas: expected numbers/],
    [{ type: 'vp-table', betas: [0.1, 2] }, /beta 1 of 2 is 2/],
    [{ type: 'mean-reverting', steps: 2.5 }, /^process\.steps/],
  ])('says what is wrong with %j in one line', (json, pattern) => {
    expect(() => parseProcess(json)).toThrow(pattern)
    expect(() => parseProcess(json)).toThrow(/^[^\n]*$/)
  })
})
