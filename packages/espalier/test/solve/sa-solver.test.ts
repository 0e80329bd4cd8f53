import { describe, expect, it } from 'vitest'
import { vpLinear } from '../../src/process/index.ts'
import { dpmSolverPlusPlus, isStochastic, nfeOf, type SaSolverOptions, saSolver, uniPC } from '../../src/solve/index.ts'
import { moments } from '../../src/solve/moments.ts'
import { executeAgainstInterpret } from './convergence.ts'
import { evenGrid, measuredOrder } from './exact.ts'
import { endOf, golden } from './golden.ts'
import { order as slope } from './helpers.ts'

const process = vpLinear()
const uneven = [1, 0.93, 0.8, 0.72, 0.5, 0.41, 0.2, 0.13, 0.02]

describe('without noise', () => {
  it('is what it is made of: DPM-Solver++, UniPC', () => {
    const ends = (options: SaSolverOptions) =>
      golden.starts.map((x) => endOf(saSolver({ tau: 0, ...options }), process, uneven, x))
    const equal = (options: SaSolverOptions, solver: ReturnType<typeof uniPC>) => {
      ends(options).forEach((end, i) => {
        expect(end).toBeCloseTo(endOf(solver, process, uneven, golden.starts[i]), 12)
      })
    }
    equal({ correctorOrder: 0 }, dpmSolverPlusPlus({ type: 'taylor' }))
    equal({ correctorOrder: 0, predictorOrder: 3 }, dpmSolverPlusPlus({ order: 3, type: 'taylor' }))
    equal({ correctorOrder: 0, variant: 'released' }, uniPC({ b: 'bh1', corrector: false }))
    equal({ predictorOrder: 1, correctorOrder: 2, variant: 'released' }, uniPC({ order: 1, b: 'bh1' }))
    equal({ correctorOrder: 3, variant: 'released' }, uniPC({ order: 2, b: 'bh1' }))
  })

  it.each([
    [1, 0],
    [2, 0],
    [3, 0],
    [1, 2],
    [2, 2],
    [2, 3],
    [3, 4],
    [3, 2],
  ])('predictor %i and corrector %i have the order min(P + 1, C), or P alone', (predictorOrder, correctorOrder) => {
    const solver = saSolver({ predictorOrder, correctorOrder, tau: 0, lowerOrderFinal: false })
    const measured = measuredOrder(solver, process, (n) => evenGrid(process, n, 'lambda'), [80, 160], 6)
    const claimed = correctorOrder === 0 ? predictorOrder : Math.min(predictorOrder + 1, correctorOrder)
    expect(Math.abs(measured - claimed)).toBeLessThan(0.15)
  })
})

describe('with noise', () => {
  it.each([
    [2, 2, 'correct'],
    [3, 0, 'correct'],
    [3, 4, 'correct'],
    [2, 2, 'released'],
  ] as const)('P%iC%i %s keeps the law of a point mass at every time', (predictorOrder, correctorOrder, variant) => {
    for (const tau of [0.5, 1, 1.4]) {
      const plan = saSolver({ predictorOrder, correctorOrder, tau, variant })(process, uneven)
      const law = moments(plan, process, { mean: 0.7, std: 0 })
      uneven.forEach((t, i) => {
        expect(law.mean[i]).toBeCloseTo(process.a(t) * 0.7, 12)
        expect(law.variance[i]).toBeCloseTo(process.s(t) ** 2, 12)
      })
    }
  })

  it.each([
    [1, 0, 1],
    [1, 2, 2],
    [2, 0, 2],
    [2, 2, 2],
    [3, 4, 2],
  ])('P%iC%i has the weak order %i on Gaussian data', (predictorOrder, correctorOrder, claimed) => {
    for (const target of ['data', 'noise'] as const) {
      const ns = [40, 80]
      const errors = ns.map((n) => {
        const solver = saSolver({ predictorOrder, correctorOrder, target, lowerOrderFinal: false })
        const law = moments(solver(process, evenGrid(process, n, 'lambda')), process, { mean: 0.7, std: 0.5 })
        return Math.max(...law.variance.map((v, i) => Math.abs(v / law.exact.variance[i] - 1)))
      })
      expect(Math.abs(slope(ns, errors) - claimed)).toBeLessThan(0.1)
    }
  })

  it('predictor and corrector share one noise per step, and each step asks once', () => {
    const plan = saSolver()(process, uneven)
    expect(nfeOf(plan)).toBe(8)
    expect(plan.stages.filter(({ noise }) => noise !== 0).map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(plan.stages.filter(({ noise }) => noise !== 0).map(({ noise }) => noise === 1)).toEqual([
      ...Array(7).fill(true),
      false,
    ])
  })

  it('takes the noise where tau(t) says', () => {
    const plan = saSolver({ tau: (t) => (t >= 0.2 && t <= 0.8 ? 1 : 0) })(process, uneven)
    const noisy = uneven.slice(0, -1).map((_, k) => isStochastic(plan, k))
    expect(noisy).toEqual([false, false, true, true, true, true, true, false])
    expect(() => saSolver({ tau: -1 })(process, uneven)).toThrow('tau >= 0, got -1')
  })

  it('execute gives what interpret gives', async () => {
    const grid = evenGrid(process, 10, 'lambda')
    for (const options of [{}, { predictorOrder: 3, correctorOrder: 4, target: 'noise' }] as const) {
      expect(await executeAgainstInterpret(saSolver(options)(process, grid), process)).toBeLessThan(5e-6)
    }
  })

  it('refuses other orders', () => {
    expect(() => saSolver({ predictorOrder: 0 })).toThrow('got 0 and 2')
    expect(() => saSolver({ correctorOrder: 5 })).toThrow('got 2 and 5')
  })
})
