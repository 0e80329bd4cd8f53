import { describe, expect, it } from 'vitest'
import { deis, dpmSolver, dpmSolverPlusPlus, exponentialStep } from '../../src/solve/index.ts'
import { golden, goldenEnd } from './golden.ts'

const whole = { lowerOrderFinal: false } as const

describe('golden values of problem G', () => {
  it.each([
    ['DDIM', deis({ order: 1 }), [-1.22175973, 0.23467065, 1.54807625]],
    ['tAB1', deis({ order: 2 }), [-1.29133969, 0.35371146, 1.65469978]],
    ['tAB2', deis({ order: 3 }), [-1.2802596, 0.42116376, 1.67204602]],
    ['tAB3', deis({ order: 4 }), [-1.25813201, 0.46407286, 1.69680257]],
    ['rhoAB2', deis({ order: 3, variable: 'rho' }), [-1.28385846, 0.36669297, 1.65224101]],
    ['lambda-AB2', deis({ order: 3, variable: 'lambda' }), [-1.18321375, 0.69775893, 1.71099966]],
    ['++2M midpoint', dpmSolverPlusPlus(whole), [-1.60576111, 0.75010254, 2.0927449]],
    ['++2M midpoint, order 1 at the end', dpmSolverPlusPlus(), [-1.26768673, 0.28200335, 1.60620428]],
    ['++2M taylor', dpmSolverPlusPlus({ type: 'taylor', ...whole }), [-1.79395499, 1.00785387, 2.35587702]],
    ['2M midpoint', dpmSolver(whole), [-1.40116249, 0.66746508, 1.86442167]],
    [
      '++3M released',
      dpmSolverPlusPlus({ order: 3, variant: 'released', ...whole }),
      [-0.53100556, 1.50449617, 0.94879491],
    ],
  ] as const)('%s', (_, solver, expected) => {
    goldenEnd(solver).forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(2e-7)
    })
  })

  it('tAB2 weights of step 3', () => {
    const { process, grid } = golden
    const { states, predictions } = deis({ order: 3 })(process, grid).stages[3]
    const expected = [-1.85119794, 1.16507402, -0.35975777]
    predictions.forEach((w, j) => {
      expect(w).toBeCloseTo(expected[j], 7)
    })
    expect(states[0]).toBeCloseTo(2.02525802, 7)
  })
})

describe('exponentialStep', () => {
  const { process } = golden
  it('refuses nodes that coincide, and high order over an infinite step', () => {
    const common = { process, target: 'data', from: 0.5, to: 0.4 } as const
    expect(() => exponentialStep({ ...common, nodes: [0.5, 0.5] })).toThrow('coincide')
    expect(() => exponentialStep({ ...common, to: 0, nodes: [0.5, 0.6] })).toThrow('order 1 only')
  })
})
