import { describe, expect, it } from 'vitest'
import { GaussianMixture, integrate, parseGaussianMixture, vpCosine, vpLinear } from '../../src/process/index.ts'
import { fold, key } from '../../src/tensor/index.ts'
import { integral, problemG, ring } from './worlds.ts'

const process = vpLinear()
const plane = new GaussianMixture({ means: ring, stds: ring.map(() => 0.3), weights: ring.map((_, i) => i + 1) })
const density = (x: number, t: number) => Math.exp(problemG.logDensity([x], process.a(t), process.s(t)))

describe('a Gaussian mixture', () => {
  it('has a density that integrates to 1 at every time', () => {
    for (const t of [0, 0.05, 0.3, 1]) expect(integral((x) => density(x, t))).toBeCloseTo(1, 10)
    const mass = integral((x) => integral((y) => Math.exp(plane.logDensity([x, y])), -7, 7, 200), -7, 7, 200)
    expect(mass).toBeCloseTo(1, 8)
  })

  it('predicts noise and data by the score of its density (Tweedie)', () => {
    const h = 1e-5
    const out = new Float64Array(1)
    for (const t of [0.02, 0.2, 0.6, 0.95]) {
      const [a, s] = [process.a(t), process.s(t)]
      for (const x of [-2, -0.3, 0.9]) {
        const score = (problemG.logDensity([x + h], a, s) - problemG.logDensity([x - h], a, s)) / (2 * h)
        expect(problemG.predict([x], a, s, 'noise', out)[0]).toBeCloseTo(-s * score, 7)
        expect(problemG.predict([x], a, s, 'data', out)[0]).toBeCloseTo((x + s * s * score) / a, 7)
      }
    }
  })

  it('predicts the posterior mean, by Bayes and quadrature', () => {
    const [a, s, x] = [process.a(0.3), process.s(0.3), 0.4]
    const joint = (x0: number) => Math.exp(problemG.logDensity([x0]) - (x - a * x0) ** 2 / (2 * s * s))
    const mean = integral((x0) => x0 * joint(x0)) / integral(joint)
    const square = integral((x0) => x0 * x0 * joint(x0)) / integral(joint)
    const posterior = problemG.posterior([x], a, s)
    const moment = (f: (mean: number, std: number) => number) =>
      posterior.weights.reduce((sum, w, k) => sum + w * f(posterior.means[k][0], posterior.stds[k]), 0)
    expect(moment((m) => m)).toBeCloseTo(mean, 10)
    expect(moment((m, v) => m * m + v * v)).toBeCloseTo(square, 10)
    expect(problemG.predict([x], a, s, 'data', new Float64Array(1))[0]).toBeCloseTo(mean, 10)
  })

  it('is exact in the limits of no noise and of point masses', () => {
    const out = new Float64Array(1)
    expect(problemG.predict([0.7], 1, 0, 'data', out)[0]).toBe(0.7)
    expect(problemG.predict([0.7], 1, 0, 'noise', out)[0]).toBe(0)
    expect(problemG.predict([0.7], 1, 1e-200, 'noise', out)[0]).toBeLessThan(1e-190)
    const point = new GaussianMixture({ means: [[2]], stds: [0] })
    expect(point.predict([1.3], 0.6, 0.8, 'data', out)[0]).toBeCloseTo(2, 14)
    expect(point.predict([1.3], 0.6, 0.8, 'noise', out)[0]).toBeCloseTo((1.3 - 1.2) / 0.8, 14)
    // far from every component nothing underflows: the widest takes all
    const shrink = 0.35 ** 2 / (0.35 ** 2 + 0.01 ** 2)
    expect(problemG.predict([1e4], 1, 0.01, 'data', out)[0]).toBeCloseTo(0.4 + shrink * (1e4 - 0.4), 8)
  })

  it('serves rows at their own times as a denoiser', async () => {
    const x = { shape: [3, 1], data: Float32Array.of(0.5, -1, 0.5) }
    const t = Float64Array.of(0.2, 0.9, 0.9)
    const y = await problemG.denoiser(process).predict(x, t, 'noise')
    expect(y.shape).toEqual([3, 1])
    y.data.forEach((v, i) => {
      const wanted = problemG.predict([x.data[i]], process.a(t[i]), process.s(t[i]), 'noise', new Float64Array(1))
      expect(v).toBe(Math.fround(wanted[0]))
    })
    await expect(problemG.denoiser(process).predict(x, Float64Array.of(1), 'data')).rejects.toThrow('got [3,1]')
  })

  it('samples its own law', () => {
    const n = 40000
    const draws = Array.from({ length: n }, (_, i) => problemG.sample(fold(key(3), i))[0])
    for (const edge of [-1.2, -0.5, 0.4, 1, 1.5]) {
      const mass = integral((x) => density(x, 0), -12, edge, 20000)
      const share = draws.filter((x) => x < edge).length / n
      expect(Math.abs(share - mass)).toBeLessThan(4 * Math.sqrt((mass * (1 - mass)) / n))
    }
  })

  it('steps back by the exact kernel: marginals are kept, down to the data', () => {
    const n = 40000
    let states = Array.from({ length: n }, (_, i) => problemG.sample(fold(key(4), i)))
    states = states.map((x, i) => x.map((v) => process.a(0.9) * v + process.s(0.9) * gauss(i)))
    const times = [0.9, 0.4, 0.15, 0]
    for (let level = 1; level < times.length; level++) {
      states = states.map((x, i) =>
        problemG.step(process, x, times[level - 1], times[level], fold(fold(key(5), level), i)),
      )
      for (const edge of [-1.2, -0.4, 0.3, 1]) {
        const mass = integral((x) => density(x, times[level]), -12, edge, 20000)
        const share = states.filter((x) => x[0] < edge).length / n
        expect(Math.abs(share - mass)).toBeLessThan(4 * Math.sqrt((mass * (1 - mass)) / n))
      }
    }
    function gauss(i: number) {
      return new GaussianMixture({ means: [[0]], stds: [1] }).sample(fold(key(6), i))[0]
    }
  })
})

describe('the probability flow', () => {
  it('has a closed form for one Gaussian, equal to the integrated ODE', () => {
    const mean = [0.5, -1]
    const gaussian = new GaussianMixture({ means: [mean], stds: [0.6] })
    const twin = new GaussianMixture({ means: [mean, mean], stds: [0.6, 0.6] }) // the same law, sent to the integrator
    for (const p of [process, vpCosine()]) {
      const exact = gaussian.flow(p, [1.4, -0.2], 0.99, 0.001)
      const numeric = twin.flow(p, [1.4, -0.2], 0.99, 0.001)
      exact.forEach((v, i) => {
        expect(numeric[i]).toBeCloseTo(v, 9)
      })
    }
  })

  it('solves problem G to the published digits', () => {
    const end = [-1, 0.3, 2].map((x) => problemG.flow(process, [x], 1, 1e-3)[0])
    const published = [-1.31843642, 0.30631375, 1.74202761]
    end.forEach((x, i) => {
      expect(x).toBeCloseTo(published[i], 7)
    })
  })

  it('runs backwards, and reaches t = 0', () => {
    const clean = problemG.flow(process, [0.3], 1, 0)
    expect(problemG.flow(process, clean, 0, 1)[0]).toBeCloseTo(0.3, 8)
  })

  it('carries quantiles: the CDF is constant along it', () => {
    const end = problemG.flow(process, [0.8], 0.7, 0.1)[0]
    const before = integral((x) => density(x, 0.7), -12, 0.8, 40000)
    const after = integral((x) => density(x, 0.1), -12, end, 40000)
    expect(after).toBeCloseTo(before, 6)
  })
})

describe('integrate', () => {
  it('solves an oscillator and refuses what blows up', () => {
    const f = (_: number, y: Float64Array, out: Float64Array) => out.set([y[1], -y[0]])
    const y = integrate(f, [1, 0], 0, 10)
    expect(y[0]).toBeCloseTo(Math.cos(10), 9)
    expect(() => integrate((_, v, out) => out.set([v[0] ** 2]), [1], 0, 2)).toThrow('got stuck')
  })
})

describe('parseGaussianMixture', () => {
  const message = (json: unknown) => {
    try {
      parseGaussianMixture(json)
    } catch (error) {
      return (error as Error).message
    }
    return 'accepted'
  }

  it('reads a world', () => {
    const world = parseGaussianMixture({
      type: 'gaussian-mixture',
      means: [
        [0, 0, 0, 1],
        [1, 1, 1, 1],
      ],
      stds: [1, 2],
      weights: [1, 3],
      event: [1, 2, 2],
    })
    expect(world.weights).toEqual([0.25, 0.75])
    expect(world.denoiser(process).event).toEqual([1, 2, 2])
    expect(parseGaussianMixture({ type: 'gaussian-mixture', means: [[1], [2]], stds: [1, 1] }).weights).toEqual([
      0.5, 0.5,
    ])
  })

  it.each([
    [{ type: 'gaussian-mixture', means: [], stds: [] }, /^gaussian-mixture\.means: /],
    [{ type: 'gaussian-mixture', means: [[0], ['a']], stds: [1, 1] }, /^gaussian-mixture\.means\[1\]\[0\]: .*number/],
    [{ type: 'gaussian-mixture', means: [[0], [0, 1]], stds: [1, 1] }, /mean 1 has 2 numbers, but mean 0 has 1/],
    [{ type: 'gaussian-mixture', means: [[0]], stds: [1, 1] }, /1 means need 1 stds and weights, got 2 and 1/],
    [{ type: 'gaussian-mixture', means: [[0]], stds: [-1] }, /stds\[0\]/],
    [{ type: 'gaussian-mixture', means: [[0]], stds: [1], weights: [0] }, /weights\[0\]/],
    [{ type: 'gaussian-mixture', means: [[0]], stds: [1], event: [2] }, /do not fill the event \[2\]/],
    [{ type: 'mixture' }, /^gaussian-mixture/],
  ])('says what is wrong with %j', (json, pattern) => {
    expect(message(json)).toMatch(pattern)
    expect(message(json)).not.toContain('\n')
  })
})
