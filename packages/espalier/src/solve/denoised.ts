import { conversion } from '../process/prediction.ts'
import { HERE, parsePlan, type Solver, stepsOf } from './plan.ts'

/**
 * Adds a last data prediction at the end of the grid (`denoise_to_zero`), for runs that end in a state with noise,
 * `s > 0`: VE and mean-reverting processes, and grids that stop before 0. It costs one more NFE and takes the state from
 * `a x_0 + s eps` to `x_0`; the plan's last time stays that of the grid. Where a run ends in clean data there is nothing
 * to add, and the plan is the solver's own.
 */
export function denoised(solver: Solver): Solver {
  return (process, grid) => {
    const plan = solver(process, grid)
    const time = grid[grid.length - 1]
    const [a, s] = [process.a(time), process.s(time)]
    if (s === 0) return plan
    const { x, output } = conversion(plan.target, 'data', { a, s, da: Number.NaN, ds: Number.NaN })
    const stage = {
      step: stepsOf(plan) - 1,
      time,
      ask: HERE,
      states: x === 0 ? [] : [x],
      predictions: [output],
      noise: 0,
    }
    return parsePlan({ ...plan, name: `denoised(${plan.name})`, stages: [...plan.stages, stage] })
  }
}
