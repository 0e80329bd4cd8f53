import { describe, expect, it } from 'vitest'
import { GaussianMixture, type Process, residualShifting, uniformGrid } from '../../src/process/index.ts'
import { ddim, ddpm, execute, interpret, type Plan, resShift, type Solver } from '../../src/solve/index.ts'
import { fold, normal } from '../../src/tensor/index.ts'
import { problemG } from '../process/worlds.ts'
import { rowKeys } from './helpers.ts'

// In x space, with the degraded image y written out as the paper does; the library knows the residual x - y only.
const kappa = 2
const journal = residualShifting({ steps: 4, minNoise: 0.2 })
const conference = residualShifting()

/** `sqrt(eta_t)` for t = 1..T, as published: a geometric sequence with non-uniform exponents. */
function roots(T: number, minNoise: number, power = 0.3): number[] {
  const first = Math.min(minNoise / kappa, minNoise)
  const base = Math.exp(Math.log(0.99 / first) / (T - 1))
  return Array.from({ length: T }, (_, i) => first * base ** ((i / (T - 1)) ** power * (T - 1)))
}

/** `eta_0 = 0, eta_1, .., eta_T`. */
const etas = (T: number, minNoise: number) => [0, ...roots(T, minNoise).map((root) => root * root)]

/** The grid of the chain, from T/T to 0. */
const chain = (process: Process, T: number) => uniformGrid(process, T)

describe('the schedule of ResShift', () => {
  it('has the published values', () => {
    const four = (list: number[]) => list.map((v) => Number(v.toFixed(4)))
    const all = [0.02, 0.1172, 0.1763, 0.2336, 0.2916, 0.351, 0.4124, 0.4759, 0.5417, 0.6099, 0.6807, 0.754, 0.83]
    expect(four(roots(15, 0.04))).toEqual([...all, 0.9086, 0.99])
    expect(four(roots(4, 0.2))).toEqual([0.1, 0.5201, 0.7614, 0.99])
    expect(four(etas(4, 0.2))).toEqual([0, 0.01, 0.2705, 0.5797, 0.9801])
  })

  it.each([
    [4, 0.2, journal],
    [15, 0.04, conference],
    [100, 0.04, residualShifting({ steps: 100 })],
  ])(
    'T = %d: the process is the marginal x_t = (1 - eta) x_0 + eta y + kappa sqrt(eta) eps, on x - y',
    (T, minNoise, process) => {
      etas(T, minNoise).forEach((eta, t) => {
        expect(process.a(t / T)).toBeCloseTo(1 - eta, 12)
        expect(process.s(t / T)).toBeCloseTo(kappa * Math.sqrt(eta), 12)
      })
    },
  )

  it('is what the increments of the forward chain add up to', () => {
    const [x0, y] = [0.4, -0.3]
    let [mean, variance] = [x0, 0]
    const eta = etas(15, 0.04)
    for (let t = 1; t <= 15; t++) {
      const alpha = eta[t] - eta[t - 1]
      mean += alpha * (y - x0)
      variance += kappa ** 2 * alpha
      expect(mean).toBeCloseTo(y + conference.a(t / 15) * (x0 - y), 12)
      expect(variance).toBeCloseTo(conference.s(t / 15) ** 2, 12)
    }
  })
})

/** The published loop for one state, `f` the prediction of x_0. */
function byHand(T: number, minNoise: number, f: (x: number, t: number) => number, x: number, z: number[]) {
  const eta = etas(T, minNoise)
  for (let t = T; t >= 1; t--) {
    const alpha = eta[t] - eta[t - 1]
    const mean = (eta[t - 1] / eta[t]) * x + (alpha / eta[t]) * f(x, t)
    x = t > 1 ? mean + kappa * Math.sqrt((eta[t - 1] * alpha) / eta[t]) * z[T - t] : f(x, t)
  }
  return x
}

describe('the chain of ResShift', () => {
  const y = -0.25
  /** E[x_0 | x_t] for problem G in x space, by its residual: data at `m - y`. */
  const residual = new GaussianMixture({
    means: problemG.means.map(([m]) => [m - y]),
    stds: [...problemG.stds],
    weights: [...problemG.weights],
  })
  const dataAt = (T: number, minNoise: number) => (x: number, t: number) => {
    const eta = etas(T, minNoise)[t]
    const joint = problemG.means.map(([m], k) => {
      const c = (1 - eta) ** 2 * problemG.stds[k] ** 2 + kappa ** 2 * eta
      const mean = (1 - eta) * m + eta * y
      const log = Math.log(problemG.weights[k]) - (x - mean) ** 2 / (2 * c) - 0.5 * Math.log(c)
      return { log, value: m + (((1 - eta) * problemG.stds[k] ** 2) / c) * (x - mean) }
    })
    const most = Math.max(...joint.map(({ log }) => log))
    const total = joint.reduce((sum, { log }) => sum + Math.exp(log - most), 0)
    return joint.reduce((sum, { log, value }) => sum + (Math.exp(log - most) / total) * value, 0)
  }
  const ask = (process: Process) => (r: Float64Array, t: number, out: Float64Array) => {
    residual.predict(r, process.a(t), process.s(t), 'data', out)
  }

  it.each([
    [4, 0.2, journal],
    [15, 0.04, conference],
  ])('T = %d: the published loop with y, in float64', (T, minNoise, process) => {
    const plan = resShift()(process, chain(process, T))
    const draws = new Float64Array(T)
    normal({ hi: 5, lo: 6 }, draws)
    const noise = (stage: number, out: Float64Array) => {
      out[0] = draws[stage]
    }
    for (const start of [-1.5, 0, 2]) {
      const x = y + process.s(1) * start
      const expected = byHand(T, minNoise, dataAt(T, minNoise), x, [...draws])
      expect(y + interpret(plan, ask(process), [x - y], { noise }).states[0][0]).toBeCloseTo(expected, 12)
    }
  })

  it('and in float32, through the executor, with the noise of the keys', async () => {
    const plan = resShift()(conference, chain(conference, 15))
    const keys = rowKeys(2, 4)
    const starts = { shape: [4, 1], data: Float32Array.of(-2, -0.5, 0.5, 3) }
    const end = await execute(plan, residual.denoiser(conference), starts, { keys })
    keys.forEach((own, i) => {
      const z = plan.stages.map((_, stage) => {
        const one = new Float32Array(1)
        normal(fold(own, stage), one)
        return one[0]
      })
      const expected = byHand(15, 0.04, dataAt(15, 0.04), y + starts.data[i], z)
      expect(Math.abs(y + end.data[i] - expected)).toBeLessThan(1e-6)
    })
  })

  it('steps by the posterior of the chain: Bayes', () => {
    // eta_1 = 0.3, eta_2 = 0.5, x_0 = 0.4, x_2 = 0.2: mean 0.28, variance 0.48, whatever y.
    const table: Process = {
      ...conference,
      name: 'two etas',
      a: (t) => (t === 1 ? 0.5 : 0.7),
      s: (t) => kappa * Math.sqrt(t === 1 ? 0.5 : 0.3),
      logSnr: (t) => Math.log(t === 1 ? 0.5 : 0.7) - Math.log(kappa * Math.sqrt(t === 1 ? 0.5 : 0.3)),
    }
    const [stage] = resShift()(table, [1, 0.5]).stages
    for (const y of [-1, 0.3]) {
      const mean = y + stage.states[0] * (0.2 - y) + stage.predictions[0] * (0.4 - y)
      expect(mean).toBeCloseTo(0.28, 12)
      expect(stage.noise ** 2).toBeCloseTo(0.48, 12)
      // prior x_1 | x_0 times likelihood x_2 | x_1, as Gaussians of x_1
      const [v1, v2] = [kappa ** 2 * 0.3, kappa ** 2 * 0.2]
      const [m1, m2] = [0.4 + 0.3 * (y - 0.4), 0.2 - 0.2 * (y - 0.4)]
      expect((m1 / v1 + m2 / v2) / (1 / v1 + 1 / v2)).toBeCloseTo(0.28, 12)
      expect(1 / (1 / v1 + 1 / v2)).toBeCloseTo(0.48, 12)
    }
  })

  it('with the true x_0 it ends there, for every T', () => {
    for (const T of [2, 4, 15, 50]) {
      const process = residualShifting({ steps: T })
      const plan = resShift()(process, chain(process, T))
      const noise = (stage: number, out: Float64Array) => out.fill(Math.sin(7 * stage))
      const end = interpret(plan, (_, __, out) => out.fill(0.37), [1.9], { noise }).states[0][0]
      expect(end).toBe(0.37)
    }
  })

  it('a network that gives the noise or the residual y - x_0 instead of x_0 gives the same samples', () => {
    const plan = resShift()(journal, chain(journal, 4))
    const noise = (stage: number, out: Float64Array) => out.fill(Math.cos(3 * stage))
    const run = (head: (r: Float64Array, t: number, out: Float64Array) => void) =>
      interpret(plan, head, [1.3], { noise }).states[0][0]
    const byNoise = run((r, t, out) => {
      const [a, s] = [journal.a(t), journal.s(t)]
      residual.predict(r, a, s, 'noise', out)
      out[0] = (r[0] - s * out[0]) / a
    })
    const byResidual = run((r, t, out) => {
      ask(journal)(r, t, out)
      const head = y - (y + out[0])
      out[0] = y - head - y
    })
    const byData = run(ask(journal))
    expect(byNoise).toBeCloseTo(byData, 10)
    expect(byResidual).toBeCloseTo(byData, 12)
  })

  it('its deterministic sibling is DDIM on the residual: any stride', () => {
    const grid = [1, 0.6, 0.2, 1 / 15]
    const plan = ddim()(conference, grid)
    let x = y + 1.4
    for (let k = 0; k < 3; k++) {
      const [eta, next] = [grid[k], grid[k + 1]].map((t) => (conference.s(t) / kappa) ** 2)
      const out = new Float64Array(1)
      ask(conference)(Float64Array.of(x - y), grid[k], out)
      const clean = y + out[0]
      const eps = (x - (1 - eta) * clean - eta * y) / (kappa * Math.sqrt(eta))
      x = (1 - next) * clean + next * y + kappa * Math.sqrt(next) * eps
    }
    expect(y + interpret(plan, ask(conference), [1.4]).states[0][0]).toBeCloseTo(x, 12)
  })
})

describe('few steps keep little of the posterior variance', () => {
  // x_0 | y ~ N(0.5, 0.09), y = -0.2: with f affine in x each step maps Gaussians to Gaussians.
  const [m, v, y] = [0.5, 0.09, -0.2]
  const world = new GaussianMixture({ means: [[m - y]], stds: [Math.sqrt(v)] })

  /** The recursion in x space, of the paper's step. */
  function recursion(T: number, minNoise: number) {
    const eta = etas(T, minNoise)
    let [mean, variance] = [y, kappa ** 2 * eta[T]]
    for (let t = T; t >= 1; t--) {
      const alpha = eta[t] - eta[t - 1]
      const vx = (1 - eta[t]) ** 2 * v + kappa ** 2 * eta[t]
      const mx = (1 - eta[t]) * m + eta[t] * y
      const g = (v * (1 - eta[t])) / vx
      const [keep, gain] = [eta[t - 1] / eta[t], alpha / eta[t]]
      mean = keep * mean + gain * (m + g * (mean - mx))
      variance = (keep + gain * g) ** 2 * variance + (t > 1 ? (kappa ** 2 * eta[t - 1] * alpha) / eta[t] : 0)
    }
    return { mean, variance }
  }

  /** The same for any plan, from its table: the response of the end to the start and to each draw. */
  function moments(solver: Solver, process: Process, T: number) {
    const plan: Plan = solver(process, chain(process, T))
    const run = (r: number, which: number) =>
      interpret(plan, (state, t, out) => void world.predict(state, process.a(t), process.s(t), 'data', out), [r], {
        noise: (stage, out) => out.fill(stage === which ? 1 : 0),
      }).states[0][0]
    const base = run(0, -1)
    let variance = (run(1, -1) - base) ** 2 * process.s(1) ** 2
    for (let k = 0; k < T; k++) variance += (run(0, k) - base) ** 2
    return { mean: y + base, variance }
  }

  it.each([
    [4, 0.2, 0.0232],
    [15, 0.04, 0.0468],
    [100, 0.04, 0.0749],
    [1000, 0.04, 0.0856],
  ])('T = %d: of 0.09, the chain leaves as much as the recursion says', (T, minNoise, left) => {
    const expected = recursion(T, minNoise)
    expect(expected.mean).toBeCloseTo(0.4997, 4)
    expect(expected.variance).toBeCloseTo(left, 4)
    if (T > 100) return
    const { mean, variance } = moments(resShift(), residualShifting({ steps: T, minNoise }), T)
    expect(mean).toBeCloseTo(expected.mean, 10)
    expect(variance).toBeCloseTo(expected.variance, 10)
  })

  it('it is not DDPM on the same marginals, which keeps less of the noise; both keep a known x_0', () => {
    const grid = chain(conference, 15)
    const [shift, markov] = [resShift()(conference, grid), ddpm()(conference, grid)]
    shift.stages.slice(0, -1).forEach((stage, k) => {
      const [from, to] = [grid[k], grid[k + 1]]
      const share = conference.s(to) / conference.s(from)
      expect(stage.states[0]).toBeCloseTo(share ** 2, 12)
      // DDPM shrinks x_to to x_from in its forward step: a factor a / a_to less.
      expect(markov.stages[k].states[0]).toBeCloseTo(share ** 2 * (conference.a(from) / conference.a(to)), 12)
      expect(markov.stages[k].noise).toBeGreaterThan(stage.noise)
      for (const { states, predictions, noise } of [stage, markov.stages[k]]) {
        // A known r_0 stays: mean a_to r_0, variance s_to^2.
        expect(states[0] * conference.a(from) + predictions[0]).toBeCloseTo(conference.a(to), 12)
        expect(states[0] ** 2 * conference.s(from) ** 2 + noise ** 2).toBeCloseTo(conference.s(to) ** 2, 12)
      }
    })
    const process = residualShifting({ steps: 15 })
    const both = [resShift(), ddpm()].map((solver) => moments(solver, process, 15).variance)
    expect(both[0]).toBeCloseTo(0.0468, 4)
    expect(both[1]).toBeLessThan(both[0])
  })
})
