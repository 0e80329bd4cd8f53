import type { Process } from '../process/process.ts'
import { type Plan, sameProcess } from '../solve/plan.ts'

/**
 * How to go from a level straight to a final state.
 * @param remaining the times of the chain's own grid from the level's to the last
 * @returns a plan from `remaining[0]` to clean data, such as `ddim()(process, thinned(remaining, 3))`
 */
export type FinishPlan = (remaining: readonly number[], level: number) => Plan

/** At most `steps` steps over the times of a grid: its first, its last, and others evenly chosen by their index. */
export function thinned(grid: readonly number[], steps: number): number[] {
  if (!(Number.isInteger(steps) && steps >= 1)) throw new Error(`a grid is thinned to 1 step or more, got ${steps}`)
  const own = grid.length - 1
  const count = Math.min(steps, own)
  return Array.from({ length: count + 1 }, (_, i) => grid[Math.round((own * i) / count)])
}

/** The plan of each level. @throws where one does not begin at its level's time or is for another process */
export function finishPlans(
  finish: FinishPlan,
  process: Process,
  grid: readonly number[],
  levels: readonly { readonly from: number }[],
): Plan[] {
  return levels.map(({ from }, level) => {
    const plan = finish(grid.slice(from), level)
    sameProcess(plan, process)
    if (plan.grid[0] !== grid[from]) {
      throw new Error(
        `the plan that finishes from level ${level} begins at time ${plan.grid[0]}, expected the level's own, ${grid[from]}`,
      )
    }
    return plan
  })
}
