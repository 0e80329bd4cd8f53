import { describe, expect, it } from 'vitest'
import { edm, flow, GaussianMixture, type Process, uniformGrid, vpLinear } from '../../src/process/index.ts'
import { dpmSolver, dpmSolverPlusPlus, execute, interpret, nfeOf, type Plan, uniPC } from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { evenGrid, measuredOrder } from './exact.ts'
import { askOf, endOf, golden, goldenEnd } from './golden.ts'
import { counted, rows } from './helpers.ts'
import { literalUniPc } from './literal.ts'

const process = vpLinear()
const uneven = [1, 0.93, 0.8, 0.72, 0.5, 0.41, 0.2, 0.13, 0.02]

describe('golden values of problem G', () => {
  it.each([
    ['UniPC-2 bh2', uniPC(), [-1.27327224, 0.29336228, 1.61051073]],
    ['UniPC-3 bh1', uniPC({ order: 3, b: 'bh1' }), [-1.28734915, 0.31131374, 1.6244518]],
  ] as const)('%s', (_, solver, expected) => {
    goldenEnd(solver).forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(2e-7)
    })
  })
})

describe('the linear system of the paper', () => {
  it.each([1, 2, 3, 4].flatMap((order) => (['bh1', 'bh2'] as const).map((b) => [order, b] as const)))(
    'order %i, %s: the same run on an uneven grid',
    (order, b) => {
      for (const x of golden.starts) {
        const literal = literalUniPc(process, uneven, x, order, b)
        expect(endOf(uniPC({ order, b }), process, uneven, x)).toBeCloseTo(literal, 10)
      }
    },
  )

  it('B matters for the predictor of order 2 and the corrector of order 1 only', () => {
    const weights = (order: number, b: 'bh1' | 'bh2', corrector: boolean) =>
      uniPC({ order, b, corrector, lowerOrderFinal: false })(process, uneven)
    const last = (plan: Plan) => plan.stages[plan.stages.length - 1].predictions
    for (const order of [1, 3, 4])
      expect(last(weights(order, 'bh1', false))).toEqual(last(weights(order, 'bh2', false)))
    expect(last(weights(2, 'bh1', false))).not.toEqual(last(weights(2, 'bh2', false)))
    const corrector = (plan: Plan) => plan.stages[plan.stages.length - 2].predictions
    for (const order of [2, 3, 4]) {
      expect(corrector(weights(order, 'bh1', true))).toEqual(corrector(weights(order, 'bh2', true)))
    }
    expect(corrector(weights(1, 'bh1', true))).not.toEqual(corrector(weights(1, 'bh2', true)))
  })

  it('UniP-2 with bh2 is the midpoint form of DPM-Solver(++)2M', () => {
    const options = { order: 2, corrector: false } as const
    expect(uniPC(options)(process, uneven).stages).toEqual(dpmSolverPlusPlus()(process, uneven).stages)
    expect(uniPC({ ...options, target: 'noise' })(process, uneven).stages).toEqual(dpmSolver()(process, uneven).stages)
  })
})

describe('order against the exact flow', () => {
  const measured = (options: Parameters<typeof uniPC>[0], on: Process = process) =>
    measuredOrder(uniPC({ lowerOrderFinal: false, ...options }), on, (n) => evenGrid(on, n, 'lambda'), [80, 160], 6)

  it.each([
    [1, 'bh1'],
    [1, 'bh2'],
    [2, 'bh1'],
    [2, 'bh2'],
    [3, 'bh2'],
    [4, 'bh2'],
  ] as const)('UniP-%i %s has its order, UniPC one more', (order, b) => {
    expect(measured({ order, b, corrector: false })).toBeCloseTo(order, 0)
    expect(Math.abs(measured({ order, b }) - order - 1)).toBeLessThan(0.15)
  })

  it('of noise predictions, and for other processes', () => {
    for (const order of [1, 2, 3]) expect(measured({ order, target: 'noise' })).toBeGreaterThan(order + 0.6)
    for (const other of [flow(), edm()]) expect(measured({ order: 3 }, other)).toBeGreaterThan(3.85)
  })
})

describe('the table', () => {
  const grid = uniformGrid(process, 7, { to: 1e-3 })

  it('asks once per step, at the times of the grid, and not after the last', async () => {
    const plan = uniPC({ order: 3 })(process, grid)
    expect(nfeOf(plan)).toBe(7)
    const denoiser = counted(problemG.denoiser(process))
    await execute(plan, denoiser, rows([0.3]))
    expect(denoiser.times).toEqual(grid.slice(0, -1))
  })

  it.each(['data', 'noise'] as const)('execute gives what interpret gives, for %s', async (target) => {
    const plan = uniPC({ order: 3, target })(process, grid)
    const end = await execute(plan, problemG.denoiser(process), rows(golden.starts))
    golden.starts.forEach((x, i) => {
      const [exact] = interpret(plan, askOf(process, target), [x]).states[0]
      expect(Math.abs(end.data[i] - exact)).toBeLessThan(2e-5)
    })
  })

  it('reproduces a point mass', () => {
    const point = new GaussianMixture({ means: [[0.7]], stds: [0] })
    for (const order of [1, 2, 3, 4]) {
      const plan = uniPC({ order })(process, uneven)
      const end = interpret(
        plan,
        (x, t, out) => {
          point.predict(x, process.a(t), process.s(t), 'data', out)
        },
        [process.a(1) * 0.7 + process.s(1) * 1.3],
      ).states[0][0]
      expect(end).toBeCloseTo(process.a(0.02) * 0.7 + process.s(0.02) * 1.3, 12)
    }
  })

  it('starts where there is no signal, and ends in clean data with the last prediction', () => {
    const straight = flow()
    const plan = uniPC({ order: 3 })(straight, [1, 0.75, 0.5, 0.25, 0])
    const last = plan.stages[plan.stages.length - 1]
    expect([last.states, last.predictions]).toEqual([[], [1]])
    const point = new GaussianMixture({ means: [[0.7]], stds: [0] })
    const end = interpret(plan, (x, t, out) => void point.predict(x, straight.a(t), straight.s(t), 'data', out), [1.3])
    expect(end.states[0][0]).toBeCloseTo(0.7, 12)
  })

  it('refuses other orders', () => {
    expect(() => uniPC({ order: 5 })).toThrow('orders 1 to 4, got 5')
  })
})
