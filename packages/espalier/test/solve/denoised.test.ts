import { describe, expect, it } from 'vitest'
import { GaussianMixture, logSnrGrid, meanReverting, uniformGrid, ve, vpLinear } from '../../src/process/index.ts'
import {
  advance,
  ddim,
  ddpm,
  deis,
  denoised,
  dpmSolverPlusPlus,
  dpmSolverSinglestep,
  dualFast,
  execute,
  interpret,
  nfeOf,
  type Solver,
  start,
  withMomentum,
} from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { askOf } from './golden.ts'
import { counted, rowKeys } from './helpers.ts'

const solvers: [string, Solver][] = [
  ['ddim', ddim()],
  ['a multistep solver of the data', dpmSolverPlusPlus()],
  ['a multistep solver of the noise', deis()],
  ['a solver whose steps take several of the grid', dpmSolverSinglestep({ order: 3 })],
]

describe('denoised', () => {
  it('goes around momentum and DualFast, not into them', () => {
    const process = ve()
    const grid = logSnrGrid(process, 5)
    for (const wrap of [(s: Solver) => dualFast(s, { c: 0.3 }), (s: Solver) => withMomentum(s, { beta: 0.8 })]) {
      expect(nfeOf(denoised(wrap(ddim()))(process, grid))).toBe(6)
      expect(() => wrap(denoised(ddim()))(process, grid)).toThrow('before its last data prediction')
    }
  })

  it.each(solvers)('%s: the data prediction at the state that the solver ends in', (_, solver) => {
    for (const [process, grid] of [
      [vpLinear(), [1, 0.6, 0.3, 0.1, 0.02]],
      [ve(), logSnrGrid(ve(), 5)],
      [meanReverting(), uniformGrid(meanReverting(), 5)],
    ] as const) {
      const end = grid.at(-1) as number
      const plan = denoised(solver)(process, grid)
      const own = solver(process, grid)
      expect(nfeOf(plan)).toBe(nfeOf(own) + 1)
      expect(plan.name).toBe(`denoised(${own.name})`)
      const ask = askOf(process, plan.target)
      const x = [process.s(grid[0]) * 0.7]
      const state = interpret(own, ask, x).states[0]
      const clean = problemG.predict(state, process.a(end), process.s(end), 'data', new Float64Array(1))
      expect(interpret(plan, ask, x).states[0][0]).toBeCloseTo(clean[0], 10)
    }
  })

  it('adds nothing to clean data', () => {
    const process = vpLinear()
    const grid = uniformGrid(process, 4)
    expect(denoised(ddim())(process, grid)).toEqual(ddim()(process, grid))
  })

  it('gives exactly the point for data at one point, noise and all, in blocks as in one run', async () => {
    const process = meanReverting()
    const world = new GaussianMixture({ means: [[0.3, -0.2]], stds: [0] })
    const net = counted(world.denoiser(process))
    const plan = denoised(ddpm())(process, uniformGrid(process, 6))
    const keys = rowKeys(1, 5)
    const x = start(plan, net, keys)
    const whole = await execute(plan, net, x, { keys })
    expect(net.times.at(-1)).toBe(0)
    expect(net.rows).toBe(5 * nfeOf(plan))
    whole.data.forEach((v, i) => {
      expect(v).toBeCloseTo([0.3, -0.2][i % 2], 6)
    })
    const half = await advance(plan, net, { states: [x], predictions: [] }, { keys, to: 3 })
    expect((await advance(plan, net, half, { keys, from: 3 })).states[0].data).toEqual(whole.data)
  })
})
