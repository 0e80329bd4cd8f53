import { describe, expect, it } from 'vitest'
import { flow, GaussianMixture, uniformGrid, vpLinear } from '../../src/process/index.ts'
import {
  ddim,
  dpmSolverSinglestep,
  interpret,
  nfeOf,
  orderSchedule,
  type Solver,
  stepsOf,
} from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { executeAgainstInterpret, flowOrder, ranges } from './convergence.ts'
import { askOf, goldenEnd } from './golden.ts'

const process = vpLinear()
const inner = 'ratio'
const forms = (['data', 'noise'] as const).flatMap((target) =>
  (['midpoint', 'taylor'] as const).map((type) => ({ target, type })),
)

describe('golden values of problem G', () => {
  it.each([
    ['++2S', dpmSolverSinglestep({ inner }), [-1.27901948, 0.29903198, 1.65230331]],
    ['++3S', dpmSolverSinglestep({ order: 3, inner }), [-1.31812629, 0.30638608, 1.74605636]],
    ['3S', dpmSolverSinglestep({ order: 3, target: 'noise', inner }), [-1.31236188, 0.31184962, 1.73609235]],
  ] as const)('%s', (_, solver, expected) => {
    goldenEnd(solver).forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(2e-8)
    })
  })
})

describe('order', () => {
  it.each(forms.flatMap((form) => [1, 2, 3].map((order) => ({ ...form, order }))))(
    'of $order S $type, $target, is $order',
    ({ order, ...form }) => {
      for (const range of ranges) {
        const slope = flowOrder(dpmSolverSinglestep({ ...form, order, inner }), range)
        expect(slope, range.process.name).toBeGreaterThan(order - 0.15)
        expect(slope, range.process.name).toBeLessThan(order + 0.15)
      }
    },
  )

  it.each(forms)('of 3S $type, $target, with lower-order last steps is 2', (form) => {
    expect(flowOrder(dpmSolverSinglestep({ ...form, order: 3 }), ranges[0])).toBeGreaterThan(1.75)
    expect(flowOrder(dpmSolverSinglestep({ ...form, order: 3 }), ranges[0])).toBeLessThan(2.3)
  })
})

describe('dpmSolverSinglestep', () => {
  const end = (solver: Solver, grid: readonly number[], x: number, world = problemG) => {
    const plan = solver(process, grid)
    return interpret(plan, askOf(process, plan.target, world), [x]).states[0][0]
  }

  it('is the published step, order by order', () => {
    const [s, t, x] = [0.6, 0.4, 0.5]
    const { a, s: sigma, logSnr, timeOfLogSnr } = process
    const h = logSnr(t) - logSnr(s)
    for (const target of ['data', 'noise'] as const) {
      const m = (at: number, time: number) =>
        problemG.predict([at], a(time), sigma(time), target, new Float64Array(1))[0]
      // One set of formulas for both forms: k scales the state, c the prediction, H is the signed step.
      const data = target === 'data'
      const [k, c] = data ? [sigma, a] : [a, sigma]
      const H = data ? -h : h
      const p1 = (r: number) => Math.expm1(r * H)
      const p2 = (r: number) => p1(r) / (r * H) - 1
      const first = (to: number, r: number, from: number) => (k(to) / k(s)) * from - c(to) * p1(r) * m(x, s)
      for (const r1 of [0.5, 0.3]) {
        const s1 = timeOfLogSnr(logSnr(s) + r1 * h)
        const m1 = m(first(s1, r1, x), s1)
        const base = first(t, 1, x)
        const midpoint = base - (c(t) * p1(1) * (m1 - m(x, s))) / (2 * r1)
        const taylor = base - (c(t) * p2(1) * (m1 - m(x, s))) / r1
        expect(end(dpmSolverSinglestep({ target, inner, r1 }), [s, t], x)).toBeCloseTo(midpoint, 12)
        expect(end(dpmSolverSinglestep({ target, inner, r1, type: 'taylor' }), [s, t], x)).toBeCloseTo(taylor, 12)

        const r2 = 0.7
        const s2 = timeOfLogSnr(logSnr(s) + r2 * h)
        const m2 = m(first(s2, r2, x) - ((r2 * c(s2)) / r1) * p2(r2) * (m1 - m(x, s)), s2)
        const third = base - (c(t) * p2(1) * (m2 - m(x, s))) / r2
        const [d10, d11] = [(m1 - m(x, s)) / r1, (m2 - m(x, s)) / r2]
        const [d1, d2] = [(r2 * d10 - r1 * d11) / (r2 - r1), (2 * (d11 - d10)) / (r2 - r1)]
        const p3 = p2(1) / H - 0.5
        const parabola = base - c(t) * p2(1) * d1 - c(t) * p3 * d2
        const options = { order: 3, target, inner, r1, r2 } as const
        expect(end(dpmSolverSinglestep(options), [s, t], x)).toBeCloseTo(third, 12)
        expect(end(dpmSolverSinglestep({ ...options, type: 'taylor' }), [s, t], x)).toBeCloseTo(parabola, 12)
      }
    }
  })

  it('of order 1 is DDIM, in both forms', () => {
    const grid = uniformGrid(process, 8, { to: 0.01 })
    for (const target of ['data', 'noise'] as const) {
      const [a, b] = [end(dpmSolverSinglestep({ order: 1, target }), grid, 0.3), end(ddim(), grid, 0.3)]
      expect(Math.abs(a - b)).toBeLessThan(1e-12)
    }
  })

  it('takes a point mass to its exact flow', () => {
    const point = new GaussianMixture({ means: [[0.8]], stds: [0] })
    for (const form of forms) {
      const x = end(dpmSolverSinglestep({ ...form, order: 3 }), [0.9, 0.8, 0.5, 0.3, 0.2], -1, point)
      expect(x).toBeCloseTo(point.flow(process, [-1], 0.9, 0.2)[0], 11)
    }
  })

  it('spends as many calls as the grid has steps, with the order schedule of the paper', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => orderSchedule(n, 3).join(' '))).toEqual([
      '1',
      '2',
      '2 1',
      '3 1',
      '3 2',
      '3 2 1',
      '3 3 1',
      '3 3 2',
      '3 3 2 1',
    ])
    expect([1, 2, 3, 4].map((n) => orderSchedule(n, 2).join(' '))).toEqual(['1', '2', '2 1', '2 2'])
    for (const p of [process, flow()]) {
      for (const order of [1, 2, 3]) {
        for (let n = 1; n < 14; n++) {
          const grid = uniformGrid(p, n)
          const plan = dpmSolverSinglestep({ order })(p, grid)
          expect(nfeOf(plan)).toBe(n)
          expect(plan.stages.map(({ time }) => time)).toEqual(grid.slice(0, -1))
          expect(plan.grid.every((t) => grid.includes(t))).toBe(true)
          expect([plan.grid[0], plan.grid[stepsOf(plan)]]).toEqual([grid[0], 0])
          // The last step, infinite in lambda, is the data prediction.
          expect(plan.stages[n - 1]).toMatchObject({ states: [], predictions: [1] })
        }
      }
    }
  })

  it('runs in float32 as it is interpreted, with and without noise', async () => {
    const grid = uniformGrid(process, 11, { from: 0.9 })
    for (const tau of [0, 1]) {
      const plan = dpmSolverSinglestep({ order: 3, tau })(process, grid)
      expect(await executeAgainstInterpret(plan, process)).toBeLessThan(2e-5)
    }
  })

  it('refuses other orders and nodes out of order', () => {
    expect(() => dpmSolverSinglestep({ order: 4 })).toThrow('orders 1 to 3, got 4')
    expect(() => dpmSolverSinglestep({ r1: 1 })).toThrow('0 < r1')
    expect(() => dpmSolverSinglestep({ order: 3, r1: 0.7 })).toThrow('r1 = 0.7, r2 = 0.6')
  })
})
