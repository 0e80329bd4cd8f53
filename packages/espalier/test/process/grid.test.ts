import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  betaGrid,
  edm,
  flow,
  type Grid,
  gridCatalogue,
  gridFrom,
  karrasGrid,
  linearBetas,
  linearQuadraticGrid,
  logSnrGrid,
  meanReverting,
  type Process,
  polyexponentialGrid,
  powerGrid,
  quadraticGrid,
  residualShifting,
  rhoPowerGrid,
  shiftedGrid,
  subVp,
  uniformGrid,
  ve,
  vpCosine,
  vpLinear,
  vpTable,
  zeroTerminalSnr,
} from '../../src/process/index.ts'

const process = vpLinear()
const rho = (t: number, on: Process = process) => Math.exp(-on.logSnr(t))

const all: [string, Grid][] = [
  ...gridCatalogue
    .filter(({ name }) => !['spaced', 'alignYourSteps'].includes(name))
    .map(({ name, make }) => [name, make({})] as const),
  ['cubic', powerGrid(3)],
  ['rho', rhoPowerGrid(1)],
  ['polyexponential', polyexponentialGrid(2)],
  ['beta of other parameters', betaGrid({ alpha: 2, beta: 0.7 })],
  ['shifted', shiftedGrid(3)],
  ['shifted the other way', shiftedGrid(0.3, karrasGrid)],
]

const family: Process[] = [
  process,
  vpCosine(),
  subVp(),
  ve(),
  edm(),
  flow(),
  flow({ shift: 3 }),
  meanReverting(),
  residualShifting(),
  vpTable(linearBetas()),
  vpTable(zeroTerminalSnr(linearBetas())),
]

function expectGrid(times: number[], n: number, from: number, to: number) {
  expect(times).toHaveLength(n + 1)
  expect([times[0], times[n]]).toEqual([from, to])
  for (let i = 1; i <= n; i++) if (!(times[i] < times[i - 1])) expect.fail(`${times[i - 1]} then ${times[i]} at ${i}`)
}

describe.each(all)('%s grid', (_, grid) => {
  it('has n + 1 strictly decreasing times with exact ends', () => {
    for (let n = 1; n <= 100; n++) {
      expectGrid(grid(process, n), n, 1, 0)
      expectGrid(grid(process, n, { from: 0.9, to: 0.05 }), n, 0.9, 0.05)
    }
  })

  it.each(family.map((p) => [p.name, p] as const))('is one on %s', (_, on) => {
    for (const n of [1, 2, 3, 10, 100]) expectGrid(grid(on, n), n, grid(on, 1)[0], 0)
  })

  it('keeps any ends and any last noisy time', () => {
    const three = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 3, maxLength: 3 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), three, (n, thousandths) => {
        const [to, last, from] = thousandths.sort((x, y) => x - y).map((v) => v / 1000)
        expectGrid(grid(process, n, { from, to }), n, from, to)
        const times = grid(process, n, { from, last, to })
        expectGrid(times, n, from, to)
        if (n > 1) expect(times[n - 1]).toBe(last)
      }),
    )
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
    expect(() => grid(process, 3, { from: 0.5, rhoMax: 2 })).toThrow('from or rhoMax, got both')
    expect(() => grid(process, 3, { rhoMax: 200 })).toThrow(/has the noise levels rho = 0 to 152\.\d+, got 200/)
    expect(() => grid(process, 3, { rhoMin: -1 })).toThrow('got -1')
  })
})

const gaps = (v: number[]) => v.slice(1).map((x, i) => x - v[i])

describe('spacing', () => {
  it('is even in t, sqrt t, lambda and rho^(1/7)', () => {
    const options = { from: 0.9, to: 0.01 }
    for (const values of [
      uniformGrid(process, 8, options),
      quadraticGrid(process, 8, options).map(Math.sqrt),
      powerGrid(3)(process, 8, options).map(Math.cbrt),
      logSnrGrid(process, 8, options).map(process.logSnr),
      gridFrom('exponential')(process, 8, options).map((t) => Math.log(rho(t))),
      polyexponentialGrid(1)(process, 8, options).map(process.logSnr),
      rhoPowerGrid(1)(process, 8, options).map((t) => rho(t)),
      rhoPowerGrid(3)(process, 8, options).map((t) => Math.cbrt(rho(t))),
      karrasGrid(process, 8, options).map((t) => rho(t) ** (1 / 7)),
    ]) {
      const steps = gaps(values)
      for (const step of steps) expect(step).toBeCloseTo(steps[0], 9)
    }
    expect(() => powerGrid(0)).toThrow('positive')
    expect(() => rhoPowerGrid(-1)).toThrow('positive')
    expect(() => polyexponentialGrid(Number.NaN)).toThrow('positive')
  })

  it('jumps from the last noisy time to clean data', () => {
    const times = karrasGrid(process, 18, { rhoMin: 0.002 })
    expect(times).toEqual(karrasGrid(process, 18, { last: process.timeOfLogSnr(-Math.log(0.002)) }))
    const levels = times.map((t) => rho(t))
    expect(levels[17]).toBeCloseTo(0.002, 12)
    expect(levels[18]).toBe(0)
    // EDM equation 5, i = 5 of N = 18
    const top = levels[0]
    expect(levels[5]).toBeCloseTo((top ** (1 / 7) + (5 / 17) * (0.002 ** (1 / 7) - top ** (1 / 7))) ** 7, 8)
    expect(process.logSnr(logSnrGrid(process, 5)[4])).toBeCloseTo(Math.log(100), 10)
    expect(() => logSnrGrid(process, 5, { last: 1 })).toThrow('last noisy time')
  })

  it('of Karras on EDM is the published one, from 80 to 0.002 and 0', () => {
    const levels = karrasGrid(edm(), 18).map((t) => 80 * t)
    const [high, low] = [80 ** (1 / 7), 0.002 ** (1 / 7)]
    for (let i = 0; i < 18; i++) expect(levels[i] / (high + (i / 17) * (low - high)) ** 7).toBeCloseTo(1, 12)
    expect(levels[18]).toBe(0)
    expect(karrasGrid(edm(), 5, { rhoMax: 40 })[0]).toBeCloseTo(0.5, 15)
  })

  it('goes down to the least noise of a process that has no clean data, without a jump', () => {
    const steps = gaps(logSnrGrid(ve(), 6).map((t) => ve().logSnr(t)))
    for (const step of steps) expect(step).toBeCloseTo(Math.log(50 / 0.01) / 6, 10)
    expect(logSnrGrid(meanReverting(), 4).map(meanReverting().logSnr)[4]).toBeCloseTo(6.111, 3)
  })

  it('starts without signal where the process does, or at lambda = -5.1 in lambda', () => {
    expect(uniformGrid(flow(), 4)).toEqual([1, 0.75, 0.5, 0.25, 0])
    expect(flow().logSnr(logSnrGrid(flow(), 4)[0])).toBeCloseTo(-5.1, 12)
    expect(() => logSnrGrid(flow(), 4, { from: 1 })).toThrow('flow(1) has no signal at t = 1')
  })

  it('polyexponential: log rho falls as the power of the ramp', () => {
    const levels = polyexponentialGrid(2)(edm(), 5, { rhoMax: 10, rhoMin: 0.1 }).map((t) => 80 * t)
    const published = [10, 1.3335214321633249, 0.31622776601683805, 0.13335214321633246, 0.1, 0]
    levels.forEach((v, i) => {
      expect(v).toBeCloseTo(published[i], 12)
    })
  })
})

describe('beta grid', () => {
  it('has the quantiles of the Beta law as levels', () => {
    // scipy.stats.beta.ppf
    const quarter = betaGrid()(edm(), 4, { from: 1, to: 1e-9 })
    ;[1, 0.82431962, 0.5, 0.17568038].forEach((v, i) => {
      expect(quarter[i]).toBeCloseTo(v, 7)
    })
    const tenths = betaGrid({ alpha: 2, beta: 0.7 })(edm(), 10, { from: 1, to: 1e-9 })
    expect([tenths[1], tenths[5], tenths[9]].map((v) => v.toFixed(7))).toEqual(['0.9823501', '0.8036404', '0.3912177'])
  })

  it('of Beta(1/2, 1/2) is the arcsine law, of Beta(1, 1) even', () => {
    const arcsine = betaGrid({ alpha: 0.5, beta: 0.5 })(edm(), 20, { from: 1, to: 1e-12 })
    arcsine.forEach((v, i) => {
      expect(v).toBeCloseTo(Math.sin((Math.PI / 2) * (1 - i / 20)) ** 2, 10)
    })
    const even = betaGrid({ alpha: 1, beta: 1 })(edm(), 20, { from: 1, to: 1e-12 })
    for (const step of gaps(even)) expect(step).toBeCloseTo(-0.05, 10)
    expect(() => betaGrid({ alpha: 0 })).toThrow('alpha and beta in (0, 100], got 0 and 0.6')
  })
})

describe('linear-quadratic grid', () => {
  it('is the coded form of ten steps', () => {
    const published = [1, 0.995, 0.99, 0.985, 0.98, 0.975, 0.932, 0.813, 0.618, 0.347, 0]
    linearQuadraticGrid()(flow(), 10).forEach((t, i) => {
      expect(t).toBeCloseTo(published[i], 3)
    })
  })

  it('has a slope without a jump where the parabola begins', () => {
    const times = linearQuadraticGrid({ threshold: 0.1 })(flow(), 2000)
    expect((times[1001] - times[1000]) / (times[1000] - times[999])).toBeCloseTo(1, 1)
    expect(times[1000]).toBeCloseTo(0.9, 12)
    expect(() => linearQuadraticGrid({ threshold: 0.4 })).toThrow('0 < threshold <= 1/3')
  })
})

describe('shifted grid', () => {
  it('on the flow is the grid of the shifted flow', () => {
    // The same states are visited: those of flow({ shift }) at even times.
    const times = shiftedGrid(3)(flow(), 10)
    uniformGrid(flow({ shift: 3 }), 10).forEach((u, i) => {
      expect(times[i]).toBeCloseTo(flow({ shift: 3 }).s(u), 14)
      if (i > 0 && i < 10) expect(flow().logSnr(times[i])).toBeCloseTo(flow().logSnr(u) - Math.log(3), 12)
    })
    expect(() => shiftedGrid(0)).toThrow('positive')
  })

  it('puts a jump where it is asked for', () => {
    const times = shiftedGrid(3)(flow(), 4, { last: 0.1 })
    expect(times[3]).toBe(0.1)
    const even = times.slice(0, 4).map((t) => t / (3 - 2 * t))
    for (const step of gaps(even)) expect(step).toBeCloseTo(gaps(even)[0], 12)
    const karras = shiftedGrid(2, karrasGrid)(flow(), 4, { rhoMin: 0.02, rhoMax: 20 })
    expect([rho(karras[3], flow()), rho(karras[0], flow())].map((v) => v.toFixed(12))).toEqual([
      '0.020000000000',
      '20.000000000000',
    ])
  })
})
