import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { constantShift, epsilonScaled, executeTimeShift, type LevelOptions, timeShift } from '../../src/guide/index.ts'
import { levelPicker } from '../../src/guide/time-shift.ts'
import { variance } from '../../src/measure/index.ts'
import {
  edm,
  flow,
  GaussianMixture,
  linearBetas,
  type Process,
  quadraticGrid,
  type TableProcess,
  uniformGrid,
  vpCosine,
  vpLinear,
  vpTable,
} from '../../src/process/index.ts'
import { ddim, ddpm, dpmSolverPlusPlus, execute, start } from '../../src/solve/index.ts'
import { fold, gather, key, normal, row } from '../../src/tensor/index.ts'
import { draw, recorder } from './helpers.ts'

const table = vpTable(linearBetas())
const process = vpLinear()
const level = (p: Process, t: number) => p.s(t) ** 2 / (p.a(t) ** 2 + p.s(t) ** 2)

/** A row of d values whose unbiased variance is exactly v (to float32). */
function spread(v: number, d = 64): Float32Array {
  const size = Math.sqrt((v * (d - 1)) / d)
  return Float32Array.from({ length: d }, (_, i) => (i % 2 ? size : -size))
}

const gaussian = (d: number, std = 0.5) => new GaussianMixture({ means: [new Float64Array(d)], stds: [std] })

/** The times that the network was told. */
async function told(rows: readonly Float32Array[], t: readonly number[], options: LevelOptions, p: Process = table) {
  const d = rows[0].length
  const net = recorder(gaussian(d).denoiser(p))
  const x = { shape: [rows.length, d], data: Float32Array.from(rows.flatMap((values) => [...values])) }
  const shifted = timeShift(net, options)
  await shifted.predict(x, Float64Array.from(t), 'noise')
  return { times: net.calls[0].times, statistics: shifted.statistics }
}

describe('time shift', () => {
  test.each([
    ['no window', { window: 0, cutoff: 0 }],
    ['no window of a discrete model', { window: 0, steps: 1000 }],
    ['a cutoff above all times', { window: 0.05, cutoff: 1 }],
  ])('with %s it is the solver itself, to the last bit', async (_, options) => {
    const net = gaussian(8).denoiser(table)
    for (const solver of [ddim(), dpmSolverPlusPlus(), ddpm()]) {
      const plan = solver(table, uniformGrid(table, 10))
      const keys = [key(1), key(2)]
      const x = start(plan, net, keys)
      const plain = await execute(plan, net, x, { keys })
      expect((await execute(plan, timeShift(net, options), x, { keys })).data).toEqual(plain.data)
    }
    for (const eta of [0, 1]) {
      const plan = ddim({ eta })(table, uniformGrid(table, 10))
      const keys = [key(1), key(2)]
      const x = start(plan, net, keys)
      for (const form of ['target', 'consistent'] as const) {
        const { state } = await executeTimeShift(net, plan.grid, x, { ...options, form, eta, keys })
        expect(state.data).toEqual((await execute(plan, net, x, { keys })).data)
      }
    }
  })

  test('a state with the spread of a level is told that level', async () => {
    for (const tau of [0.4, 0.55, 0.612, 0.7]) {
      const { times, statistics } = await told([spread(level(table, tau))], [0.6], { window: 0.5 })
      expect(times[0]).toBeCloseTo(tau, 5)
      const discrete = await told([spread(level(table, tau))], [0.6], { window: 0.5, steps: 1000 })
      expect(discrete.times[0]).toBe(tau)
      expect(statistics.rows).toBe(1)
      expect(statistics.meanShift).toBeCloseTo(tau - 0.6, 5)
      expect(statistics.saturated).toBe(0)
    }
  })

  test('a calibrated shift of a perfect state is none', async () => {
    for (const t of [0.35, 0.5, 0.8]) {
      const v = level(table, t) + (1 - level(table, t)) * 0.25
      const { times } = await told([spread(v)], [t], { window: 0.1, dataVariance: 0.25 })
      expect(times[0]).toBeCloseTo(t, 5)
    }
  })

  test('never shifts at or below the cutoff, nor from the start on, and never leaves the window', () =>
    fc.assert(
      fc.asyncProperty(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 4, noNaN: true }),
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.constantFrom(undefined, 1000),
        async (t, v, window, steps) => {
          const { times, statistics } = await told([spread(v, 4)], [t], { window, cutoff: 0.3, start: 0.9, steps })
          if (t <= 0.3 || t >= 0.9) {
            expect(times).toEqual([t])
            expect(statistics.rows).toBe(0)
          }
          expect(Math.abs(times[0] - t)).toBeLessThanOrEqual(window / 2 + (steps ? 1e-3 : 1e-12))
          expect(times[0]).toBeGreaterThan(0)
          expect(times[0]).toBeLessThanOrEqual(1)
        },
      ),
    ))

  test('the closed form is the search over all levels of the window, the lower of equals', () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 50, max: 999 }),
        fc.integer({ min: 1, max: 100 }),
        fc.double({ min: 0, max: 1.2, noNaN: true }),
        fc.constantFrom(0, 0.25, 0.5),
        (index, width, v, dataVariance) => {
          const pick = levelPicker(table, { window: width / 1000, steps: 1000, dataVariance })
          const half = Math.floor(width / 2)
          let best = -1
          let least = Infinity
          for (let i = Math.max(0, index - half); i <= Math.min(999, index + half); i++) {
            const u = level(table, (i + 1) / 1000)
            const distance = Math.abs(v - (u + (1 - u) * dataVariance))
            if (distance < least) [best, least] = [i, distance]
          }
          expect(pick(v, (index + 1) / 1000, (index + 1) / 1000).time).toBeCloseTo((best + 1) / 1000, 12)
        },
      ),
    ))

  test('rows choose for themselves', async () => {
    const rows = [0.5, 0.6, 0.7].map((tau) => spread(level(table, tau)))
    const forward = await told(rows, [0.6, 0.65, 0.62], { window: 0.2 })
    const backward = await told(rows.toReversed(), [0.62, 0.65, 0.6], { window: 0.2 })
    expect(backward.times.toReversed()).toEqual(forward.times)
  })

  test('what the raw rule answers for perfect states: always more noise', () => {
    // Shift in steps of a 1000-step model for data of variance c, at indices 900, 700, 500, 300.
    const cosine = vpTable(
      Float64Array.from({ length: 1000 }, (_, i) => {
        const bar = (k: number) => Math.cos((((k / 1000 + 0.008) / 1.008) * Math.PI) / 2) ** 2
        return Math.min(0.999, 1 - bar(i + 1) / bar(i))
      }),
    )
    const shifts = (p: TableProcess, c: number) =>
      [900, 700, 500, 300].map((i) => {
        const t = (i + 1) / 1000
        const u = level(p, t)
        const { time } = levelPicker(p, { window: 1, steps: 1000 })(u + (1 - u) * c, t, t)
        return Math.round(1000 * time - 1 - i)
      })
    expect(shifts(table, 0.25)).toEqual([16, 20, 28, 44])
    expect(shifts(table, 0.5)).toEqual([37, 47, 64, 98])
    expect(shifts(cosine, 0.25)).toEqual([13, 43, 80, 137])
  })

  test('the noise is predicted at the shifted level, the data follow at the true one', async () => {
    const world = new GaussianMixture({
      means: [
        [1, -1, 0.3, 0],
        [-1, 0.5, 0, 1],
      ],
      stds: [0.3, 0.5],
    })
    const x = draw(3, [4], 5)
    const t = Float64Array.of(0.5, 0.7, 0.2)
    const net = recorder(world.denoiser(process))
    const shifted = timeShift(net, { window: 0.2 })
    const data = await shifted.predict(x, t, 'data')
    const noise = await shifted.predict(x, t, 'noise')
    for (let i = 0; i < 3; i++) {
      const at = net.calls[0].times[i]
      expect(at === t[i]).toBe(i === 2)
      const eps = world.predict(row(x, i), process.a(at), process.s(at), 'noise', new Float64Array(4))
      eps.forEach((e, j) => {
        expect(row(noise, i)[j]).toBeCloseTo(e, 5)
        expect(row(data, i)[j]).toBeCloseTo((row(x, i)[j] - process.s(t[i]) * e) / process.a(t[i]), 4)
      })
    }
  })

  test('on another scale of states the same level', async () => {
    const p = edm()
    const values = spread(level(p, 0.011))
    const t = 0.01
    const scale = Math.hypot(p.a(t), p.s(t))
    const { times } = await told([values.map((v) => scale * v)], [t], { window: 0.008, cutoff: 0.004 }, p)
    expect(times[0]).toBeCloseTo(0.011, 6)
  })

  test('DDIM with a perfect network has too little spread: calibrated shifts are negative', async () => {
    // y = x / a of data N(0, c): an exact step scales by sqrt((c + rho_t^2) / (c + rho_s^2)), DDIM by less.
    const net = gaussian(3072).denoiser(table)
    const grid = quadraticGrid(table, 10)
    const plan = ddim()(table, grid)
    const x = draw(8, [3072], 6)
    const calibrated = timeShift(net, { window: 0.1, dataVariance: 0.25 })
    await execute(plan, calibrated, x)
    expect(calibrated.statistics.rows).toBe(8 * grid.filter((t) => t > 0.3 && t < 1).length)
    expect(calibrated.statistics.meanShift).toBeLessThan(-0.001)
  })

  test('perfect states: the raw rule answers the upper edge of the window, the calibrated one stays within', async () => {
    const net = gaussian(3072).denoiser(table)
    const raw = timeShift(net, { window: 0.005 })
    const calibrated = timeShift(net, { window: 0.2, dataVariance: 0.25 })
    for (const time of [0.35, 0.4, 0.45]) {
      const x = draw(16, [3072], 100 * time, Math.sqrt(table.a(time) ** 2 * 0.25 + table.s(time) ** 2))
      for (const net of [raw, calibrated]) await net.predict(x, new Float64Array(16).fill(time), 'noise')
    }
    expect(raw.statistics.rows).toBe(48)
    expect(raw.statistics.saturated).toBeGreaterThan(0.95)
    expect(raw.statistics.meanShift).toBeGreaterThan(0.002)
    expect(calibrated.statistics.saturated).toBe(0)
    expect(Math.abs(calibrated.statistics.meanShift)).toBeLessThan(0.005)
  })

  test('where it saturates it is the constant shift', async () => {
    const net = gaussian(64).denoiser(table)
    const x = { shape: [1, 64], data: spread(2) }
    for (const target of ['data', 'noise'] as const) {
      for (const time of [0.31, 0.7, 0.999, 1, 0.3]) {
        const t = Float64Array.of(time)
        const control = constantShift(net, { shift: 0.01 })
        expect((await timeShift(net, { window: 0.02 }).predict(x, t, target)).data).toEqual(
          (await control.predict(x, t, target)).data,
        )
      }
    }
  })

  test('costs are those of the network, told or true; a state-dependent label needs one that is the same at all times', () => {
    const net = { ...gaussian(4).denoiser(process), rowCost: 2 }
    expect(timeShift(net, { window: 0.1 }).rowCost).toBe(2)
    const varying = { ...net, rowCost: (t: number) => (t > 0.5 ? 2 : 1) }
    expect(() => timeShift(varying, { window: 0.1 })).toThrow('inside guidance that costs more at some times')
    const { rowCost } = constantShift(varying, { shift: 0.1 })
    expect([0.45, 0.35].map(rowCost as (t: number) => number)).toEqual([2, 1])
  })

  test('pure noise keeps its label where the signal is gone', async () => {
    const net = gaussian(4).denoiser(flow())
    const x = draw(1, [4], 7)
    const one = Float64Array.of(1)
    expect((await timeShift(net, { window: 0.1 }).predict(x, one, 'data')).data).toEqual(
      (await net.predict(x, one, 'data')).data,
    )
  })

  test('refuses options out of range', () => {
    const net = gaussian(4).denoiser(process)
    expect(() => timeShift(net, { window: -1 })).toThrow('window from 0 to 1, got -1')
    expect(() => timeShift(net, { window: 0.1, cutoff: 0.02 })).toThrow('below t = 0.05 could reach clean data')
    expect(() => timeShift(gaussian(1).denoiser(process), { window: 0.1 })).toThrow('one value has none')
    expect(() => timeShift(net, { window: 0.1, dataVariance: 1 })).toThrow('data variance from 0 up to 1')
    expect(() => timeShift(net, { window: 0.1, steps: 1.5 })).toThrow('whole number of steps, got 1.5')
    expect(() => constantShift(net, { shift: -0.4 })).toThrow('could reach clean data')
    expect(() => constantShift(net, { shift: 2 })).toThrow('at most 0.5 in size, got 2')
  })
})

describe('time shift of the levels themselves', () => {
  const net = gaussian(256).denoiser(table)
  const grid = uniformGrid(table, 10)
  const keys = Array.from({ length: 3 }, (_, i) => fold(key(3), i))
  const x = draw(3, [256], 8)

  /** The rule as the papers write it, for one row, in float64. */
  function byHand(values: Float32Array, own: { hi: number; lo: number }, form: string, eta: number, window: number) {
    const [a, s] = [(t: number) => table.a(t), (t: number) => table.s(t)]
    const half = Math.floor((window * 1000) / 2)
    const pick = (v: number, nominal: number) => {
      const j = Math.round(nominal * 1000) - 1
      let best = -1
      for (let i = Math.max(0, j - half); i <= Math.min(999, j + half); i++) {
        const distance = (k: number) => Math.abs(v - s((k + 1) / 1000) ** 2)
        if (best < 0 || distance(i) < distance(best)) best = i
      }
      return (best + 1) / 1000
    }
    let state = Float64Array.from(values)
    let shifted = grid[0]
    for (let k = 0; k + 1 < grid.length; k++) {
      const from = form === 'target' ? grid[k] : shifted
      let to = grid[k + 1]
      if (form === 'target' && k > 0 && to > 0.301) to = pick(variance(state), to)
      const clean = gaussian(256).predict(state, a(from), s(from), 'data', new Float64Array(256))
      const c = eta * s(to) * Math.sqrt(1 - ((a(from) / a(to)) * (s(to) / s(from))) ** 2)
      const z = new Float32Array(256)
      normal(fold(own, k), z)
      state = state.map((v, i) => {
        const eps = (v - a(from) * clean[i]) / s(from)
        return a(to) * clean[i] + Math.sqrt(s(to) ** 2 - c * c) * eps + c * z[i]
      })
      shifted = grid[k + 1] > 0.301 ? pick(variance(state), grid[k + 1]) : grid[k + 1]
    }
    return state
  }

  test.each([
    ['target', 0],
    ['target', 1],
    ['consistent', 0],
    ['consistent', 1],
  ] as const)('%s form, eta = %d: the rule done by hand', async (form, eta) => {
    const options = { form, eta, keys, window: 0.04, steps: 1000 }
    const { state, statistics } = await executeTimeShift(net, grid, x, options)
    for (let i = 0; i < 3; i++) {
      byHand(row(x, i), keys[i], form, eta, 0.04).forEach((v, j) => {
        expect(Math.abs(row(state, i)[j] - v)).toBeLessThan(2e-5)
      })
    }
    expect(statistics.rows).toBe(3 * (form === 'target' ? 5 : 6))
    if (form === 'target') expect(statistics.meanShift).toBeGreaterThan(0.005)
  })

  test('target form leaves variance in the state: it lands too high', async () => {
    // At t = 0.4: the state lands at 0.42 or so and is taken for one of 0.4.
    const short = grid.slice(0, 7)
    const { state } = await executeTimeShift(net, short, x, { window: 0.04 })
    const plain = await execute(ddim()(table, short), net, x)
    for (let i = 0; i < 3; i++) {
      const excess = variance(row(state, i)) - variance(row(plain, i))
      expect(excess).toBeGreaterThan(0.5 * (table.s(0.42) ** 2 - table.s(0.4) ** 2) * 0.75)
    }
  })

  test('rows are alone, and NaN names its row', async () => {
    const options = { window: 0.04, eta: 1 }
    const all = await executeTimeShift(net, grid, x, { ...options, keys })
    const one = await executeTimeShift(net, grid, gather(x, [1]), { ...options, keys: [keys[1]] })
    expect(one.state.data).toEqual(row(all.state, 1))
    const broken = {
      ...net,
      predict: async () => ({ shape: x.shape, data: x.data.map((v, i) => (i < 300 ? v : NaN)) }),
    }
    await expect(executeTimeShift(broken, grid, x, { window: 0 })).rejects.toThrow(
      'step 1 of 10 (t = 1 to 0.9): row 1 is not finite',
    )
    await expect(executeTimeShift(net, grid, x, options)).rejects.toThrow('got 0 keys for 3 rows')
    await expect(executeTimeShift(net, [0.5, 0.6], x, options)).rejects.toThrow('times that decrease')
  })
})

describe('epsilon scaling', () => {
  const world = new GaussianMixture({ means: [[1, -1]], stds: [0.4] })
  const x = draw(3, [2], 9)
  const t = Float64Array.of(0.9, 0.4, 0)

  test('divides the noise; the data follow', async () => {
    const net = world.denoiser(process)
    const scale = (time: number) => 1.01 + 0.1 * time
    const plain = await net.predict(x, t, 'noise')
    const noise = await epsilonScaled(net, { scale }).predict(x, t, 'noise')
    const data = await epsilonScaled(net, { scale }).predict(x, t, 'data')
    for (let i = 0; i < 3; i++) {
      row(plain, i).forEach((e, j) => {
        expect(row(noise, i)[j]).toBeCloseTo(e / scale(t[i]), 6)
        const clean = (row(x, i)[j] - (process.s(t[i]) * e) / scale(t[i])) / process.a(t[i])
        expect(Math.abs(row(data, i)[j] - clean) / (1 + Math.abs(clean))).toBeLessThan(1e-5)
      })
    }
  })

  test('scale 1 changes no bit; without a signal the data stay as they are', async () => {
    const net = world.denoiser(vpCosine())
    expect((await epsilonScaled(net, { scale: 1 }).predict(x, t, 'data')).data).toEqual(
      (await net.predict(x, t, 'data')).data,
    )
    const gone = world.denoiser(flow())
    const one = Float64Array.of(1, 1, 1)
    expect((await epsilonScaled(gone, { scale: 1.1 }).predict(x, one, 'data')).data).toEqual(
      (await gone.predict(x, one, 'data')).data,
    )
    expect(() => epsilonScaled(net, { scale: 0 })).toThrow('is 0; give a positive number')
  })
})
