import { describe, expect, it } from 'vitest'
import { eulerMaruyama, posteriorSampling } from '../../../../reproduce/mr-sampler/baselines.ts'
import { conversion, GaussianMixture, meanReverting, type Process, uniformGrid } from '../../src/process/index.ts'
import {
  ddim,
  ddpm,
  dpmSolver,
  dpmSolverPlusPlus,
  execute,
  interpret,
  mrSampler,
  type Plan,
  stepsOf,
} from '../../src/solve/index.ts'
import { fold, normal } from '../../src/tensor/index.ts'
import { order, rowKeys } from './helpers.ts'

// Everything here in x space, with the degraded image mu written out as the paper does; the library knows residuals only.
const process = meanReverting()
const std = 50 / 255
const mu = 0.35
const clean = new GaussianMixture({ means: [[0.1], [0.8]], stds: [0.06, 0.1], weights: [0.4, 0.6] })

/** E[x_0 | x_t = x]: component k has mean `mu + a (m_k - mu)` and variance `a^2 v_k + s^2`. */
function dataAt(x: number, t: number): number {
  const [a, s] = [process.a(t), process.s(t)]
  const joint = clean.means.map(([m], k) => {
    const c = a * a * clean.stds[k] ** 2 + s * s
    const mean = mu + a * (m - mu)
    return {
      log: Math.log(clean.weights[k]) - (x - mean) ** 2 / (2 * c) - 0.5 * Math.log(c),
      value: m + ((a * clean.stds[k] ** 2) / c) * (x - mean),
    }
  })
  const most = Math.max(...joint.map(({ log }) => log))
  const weights = joint.map(({ log }) => Math.exp(log - most))
  const total = weights.reduce((sum, w) => sum + w, 0)
  return joint.reduce((sum, { value }, k) => sum + (weights[k] / total) * value, 0)
}

const noiseAt = (x: number, t: number) => (x - mu - process.a(t) * (dataAt(x, t) - mu)) / process.s(t)

/** The same world as the library sees it: residuals `x_0 - mu`. */
const residual = new GaussianMixture({
  means: clean.means.map(([m]) => [m - mu]),
  stds: [...clean.stds],
  weights: [...clean.weights],
})

const ask = (target: 'data' | 'noise') => (r: Float64Array, t: number, out: Float64Array) => {
  residual.predict(r, process.a(t), process.s(t), target, out)
}

type Form = 'ode' | 'sde'
type Target = 'data' | 'noise'
interface Node {
  readonly a: number
  readonly s: number
  readonly lambda: number
}
const nodeAt = (t: number): Node => ({
  a: process.a(t),
  s: process.s(t),
  lambda: Math.log(process.a(t) / process.s(t)),
})

/** The table of the paper's solvers (order 1 and 2): from node 0 to node 1, with D1 = 0 for order 1. */
function byTable(form: Form, target: Target, from: Node, to: Node, x: number, q: number, d: number, z: number): number {
  const { a: a0, s: s0 } = from
  const { a: a1, s: s1 } = to
  const h = to.lambda - from.lambda
  const e = Math.exp
  if (form === 'ode' && target === 'noise') {
    return (a1 / a0) * x + mu * (1 - a1 / a0) - s1 * (e(h) - 1) * q - s1 * ((e(h) - 1) / h - 1) * d
  }
  if (form === 'ode') {
    const own = (s1 / s0) * x + mu * (1 - s1 / s0 + (s1 / s0) * a0 - a1)
    return own + a1 * (1 - e(-h)) * q + a1 * (1 - (1 - e(-h)) / h) * d
  }
  if (target === 'noise') {
    const own = (a1 / a0) * x + mu * (1 - a1 / a0)
    const network = -2 * s1 * (e(h) - 1) * q - 2 * s1 * ((e(h) - 1) / h - 1) * d
    return own + network + s1 * Math.sqrt(e(2 * h) - 1) * z
  }
  const own = (s1 / s0) * e(-h) * x + mu * (1 - (a1 / a0) * e(-2 * h) - a1 * (1 - e(-2 * h)))
  const network = a1 * (1 - e(-2 * h)) * q + a1 * (1 - (1 - e(-2 * h)) / (2 * h)) * d
  return own + network + s1 * Math.sqrt(1 - e(-2 * h)) * z
}

/** The third-order step of the paper's code (ODE): the half second difference D2 times p3, or as it should be 2 p3. */
function thirdOrder(target: Target, nodes: Node[], to: Node, x: number, q: number[], weight: 1 | 2): number {
  const [n0, n1, n2] = nodes
  const h = to.lambda - n0.lambda
  const ra = (n0.lambda - n1.lambda) / h
  const rb = (n1.lambda - n2.lambda) / h
  const d10 = (q[0] - q[1]) / ra
  const d11 = (q[1] - q[2]) / rb
  const d1 = d10 + ((d10 - d11) * ra) / (ra + rb)
  const d2 = (d10 - d11) / (ra + rb)
  if (target === 'data') {
    const p1 = Math.expm1(-h)
    const p2 = p1 / h + 1
    const p3 = p2 / h - 0.5
    const own = (to.s / n0.s) * x + mu * (1 - to.s / n0.s + (to.s / n0.s) * n0.a - to.a)
    return own - to.a * (p1 * q[0] - p2 * d1 + weight * p3 * d2)
  }
  const p1 = Math.expm1(h)
  const p2 = p1 / h - 1
  const p3 = p2 / h - 0.5
  return (to.a / n0.a) * x + mu * (1 - to.a / n0.a) - to.s * (p1 * q[0] + p2 * d1 + weight * p3 * d2)
}

/** The sampler's loop: order 1, then 2, then 3; nothing is lowered at the end. */
function byHand(
  grid: readonly number[],
  form: Form,
  target: Target,
  most: number,
  x: number,
  z: number[],
  weight: 1 | 2,
) {
  const history: { node: Node; q: number }[] = []
  for (let k = 0; k + 1 < grid.length; k++) {
    const to = nodeAt(grid[k + 1])
    history.unshift({ node: nodeAt(grid[k]), q: target === 'data' ? dataAt(x, grid[k]) : noiseAt(x, grid[k]) })
    const [now, before] = history
    const h = to.lambda - now.node.lambda
    const d = before && most > 1 ? (now.q - before.q) / ((now.node.lambda - before.node.lambda) / h) : 0
    if (most === 3 && history.length > 2) {
      const last = history.slice(0, 3)
      x = thirdOrder(
        target,
        last.map(({ node }) => node),
        to,
        x,
        last.map(({ q }) => q),
        weight,
      )
    } else {
      x = byTable(form, target, now.node, to, x, now.q, d, z[k])
    }
  }
  return x
}

/** The times of even steps in lambda from 1 to the end, by default the whole process. */
function evenLambda(p: Process, n: number, end = 0): number[] {
  const [first, last] = [p.logSnr(1), p.logSnr(end)]
  return Array.from({ length: n + 1 }, (_, i) =>
    i === 0 ? 1 : i === n ? end : p.timeOfLogSnr(first + ((last - first) * i) / n),
  )
}

const uneven = [1, 0.93, 0.81, 0.8, 0.62, 0.45, 0.3, 0.17, 0.06, 0.02, 0]
const draws = Float64Array.from({ length: 10 })
normal({ hi: 3, lo: 4 }, draws)
const noise = (stage: number, out: Float64Array) => {
  out[0] = draws[stage]
}
const whole = { lowerOrderFinal: false } as const

describe('the schedule of IR-SDE', () => {
  it('is the sum of the thetas, the first one included', () => {
    const n = 102
    const c = (k: number) => Math.cos(((k / n + 0.008) / 1.008) * (Math.PI / 2)) ** 2
    const theta = Array.from({ length: 101 }, (_, t) => 1 - c(t + 1) / c(0))
    const cumulative = theta.map((_, t) => theta.slice(0, t + 1).reduce((sum, v) => sum + v, 0))
    const dt = -Math.log(0.005) / cumulative[100]
    expect(theta[0]).toBeCloseTo(6.1424e-4, 8)
    expect(dt).toBeCloseTo(0.1040926, 7)
    cumulative.forEach((sum, t) => {
      const a = Math.exp(-sum * dt)
      expect(process.a(t / 100)).toBeCloseTo(a, 12)
      expect(process.s(t / 100)).toBeCloseTo(std * Math.sqrt(1 - a * a), 12)
    })
    expect(process.a(0)).toBeCloseTo(0.999936, 6)
    expect(process.s(0) / std).toBeCloseTo(0.0113078, 7)
    expect([process.logSnr(0), process.logSnr(1)].map((l) => Number(l.toFixed(3)))).toEqual([6.111, -3.669])
  })
})

describe('the solvers are those of the residual', () => {
  const cases = (['ode', 'sde'] as const).flatMap((form) =>
    (['noise', 'data'] as const).flatMap((prediction) => [1, 2].map((n) => [form, prediction, n] as const)),
  )

  it.each(cases)('%s, %s, order %d: the published coefficients with mu, in float64', (form, prediction, most) => {
    for (const grid of [uneven, uniformGrid(process, 10), evenLambda(process, 10)]) {
      const plan = mrSampler({ form, prediction, order: most, ...whole })(process, grid)
      for (const x of [mu - 0.3, mu + 0.02, mu + 0.4]) {
        const expected = byHand(grid, form, prediction, most, x, [...draws], 1)
        const found = mu + interpret(plan, ask(prediction), [x - mu], { noise }).states[0][0]
        expect(Math.abs(found - expected) / (1 + Math.abs(expected))).toBeLessThan(1e-12)
      }
    }
  })

  it.each(['noise', 'data'] as const)(
    'third order, %s: with the weight of the code, and the right one',
    (prediction) => {
      const at = (variant: 'correct' | 'released', x: number) => {
        const plan = mrSampler({ prediction, order: 3, variant, ...whole })(process, uneven)
        return mu + interpret(plan, ask(prediction), [x - mu]).states[0][0]
      }
      for (const x of [mu - 0.3, mu + 0.4]) {
        const [released, correct] = [1, 2].map((weight) => byHand(uneven, 'ode', prediction, 3, x, [], weight as 1 | 2))
        expect(Math.abs(at('released', x) - released)).toBeLessThan(1e-11)
        expect(Math.abs(at('correct', x) - correct)).toBeLessThan(1e-11)
        expect(Math.abs(released - correct)).toBeGreaterThan(1e-4)
      }
    },
  )

  it('and in float32, through the executor, with the noise of the keys', async () => {
    const keys = rowKeys(7, 3)
    const rows = { shape: [3, 1], data: Float32Array.of(-0.3, 0.02, 0.4) }
    for (const [form, prediction, most] of cases) {
      const plan = mrSampler({ form, prediction, order: most, ...whole })(process, uneven)
      const end = await execute(plan, residual.denoiser(process), rows, { keys })
      keys.forEach((own, i) => {
        const z = plan.stages.map((_, stage) => {
          const one = new Float32Array(1)
          normal(fold(own, stage), one)
          return one[0]
        })
        const expected = byHand(uneven, form, prediction, most, mu + rows.data[i], z, 1)
        // The noise form of the SDE multiplies what was rounded by exp(h) at every step.
        const tolerance = form === 'sde' && prediction === 'noise' ? 1e-4 : 2e-6
        expect(Math.abs(mu + end.data[i] - expected)).toBeLessThan(tolerance * (1 + Math.abs(expected)))
      })
    }
  })

  it('the coefficients of mu are what is left to one', () => {
    const grid = evenLambda(process, 8)
    const still = (plan: Plan) => interpret(plan, (_, __, out) => out.fill(0), [0], { noise: (_, out) => out.fill(0) })
    for (const [form, prediction, most] of cases) {
      for (let k = 0; k < 8; k++) {
        const [from, to] = [nodeAt(grid[k]), nodeAt(grid[k + 1])]
        // A network that says x_0 = mu at x = mu: data mu, noise 0.
        const stays = byTable(form, prediction, from, to, mu, prediction === 'data' ? mu : 0, 0, 0)
        expect(stays).toBeCloseTo(mu, 13)
      }
      const plan = mrSampler({ form, prediction, order: most })(process, grid)
      expect(still(plan).states[0][0]).toBe(0)
    }
  })

  it('order 1 of the ODE is one map, whichever prediction; DDIM', () => {
    for (const x of [-0.3, 0.4]) {
      const [data, noises, ddims] = [
        mrSampler({ order: 1, prediction: 'data' }),
        mrSampler({ order: 1, prediction: 'noise' }),
        ddim(),
      ].map((solver) => {
        const plan = solver(process, uneven)
        return interpret(plan, ask(plan.target), [x]).states[0][0]
      })
      expect(Math.abs(data - noises)).toBeLessThan(1e-12)
      expect(Math.abs(data - ddims)).toBeLessThan(1e-12)
    }
  })

  it('order 1 of the SDE with data is the posterior step, over any stride; DDPM', () => {
    const plan = mrSampler({ form: 'sde', order: 1 })(process, uneven)
    const ancestral = ddpm()(process, uneven)
    plan.stages.forEach((stage, k) => {
      // From t to t': A = a_t / a_t', B = a_t, C = a_t'.
      const [B, C] = [process.a(uneven[k]), process.a(uneven[k + 1])]
      const A = B / C
      const ofState = (A * (1 - C * C)) / (1 - B * B)
      const ofData = (C * (1 - A * A)) / (1 - B * B)
      const spread = std * Math.sqrt(((1 - A * A) * (1 - C * C)) / (1 - B * B))
      const found = [stage.states[0], stage.predictions[0], stage.noise]
      found.forEach((v, i) => {
        expect(v).toBeCloseTo([ofState, ofData, spread][i], 12)
        expect(v).toBeCloseTo(
          [ancestral.stages[k].states[0], ancestral.stages[k].predictions[0], ancestral.stages[k].noise][i],
          12,
        )
      })
    })
  })

  it('with mu = 0 and std = 1 it is DDIM and DPM-Solver(++); std only scales the noise', () => {
    const unit = meanReverting({ std: 1 })
    expect(unit.a(0.4) ** 2 + unit.s(0.4) ** 2).toBeCloseTo(1, 14)
    const equal = (plan: Plan, other: Plan, scale = { x: 1, noise: 1 }) => {
      expect(stepsOf(plan)).toBe(stepsOf(other))
      plan.stages.forEach((stage, k) => {
        const { states, predictions, noise } = other.stages[k]
        stage.states.forEach((v, i) => void expect(v).toBeCloseTo(states[i], 12))
        stage.predictions.forEach((v, i) => void expect(v).toBeCloseTo(scale.x * predictions[i], 12))
        expect(stage.noise).toBeCloseTo(scale.noise * noise, 12)
      })
    }
    equal(mrSampler({ order: 1, ...whole })(unit, uneven), ddim()(unit, uneven))
    const taylor = { type: 'taylor', ...whole } as const
    equal(mrSampler(whole)(unit, uneven), dpmSolverPlusPlus(taylor)(unit, uneven))
    equal(mrSampler({ prediction: 'noise', ...whole })(unit, uneven), dpmSolver(taylor)(unit, uneven))
    for (const form of ['ode', 'sde'] as const) {
      const options = { form, ...whole }
      equal(mrSampler(options)(process, uneven), mrSampler(options)(unit, uneven), { x: 1, noise: std })
      const ofNoise = { prediction: 'noise', ...options } as const
      equal(mrSampler(ofNoise)(process, uneven), mrSampler(ofNoise)(unit, uneven), { x: std, noise: std })
    }
  })

  it("the paper's velocity is ours of the process with std = 1, times std", () => {
    const unit = meanReverting({ std: 1 })
    for (const t of [0.1, 0.6, 1]) {
      const { a, s } = nodeAt(t)
      const [x, x0] = [0.7, 0.5]
      const eps = (x - mu - a * (x0 - mu)) / s
      const v = a * std * eps - (s / std) * (x0 - mu)
      // Its conversions, in x space.
      expect(a * x - (s / std) * v + (1 - a) * mu).toBeCloseTo(x0, 12)
      expect((a * v + (s / std) * (x - mu)) / std).toBeCloseTo(eps, 12)
      const ours = conversion('data', 'velocity', { a: unit.a(t), s: unit.s(t), da: 0, ds: 0 })
      expect((ours.x * (x - mu)) / std + (ours.output * (x0 - mu)) / std).toBeCloseTo(v / std, 12)
    }
  })
})

describe('order and stability', () => {
  const gaussian = new GaussianMixture({ means: [[0.25]], stds: [0.15] })
  const asked = (target: Target) => (r: Float64Array, t: number, out: Float64Array) => {
    gaussian.predict(r, process.a(t), process.s(t), target, out)
  }
  const ns = [40, 80, 160, 320]

  it.each([
    ['data', 1, 1],
    ['noise', 1, 1],
    ['data', 2, 2],
    ['noise', 2, 2],
  ] as const)('the ODE with %s, order %d, converges to the exact map with slope %d', (prediction, most, slope) => {
    const starts = [-0.3, 0.1, 0.45]
    const errors = ns.map((n) => {
      const plan = mrSampler({ prediction, order: most, ...whole })(process, evenLambda(process, n))
      const squares = starts.map((r) => {
        const exact = gaussian.flow(process, [r], 1, 0)[0]
        return (interpret(plan, asked(prediction), [r]).states[0][0] - exact) ** 2
      })
      return Math.sqrt(squares.reduce((sum, v) => sum + v, 0) / starts.length)
    })
    expect(order(ns, errors)).toBeGreaterThan(slope - 0.15)
    expect(order(ns, errors)).toBeLessThan(slope + 0.35)
  })

  /** Mean and variance at the end, exactly: data of one Gaussian make the whole run affine in its start and its noise. */
  function moments(plan: Plan) {
    const n = stepsOf(plan)
    const run = (r: number, which: number) =>
      interpret(plan, asked(plan.target), [r], { noise: (stage, out) => out.fill(stage === which ? 1 : 0) })
        .states[0][0]
    const base = run(0, -1)
    const slope = run(1, -1) - base
    const a = process.a(1)
    const mean = base + slope * a * 0.25
    let variance = slope ** 2 * (a * a * 0.15 ** 2 + process.s(1) ** 2)
    for (let k = 0; k < n; k++) variance += (run(0, k) - base) ** 2
    return { mean, variance }
  }
  const errorOf = (prediction: Target, most: number, n: number, end: number) => {
    const plan = mrSampler({ form: 'sde', prediction, order: most, ...whole })(process, evenLambda(process, n, end))
    const { mean, variance } = moments(plan)
    const a = process.a(end)
    return Math.abs(mean - a * 0.25) + Math.abs(variance / (a * a * 0.15 ** 2 + process.s(end) ** 2) - 1)
  }

  it.each([
    ['data', 1, 1],
    ['data', 2, 2],
    ['noise', 1, 1],
    ['noise', 2, 2],
  ] as const)(
    'the SDE with %s, order %d: weak error of slope %d on Gaussian data, midway',
    (prediction, most, slope) => {
      const errors = ns.map((n) => errorOf(prediction, most, n, 0.5))
      expect(order(ns, errors)).toBeGreaterThan(slope - 0.15)
      expect(order(ns, errors)).toBeLessThan(slope + 0.35)
    },
  )

  it('the noise form of the SDE breaks down at five steps, the data forms do not', () => {
    expect(errorOf('noise', 2, 5, 0)).toBeGreaterThan(1000)
    expect(errorOf('data', 1, 5, 0)).toBeLessThan(1)
    expect(errorOf('data', 2, 5, 0)).toBeLessThan(1)
  })

  it('the SDE with data keeps the marginal variance at every grid point, for data at one point', () => {
    const grid = evenLambda(process, 9)
    for (const most of [1, 2]) {
      const plan = mrSampler({ form: 'sde', order: most })(process, grid)
      let variance = process.s(1) ** 2
      plan.stages.forEach(({ states, noise: fresh }, k) => {
        variance = states[0] ** 2 * variance + fresh ** 2
        expect(Math.sqrt(variance)).toBeCloseTo(process.s(grid[k + 1]), 12)
      })
    }
  })

  it('refuses a form that it does not have', () => {
    expect(() => mrSampler({ form: 'pde' as 'ode' })).toThrow('forms ode and sde, got pde')
    expect(mrSampler({ form: 'sde' })(process, uneven).name).toBe('mr-sampler(2,sde,data)')
  })
})

describe('the baselines', () => {
  const steps = (n: number) => Array.from({ length: n + 1 }, (_, i) => (n - i) / n)

  it('re-strided posterior sampling is the SDE of order 1 with data', () => {
    const [plan, own] = [posteriorSampling(), mrSampler({ form: 'sde', order: 1 })].map((s) => s(process, uneven))
    plan.stages.forEach(({ states, predictions, noise }, k) => {
      expect(states[0]).toBeCloseTo(own.stages[k].states[0], 12)
      expect(predictions[0]).toBeCloseTo(own.stages[k].predictions[0], 12)
      expect(noise).toBeCloseTo(own.stages[k].noise, 12)
    })
  })

  it('with all of the steps the released forms are the right ones', () => {
    for (const baseline of [posteriorSampling, eulerMaruyama]) {
      const [released, right] = (['released', 'grid'] as const).map((stride) =>
        baseline({ stride })(process, steps(100)),
      )
      released.stages.forEach(({ states, predictions, noise }, k) => {
        expect(states[0]).toBeCloseTo(right.stages[k].states[0], 12)
        expect(predictions[0]).toBeCloseTo(right.stages[k].predictions[0], 10)
        expect(noise).toBeCloseTo(right.stages[k].noise, 12)
      })
    }
  })

  it('Euler-Maruyama, in x space with mu', () => {
    const [from, to] = [0.6, 0.59]
    const theta = Math.log(process.a(to) / process.a(from)) // theta dt
    const [stage] = eulerMaruyama()(process, [from, to]).stages
    const [x, z] = [0.8, -0.4]
    const eps = noiseAt(x, from)
    const score = -eps / process.s(from)
    const expected = x - (theta * (mu - x) - 2 * std ** 2 * theta * score) + std * Math.sqrt(2 * theta) * z
    const found = mu + stage.states[0] * (x - mu) + stage.predictions[0] * eps + stage.noise * z
    expect(found).toBeCloseTo(expected, 12)
  })

  it('with few steps the released forms leave the state in the noise', () => {
    // The true x_0 is known at every step: the right form ends on it, within s(0).
    const x0 = -0.2
    const oracle = (target: Target) => (r: Float64Array, t: number, out: Float64Array) => {
      out[0] = target === 'data' ? x0 : (r[0] - process.a(t) * x0) / process.s(t)
    }
    const [right, released] = (['grid', 'released'] as const).map((stride) => {
      const plan = posteriorSampling({ stride })(process, steps(5))
      return [-0.4, 0.4].map(
        (r) => interpret(plan, oracle('data'), [r], { noise: (_, out) => out.fill(0) }).states[0][0],
      )
    })
    expect(Math.abs(right[0] - right[1])).toBeLessThan(1e-3)
    expect(Math.abs(released[0] - released[1])).toBeGreaterThan(0.3)
  })
})
