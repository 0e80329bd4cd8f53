import { describe, expect, it } from 'vitest'
import {
  edm,
  flow,
  karrasGrid,
  meanReverting,
  type Process,
  residualShifting,
  uniformGrid,
  ve,
  vpLinear,
} from '../../src/process/index.ts'
import {
  ddim,
  ddpm,
  dpmSolverPlusPlus,
  dpmSolverPlusPlusAncestral,
  dpmSolverPlusPlusSde,
  eulerAncestral,
  interpret,
  nfeOf,
  type Plan,
  renoise,
  resShift,
  type Solver,
} from '../../src/solve/index.ts'
import { moments } from '../../src/solve/moments.ts'
import { problemG } from '../process/worlds.ts'
import { executeAgainstInterpret, lawErrors, ranges } from './convergence.ts'
import { askOf } from './golden.ts'
import { order } from './helpers.ts'

const process = vpLinear()

/** Runs a plan on EDM from x with given noise numbers, one per stage. */
const run = (plan: Plan, p: Process, x: number, noise: (stage: number) => number) =>
  interpret(plan, askOf(p, plan.target), [x], {
    noise: (stage, out) => {
      out[0] = noise(stage)
    },
  }).states[0][0]

const z = (i: number) => Math.sin(7 * i + 2)

describe('against the loops of k-diffusion, written out in sigma', () => {
  const p = edm()
  const grid = karrasGrid(p, 9)
  const sigmas = grid.map((t) => p.s(t))
  const D = (x: number, s: number) => problemG.predict([x], 1, s, 'data', new Float64Array(1))[0]
  const down = (from: number, to: number, eta: number) => {
    const up = Math.min(to, eta * Math.sqrt((to ** 2 * (from ** 2 - to ** 2)) / from ** 2))
    return [Math.sqrt(to ** 2 - up ** 2), up]
  }

  it.each([0, 0.5, 1, 1.3])('Euler ancestral with eta = %s', (eta) => {
    let x = 50
    for (let i = 0; i < 9; i++) {
      const [low, up] = down(sigmas[i], sigmas[i + 1], eta)
      x += ((x - D(x, sigmas[i])) / sigmas[i]) * (low - sigmas[i]) + up * z(i)
    }
    expect(run(eulerAncestral({ eta })(p, grid), p, 50, z)).toBeCloseTo(x, 11)
  })

  it.each([0, 0.5, 1, 1.3])('DPM++ 2S ancestral with eta = %s', (eta) => {
    let x = 50
    let stage = 0
    for (let i = 0; i < 9; i++) {
      const [low, up] = down(sigmas[i], sigmas[i + 1], eta)
      if (low === 0) {
        x = D(x, sigmas[i]) + up * z(stage++)
        continue
      }
      const h = Math.log(sigmas[i] / low)
      const middle = sigmas[i] * Math.exp(-h / 2)
      const half = (middle / sigmas[i]) * x - Math.expm1(-h / 2) * D(x, sigmas[i])
      x = (low / sigmas[i]) * x - Math.expm1(-h) * D(half, middle) + up * z(stage + 1)
      stage += 2
    }
    const plan = dpmSolverPlusPlusAncestral({ eta })(p, grid)
    if (eta <= 1) expect(nfeOf(plan)).toBe(17) // where all noise is fresh there is nothing to step down to
    expect(run(plan, p, 50, z)).toBeCloseTo(x, 11)
  })

  it.each([
    [1, 0.5],
    [0.6, 0.5],
    [1, 0.3],
    [0, 0.5],
  ])('DPM++ SDE with eta = %s, r = %s, and the noise of one Brownian path', (eta, r) => {
    let x = 50
    for (let i = 0; i < 9; i++) {
      const [from, to] = [sigmas[i], sigmas[i + 1]]
      const first = D(x, from)
      if (to === 0) {
        x = first
        continue
      }
      const middle = Math.exp((1 - r) * Math.log(from) + r * Math.log(to))
      // The path from sigma to the middle, and on to the end.
      const [w1, w2] = [Math.sqrt(from - middle) * z(2 * i), Math.sqrt(middle - to) * z(2 * i + 1)]
      const [low1, up1] = down(from, middle, eta)
      const half = (low1 / from) * x + (1 - low1 / from) * first + (up1 * w1) / Math.sqrt(from - middle)
      const [low2, up2] = down(from, to, eta)
      const mixed = (1 - 1 / (2 * r)) * first + D(half, middle) / (2 * r)
      x = (low2 / from) * x + (1 - low2 / from) * mixed + (up2 * (w1 + w2)) / Math.sqrt(from - to)
    }
    const plan = dpmSolverPlusPlusSde({ tau: eta, r, variant: 'released' })(p, grid)
    expect(run(plan, p, 50, z)).toBeCloseTo(x, 11)
  })

  it.each([0.3, 1])('DPM++ 2M and 3M SDE with eta = %s = tau^2', (eta) => {
    const tau = Math.sqrt(eta)
    const loop = (form: 'midpoint' | 'heun' | '3M') => {
      let x = 50
      let [m1, m2, h1, h2] = [0, 0, 0, 0]
      for (let i = 0; i < 9; i++) {
        const m0 = D(x, sigmas[i])
        if (i === 8) return m0
        const h = Math.log(sigmas[i] / sigmas[i + 1])
        const H = (1 + eta) * h
        const phi2 = Math.expm1(-H) / H + 1
        x = (sigmas[i + 1] / sigmas[i]) * Math.exp(-eta * h) * x - Math.expm1(-H) * m0
        const d0 = ((m0 - m1) / h1) * h
        if (form === '3M' && i > 1) {
          const [r0, r1] = [h1 / h, h2 / h]
          const d1 = (m1 - m2) / r1
          x += phi2 * (d0 + ((d0 - d1) * r0) / (r0 + r1)) - ((phi2 / H - 0.5) * (d0 - d1)) / (r0 + r1)
        } else if (i > 0) x += form === 'midpoint' ? -0.5 * Math.expm1(-H) * d0 : phi2 * d0
        x += sigmas[i + 1] * Math.sqrt(-Math.expm1(-2 * eta * h)) * z(i)
        ;[m1, m2, h1, h2] = [m0, m1, h, h1]
      }
      return x
    }
    const whole = { tau, lowerOrderFinal: false } as const
    expect(run(dpmSolverPlusPlus(whole)(p, grid), p, 50, z)).toBeCloseTo(loop('midpoint'), 11)
    expect(run(dpmSolverPlusPlus({ ...whole, type: 'taylor' })(p, grid), p, 50, z)).toBeCloseTo(loop('heun'), 11)
    const third = dpmSolverPlusPlus({ ...whole, order: 3, type: 'taylor', variant: 'released' })
    expect(run(third(p, grid), p, 50, z)).toBeCloseTo(loop('3M'), 11)
  })
})

describe('eulerAncestral', () => {
  it('in rho is DDIM', () => {
    const grid = uniformGrid(process, 5)
    const [a, b] = [eulerAncestral({ eta: 0.7 }), ddim({ eta: 0.7 })].map((solver) => solver(process, grid).stages)
    expect(a).toEqual(b)
  })

  it('in time is the flow form: an Euler step on the velocity to t_down, and noise', () => {
    const p = flow()
    const [t, to, eta] = [0.8, 0.5, 0.6]
    const { states, predictions, noise } = eulerAncestral({ eta, variable: 'time' })(p, [t, to]).stages[0]
    const down = to * (1 + (to / t - 1) * eta)
    const ratio = (1 - to) / (1 - down)
    expect(states[0]).toBeCloseTo((ratio * down) / t, 14)
    expect(predictions[0]).toBeCloseTo(ratio * (1 - down / t), 14)
    expect(noise).toBeCloseTo(Math.sqrt(to ** 2 - (ratio * down) ** 2), 14)
  })

  it('goes from pure noise to clean data', () => {
    for (const variable of ['rho', 'time'] as const) {
      const { stages } = eulerAncestral({ variable })(flow(), [1, 0.5, 0])
      expect(stages[0].predictions.every(Number.isFinite)).toBe(true)
      expect(stages[1]).toMatchObject({ states: [], predictions: [1], noise: 0 })
    }
  })

  it('refuses other amounts of noise', () => {
    expect(() => eulerAncestral({ eta: -1 })).toThrow('eta >= 0, got -1')
    expect(() => eulerAncestral({ eta: 1.2, variable: 'time' })).toThrow('in time needs 0 <= eta <= 1, got 1.2')
    expect(() => dpmSolverPlusPlusAncestral({ eta: Number.NaN })).toThrow('eta >= 0')
    expect(() => dpmSolverPlusPlusSde({ r: 1 })).toThrow('0 < r < 1')
  })
})

describe('renoise', () => {
  it('keeps nothing of the state', () => {
    const [first, last] = renoise()(flow(), [1, 0.4, 0]).stages
    expect(first).toMatchObject({ states: [], predictions: [0.6], noise: 0.4 })
    expect(last).toMatchObject({ states: [], predictions: [1], noise: 0 })
  })
})

describe('resShift', () => {
  /** Two levels of a chain: eta = 0.3 at t = 0.5, 0.5 at t = 1, kappa = 2. */
  const two: Process = {
    ...process,
    name: 'two',
    a: (t) => 1 - (t === 1 ? 0.5 : 0.3),
    s: (t) => 2 * Math.sqrt(t === 1 ? 0.5 : 0.3),
    logSnr: (t) => Math.log(two.a(t) / two.s(t)),
  }

  it('is the posterior of the chain by Bayes, whatever the degraded image', () => {
    const { states, predictions, noise } = resShift()(two, [1, 0.5]).stages[0]
    for (const y of [-1, 0, 3]) {
      const mean = y + states[0] * (0.2 - y) + predictions[0] * (0.4 - y)
      expect(mean).toBeCloseTo(0.28, 14)
    }
    expect(noise ** 2).toBeCloseTo(0.48, 14)
  })

  it('has the published coefficients at every step', () => {
    const p = residualShifting({ steps: 15 })
    const grid = uniformGrid(p, 15)
    const eta = (k: number) => (p.s(grid[k]) / 2) ** 2
    resShift()(p, grid).stages.forEach(({ states, predictions, noise }, k) => {
      const [from, to] = [eta(k), eta(k + 1)]
      expect(states[0] ?? 0).toBeCloseTo(to / from, 14)
      expect(predictions[0]).toBeCloseTo((from - to) / from, 14)
      expect(noise).toBeCloseTo(2 * Math.sqrt((to * (from - to)) / from), 13)
    })
  })

  it.each([
    [4, 0.2, 0.0232],
    [15, 0.04, 0.0468],
    [100, 0.04, 0.0749],
  ])('in %s steps has the law of the sheet, with the variance that few steps lose', (steps, minNoise, variance) => {
    const p = residualShifting({ steps, minNoise })
    const law = moments(resShift()(p, uniformGrid(p, steps)), p, { mean: 0.7, std: 0.3 }, { start: 'noise' })
    expect(law.mean[steps] - 0.2).toBeCloseTo(0.4997, 4)
    expect(law.variance[steps]).toBeCloseTo(variance, 4)
  })

  it('is DDPM where a is constant, and not where it is not', () => {
    const noise = (solver: Solver, p: Process) => solver(p, [0.8, 0.5]).stages[0].noise
    expect(noise(resShift(), edm())).toBeCloseTo(noise(ddpm(), edm()), 12)
    const p = residualShifting()
    expect(Math.abs(noise(resShift(), p) / noise(ddpm(), p) - 1)).toBeGreaterThan(0.02)
  })
})

describe('the law of Gaussian data', () => {
  const cases: [string, Solver, number][] = [
    ['resShift', resShift(), 1],
    ['Euler ancestral', eulerAncestral(), 1],
    ['Euler ancestral, eta = 0.5', eulerAncestral({ eta: 0.5 }), 1],
    ['Euler ancestral in time', eulerAncestral({ variable: 'time' }), 1],
    ['2S ancestral', dpmSolverPlusPlusAncestral(), 2],
    ['2S ancestral, eta = 0.5', dpmSolverPlusPlusAncestral({ eta: 0.5 }), 2],
    ['SDE', dpmSolverPlusPlusSde(), 2],
    ['SDE, tau = 0.5', dpmSolverPlusPlusSde({ tau: 0.5 }), 2],
    ['SDE released', dpmSolverPlusPlusSde({ variant: 'released' }), 2],
    ['SDE-DPM-Solver++ 1', dpmSolverPlusPlus({ order: 1, tau: 1 }), 1],
    ['SDE-DPM-Solver++ 2M', dpmSolverPlusPlus({ tau: 1 }), 2],
    ['SDE-DPM-Solver++ 2M taylor', dpmSolverPlusPlus({ tau: 1, type: 'taylor' }), 2],
  ]
  it.each(cases)('%s: the mean is kept, and the variance at every time of the grid comes right', (_, solver, p) => {
    const ns = [48, 96, 192]
    for (const range of ranges) {
      const errors = lawErrors(solver, range, ns)
      for (const { mean } of errors) expect(mean).toBeLessThan(1e-10)
      const variances = errors.map(({ variance }) => variance)
      expect(order(ns, variances), range.process.name).toBeGreaterThan(p - 0.2)
      expect(order(ns, variances), range.process.name).toBeLessThan(p + 0.35)
      expect(variances[2]).toBeLessThan(p === 1 ? 0.05 : 0.002)
    }
  })
})

describe('the law of a mixture', () => {
  /** Nodes and weights of `E[f(z)]`, z standard normal, by the trapezoidal rule. */
  const normals = Array.from({ length: 17 }, (_, i) => -4.8 + 0.6 * i).map((v) => ({
    v,
    weight: (0.6 * Math.exp((-v * v) / 2)) / Math.sqrt(2 * Math.PI),
  }))
  const x = Array.from({ length: 241 }, (_, i) => -4.8 + i / 25)
  const second = (density: number[]) =>
    density.reduce((sum, p, i) => sum + p * x[i] ** 2, 0) / density.reduce((sum, p) => sum + p, 0)
  const marginal = (t: number) => x.map((v) => Math.exp(problemG.logDensity([v], process.a(t), process.s(t))))
  const [from, to] = [0.6, 0.2]
  const exact = second(marginal(to))

  /** Error of `E[x^2]` with the law carried as a density, for a plan of two stages a step without memory. */
  const error = (solver: Solver, n: number) => {
    const plan = solver(process, uniformGrid(process, n, { from, to }))
    const shares = plan.stages[0].noise === 0 ? [{ v: 0, weight: 1 }] : normals
    let density = marginal(from)
    for (let step = 0; step < n; step++) {
      const noise = plan.stages[2 * step + 1].noise
      const states = x.flatMap((v) => shares.map(() => v))
      const { states: ends } = interpret(plan, askOf(process, 'data'), states, {
        from: step,
        to: step + 1,
        noise: (stage, out) => {
          if (stage % 2 === 1) out.fill(0)
          else for (let i = 0; i < out.length; i++) out[i] = shares[i % shares.length].v
        },
      })
      const next = new Array<number>(x.length).fill(0)
      ends[0].forEach((mean, i) => {
        const mass = density[Math.floor(i / shares.length)] * shares[i % shares.length].weight
        const first = Math.max(0, Math.ceil((mean - 7 * noise + 4.8) * 25))
        const last = Math.min(x.length - 1, Math.floor((mean + 7 * noise + 4.8) * 25))
        for (let j = first; j <= last; j++) next[j] += mass * Math.exp(-0.5 * ((x[j] - mean) / noise) ** 2)
      })
      density = next
    }
    return Math.abs(second(density) - exact)
  }

  it.each<[string, Solver]>([
    ['2S ancestral', dpmSolverPlusPlusAncestral()],
    ['SDE', dpmSolverPlusPlusSde()],
    ['SDE released', dpmSolverPlusPlusSde({ variant: 'released' })],
  ])('%s converges weakly with order 2', (_, solver) => {
    const ns = [5, 10]
    const slope = order(
      ns,
      ns.map((n) => error(solver, n)),
    )
    expect(slope).toBeGreaterThan(1.7)
    expect(slope).toBeLessThan(2.6)
  })
})

describe('2S ancestral on a process that ends in noise', () => {
  it.each([ve(), meanReverting()])(
    'asks at the end itself, or where that is too far takes a step of first order',
    (p) => {
      for (const n of [1, 2, 5]) {
        const grid = uniformGrid(p, n)
        const last = (plan: Plan) => plan.stages.filter(({ step }) => step === n - 1)
        expect(last(dpmSolverPlusPlusAncestral()(p, grid)).map(({ time }) => time)).toEqual([grid[n - 1], 0])
        const further = { eta: 1.2 }
        const beyond = last(dpmSolverPlusPlusAncestral(further)(p, grid))
        expect(beyond).toEqual(last(eulerAncestral(further)(p, grid)))
      }
    },
  )
})

it('runs in float32 as it is interpreted', async () => {
  const grid = uniformGrid(process, 7, { from: 0.9 })
  for (const solver of [
    dpmSolverPlusPlusSde(),
    dpmSolverPlusPlusSde({ variant: 'released' }),
    dpmSolverPlusPlusAncestral(),
  ]) {
    expect(await executeAgainstInterpret(solver(process, grid), process)).toBeLessThan(2e-5)
  }
})
