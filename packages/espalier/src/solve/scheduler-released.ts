import { parsePlan, type Solver, type Stage } from './plan.ts'
import type { SchedulerFields } from './scheduler-fields.ts'
import type { SchedulerTimes } from './scheduler-grid.ts'

/** The step of IPNDM from a = 0, which takes the clean data to be 0 there: `x_to = s_to eps`. */
export function fromNoise(solver: Solver): Solver {
  return (process, grid) => {
    const later = solver(process, [(1 + grid[1]) / 2, ...grid.slice(1)])
    const first: Stage = { ...later.stages[0], time: grid[0], states: [], predictions: [process.s(grid[1])] }
    return parsePlan({ ...later, grid, stages: [first, ...later.stages.slice(1)] })
  }
}

/** Where the steps of DDIM end as released: the timestep `floor(N / n)` before, whatever the next one is. */
export function ddimEnds(config: SchedulerFields, { noisy, end }: SchedulerTimes): number[] {
  const size = config.num_train_timesteps
  return noisy.map((t) => {
    const timestep = Math.round(t * size) - 1 - Math.floor(size / noisy.length)
    return timestep < 0 ? end : (timestep + 1) / size
  })
}

/** The plan of a one-step solver whose steps end at other times than the next begin. */
export function steppingTo(ends: readonly number[], solver: Solver): Solver {
  return (process, grid) => {
    const plans = ends.map((end, k) => solver(process, [grid[k], end]))
    const stages = plans.map(({ stages }, step): Stage => ({ ...stages[0], step }))
    return parsePlan({ ...plans[0], grid, stages })
  }
}

/** DDPM with the large variance as released: the last step adds noise too, where its timestep is not 0. */
export function noisyAtTheEnd(solver: Solver): Solver {
  return (process, grid) => {
    const plan = solver(process, grid)
    const n = grid.length - 1
    return parsePlan({
      ...plan,
      stages: plan.stages.map((stage) => (stage.step === n - 1 ? { ...stage, noise: process.s(grid[n - 1]) } : stage)),
    })
  }
}

/**
 * The plan of a scheduler whose last step goes nowhere: of its network call only a correction of the state is left. The
 * orders of the steps before are those of a run with that step.
 */
export function withoutLastStep(solver: Solver): Solver {
  return (process, grid) => {
    const n = grid.length
    const { stages, ...plan } = solver(process, [...grid, grid[n - 1] / 2])
    const rest = stages.filter(({ step }) => step === n - 1)
    const correction = rest.slice(0, 1).map((stage) => ({ ...stage, step: n - 2 }))
    const before = stages.slice(0, stages.length - rest.length)
    return parsePlan({ ...plan, grid, stages: rest.length > 1 ? [...before, ...correction] : before })
  }
}
