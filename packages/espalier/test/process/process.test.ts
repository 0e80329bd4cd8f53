import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { linearBetas, type Process, parseProcess, vpCosine, vpLinear, vpTable } from '../../src/process/index.ts'

const linear = vpLinear()
const table = vpTable(linearBetas())
const processes: [string, Process][] = [
  ['linear', linear],
  ['linear with b0 = 0', vpLinear({ b0: 0, b1: 5 })],
  ['cosine', vpCosine()],
  ['table', table],
]

describe.each(processes)('%s', (_, process) => {
  const times = Array.from({ length: 1000 }, (_, i) => (i + 0.5) / 1000)

  it('keeps a^2 + s^2 = 1 and lambda = log(a / s)', () => {
    for (const t of times) {
      expect(process.a(t) ** 2 + process.s(t) ** 2).toBeCloseTo(1, 14)
      expect(process.logSnr(t)).toBeCloseTo(Math.log(process.a(t) / process.s(t)), 10)
    }
  })

  it('inverts logSnr to 1e-12', () => {
    for (const t of times) expect(Math.abs(process.timeOfLogSnr(process.logSnr(t)) - t)).toBeLessThan(1e-12)
  })

  it('gets noisier with time, from clean data at 0', () => {
    expect([process.a(0), process.s(0), process.logSnr(0), process.timeOfLogSnr(Infinity)]).toEqual([1, 0, Infinity, 0])
    times.slice(1).forEach((t, i) => {
      expect(process.logSnr(t)).toBeLessThan(process.logSnr(times[i]))
    })
    const tiny = process.s(1e-14)
    expect(tiny).toBeGreaterThan(0)
    expect(Number.isFinite(process.logSnr(1e-14))).toBe(true)
  })

  it('has the derivatives of a and s', () => {
    const h = 1e-6
    for (let t = 0.0505; t < 1; t += 0.1) {
      expect(process.da(t)).toBeCloseTo((process.a(t + h) - process.a(t - h)) / (2 * h), 7)
      expect(process.ds(t)).toBeCloseTo((process.s(t + h) - process.s(t - h)) / (2 * h), 7)
    }
  })
})

describe('vpLinear', () => {
  it.each([
    [0.1, -0.05475, 0.322052536, 1.078290593, 0.340176529],
    [0.5, -1.26875, 0.959654202, -1.227567734, 3.412918309],
    [0.9, -4.07475, 0.99985555, -4.074605539, 58.827270962],
  ])('has the published values at t = %d', (t, logA, s, lambda, rho) => {
    expect(Math.log(linear.a(t))).toBeCloseTo(logA, 9)
    expect(linear.s(t)).toBeCloseTo(s, 9)
    expect(linear.logSnr(t)).toBeCloseTo(lambda, 9)
    expect(Math.exp(-linear.logSnr(t))).toBeCloseTo(rho, 8)
  })

  it('has beta(0.37) = 7.463 = -2 s^2 dlambda/dt', () => {
    const h = 1e-5
    const rate = (linear.logSnr(0.37 + h) - linear.logSnr(0.37 - h)) / (2 * h)
    expect(-2 * linear.s(0.37) ** 2 * rate).toBeCloseTo(7.463, 7)
  })

  it('keeps its digits where 1 - a^2 cancels', () => {
    // s^2 = b0 t to first order
    expect(linear.s(1e-12) / Math.sqrt(0.1 * 1e-12)).toBeCloseTo(1, 9)
    expect(linear.timeOfLogSnr(linear.logSnr(1e-12)) / 1e-12).toBeCloseTo(1, 9)
  })

  it('refuses impossible betas', () => {
    expect(() => vpLinear({ b0: 2, b1: 1 })).toThrow('0 <= b0 < b1')
  })
})

describe('vpCosine', () => {
  it('is the squared-cosine abar of iDDPM', () => {
    for (const t of [0.1, 0.5, 0.9]) {
      const f = (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2
      expect(vpCosine().a(t) ** 2).toBeCloseTo(f(t) / f(0), 14)
    }
  })
})

describe('vpTable', () => {
  it('meets the products of 1 - beta at (i + 1) / n', () => {
    const betas = linearBetas()
    let abar = 1
    betas.forEach((beta, i) => {
      abar *= 1 - beta
      expect(table.a((i + 1) / 1000) ** 2).toBeCloseTo(abar, 12)
    })
  })

  it('has the key values of the standard linear table', () => {
    expect(Math.exp(-table.logSnr(1 / 1000))).toBeCloseTo(0.01, 4)
    expect(Math.exp(-table.logSnr(1))).toBeCloseTo(157.41, 1)
    expect(table.logSnr(1)).toBeCloseTo(-5.06, 2)
    expect(table.logSnr(1 / 1000)).toBeCloseTo(4.61, 2)
  })

  it('differs from the continuous process by at most 0.068 in log abar', () => {
    const gaps = Array.from(
      { length: 1000 },
      (_, i) => 2 * Math.abs(Math.log(table.a((i + 1) / 1000) / linear.a((i + 1) / 1000))),
    )
    expect(Math.max(...gaps)).toBeCloseTo(0.068, 3)
    expect(gaps.indexOf(Math.max(...gaps))).toBe(999)
  })

  it('tells the network its index', () => {
    expect(table.steps).toBe(1000)
    expect(table.index(1)).toBe(999)
    expect(table.index(0.0505)).toBeCloseTo(49.5, 12)
  })

  it('works for any table', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-6, max: 0.9, noNaN: true }), { minLength: 1, maxLength: 30 }),
        (betas) => {
          const process = vpTable(betas)
          for (const t of [0.01, 0.3, 0.77, 1]) expect(process.timeOfLogSnr(process.logSnr(t))).toBeCloseTo(t, 9)
        },
      ),
    )
    expect(() => vpTable([])).toThrow('at least one beta')
    expect(() => vpTable([1, 0.1])).toThrow('beta 0 of 2 is 1')
  })

  it('is named after its contents', () => {
    expect(vpTable(linearBetas()).name).toBe(table.name)
    expect(vpTable(linearBetas(1000, 1e-4, 0.021)).name).not.toBe(table.name)
  })
})

describe('parseProcess', () => {
  it('builds what the JSON says', () => {
    expect(parseProcess({ type: 'vp-linear' }).name).toBe(linear.name)
    expect(parseProcess({ type: 'vp-cosine', offset: 0.01 }).name).toBe(vpCosine({ offset: 0.01 }).name)
    expect(parseProcess({ type: 'vp-table', betas: [...linearBetas()] }).name).toBe(table.name)
  })

  it('says what is wrong in one line', () => {
    const message = (json: unknown) => {
      try {
        parseProcess(json)
      } catch (error) {
        return (error as Error).message
      }
      return 'accepted'
    }
    expect(message({ type: 'vp-linear', b0: 'x' })).toMatch(/^process\.b0: .*number/)
    expect(message({ type: 'vp-linear', beta: 1 })).toMatch(/^process: .*beta/)
    expect(message({ type: 'warp' })).toMatch(/^process\.type: /)
    expect(message(null)).toMatch(/^process: /)
    for (const json of [{ type: 'warp' }, null, 3]) expect(message(json)).not.toContain('\n')
  })
})
