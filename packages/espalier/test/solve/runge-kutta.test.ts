import { describe, expect, it } from 'vitest'
import { edm, flow, GaussianMixture, karrasGrid, uniformGrid, vpLinear } from '../../src/process/index.ts'
import {
  ddim,
  euler,
  heun,
  interpret,
  isStochastic,
  nfeOf,
  type RungeKuttaOptions,
  rungeKutta,
  type TableauName,
} from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { executeAgainstInterpret, flowOrder, lawErrors, ranges } from './convergence.ts'
import { askOf, goldenEnd } from './golden.ts'
import { order } from './helpers.ts'

const process = vpLinear()
const orders: Record<TableauName, number> = {
  euler: 1,
  midpoint: 2,
  heun: 2,
  kutta: 3,
  heun3: 3,
  ralston3: 3,
  vanDerHouwen3: 3,
  ssprk3: 3,
  rk4: 4,
}

describe('golden values of problem G', () => {
  it.each([
    ['euler', [-1.22175973, 0.23467065, 1.54807625]],
    ['heun', [-1.39280702, 0.33621337, 1.90423608]],
    ['kutta', [-1.31797605, 0.30023415, 1.74913811]],
    ['rk4', [-1.31760444, 0.30584044, 1.73897547]],
  ] as const)('%s in rho, of either prediction', (method, expected) => {
    for (const target of ['data', 'noise'] as const) {
      goldenEnd(rungeKutta({ method, target })).forEach((x, i) => {
        expect(Math.abs(x - expected[i])).toBeLessThan(2e-8)
      })
    }
  })
})

describe('order', () => {
  const methods = Object.entries(orders) as [TableauName, number][]
  const every = methods.flatMap(([method, p]) =>
    (['rho', 'lambda', 'time'] as const).map((variable) => ({ method, variable, p })),
  )
  it.each(every)('of $method in $variable is $p', ({ method, variable, p }) => {
    for (const range of ranges) {
      const slope = flowOrder(rungeKutta({ method, variable }), range)
      expect(slope, range.process.name).toBeGreaterThan(p - 0.15)
      expect(slope, range.process.name).toBeLessThan(p + 0.25)
    }
  })

  it('holds for one Gaussian too', () => {
    const gaussian = new GaussianMixture({ means: [[0.7]], stds: [0.5] })
    for (const range of ranges) {
      expect(flowOrder(heun(), range, gaussian)).toBeCloseTo(2, 1)
      expect(flowOrder(euler({ variable: 'time' }), range, gaussian)).toBeCloseTo(1, 1)
    }
  })
})

describe('rungeKutta', () => {
  it('of one stage in rho is DDIM, on a grid from pure noise to clean data', () => {
    for (const p of [process, flow(), edm()]) {
      const grid = [...uniformGrid(p, 6)]
      const [a, b] = [euler()(p, grid), ddim()(p, grid)]
      a.stages.forEach(({ states, predictions }, k) => {
        expect(Math.abs((states[0] ?? 0) - (b.stages[k].states[0] ?? 0))).toBeLessThan(1e-12)
        expect(Math.abs(predictions[0] - b.stages[k].predictions[0])).toBeLessThan(1e-12)
      })
    }
  })

  it('takes a point mass to its exact flow in one step of rho or of the time of a flow', () => {
    const point = new GaussianMixture({ means: [[0.8]], stds: [0] })
    for (const method of Object.keys(orders) as TableauName[]) {
      const run = (p: typeof process, options: RungeKuttaOptions) =>
        interpret(rungeKutta(options)(p, [0.9, 0.2]), askOf(p, 'data', point), [-1]).states[0][0]
      expect(run(process, { method })).toBeCloseTo(point.flow(process, [-1], 0.9, 0.2)[0], 11)
      expect(run(flow(), { method, variable: 'time' })).toBeCloseTo(point.flow(flow(), [-1], 0.9, 0.2)[0], 12)
    }
  })

  it('of a flow in time is the method on the velocity, and starts at pure noise', () => {
    // Heun on dx/dt = u(x, t) = eps - x_0, with u from the world's own predictions.
    const p = flow()
    const grid = [1, 0.6, 0.25]
    const u = (x: number, t: number) => {
      const of = (target: 'data' | 'noise') => problemG.predict([x], p.a(t), p.s(t), target, new Float64Array(1))[0]
      return of('noise') - of('data')
    }
    let x = 0.7
    for (let k = 0; k < 2; k++) {
      const h = grid[k + 1] - grid[k]
      const first = u(x, grid[k])
      x += (h / 2) * (first + u(x + h * first, grid[k + 1]))
    }
    const plan = heun({ variable: 'time' })(p, grid)
    expect(interpret(plan, askOf(p, 'data'), [0.7]).states[0][0]).toBeCloseTo(x, 12)
  })

  it('counts one call per stage, and one for a step to clean data or from pure noise', () => {
    expect(nfeOf(heun()(process, uniformGrid(process, 5)))).toBe(9)
    expect(nfeOf(heun()(flow(), uniformGrid(flow(), 5)))).toBe(8)
    expect(nfeOf(heun({ variable: 'time' })(flow(), uniformGrid(flow(), 5)))).toBe(9)
    expect(nfeOf(rungeKutta({ method: 'rk4' })(process, [0.9, 0.5, 0.1]))).toBe(8)
  })

  it('takes a tableau of its user, and refuses one that is not consistent or not explicit', () => {
    const ralston = { c: [0, 2 / 3], a: [[], [2 / 3]], b: [1 / 4, 3 / 4] }
    expect(flowOrder(rungeKutta({ method: ralston }), ranges[0])).toBeCloseTo(2, 1)
    expect(() => rungeKutta({ method: { ...ralston, c: [0, 1 / 2] } })).toThrow('c[1]')
    expect(() => rungeKutta({ method: { ...ralston, b: [1 / 4, 1 / 4] } })).toThrow('sum to 1, got 0.5')
    expect(() => rungeKutta({ method: { ...ralston, a: [[], [1 / 3, 1 / 3]] } })).toThrow('row 1')
    expect(() => rungeKutta({ method: { ...ralston, b: [1] } })).toThrow('2 stages')
    expect(() => rungeKutta({ method: 'rk5' as 'rk4' })).toThrow('no tableau "rk5": there are euler, midpoint')
    expect(() => rungeKutta({ method: 'euler', target: 'noise' })(flow(), [1, 0.5])).toThrow('use a data solver')
    expect(() => rungeKutta({ method: 'euler', target: 'noise', variable: 'time' })(flow(), [1, 0.5])).toThrow(
      'use a data solver',
    )
  })

  it('runs in float32 as it is interpreted', async () => {
    const plan = rungeKutta({ method: 'rk4' })(process, uniformGrid(process, 6, { from: 0.8 }))
    expect(await executeAgainstInterpret(plan, process)).toBeLessThan(2e-5)
    const churned = heun({ churn: 3 })(process, uniformGrid(process, 6, { from: 0.8 }))
    expect(await executeAgainstInterpret(churned, process)).toBeLessThan(2e-5)
  })
})

describe('heun with churn', () => {
  const options = { churn: 4, churnMin: 0.05, churnMax: 50, churnNoise: 1.003 }

  it('is Algorithm 2 of EDM', () => {
    const p = edm()
    const n = 12
    const grid = karrasGrid(p, n)
    const plan = heun(options)(p, grid)
    const noises = plan.stages.map((_, i) => Math.sin(5 * i + 1))
    const D = (x: number, s: number) => problemG.predict([x], 1, s, 'data', new Float64Array(1))[0]
    let x = 80 * 0.6
    let stage = 0
    for (let i = 0; i < n; i++) {
      const [s, to] = [p.s(grid[i]), p.s(grid[i + 1])]
      const gamma = s >= 0.05 && s <= 50 ? Math.min(4 / n, Math.SQRT2 - 1) : 0
      const hat = s + gamma * s
      if (gamma > 0) x += Math.sqrt(hat * hat - s * s) * 1.003 * noises[stage++]
      const d = (x - D(x, hat)) / hat
      let next = x + (to - hat) * d
      if (to !== 0) next = x + (to - hat) * (d / 2 + (next - D(next, to)) / to / 2)
      stage += to === 0 ? 1 : 2
      x = next
    }
    expect(stage).toBe(plan.stages.length)
    expect(nfeOf(plan)).toBe(2 * n - 1)
    const end = interpret(plan, askOf(p, 'data'), [80 * 0.6], {
      noise: (i, out) => {
        out[0] = noises[i]
      },
    })
    expect(end.states[0][0]).toBeCloseTo(x, 11)
    expect(isStochastic(plan, 0)).toBe(false)
    expect(isStochastic(plan, 6)).toBe(true)
  })

  it('never asks beyond t = 1, and keeps the law with order 2', () => {
    const plan = heun({ churn: 100 })(process, [1, 0.99, 0.5, 0])
    expect(Math.max(...plan.stages.map(({ time }) => time ?? 0))).toBe(1)
    expect(plan.stages.filter(({ noise }) => noise > 0).map(({ step }) => step)).toEqual([1, 2])
    const ns = [32, 64]
    for (const range of ranges) {
      const errors = lawErrors(heun({ churn: 10 }), range, ns)
      const slope = order(
        ns,
        errors.map(({ variance }) => variance),
      )
      expect(slope).toBeGreaterThan(1.85)
      for (const { mean } of errors) expect(mean).toBeLessThan(1e-10)
    }
  })

  it('refuses negative amounts', () => {
    expect(() => heun({ churn: -1 })).toThrow('churn >= 0')
    expect(() => euler({ churnMin: 3, churnMax: 2 })).toThrow('churnMin <= churnMax')
  })
})
