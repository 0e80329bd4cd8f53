import { describe, expect, it } from 'vitest'
import { GaussianMixture, uniformGrid, vpLinear } from '../../src/process/index.ts'
import {
  ddim,
  deis,
  dpmSolver,
  dpmSolverPlusPlus,
  dpmSolverSinglestep,
  dualFast,
  ghvb,
  growing,
  heavyBall,
  heun,
  interpret,
  ipndm,
  lms,
  nfeOf,
  rungeKutta,
  type Solver,
  type Stage,
  saSolver,
  uniPC,
} from '../../src/solve/index.ts'
import { executeAgainstInterpret } from './convergence.ts'
import { evenGrid } from './exact.ts'
import { askOf, endOf, golden, goldenEnd } from './golden.ts'
import { type Asked, literalUniPc } from './literal.ts'

const process = vpLinear()
const { grid } = golden
const rho = grid.map((t) => process.s(t) / process.a(t))
const bases: readonly (readonly [string, Solver])[] = [
  ['ddim', ddim()],
  ['dpm-solver', dpmSolver()],
  ['dpm-solver++ 2M', dpmSolverPlusPlus()],
  ['dpm-solver++ 3S', dpmSolverSinglestep({ order: 3, inner: 'ratio' })],
  ['deis', deis()],
  ['uniPC', uniPC({ order: 3 })],
  ['SA-Solver without noise', saSolver({ tau: 0 })],
  ['Heun', heun()],
  ['RK4', rungeKutta({ method: 'rk4' })],
  ['iPNDM', ipndm()],
  ['GHVB', ghvb({ beta: 0.8 })],
  ['heavy ball', heavyBall({ beta: 0.8 })],
]

/** A stage without zeros at the ends of its lists. */
function trimmed(stage: Stage): Stage {
  const trim = (list: readonly number[]) => list.slice(0, list.findLastIndex((c) => c !== 0) + 1).map((c) => c + 0)
  return { ...stage, states: trim(stage.states), predictions: trim(stage.predictions) }
}

describe('around DDIM', () => {
  it('golden values, from the data form and from the noise form', () => {
    const expected = [-1.28917342, 0.34882322, 1.6512174]
    for (const base of [ddim(), deis({ order: 1 })]) {
      goldenEnd(dualFast(base, { c: growing(0.5) })).forEach((x, i) => {
        expect(Math.abs(x - expected[i])).toBeLessThan(2e-7)
      })
    }
  })

  it('c = r / 2 is variable-step Adams-Bashforth 2 in rho; 1/2 on a grid uniform in rho is iPNDM-2', () => {
    const half = dualFast(ddim(), { c: (k) => (rho[k + 1] - rho[k]) / (rho[k] - rho[k - 1]) / 2 })
    const even = evenGrid(process, 9, 'rho')
    for (const x of golden.starts) {
      expect(endOf(half, process, grid, x)).toBeCloseTo(endOf(lms({ order: 2 }), process, grid, x), 11)
      const ends = [dualFast(ddim(), { c: 0.5 }), ipndm({ order: 2 })].map((solver) => endOf(solver, process, even, x))
      expect(ends[0]).toBeCloseTo(ends[1], 12)
    }
  })
})

describe('around every base', () => {
  it.each(bases)('%s: c = 0 is the base, c changes no call, the first step is the base', (_, base) => {
    expect(dualFast(base, { c: 0 })(process, grid).stages).toEqual(base(process, grid).stages.map(trimmed))
    const [plain, mixed] = [base, dualFast(base, { c: 0.3 })].map((solver) => solver(process, grid))
    expect(mixed.stages.map(({ time }) => time)).toEqual(plain.stages.map(({ time }) => time))
    expect(nfeOf(mixed)).toBe(nfeOf(plain))
    expect(mixed.stages[0]).toEqual(trimmed(plain.stages[0]))
    expect(mixed.stages).not.toEqual(plain.stages)
  })

  it.each(bases)('%s: a point mass is reproduced for any c, reference and mixture', (_, base) => {
    const point = new GaussianMixture({ means: [[0.7]], stds: [0] })
    for (const reference of ['previous', 'first', { lag: 2 }] as const) {
      for (const mix of ['noise', 'data'] as const) {
        const plan = dualFast(base, { c: growing(0.6), reference, mix })(process, grid)
        const ask = (x: Float64Array, t: number, out: Float64Array) =>
          void point.predict(x, process.a(t), process.s(t), plan.target, out)
        const end = interpret(plan, ask, [process.a(1) * 0.7 + process.s(1) * 1.3]).states[0][0]
        expect(end).toBeCloseTo(process.a(1e-3) * 0.7 + process.s(1e-3) * 1.3, 9)
      }
    }
  })

  it.each(bases)('%s: execute gives what interpret gives', async (_, base) => {
    const plan = dualFast(base, { c: 0.3, reference: 'first' })(process, evenGrid(process, 8, 'lambda'))
    expect(await executeAgainstInterpret(plan, process)).toBeLessThan(2e-5)
  })
})

describe('what is mixed', () => {
  it.each(['noise', 'data'] as const)('DPM-Solver++(2M), mix %s, reference two steps back, written out', (mix) => {
    const c = growing(0.4)
    const lambda = grid.map(process.logSnr)
    for (const start of golden.starts) {
      const asked: Asked[] = []
      let x = start
      for (let k = 0; k < 8; k++) {
        const out = new Float64Array(1)
        askOf(process, 'data')(Float64Array.of(x), grid[k], out)
        asked.push({ x, m: out[0] })
        const h = lambda[k + 1] - lambda[k]
        const D = k === 0 || k === 7 ? 0 : ((asked[k].m - asked[k - 1].m) * h) / (lambda[k] - lambda[k - 1])
        const base = mixed(asked, k, k - 2, c(k, 8), mix)
        const gain = -process.a(grid[k + 1]) * Math.expm1(-h)
        x = (process.s(grid[k + 1]) / process.s(grid[k])) * x + gain * (base + 0.5 * D)
      }
      const solver = dualFast(dpmSolverPlusPlus(), { c, reference: { lag: 2 }, mix })
      expect(endOf(solver, process, grid, start)).toBeCloseTo(x, 10)
    }
  })

  it.each(['noise', 'data'] as const)('UniPC, mix %s: predictor and corrector', (mix) => {
    for (const x of golden.starts) {
      const asked: Asked[] = []
      const first = (_: number, k: number) => mixed(asked, k, k - 1, 0.2, mix)
      const literal = literalUniPc(process, grid, x, 2, 'bh2', { first }, asked)
      expect(endOf(dualFast(uniPC(), { c: 0.2, mix }), process, grid, x)).toBeCloseTo(literal, 10)
    }
  })

  /** The new data prediction of step k, with step r as reference. */
  function mixed(asked: readonly Asked[], k: number, r: number, c: number, mix: 'noise' | 'data'): number {
    const { x, m } = asked[k]
    if (r < 0) return m
    if (mix === 'data') return (1 + c) * m - c * asked[r].m
    const noise = (i: number) => (asked[i].x - process.a(grid[i]) * asked[i].m) / process.s(grid[i])
    return (x - process.s(grid[k]) * ((1 + c) * noise(k) - c * noise(r))) / process.a(grid[k])
  }

  it('a stochastic step: the mean moves by the weight of a constant noise, the noise stays', () => {
    const c = 0.3
    for (const base of [dpmSolverPlusPlus({ order: 1, tau: 1 }), saSolver()]) {
      const [plain, mixed] = [base, dualFast(base, { c, mix: 'data' })].map((solver) => solver(process, grid))
      expect(mixed.stages.map(({ noise }) => noise)).toEqual(plain.stages.map(({ noise }) => noise))
      // The last step is of order 1 and has no corrector after it: only its own prediction weighs.
      const [last, changed] = [plain, mixed].map(({ stages }) => stages[stages.length - 1].predictions)
      const total = -process.a(grid[8]) * Math.expm1(2 * (process.logSnr(grid[7]) - process.logSnr(grid[8])))
      expect(last[0]).toBeCloseTo(total, 9)
      expect(changed[0]).toBeCloseTo((1 + c) * total, 9)
      expect(changed[1]).toBeCloseTo(-c * total, 9)
    }
  })

  it('halves the error of DDIM at 5 steps, as Adams-Bashforth does too', () => {
    const five = uniformGrid(process, 5, { to: 1e-3 })
    const exact = [-1.31843642, 0.30631375, 1.74202761]
    const error = (solver: Solver) =>
      Math.hypot(...golden.starts.map((x, i) => endOf(solver, process, five, x) - exact[i]))
    expect(error(dualFast(ddim(), { c: growing(0.5) }))).toBeLessThan(error(ddim()) / 2)
    expect(error(lms({ order: 2 }))).toBeLessThan(error(ddim()) / 1.5)
  })
})

it('refuses what it cannot mean', () => {
  const refused = (base: Solver) => expect(() => dualFast(base, { c: 0.1 })(process, grid))
  refused(heun({ churn: 4 })).toThrow('no meaning around heun(rho,churn=4): step 1 does not first ask at its state')
  expect(() => dualFast(ddim(), { c: 0.1, reference: { lag: 0 } })).toThrow(
    'at least one whole step before, got a lag of 0',
  )
  expect(() => dualFast(ddim(), { c: Number.NaN })(process, grid)).toThrow('a finite c, got NaN for step 1')
})
