import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GaussianMixture, type Process, uniformGrid, vpCosine, vpLinear } from '../../src/process/index.ts'
import { ddim, ddpm, execute, type Solver, start } from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { gaussianMoments, order, rowKeys, rows } from './helpers.ts'

const process = vpLinear()
const gaussian = new GaussianMixture({ means: [[0.7]], stds: [0.5] })

/** A rectified flow, to check that nothing assumes a^2 + s^2 = 1. */
const flow: Process = {
  name: 'rectified-flow',
  a: (t) => 1 - t,
  s: (t) => t,
  da: () => -1,
  ds: () => 1,
  logSnr: (t) => Math.log((1 - t) / t),
  timeOfLogSnr: (lambda) => 1 / (1 + Math.exp(lambda)),
}

describe('ddim', () => {
  it('reproduces the golden values of problem G', async () => {
    const grid = Array.from({ length: 9 }, (_, i) => 1 + ((1e-3 - 1) * i) / 8)
    const end = await execute(ddim()(process, grid), problemG.denoiser(process), rows([-1, 0.3, 2]))
    const published = [-1.22175973, 0.23467065, 1.54807625]
    end.data.forEach((x, i) => {
      expect(Math.abs(x - published[i])).toBeLessThan(2e-6)
    })
  })

  it('has the published coefficients, for any eta and any process', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0.02, max: 0.99, noNaN: true }),
        fc.double({ min: 0.01, max: 0.98, noNaN: true }),
        fc.constantFrom(process, vpCosine(), flow),
        (eta, from, ratio, p) => {
          const to = from * ratio
          const { states, predictions, noise } = ddim({ eta })(p, [from, to]).stages[0]
          const [a, s, at, st] = [p.a(from), p.s(from), p.a(to), p.s(to)]
          const posterior = (st / s) * Math.sqrt(s * s - ((a / at) * st) ** 2)
          const direction = Math.sqrt(st * st - (eta * posterior) ** 2)
          expect(noise).toBeCloseTo(eta * posterior, 7)
          expect(states[0]).toBeCloseTo(direction / s, 7)
          expect(predictions[0]).toBeCloseTo(at - (direction * a) / s, 7)
        },
      ),
    )
  })

  it.each([
    ['one Gaussian', gaussian],
    ['a mixture', problemG],
  ])('converges to the probability flow of %s with order 1', async (_, world) => {
    const x = [-1, 0.3, 2]
    const exact = x.map((v) => world.flow(process, [v], 0.7, 0.05)[0])
    const ns = [20, 40, 80, 160]
    const errors: number[] = []
    for (const n of ns) {
      const grid = uniformGrid(process, n, { from: 0.7, to: 0.05 })
      const end = await execute(ddim()(process, grid), world.denoiser(process), rows(x))
      errors.push(Math.hypot(...exact.map((v, i) => end.data[i] - v)))
    }
    expect(order(ns, errors)).toBeGreaterThan(0.93)
    expect(order(ns, errors)).toBeLessThan(1.1)
  })

  it('takes a point mass to its exact flow in one step', async () => {
    const point = new GaussianMixture({ means: [[0.8]], stds: [0] })
    const end = await execute(ddim()(process, [0.9, 0.2]), point.denoiser(process), rows([-1, 2]))
    end.data.forEach((x, i) => {
      expect(x).toBeCloseTo(point.flow(process, [[-1, 2][i]], 0.9, 0.2)[0], 6)
    })
  })

  it('refuses other amounts of noise', () => {
    for (const eta of [-0.1, 1.1, Number.NaN]) expect(() => ddim({ eta })).toThrow('0 <= eta <= 1')
  })
})

describe('ddpm', () => {
  it('has the mean and the two variances of the DDPM paper, on a table of betas', () => {
    const betas = [0.01, 0.05, 0.2]
    const abar = betas.map((_, i) => betas.slice(0, i + 1).reduce((p, b) => p * (1 - b), 1))
    const table: Process = {
      ...process,
      name: 'table',
      a: (t) => Math.sqrt(abar[t * 4 - 1] ?? 1),
      s: (t) => Math.sqrt(1 - (abar[t * 4 - 1] ?? 1)),
      logSnr: (t) => 0.5 * Math.log((abar[t * 4 - 1] ?? 1) / (1 - (abar[t * 4 - 1] ?? 1))),
    }
    const grid = [0.75, 0.5, 0.25, 0]
    for (const variance of ['small', 'large'] as const) {
      ddpm({ variance })(table, grid)
        .stages.slice(0, 2)
        .forEach(({ states, predictions, noise }, k) => {
          const i = 2 - k
          const beta = betas[i]
          expect(states[0]).toBeCloseTo((Math.sqrt(1 - beta) * (1 - abar[i - 1])) / (1 - abar[i]), 12)
          expect(predictions[0]).toBeCloseTo((Math.sqrt(abar[i - 1]) * beta) / (1 - abar[i]), 12)
          const square = variance === 'large' ? beta : (beta * (1 - abar[i - 1])) / (1 - abar[i])
          // The paper's "large" is beta itself, the variance of the forward step.
          expect(noise ** 2).toBeCloseTo(square, 12)
        })
    }
  })

  it('with the small variance is DDIM with eta = 1', () => {
    const grid = uniformGrid(process, 7)
    const strip = (solver: Solver) =>
      solver(process, grid).stages.map(({ states, predictions, noise }) => [states[0] ?? 0, predictions[0], noise])
    strip(ddpm()).forEach((stage, i) => {
      stage.forEach((c, j) => {
        expect(c).toBeCloseTo(strip(ddim({ eta: 1 }))[i][j], 13)
      })
    })
  })

  it('refuses unknown variances', () => {
    expect(() => ddpm({ variance: 'medium' as 'small' })).toThrow('"small" or "large", got "medium"')
  })
})

describe.each<[string, Solver]>([
  ['ddim', ddim()],
  ['ddim eta 0.5', ddim({ eta: 0.5 })],
  ['ddim eta 1', ddim({ eta: 1 })],
  ['ddpm small', ddpm()],
  ['ddpm large', ddpm({ variance: 'large' })],
])('%s', (name, solver) => {
  it('ends with the data prediction itself, without noise', async () => {
    for (const p of [process, vpCosine(), flow]) {
      const last = solver(p, [0.9, 0.4, 0]).stages[1]
      expect(last).toMatchObject({ states: [], predictions: [1], noise: 0, time: 0.4 })
    }
    const x = rows([0.3, -2])
    const denoiser = problemG.denoiser(process)
    const end = await execute(solver(process, [0.4, 0]), denoiser, x, { keys: rowKeys(1, 2) })
    expect(end).toEqual(await denoiser.predict(x, Float64Array.of(0.4, 0.4), 'data'))
  })

  it('flags which steps draw noise', () => {
    const noisy = solver(process, uniformGrid(process, 5)).stages.map(({ noise }) => noise !== 0)
    expect(noisy).toEqual(name === 'ddim' ? Array(5).fill(false) : [true, true, true, true, false])
  })

  it('keeps the mean of Gaussian data exactly on any grid', () => {
    for (const n of [1, 2, 5, 30]) {
      for (const p of [process, flow]) {
        const grid = uniformGrid(p, n, { from: 0.98, to: 0.1 })
        expect(gaussianMoments(solver(p, grid), gaussian, p).mean).toBeCloseTo(p.a(0.1) * 0.7, 12)
      }
    }
  })

  it('keeps the variance of Gaussian data to first order in the step', () => {
    const ns = [40, 80, 160, 320]
    const exact = process.a(0.1) ** 2 * 0.25 + process.s(0.1) ** 2
    const errors = ns.map((n) => {
      const plan = solver(process, uniformGrid(process, n, { from: 0.98, to: 0.1 }))
      return Math.abs(gaussianMoments(plan, gaussian, process).variance - exact)
    })
    expect(order(ns, errors)).toBeGreaterThan(0.9)
    expect(order(ns, errors)).toBeLessThan(1.15)
  })
})

describe('ancestral sampling of Gaussian data', () => {
  // The exact kernel draws x_0 from its posterior, of variance v = S^2 s^2 / (a^2 S^2 + s^2); ancestral sampling puts
  // the posterior mean there. So one step from the right marginal loses (a_to (1 - exp(-2 h)))^2 v of the variance.
  it('loses exactly the posterior variance of x_0 in a step', () => {
    const [from, to] = [0.6, 0.35]
    const lost = (process.a(to) * -Math.expm1(2 * (process.logSnr(from) - process.logSnr(to)))) ** 2
    const v = (0.25 * process.s(from) ** 2) / (process.a(from) ** 2 * 0.25 + process.s(from) ** 2)
    const exact = process.a(to) ** 2 * 0.25 + process.s(to) ** 2
    expect(gaussianMoments(ddpm()(process, [from, to]), gaussian, process).variance).toBeCloseTo(exact - lost * v, 12)
  })

  it('is exact for a point mass (small variance) and for N(0, I) (large variance)', () => {
    const grid = uniformGrid(process, 6, { to: 0.2 })
    const point = new GaussianMixture({ means: [[2]], stds: [0] })
    const small = gaussianMoments(ddpm()(process, grid), point, process)
    expect(small.variance).toBeCloseTo(process.s(0.2) ** 2, 12)
    const unit = new GaussianMixture({ means: [[0]], stds: [1] })
    const large = gaussianMoments(ddpm({ variance: 'large' })(process, grid), unit, process)
    expect(large.variance).toBeCloseTo(1, 12)
  })

  it('shows these moments in samples', async () => {
    const n = 20000
    const plan = ddpm()(process, uniformGrid(process, 10, { to: 0.1 }))
    const denoiser = gaussian.denoiser(process)
    const keys = rowKeys(9, n)
    const end = await execute(plan, denoiser, start(plan, denoiser, keys), { keys })
    const mean = end.data.reduce((sum, x) => sum + x, 0) / n
    const variance = end.data.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n
    const exact = gaussianMoments(plan, gaussian, process)
    expect(Math.abs(mean - exact.mean)).toBeLessThan(4 * Math.sqrt(exact.variance / n) + 0.005)
    expect(Math.abs(variance / exact.variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n) + 0.001)
  })
})

describe('ancestral sampling of a mixture', () => {
  it('converges weakly with order 1: the error of E[x^2], with the chain carried as a density', () => {
    const x = Array.from({ length: 601 }, (_, i) => -6 + i / 50)
    const second = (density: number[]) =>
      density.reduce((sum, p, i) => sum + p * x[i] ** 2, 0) / density.reduce((sum, p) => sum + p, 0)
    const marginal = (t: number) => x.map((v) => Math.exp(problemG.logDensity([v], process.a(t), process.s(t))))
    const exact = second(marginal(0.2))
    const out = new Float64Array(1)
    const error = (n: number) => {
      const plan = ddpm()(process, uniformGrid(process, n, { from: 0.8, to: 0.2 }))
      let density = marginal(0.8)
      for (const { time, states, predictions, noise } of plan.stages) {
        const means = x.map(
          (v) =>
            states[0] * v + predictions[0] * problemG.predict([v], process.a(time!), process.s(time!), 'data', out)[0],
        )
        density = x.map(
          (v) => density.reduce((sum, p, i) => sum + p * Math.exp(-0.5 * ((v - means[i]) / noise) ** 2), 0) / noise,
        )
      }
      return Math.abs(second(density) - exact)
    }
    const ns = [8, 16, 32]
    const slope = order(ns, ns.map(error))
    expect(slope).toBeGreaterThan(0.85)
    expect(slope).toBeLessThan(1.2)
  })
})
