import { describe, expect, it } from 'vitest'
import { edm, karrasGrid, uniformGrid, vpLinear } from '../../src/process/index.ts'
import { adamsBashforth, deis, ipndm, lms, nfeOf, plms, pndm } from '../../src/solve/index.ts'
import { evenGrid, measuredOrder } from './exact.ts'
import { endOf, golden, goldenEnd } from './golden.ts'

const process = vpLinear()
const [even, uneven] = (['rho', 'lambda'] as const).map((variable) => (n: number) => evenGrid(process, n, variable))

it('Adams-Bashforth weights', () => {
  const expected = [[1], [3, -1], [23, -16, 5], [55, -59, 37, -9], [1901, -2774, 2616, -1274, 251]]
  const denominators = [1, 2, 12, 24, 720]
  expected.forEach((weights, k) => {
    adamsBashforth(k + 1).forEach((w, j) => {
      expect(w * denominators[k]).toBeCloseTo(weights[j], 10)
    })
  })
})

describe('PNDM, PLMS, iPNDM', () => {
  it('golden values of iPNDM-4', () => {
    const expected = [-1.26129348, 0.46737205, 1.70379338]
    goldenEnd(ipndm()).forEach((x, i) => {
      expect(Math.abs(x - expected[i])).toBeLessThan(2e-7)
    })
  })

  it('the first steps, written out', () => {
    const { grid } = golden
    const middle = (grid[0] + grid[1]) / 2
    const plan = pndm()(process, grid)
    expect(plan.stages.slice(0, 4).map(({ time }) => time)).toEqual([grid[0], middle, middle, grid[1]])
    const scale = process.a(grid[1]) / process.a(grid[0])
    const total = process.s(grid[1]) - scale * process.s(grid[0])
    expect(plan.stages[3].states).toEqual([0, 0, 0, scale])
    plan.stages[3].predictions.forEach((w, j) => {
      expect(w / total).toBeCloseTo([1, 2, 2, 1][j] / 6, 14)
    })
    const [start, correction] = plms()(process, grid).stages
    expect([start.time, correction.time]).toEqual([grid[0], grid[1]])
    expect(correction.predictions.map((w) => w / total)).toEqual([0.5, 0.5])
    // Later combinations read the first call of each step: of the Runge-Kutta steps, every fourth.
    const used = plan.stages[12].predictions.flatMap((w, j) => (w === 0 ? [] : [j]))
    expect(used).toEqual([0, 4, 8, 12])
  })

  it('NFE', () => {
    const grid = uniformGrid(process, 10)
    expect(
      [pndm(), pndm({ warmup: 'improved-euler' }), plms(), ipndm(), lms()].map((s) => nfeOf(s(process, grid))),
    ).toEqual([19, 11, 11, 10, 10])
    expect(nfeOf(pndm()(process, uniformGrid(process, 2)))).toBe(8)
  })

  it('constant weights have their order on grids that are uniform in rho, and order 2 on others', () => {
    for (const solver of [pndm(), plms(), ipndm()]) {
      expect(measuredOrder(solver, process, even, [80, 160], 4, 'current')).toBeGreaterThan(3.75)
      const off = measuredOrder(solver, process, uneven, [160, 320], 4, 'current')
      expect(Math.abs(off - 2)).toBeLessThan(0.2)
    }
    expect(measuredOrder(ipndm({ order: 3 }), process, even, [80, 160], 4, 'current')).toBeCloseTo(3, 1)
    for (const grid of [even, uneven]) {
      expect(measuredOrder(pndm({ warmup: 'improved-euler' }), process, grid, [80, 160], 0)).toBeCloseTo(2, 1)
    }
  })

  it('on a grid uniform in rho iPNDM is LMS', () => {
    for (const x of golden.starts) {
      const ends = [ipndm(), lms()].map((solver) => endOf(solver, process, even(12), x))
      expect(ends[0]).toBeCloseTo(ends[1], 12)
    }
  })

  it('refuses what there is not', () => {
    expect(() => ipndm({ order: 6 })).toThrow('iPNDM has orders 1 to 5, got 6')
    expect(() => pndm({ warmup: 'heun' as 'runge-kutta' })).toThrow('got "heun"')
  })
})

describe('LMS', () => {
  it('is DEIS in rho, and keeps its order on any grid', () => {
    expect(lms()(process, uneven(9)).stages).toEqual(deis({ variable: 'rho' })(process, uneven(9)).stages)
    expect(measuredOrder(lms(), process, uneven, [40, 80], 4, 'current')).toBeCloseTo(4, 0)
  })

  it('goes to s = 0 with all its predictions: integrals of Lagrange polynomials', () => {
    const other = edm()
    const grid = karrasGrid(other, 6)
    const rho = grid.map((t) => other.s(t))
    expect(rho[6]).toBe(0)
    const { states, predictions } = lms({ order: 3 })(other, grid).stages[5]
    expect(states).toEqual([1])
    // The polynomial through 1, rho, rho^2 at the three nodes is itself: the weights integrate them exactly.
    for (let degree = 0; degree < 3; degree++) {
      const sum = predictions.reduce((total, w, j) => total + w * rho[5 - j] ** degree, 0)
      expect(sum / (-(rho[5] ** (degree + 1)) / (degree + 1))).toBeCloseTo(1, 10)
    }
  })
})
