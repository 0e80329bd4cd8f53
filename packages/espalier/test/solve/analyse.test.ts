import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  flow,
  GaussianMixture,
  logSnrGrid,
  meanReverting,
  type Process,
  rhoPowerGrid,
  timeOfRho,
  uniformGrid,
  ve,
  vpLinear,
} from '../../src/process/index.ts'
import {
  adamsBashforth,
  amplification,
  analyse,
  convergence,
  covariance,
  ddim,
  ddpm,
  degreeOfExactness,
  deis,
  denoised,
  dpmSolver,
  dpmSolverPlusPlus,
  dpmSolverPlusPlusAncestral,
  dpmSolverPlusPlusSde,
  dpmSolverSinglestep,
  ghvb,
  heavyBall,
  heun,
  interpret,
  ipndm,
  moments,
  orderConditions,
  orderOf,
  pndm,
  rootedTrees,
  rungeKutta,
  type Solver,
  saSolver,
  stabilityLimit,
  stabilityRegion,
  steadyStep,
  TREES,
  uniPC,
  withMomentum,
  worstByOrder,
} from '../../src/solve/index.ts'
import { key, stream } from '../../src/tensor/index.ts'
import { problemG } from '../process/worlds.ts'
import { gaussianMoments } from './helpers.ts'

const vp = vpLinear()
const whole = { lowerOrderFinal: false } as const
const evenRho = (process: Process, n: number, high = 0.72, low = 0.52) =>
  rhoPowerGrid(1)(process, n, { from: timeOfRho(process, high), to: timeOfRho(process, low) })
const defect = (defects: Float64Array, tree: string) => defects[TREES.findIndex(({ name }) => name === tree)]

describe('rooted trees', () => {
  it('are as many as Cayley counted, with the densities of the textbook', () => {
    const trees = rootedTrees(6)
    expect([1, 2, 3, 4, 5, 6].map((n) => trees.filter(({ order }) => order === n).length)).toEqual([1, 1, 2, 4, 9, 20])
    const gamma = Object.fromEntries(trees.map((tree) => [tree.name, tree.gamma]))
    expect(gamma).toMatchObject({ '.': 1, '[.]': 2, '[..]': 3, '[[.]]': 6, '[...]': 4, '[[.].]': 8, '[[..]]': 12 })
    expect(gamma).toMatchObject({ '[[[.]]]': 24, '[....]': 5, '[[[[.]]]]': 120 })
    expect(new Set(trees.map(({ name }) => name)).size).toBe(trees.length)
  })
})

describe('order conditions', () => {
  it('of Runge-Kutta methods in rho are those of the textbook: sum_i b_i Phi_i(tree) - 1 / gamma', () => {
    // Heun: b = (1/2, 1/2), c = (0, 1).
    const plan = heun()(vp, evenRho(vp, 6))
    const defects = orderConditions(plan, vp, 3)
    expect(worstByOrder(defects).slice(0, 2)).toEqual([expect.closeTo(0, 12), expect.closeTo(0, 12)])
    expect(defect(defects, '[..]')).toBeCloseTo(3 / 2 - 1, 12)
    expect(defect(defects, '[[.]]')).toBeCloseTo(-1, 12)
    expect(defect(defects, '[...]')).toBeCloseTo(4 / 2 - 1, 12)
    // The classical method: b = (1, 2, 2, 1) / 6, c = (0, 1/2, 1/2, 1).
    const classical = orderConditions(rungeKutta({ method: 'rk4' })(vp, logSnrGrid(vp, 6, { to: 0.01 })), vp, 2)
    expect(Math.max(...worstByOrder(classical).slice(0, 4))).toBeLessThan(1e-11)
    expect(defect(classical, '[....]')).toBeCloseTo((5 * (2 / 16 + 2 / 16 + 1)) / 6 - 1, 11)
    expect(defect(classical, '[[[[.]]]]')).toBeCloseTo(-1, 11)
  })

  it.each([
    [1, 1],
    [2, 1],
    [4, 1],
    [2, 0.8],
    [3, 0.8],
    [4, 0.5],
  ])('of GHVB(%d, %d): its error constant is c_k = gamma_k + ((1 - beta) / beta) gamma_{k-1}', (order, beta) => {
    // A polynomial of degree k is integrated with the error c_k nabla^k u^k = c_k k!, of 1 / (k + 1).
    const gamma = [1, 1 / 2, 5 / 12, 3 / 8, 251 / 720]
    const constant = gamma[order] + ((1 - beta) / beta) * gamma[order - 1]
    const factorial = [1, 1, 2, 6, 24, 120][order + 1]
    const defects = orderConditions(ghvb({ order, beta })(vp, evenRho(vp, 80)), vp, 70)
    expect(Math.max(...worstByOrder(defects).slice(0, order))).toBeLessThan(1e-8)
    expect(defect(defects, order === 1 ? '[.]' : `[${'.'.repeat(order)}]`)).toBeCloseTo(-factorial * constant, 6)
  })

  it('tell the released third-order step from the right one: it takes half of the third-order term', () => {
    const third = (variant: 'correct' | 'released', solver: typeof dpmSolver) =>
      [40, 80].map((n) => {
        const plan = solver({ order: 3, variant, ...whole })(vp, logSnrGrid(vp, n, { from: 0.3, to: 0.298 }))
        return defect(orderConditions(plan, vp, n / 2), '[..]')
      })
    for (const solver of [dpmSolver, dpmSolverPlusPlus]) {
      for (const d of third('released', solver)) expect(d).toBeCloseTo(-1 / 2, 2)
      const [coarse, fine] = third('correct', solver)
      expect(Math.abs(fine)).toBeLessThan(0.01)
      expect(coarse / fine).toBeCloseTo(2, 1)
    }
  })

  it('do not depend on the target, the process, or where it is on its grid', () => {
    const of = (solver: Solver, process: Process, step: number) =>
      orderConditions(solver(process, evenRho(process, 12)), process, step)
    const expected = of(deis({ order: 3, variable: 'rho' }), vp, 5)
    for (const process of [ve(), flow(), meanReverting()]) {
      for (const step of [3, 11]) {
        of(deis({ order: 3, variable: 'rho' }), process, step).forEach((d, i) => {
          expect(d).toBeCloseTo(expected[i], 8)
        })
      }
    }
    const noise = dpmSolverSinglestep({ order: 1, target: 'noise' })
    of(ddim(), vp, 4).forEach((d, i) => {
      expect(d).toBeCloseTo(of(noise, vp, 4)[i], 10)
    })
  })

  it('are not asked of stochastic plans, of other processes, or where rho is infinite', () => {
    const grid = uniformGrid(vp, 4)
    expect(() => orderConditions(ddpm()(vp, grid), vp, 1)).toThrow('stochastic')
    expect(() => orderConditions(ddim()(vp, grid), ve(), 1)).toThrow('the plan is for the process vp-linear')
    expect(() => orderConditions(ddim()(vp, grid), vp, 4)).toThrow('a plan of 4 steps has no step 4')
    const straight = flow()
    expect(() => orderConditions(ddim()(straight, [1, 0.5, 0]), straight, 0)).toThrow('a = 0')
  })
})

describe('the degree of exactness', () => {
  const degrees = (solver: Solver) => {
    const plan = solver(vp, uniformGrid(vp, 12, { from: 0.8, to: 0.2 }))
    return (['rho', 'lambda', 'time'] as const).map((variable) => degreeOfExactness(plan, vp, 6, variable))
  }
  it('tells the variables of the exponential integrators', () => {
    for (const order of [2, 3, 4]) {
      expect(degrees(deis({ order }))).toEqual([0, 0, order - 1])
      expect(degrees(deis({ order, variable: 'rho' }))).toEqual([order - 1, 0, 0])
      expect(degrees(uniPC({ order, b: 'bh1', corrector: false }))[1]).toBe(order === 2 ? 0 : order - 1)
    }
    expect(degrees(dpmSolver({ order: 3 }))).toEqual([0, 2, 0])
    expect(degrees(dpmSolverPlusPlus({ order: 2, type: 'taylor' }))).toEqual([0, 1, 0])
    expect(degrees(ddim())).toEqual([0, 0, 0])
  })
  it('is -1 where constants are not taken right', () => {
    expect(degrees(heun({ variable: 'time' }))).toEqual([-1, -1, -1])
  })
})

describe('stability', () => {
  const process = ve()
  const grid = evenRho(process, 40, 1, 0.999)
  const z = fc.record({
    re: fc.double({ min: -4, max: 1, noNaN: true }),
    im: fc.double({ min: -4, max: 4, noNaN: true }),
  })
  /** `|1 + z + z^2 / 2 + ...|` */
  const polynomial = (coefficients: readonly number[], { re, im }: { re: number; im: number }) => {
    const [x, y] = coefficients.reduceRight(([a, b], c) => [a * re - b * im + c, a * im + b * re], [0, 0])
    return Math.hypot(x, y)
  }

  it.each([
    ['euler', [1, 1]],
    ['heun', [1, 1, 1 / 2]],
    ['kutta', [1, 1, 1 / 2, 1 / 6]],
    ['rk4', [1, 1, 1 / 2, 1 / 6, 1 / 24]],
  ] as const)('of %s is its polynomial, on every grid and process', (method, coefficients) => {
    for (const p of [process, vp, flow()]) {
      const { radius } = amplification(rungeKutta({ method })(p, uniformGrid(p, 6, { from: 0.7, to: 0.1 })), p)
      fc.assert(
        fc.property(z, (at) => {
          expect(radius(at)).toBeCloseTo(polynomial(coefficients, at), 9)
        }),
        { numRuns: 30 },
      )
    }
  })

  it('of Adams-Bashforth is the largest root of its characteristic polynomial', () => {
    const { radius } = amplification(ipndm({ order: 2 })(process, grid), process)
    const [b0, b1] = adamsBashforth(2)
    fc.assert(
      fc.property(fc.double({ min: -3, max: 0.5, noNaN: true }), (re) => {
        // t^2 = t + z (b0 t + b1)
        const p = (1 + re * b0) / 2
        const square = p * p + re * b1
        const root = square >= 0 ? Math.abs(p) + Math.sqrt(square) : Math.sqrt(p * p - square)
        expect(radius({ re, im: 0 })).toBeCloseTo(root, 6)
      }),
    )
  })

  it('is larger with momentum: at z = -0.4 Adams-Bashforth 4 grows, GHVB and HB do not', () => {
    const radius = (solver: Solver) => amplification(solver(process, grid), process).radius({ re: -0.4, im: 0 })
    expect(radius(ipndm())).toBeGreaterThan(1.1)
    expect(radius(ghvb({ order: 4, beta: 0.5 }))).toBeLessThan(1)
    expect(radius(heavyBall({ order: 4, beta: 0.8 }))).toBeLessThan(1)
  })

  it('shows in a run: errors of the frozen test equation grow and fall as the radius says', () => {
    for (const solver of [ipndm(), ghvb({ order: 4, beta: 0.5 }), uniPC({ order: 3, ...whole }), pndm()]) {
      const steps = 300
      const times = evenRho(process, steps, 1, 0.9999)
      const plan = solver(process, times)
      const rho = times.map((t) => process.s(t))
      for (const re of [-0.25, -0.6]) {
        const slope = re / (rho[1] - rho[0])
        const size: number[] = []
        interpret(
          plan,
          (x, t, out) => {
            out[0] = plan.target === 'noise' ? slope * x[0] : x[0] - process.s(t) * slope * x[0]
          },
          [1],
          {
            onStep: (_, [x]) => {
              size.push(Math.abs(x))
              return undefined
            },
          },
        )
        // Roots may be complex: the largest of some steps against the largest of some later ones.
        const largest = (from: number) => Math.max(...size.slice(from, from + 60))
        const measured = (largest(200) / largest(100)) ** (1 / 100)
        expect(measured / amplification(plan, process).radius({ re, im: 0 })).toBeCloseTo(1, 1)
      }
    }
  })

  it('is the same for both targets in the limit of short steps', () => {
    for (const order of [1, 2, 3]) {
      const data = stabilityLimit(dpmSolverPlusPlus({ order, ...whole })(process, grid), process)
      const noise = stabilityLimit(dpmSolver({ order, ...whole })(process, grid), process)
      expect(Math.abs(data - noise)).toBeLessThan(0.002)
    }
    const velocity = stabilityLimit(withMomentum(dpmSolverPlusPlus(whole), { beta: 0.8 })(process, grid), process)
    expect(velocity).toBeCloseTo(1.5, 2)
  })

  it('has a region that is symmetric, and stable left of 0', () => {
    const box = { re: [-1.5, 0.5], im: [-1, 1], points: [9, 5] } as const
    const { re, im, radius } = stabilityRegion(ghvb({ order: 2, beta: 0.8 })(process, grid), process, box)
    expect([re.length, im.length, radius.length, radius[0].length]).toEqual([9, 5, 5, 9])
    expect(radius[0]).toEqual(radius[4])
    const row = radius[2] // im = 0
    expect(re.map((x, i) => row[i] <= 1 + 1e-9 === (x >= -1.2 && x <= 0))).not.toContain(false)
  })

  it('is that of the commonest step: not of a start by Runge-Kutta, or of the last steps', () => {
    expect(steadyStep(pndm()(vp, evenRho(vp, 12)))).toBeGreaterThanOrEqual(3)
    expect(steadyStep(dpmSolverPlusPlus({ order: 3 })(vp, evenRho(vp, 8)))).toBe(3)
    expect(steadyStep(ddim()(vp, evenRho(vp, 1)))).toBe(0)
  })

  it('is not asked where rho is infinite', () => {
    const straight = flow()
    expect(() => amplification(ddim()(straight, [1, 0.5, 0]), straight, 0)).toThrow('starts at a = 0')
    expect(() => amplification(ddim()(vp, [0.9, 0.5]), vp, 1)).toThrow('a plan of 1 steps has no step 1')
  })
})

describe('moments', () => {
  const data = { mean: 0.7, std: 0.5 }
  const world = new GaussianMixture({ means: [[data.mean]], stds: [data.std] })

  it('are those of one-stage plans, step by step', () => {
    for (const solver of [ddpm(), ddim({ eta: 0.5 })]) {
      const plan = solver(vp, uniformGrid(vp, 9))
      const { mean, variance } = moments(plan, vp, data)
      const expected = gaussianMoments(plan, world, vp)
      expect(mean[9]).toBeCloseTo(expected.mean, 12)
      expect(variance[9]).toBeCloseTo(expected.variance, 12)
    }
  })

  it.each<[string, Solver]>([
    ['multistep', dpmSolverPlusPlus({ order: 3, tau: 1 })],
    ['noise prediction', dpmSolver({ tau: 1 })],
    ['two stages that share noise', dpmSolverPlusPlusSde()],
    ['three stages', dpmSolverSinglestep({ order: 3, tau: 1, inner: 'ratio' })],
    ['ancestral', dpmSolverPlusPlusAncestral()],
    ['churn', heun({ churn: 5 })],
    ['predictor and corrector that share noise', saSolver({ predictorOrder: 3, correctorOrder: 3 })],
    ['deterministic', uniPC({ order: 3 })],
  ])('are the plan itself, draw by draw: %s', (_, solver) => {
    for (const process of [vp, flow()]) {
      const plan = solver(process, uniformGrid(process, 7, { from: 0.95 }))
      const { coefficients } = moments(plan, process, data)
      const random = stream(key(3))
      const normals = Array.from({ length: coefficients[0].length - 1 }, () => random.normal())
      const value = (c: Float64Array) => c[0] + normals.reduce((sum, z, i) => sum + z * c[i + 1], 0)
      let drawn = 0
      const reached: number[] = []
      interpret(
        plan,
        (x, t, out) => {
          world.predict(x, process.a(t), process.s(t), plan.target, out)
        },
        [value(coefficients[0])],
        {
          noise: (_stage, out) => {
            out[0] = normals[++drawn]
          },
          onStep: (_step, [x]) => {
            reached.push(x)
            return undefined
          },
        },
      )
      expect(drawn).toBe(normals.length - 1)
      reached.forEach((x, k) => {
        expect(x).toBeCloseTo(value(coefficients[k + 1]), 11)
      })
    }
  })

  it('start from the exact law, or from pure noise, and give covariances over time', () => {
    const plan = ddim()(vp, [0.6, 0.4, 0.1])
    const { mean, variance, exact, coefficients } = moments(plan, vp, data)
    expect([mean[0], variance[0]]).toEqual([exact.mean[0], exact.variance[0]])
    const noise = moments(plan, vp, data, { start: 'noise' })
    expect([noise.mean[0], noise.variance[0]]).toEqual([0, vp.s(0.6) ** 2])
    // The flow of one Gaussian is affine: all states are perfectly correlated.
    const correlation = covariance(coefficients[0], coefficients[2]) / Math.sqrt(variance[0] * variance[2])
    expect(correlation).toBeCloseTo(1, 12)
    const stochastic = moments(ddpm()(vp, [0.6, 0.4, 0.1]), vp, data)
    const [first, , last] = stochastic.coefficients
    expect(covariance(first, last) / Math.sqrt(stochastic.variance[0] * stochastic.variance[2])).toBeLessThan(0.9)
  })

  it('are right to the exact law as the steps get short', () => {
    const error = (n: number) => {
      const { variance, exact } = moments(
        saSolver({ tau: 1 })(vp, logSnrGrid(vp, n, { from: 0.8, to: 0.01 })),
        vp,
        data,
      )
      return Math.max(...variance.map((v, k) => Math.abs(v / exact.variance[k] - 1)))
    }
    expect(error(200)).toBeLessThan(1e-3)
    expect(error(20) / error(200)).toBeGreaterThan(30)
  })
})

describe('analyse', () => {
  it('gives plain JSON', () => {
    const plan = dpmSolverPlusPlus({ order: 3 })(vp, logSnrGrid(vp, 20, { from: 0.7, to: 0.05 }))
    const analysis = analyse(plan, vp)
    expect(JSON.parse(JSON.stringify(analysis))).toEqual(analysis)
    expect(analysis).toMatchObject({ steps: 20, nfe: 20, stochastic: false, memory: { states: 0, predictions: 2 } })
    expect(analysis.order).toMatchObject({ step: 9, apparent: 2, degrees: { rho: 0, lambda: 2, time: 0 } })
    expect(analysis.order!.conditions).toHaveLength(17)
    expect(analysis.order!.steps).toHaveLength(20)
    expect(analysis.order!.steps[0].defects[1]).toBeCloseTo(1, 10) // DDIM
    expect(analysis.stability!.limit).toBeGreaterThan(0.5)
    expect(analysis.moments.variance).toHaveLength(21)
  })

  it('sees more orders on finer grids', () => {
    const apparent = (n: number) => analyse(deis()(vp, uniformGrid(vp, n, { from: 0.7, to: 0.1 })), vp).order!.apparent
    expect([8, 40, 640].map(apparent)).toEqual([2, 3, 4])
  })

  it('has something to say of every kind of plan', () => {
    const straight = flow()
    const whole = analyse(dpmSolverPlusPlus()(straight, uniformGrid(straight, 10, { from: 1 })), straight)
    expect(whole.order!.steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    const one = analyse(ddim()(straight, [1, 0]), straight)
    expect([one.order, one.stability]).toEqual([null, null])
    const last = analyse(ddim()(vp, [1, 0]), vp)
    expect(last.order!.degrees).toBeNull()
    const stochastic = analyse(ddpm()(vp, uniformGrid(vp, 1000)), vp)
    expect(stochastic).toMatchObject({ stochastic: true, order: null, nfe: 1000 })
    expect(stochastic.moments.variance[1000]).toBeCloseTo(0.25, 2)
    expect(() => analyse(ddim()(vp, [1, 0]), straight)).toThrow('the plan is for the process vp-linear')
  })
})

describe('the order of a solver', () => {
  it('leaves out a last data prediction', () => {
    for (const solver of [dpmSolverPlusPlus(whole), deis({ order: 2 })]) {
      for (const process of [vp, ve()])
        expect(orderOf(denoised(solver), { process })).toEqual(orderOf(solver, { process }))
    }
  })

  it.each([
    [2, 2, 2],
    [3, 3, 2], // the last steps are of order 2 and 1
  ])('of singlestep solvers of order %i that take several steps of the grid for one', (order, steady, effective) => {
    for (const target of ['data', 'noise'] as const) {
      expect(orderOf(dpmSolverSinglestep({ order, target }))).toEqual({ steady, effective })
    }
  })

  it('is that of the process and grid that are given: kinks in time cost the methods that interpolate in it', () => {
    expect(orderOf(deis({ order: 3 }))).toEqual({ steady: 3, effective: 2 })
    const smooth = meanReverting({ schedule: 'constant' })
    const broken = meanReverting() // piecewise linear in time, with a knot every 1/100
    const slope = (process: Process, variable: 'time' | 'lambda') => {
      const range = { from: timeOfRho(process, 0.72), to: timeOfRho(process, 0.52), exactStart: 0.25 }
      return convergence(deis({ order: 4, variable }), problemG, process, [40, 80], { grid: logSnrGrid, ...range })
        .slope
    }
    expect(slope(smooth, 'time')).toBeGreaterThan(3.75)
    expect(slope(broken, 'lambda')).toBeGreaterThan(3.75)
    expect(slope(broken, 'time')).toBeLessThan(3)
  })

  it('measures from the own start by default', () => {
    const { errors, slope, ns } = convergence(dpmSolverPlusPlus(whole), problemG, vp, [20, 40, 80])
    expect(ns).toEqual([20, 40, 80])
    expect(errors[0]).toBeGreaterThan(errors[2])
    expect(Math.abs(slope - 2)).toBeLessThan(0.25)
  })
})
