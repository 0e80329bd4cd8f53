import { describe, expect, it } from 'vitest'
import { GaussianMixture, uniformGrid, vpLinear } from '../../src/process/index.ts'
import {
  ddim,
  dpmSolverPlusPlus,
  dpmSolverSinglestep,
  ghvb,
  heavyBall,
  interpret,
  ipndm,
  nesterov,
  nfeOf,
  type Solver,
  uniPC,
  withMomentum,
} from '../../src/solve/index.ts'
import { backwardDifferences } from '../../src/solve/pndm.ts'
import { executeAgainstInterpret } from './convergence.ts'
import { evenGrid, measuredOrder } from './exact.ts'
import { askOf, endOf, golden, goldenEnd } from './golden.ts'
import { literalUniPc } from './literal.ts'

const process = vpLinear()
const beta = 0.8
const whole = { lowerOrderFinal: false } as const

describe('golden values of problem G', () => {
  it.each([
    ['GHVB 1', ghvb({ order: 1, beta }), [-1.16505351, 0.17913705, 1.46467887]],
    ['HB 1', heavyBall({ order: 1, beta }), [-1.16505351, 0.17913705, 1.46467887]],
    ['GHVB 2', ghvb({ order: 2, beta }), [-1.29296752, 0.33845412, 1.65215686]],
    ['GHVB 3.8', ghvb({ order: 3.8 }), [-1.26491139, 0.46072455, 1.69483524]],
    ['GHVB 4, beta 0.5', ghvb({ beta: 0.5 }), [-1.27168121, 0.44925346, 1.68543603]],
    ['GHVB 4, beta 1', ghvb(), [-1.26129348, 0.46737205, 1.70379338]],
    ['HB 2', heavyBall({ order: 2, beta }), [-1.26343263, 0.28781121, 1.60862852]],
    ['HB 3.8', heavyBall({ order: 3.8 }), [-1.25260713, 0.39048245, 1.64323191]],
    ['NT 2', nesterov({ order: 2, beta }), [-1.28792282, 0.34324518, 1.64827565]],
  ] as const)('%s', (_, solver, expected) => {
    goldenEnd(solver).forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(2e-7)
    })
  })
})

describe('weights', () => {
  const rows = (b: number) => [
    [b],
    [(2 + b) / 2, -(2 - b) / 2],
    [(18 + 5 * b) / 12, -(24 - 8 * b) / 12, (6 - b) / 12],
    [(46 + 9 * b) / 24, -(78 - 19 * b) / 24, (42 - 5 * b) / 24, -(10 - b) / 24],
    [1650 + 251 * b, -(3420 - 646 * b), 2880 - 264 * b, -(1380 - 106 * b), 270 - 19 * b].map((w) => w / 720),
  ]

  it.each([0.3, 0.8, 1])('of GHVB are those of the public code, beta = %f', (b) => {
    const grid = evenGrid(process, 6, 'rho')
    rows(b).forEach((expected, i) => {
      const { states } = ghvb({ order: i + 1, beta: b })(process, grid).stages[11]
      const total = process.s(grid[6]) - (process.a(grid[6]) / process.a(grid[5])) * process.s(grid[5])
      // The velocities alternate with the states.
      expected.forEach((w, j) => {
        expect(states[2 * j] / total).toBeCloseTo(w / b, 12)
      })
      expect(states[1]).toBeCloseTo(process.a(grid[6]) / process.a(grid[5]), 14)
    })
  })

  it('backward differences', () => {
    expect(backwardDifferences([0, 0, 0, 1])).toEqual([1, -3, 3, -1])
  })

  it('beta = 1 is no momentum; GHVB-1 is HB-1', () => {
    for (const x of golden.starts) {
      const end = (solver: Solver) => endOf(solver, process, golden.grid, x)
      for (const order of [1, 2, 3, 4, 5]) {
        const plain = end(ipndm({ order }))
        for (const same of [ghvb({ order }), heavyBall({ order }), nesterov({ order })]) {
          expect(end(same)).toBeCloseTo(plain, 12)
        }
      }
      expect(end(ghvb({ order: 1, beta }))).toBeCloseTo(end(heavyBall({ order: 1, beta })), 13)
      for (const base of [uniPC({ order: 3 }), dpmSolverPlusPlus(), dpmSolverSinglestep({ order: 3 })]) {
        expect(end(withMomentum(base, { beta: 1 }))).toBeCloseTo(end(base), 12)
      }
    }
  })
})

describe('order', () => {
  const measured = (solver: Solver, variable: 'rho' | 'lambda', ns = [80, 160]) =>
    measuredOrder(solver, process, (n) => evenGrid(process, n, variable), ns, 16, 'current')

  it('GHVB-k has order k on grids that are uniform in rho, and no more than 2 on others', () => {
    for (const order of [2, 3, 4]) {
      expect(Math.abs(measured(ghvb({ order, beta }), 'rho') - order)).toBeLessThan(0.2)
      expect(Math.abs(measured(ghvb({ order, beta }), 'lambda', [160, 320]) - 2)).toBeLessThan(0.25)
    }
  })

  it('HB and NT have order 1 whatever k, and momentum around any solver', () => {
    for (const order of [2, 3, 4]) {
      for (const make of [heavyBall, nesterov]) {
        expect(Math.abs(measured(make({ order, beta }), 'rho', [320, 640]) - 1)).toBeLessThan(0.15)
      }
    }
    for (const base of [dpmSolverPlusPlus(whole), uniPC(whole)]) {
      expect(Math.abs(measured(withMomentum(base, { beta }), 'lambda', [320, 640]) - 1)).toBeLessThan(0.15)
    }
  })
})

describe('stiffness', () => {
  it('AB4 diverges where GHVB and HB do not', () => {
    // eps = y: y' = y from rho = 20 down in steps of 0.4 decays; the bound of AB4 is 0.3, of GHVB(4, 0.5) 0.43.
    const times = evenGrid(process, 50, 'rho', [20.5, 0.5])
    const decay = (solver: Solver) => {
      const ask = (x: Float64Array, t: number, out: Float64Array) => void (out[0] = x[0] / process.a(t))
      const end = interpret(solver(process, times), ask, [process.a(times[0])]).states[0][0] / process.a(times[50])
      return Math.abs(end)
    }
    expect(decay(ipndm())).toBeGreaterThan(100)
    expect(decay(ghvb({ beta: 0.5 }))).toBeLessThan(1)
    expect(decay(heavyBall({ beta }))).toBeLessThan(1)
  })
})

describe('momentum around DPM-Solver++ and UniPC', () => {
  it('2M, as released: the velocity starts at the first second-order bracket, order-1 steps leave it', () => {
    const { grid } = golden
    const [a, s, lambda] = [process.a, process.s, process.logSnr].map((f) => grid.map(f))
    const solver = withMomentum(dpmSolverPlusPlus(), { beta, variant: 'released' })
    for (const start of golden.starts) {
      let x = start
      let velocity: number | undefined
      let before = 0
      for (let k = 0; k < 8; k++) {
        const out = new Float64Array(1)
        askOf(process, 'data')(Float64Array.of(x), grid[k], out)
        const [m] = out
        const h = lambda[k + 1] - lambda[k]
        let d = m
        if (k > 0 && k < 7) {
          const bracket = m + (0.5 * (m - before) * h) / (lambda[k] - lambda[k - 1])
          velocity = velocity === undefined ? bracket : (1 - beta) * velocity + beta * bracket
          d = velocity
        }
        x = (s[k + 1] / s[k]) * x - a[k + 1] * Math.expm1(-h) * d
        before = m
      }
      expect(endOf(solver, process, grid, start)).toBeCloseTo(x, 12)
    }
  })

  it('UniPC, as released: the corrector alone, its velocity in units of s', () => {
    const { grid } = golden
    for (const x of golden.starts) {
      let velocity: number | undefined
      const direction = (d: number, kind: 'predictor' | 'corrector', k: number) => {
        if (kind === 'predictor') return d
        const unit = process.s(grid[k + 1])
        velocity = velocity === undefined ? d / unit : (1 - beta) * velocity + (beta * d) / unit
        return velocity * unit
      }
      const literal = literalUniPc(process, grid, x, 2, 'bh2', { direction })
      const solver = withMomentum(uniPC(), { beta, variant: 'released' })
      expect(endOf(solver, process, grid, x)).toBeCloseTo(literal, 11)
    }
  })

  it('UniPC, right: the predictor takes a trial of the velocity', () => {
    const { grid } = golden
    for (const x of golden.starts) {
      let velocity: number | undefined
      const direction = (d: number, kind: 'predictor' | 'corrector') => {
        const next = velocity === undefined ? d : (1 - beta) * velocity + beta * d
        if (kind === 'corrector') velocity = next
        return next
      }
      const literal = literalUniPc(process, grid, x, 2, 'bh2', { direction })
      expect(endOf(withMomentum(uniPC(), { beta }), process, grid, x)).toBeCloseTo(literal, 11)
    }
  })

  it('reproduces a point mass; the released form around UniPC does not', () => {
    const point = new GaussianMixture({ means: [[0.7]], stds: [0] })
    const grid = uniformGrid(process, 8, { to: 0.2 })
    const miss = (solver: Solver) => {
      const plan = solver(process, grid)
      const ask = (x: Float64Array, t: number, out: Float64Array) =>
        void point.predict(x, process.a(t), process.s(t), plan.target, out)
      const end = interpret(plan, ask, [process.a(1) * 0.7 + process.s(1) * 1.3]).states[0][0]
      return Math.abs(end - process.a(0.2) * 0.7 - process.s(0.2) * 1.3)
    }
    for (const base of [ddim(), dpmSolverPlusPlus(), uniPC(), uniPC({ order: 3 }), dpmSolverSinglestep()]) {
      expect(miss(withMomentum(base, { beta }))).toBeLessThan(1e-12)
      expect(miss(withMomentum(base, { beta, nesterov: true }))).toBeLessThan(1e-12)
    }
    for (const solver of [ghvb({ beta }), heavyBall({ beta }), nesterov({ beta })]) {
      expect(miss(solver)).toBeLessThan(1e-10)
    }
    expect(miss(withMomentum(dpmSolverPlusPlus(), { beta, variant: 'released' }))).toBeLessThan(1e-12)
    expect(miss(withMomentum(uniPC(), { beta, variant: 'released' }))).toBeGreaterThan(1e-3)
  })

  it('costs no network call, and execute gives what interpret gives', async () => {
    const grid = evenGrid(process, 9, 'lambda')
    for (const solver of [ghvb({ beta }), nesterov({ beta }), withMomentum(uniPC({ order: 3 }), { beta })]) {
      const plan = solver(process, grid)
      expect(nfeOf(plan)).toBe(9)
      expect(await executeAgainstInterpret(plan, process)).toBeLessThan(5e-6)
    }
  })

  it('refuses what it cannot mean', () => {
    expect(() => withMomentum(ghvb({ beta }), { beta })(process, golden.grid)).toThrow(
      'momentum has no meaning around ghvb(4,beta=0.8): its row 0 is not a step',
    )
    expect(() => withMomentum(ddim(), { beta: 0 })).toThrow('0 < beta <= 1, got 0')
    expect(() => ghvb({ order: 3.8, beta })).toThrow('a fractional order or beta, got order 3.8 and beta 0.8')
    expect(() => heavyBall({ order: 6 })).toThrow('HB has orders 1 to 5, got 6')
  })
})
