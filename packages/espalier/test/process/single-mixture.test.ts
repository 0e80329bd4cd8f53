import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { POWER_SERIES } from '../../src/process/exponential.ts'
import { GaussianMixture, vpLinear } from '../../src/process/index.ts'
import { assembleSingleMixtureKernel, singleMixtureKernel } from '../../src/process/single-mixture-kernel.ts'
import { key, normal, stream, type Tensor } from '../../src/tensor/index.ts'

const process = vpLinear()

/** A world, and states from its law at a time, or wider. */
function drawn(seed: number, n: number, d: number, rows: number, std: number, t: number) {
  const draws = stream(key(seed))
  const list = (length: number, make: () => number) => Array.from({ length }, make)
  const means = Array.from({ length: n }, () => list(d, () => 2 * draws.normal()))
  const stds = list(n, () => std * (0.5 + draws.uniform()))
  const world = new GaussianMixture({ means, stds, weights: list(n, () => 0.1 + draws.uniform()) })
  const x = { shape: [rows, d], data: new Float32Array(rows * d) }
  normal(key(seed + 1), x.data)
  for (let row = 0; row < rows; row++) {
    const k = draws.integer(n)
    // Between two components, where their weights compete, and beyond.
    const j = draws.integer(n)
    const u = draws.uniform() < 0.5 ? draws.uniform() : 1
    for (let i = 0; i < d; i++) {
      const spread = Math.hypot(process.a(t) * stds[k], process.s(t))
      x.data[row * d + i] = process.a(t) * (u * means[k][i] + (1 - u) * means[j][i]) + spread * x.data[row * d + i]
    }
  }
  return { world, x, times: new Float64Array(rows).fill(t) }
}

describe('powers of two', () => {
  it('are exact to 8e-9', () => {
    for (let f = -0.5; f <= 0.5; f += 1 / 512) {
      const p = POWER_SERIES.reduce((sum, c) => sum * f + c, 0)
      expect(Math.abs(p / 2 ** f - 1)).toBeLessThan(8e-9)
    }
  })
})

describe('a mixture in float32', () => {
  it('has kernels that can be compiled at once on the main thread of a browser, for planes', () => {
    for (const d of [1, 2, 3]) expect(assembleSingleMixtureKernel(d).length).toBeLessThan(4096)
    expect(singleMixtureKernel(2, 2)).toBeDefined()
    expect([singleMixtureKernel(2, 9), singleMixtureKernel(2000, 1)]).toEqual([undefined, undefined])
  })

  it('predicts as float64 does, to about 1e-6', async () => {
    const worlds = fc.record({
      seed: fc.nat(),
      n: fc.integer({ min: 1, max: 12 }),
      d: fc.integer({ min: 1, max: 9 }),
      rows: fc.integer({ min: 1, max: 300 }),
      std: fc.constantFrom(0.3, 1),
      t: fc.double({ min: 0.02, max: 1, noNaN: true }),
    })
    await fc.assert(
      fc.asyncProperty(worlds, async ({ seed, n, d, rows, std, t }) => {
        const { world, x, times } = drawn(seed, n, d, rows, std, t)
        const size = Math.max(1, ...world.means.map((mean) => Math.hypot(...mean)))
        const [a, s] = [process.a(t), process.s(t)]
        const least = Math.min(...world.stds.map((S) => a * a * S * S + s * s))
        // Exponents at which components compete are at most D^2 / (8 v), for the distance D of their means.
        const exponent = 1 + (a * a * size * size) / (2 * least)
        for (const target of ['data', 'noise'] as const) {
          const exact = await world.denoiser(process).predict(x, times, target)
          const single = await world.denoiser(process, { precision: 'single' }).predict(x, times, target)
          const unit = target === 'data' ? size : 1 + (a * size) / Math.sqrt(least)
          let [worst, largest] = [0, 0]
          exact.data.forEach((value, i) => {
            worst = Math.max(worst, Math.abs(value - single.data[i]))
            largest = Math.max(largest, Math.abs(value))
          })
          // What the weights are off by, and the rounding of the prediction itself.
          expect(worst).toBeLessThan(7e-7 * exponent * unit + 3e-7 * largest)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('predicts the mixture of the benchmark, of means 2 in size, to 2e-6 of that at all times', async () => {
    const means = [
      [-2, 0],
      [2, 0],
    ]
    const world = new GaussianMixture({ means, stds: [0.3, 0.3] })
    const x = drawn(1, 1, 2, 4000, 1, 1).x
    for (let i = 0; i < x.data.length; i += 2) x.data[i] *= 1.5
    for (const t of [1e-3, 0.01, 0.1, 0.3, 0.6, 1]) {
      const times = new Float64Array(4000).fill(t)
      const exact = await world.denoiser(process).predict(x, times, 'data')
      const single = await world.denoiser(process, { precision: 'single' }).predict(x, times, 'data')
      expect(Math.max(...exact.data.map((value, i) => Math.abs(value - single.data[i])))).toBeLessThan(4e-6)
    }
  })

  it('gives a row the same bits in any batch, at any of its times', async () => {
    const { world, x } = drawn(4, 3, 2, 5000, 0.3, 0.4)
    const denoiser = world.denoiser(process, { precision: 'single' })
    const times = Float64Array.from({ length: 5000 }, (_, row) => (row < 4000 ? 0.4 : 0.3 + (row % 3) / 10))
    const all = await denoiser.predict(x, times, 'data')
    for (const row of [0, 1, 777, 2047, 2048, 3999, 4000, 4001, 4999]) {
      const one: Tensor = { shape: [1, 2], data: x.data.slice(2 * row, 2 * row + 2) }
      const alone = await denoiser.predict(one, times.subarray(row, row + 1), 'data')
      expect([...alone.data]).toEqual([...all.data.subarray(2 * row, 2 * row + 2)])
    }
  })

  it('carries what is not a number to its own row alone', async () => {
    const { world, x, times } = drawn(3, 2, 2, 100, 0.3, 0.4)
    x.data[20] = Number.NaN
    x.data[31] = Infinity
    const out = await world.denoiser(process, { precision: 'single' }).predict(x, times, 'data')
    const broken = [...out.data.keys()].filter((i) => !Number.isFinite(out.data[i])).map((i) => i >> 1)
    expect([...new Set(broken)]).toEqual([10, 15])
  })

  it('is not the default, and changes no gradient', async () => {
    const { world, x, times } = drawn(6, 3, 2, 70, 0.3, 0.4)
    const denoisers = [undefined, 'double' as const, 'single' as const].map((precision) =>
      world.denoiser(process, { precision }),
    )
    const [unsaid, double, single] = await Promise.all(denoisers.map((d) => d.predict(x, times, 'data')))
    expect(double.data).toEqual(unsaid.data)
    expect(single.data).not.toEqual(unsaid.data)
    const [p, , q] = await Promise.all(denoisers.map((d) => d.pullback(x, times, x)))
    expect(q.data).toEqual(p.data)
    expect(() => world.denoiser(process, { precision: 'half' as 'single' })).toThrow(
      'the precision is "double" or "single", got "half"',
    )
  })
})

describe('without WebAssembly', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('a mixture predicts in float64', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    vi.resetModules()
    const fresh = await import('../../src/process/gaussian-mixture.ts')
    const { x, times, world } = drawn(8, 3, 2, 100, 0.3, 0.4)
    const { means, stds, weights } = world
    const copy = new fresh.GaussianMixture({ means, stds: [...stds], weights: [...weights] })
    const out = await copy.denoiser(process, { precision: 'single' }).predict(x, times, 'data')
    vi.unstubAllGlobals()
    expect(out.data).toEqual((await copy.denoiser(process).predict(x, times, 'data')).data)
  })
})
