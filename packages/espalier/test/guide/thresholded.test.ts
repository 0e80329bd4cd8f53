import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  classifierFree,
  conditioned,
  epsilonScaled,
  stitch,
  type ThresholdOptions,
  thresholded,
  timeShift,
} from '../../src/guide/index.ts'
import { flow, GaussianMixture, meanReverting, uniformGrid, vpLinear } from '../../src/process/index.ts'
import { ddim, dpmSolver, execute, heun, start, uniPC } from '../../src/solve/index.ts'
import { key, quantile, row } from '../../src/tensor/index.ts'
import { answers, draw } from './helpers.ts'

const process = vpLinear()
const times = Float64Array.of(0.7)

/** The data that come out for one predicted row. */
async function clipped(values: readonly number[], options: ThresholdOptions): Promise<number[]> {
  const x = draw(1, [values.length], 1)
  const { data } = await thresholded(answers(process, [values.length], values), options).predict(x, times, 'data')
  return Array.from(data)
}

describe('thresholding', () => {
  test('static: clips at max', async () => {
    expect(await clipped([-3, -1, 0.5, 1.25], { type: 'static' })).toEqual([-1, -1, 0.5, 1])
    expect(await clipped([-3, -1, 0.5, 1.25], { type: 'static', max: 2 })).toEqual([-2, -1, 0.5, 1.25])
  })

  test('dynamic: clips at the quantile and scales back', async () => {
    // Absolute values 0, 1, 2, 3, 4: the quantile 0.75 is 3.
    expect(await clipped([0, -1, 2, 3, -4], { type: 'dynamic', quantile: 0.75 })).toEqual(
      [0, -1 / 3, 2 / 3, 1, -1].map(Math.fround),
    )
    expect(await clipped([0, -1, 2, 3, -4], { type: 'dynamic', quantile: 0.75, max: 2 })).toEqual(
      [0, -2 / 3, 4 / 3, 2, -2].map(Math.fround),
    )
    // At 1.5 at most, as restoration codes have it; at max, the public default, it is static.
    expect(await clipped([0, -1, 2, 3, -4], { type: 'dynamic', ceiling: 1.5 })).toEqual(
      [0, -1 / 1.5, 1, 1, -1].map(Math.fround),
    )
    expect(await clipped([0, -1, 2, 3, -4], { type: 'dynamic', ceiling: 1 })).toEqual([0, -1, 1, 1, -1])
  })

  test('a row in the range keeps every bit; none leaves it; order and signs are kept', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 2, maxLength: 30 }),
        fc.constantFrom<ThresholdOptions>({ type: 'static' }, { type: 'dynamic' }, { type: 'dynamic', quantile: 0.5 }),
        async (values, options) => {
          const out = await clipped(values, options)
          const within = values.every((v) => Math.abs(v) <= 1)
          if (within) expect(out).toEqual(values.map((v) => Math.fround(v)))
          out.forEach((v, i) => {
            expect(Math.abs(v)).toBeLessThanOrEqual(1)
            expect(v * values[i]).toBeGreaterThanOrEqual(0)
            expect(Math.abs(v)).toBeLessThanOrEqual(Math.abs(values[i]))
          })
        },
      ),
    ))

  test('each row has its own threshold, and the noise fits the clipped data', async () => {
    const world = new GaussianMixture({ means: [[2, -0.5, 0.3]], stds: [0.2] })
    const x = draw(4, [3], 2, 3)
    const t = Float64Array.of(0.9, 0.5, 0.2, 0.1)
    const wrapped = thresholded(world.denoiser(process), { type: 'dynamic', quantile: 0.8 })
    const raw = await world.denoiser(process).predict(x, t, 'data')
    const data = await wrapped.predict(x, t, 'data')
    const noise = await wrapped.predict(x, t, 'noise')
    for (let i = 0; i < 4; i++) {
      const c = Math.max(1, quantile(row(raw, i).map(Math.abs), 0.8))
      row(data, i).forEach((v, j) => {
        expect(v).toBeCloseTo(Math.min(c, Math.max(-c, row(raw, i)[j])) / c, 6)
        const again = process.a(t[i]) * v + process.s(t[i]) * row(noise, i)[j]
        expect(again).toBeCloseTo(row(x, i)[j], 5)
      })
    }
  })

  test('on residuals it clips the data, mean and residual together', async () => {
    const residuals = meanReverting()
    const mean = { degraded: { shape: [1, 3], data: Float32Array.of(0.5, -0.5, 0) } }
    const wrapped = thresholded(answers(residuals, [3], [1, 0.25, -2]), { type: 'static', mean: 'degraded' })
    const x = draw(1, [3], 3)
    expect(Array.from((await wrapped.predict(x, times, 'data', mean)).data)).toEqual([0.5, 0.25, -1])
    await expect(wrapped.predict(x, times, 'data')).rejects.toThrow('adds the condition "degraded"')
  })

  test('a strongly guided run of a noise solver ends in range', async () => {
    const world = new GaussianMixture({ means: [[0.9, 0.9]], stds: [0.3] })
    const other = new GaussianMixture({ means: [[-0.9, -0.9]], stds: [0.3] })
    const [a, b] = [world.denoiser(process), other.denoiser(process)]
    const both = {
      ...a,
      predict: async (...[x, t, target, condition]: Parameters<typeof a.predict>) => {
        const [first, second] = [await a.predict(x, t, target), await b.predict(x, t, target)]
        const data = first.data.map((v, i) => (condition!.label.data[i >> 1] === 1 ? v : second.data[i]))
        return { shape: x.shape, data }
      },
    }
    const unconditional = { label: { shape: [1], data: Float32Array.of(0) } }
    const guided = classifierFree(both, { scale: 8, unconditional })
    const plan = dpmSolver({ order: 2 })(process, uniformGrid(process, 12))
    const keys = Array.from({ length: 16 }, (_, i) => key(i))
    const condition = { label: { shape: [16], data: new Float32Array(16).fill(1) } }
    const largest = async (denoiser: typeof guided) => {
      const { data } = await execute(plan, denoiser, start(plan, denoiser, keys), { condition })
      return Math.max(...data.map(Math.abs))
    }
    expect(await largest(guided)).toBeGreaterThan(2)
    expect(await largest(thresholded(guided, { type: 'static' }))).toBeLessThan(1.001)
    expect(await largest(thresholded(guided, { type: 'dynamic' }))).toBeLessThan(1.001)
  })

  test('pure noise has a noise prediction: the state itself', async () => {
    const x = draw(1, [2], 4)
    const wrapped = thresholded(answers(flow(), [2], [3, 4]), { type: 'static' })
    expect((await wrapped.predict(x, Float64Array.of(1), 'noise')).data).toEqual(x.data)
  })

  test('a run in which buffers are handed on is the run in which they are not', async () => {
    const world = new GaussianMixture({
      means: [
        [-1, 0],
        [1, 0.5],
      ],
      stds: [0.3, 0.4],
    }).denoiser(process)
    const fresh: typeof world = { ...world, predict: (x, t, target, given) => world.predict(x, t, target, given) }
    const wraps = [
      (net: typeof world) => thresholded(net, { type: 'dynamic', max: 0.8 }),
      (net: typeof world) => epsilonScaled(net, { scale: 1.01 }),
      (net: typeof world) => timeShift(net, { window: 0.1 }),
      (net: typeof world) => stitch([{ denoiser: net, until: 0.5 }, { denoiser: net }]),
      (net: typeof world) => conditioned(net, {}),
    ]
    const keys = Array.from({ length: 5 }, (_, i) => key(i))
    for (const solver of [uniPC({ order: 3 }), ddim({ eta: 1 }), heun()]) {
      const plan = solver(process, uniformGrid(process, 9))
      const x = start(plan, world, keys)
      for (const wrap of wraps) {
        const run = (net: typeof world) => execute(plan, wrap(net), x, { keys })
        expect((await run(world)).data).toEqual((await run(fresh)).data)
      }
    }
  })

  test('refuses options out of range', () => {
    const wrap = (options: ThresholdOptions) => () => thresholded(answers(process, [1], [0]), options)
    expect(wrap({ type: 'static', max: 0 })).toThrow('max > 0, got 0')
    expect(wrap({ type: 'dynamic', quantile: 1.2 })).toThrow('quantile in (0, 1], got 1.2')
    expect(wrap({ type: 'dynamic', max: 2, ceiling: 1 })).toThrow('at least max = 2, got 1')
    expect(wrap({ type: 'soft' as 'static' })).toThrow('"static" or "dynamic", got "soft"')
  })
})
