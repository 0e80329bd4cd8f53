import { type Condition, type Denoiser, rowCostAt } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { execute } from '../solve/execute.ts'
import { undenoised } from '../solve/levels.ts'
import { nfeOf, type Plan, sameProcess, stepsOf } from '../solve/plan.ts'
import { purpose } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Chain } from './chain.ts'
import { asksHere, recalling } from './recall.ts'
import type { Block } from './schedule.ts'

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

/** A chain of arrays, as far as running another plan from its levels goes. */
interface Finishable {
  readonly denoiser: Denoiser
  readonly grid: readonly number[]
  readonly blocks: readonly Block[]
  batch(states: readonly Float32Array[]): Tensor
  statesOf(batch: Tensor, like: readonly Float32Array[]): Float32Array[]
  conditionOf(states: readonly Float32Array[]): Condition | undefined
  /** The clean data that a look-ahead found. */
  recall(state: Float32Array, level: number): Float32Array | undefined
}

/**
 * `finish` of a chain, with a plan for each level, made when it is first asked for.
 * @throws then, where a plan does not go from its level's time to clean data
 */
export function finishing(
  finish: FinishPlan,
  { denoiser, grid, blocks, batch, statesOf, conditionOf, recall }: Finishable,
): Required<Pick<Chain<Float32Array, Tensor>, 'finish' | 'finishCost'>> {
  const plans: Plan[] = []
  const planAt = (level: number) => (plans[level] ??= make(level))
  const make = (level: number): Plan => {
    const { from } = blocks[level]
    const plan = finish(grid.slice(from), level)
    if (plan.grid[0] !== grid[from]) {
      throw new Error(
        `the plan that finishes from level ${level} begins at time ${plan.grid[0]}, expected the level's own, ${grid[from]}`,
      )
    }
    checkEnd(plan, denoiser.process)
    return plan
  }
  return {
    async finish(states, level, keys) {
      if (level === blocks.length) return [...states]
      const plan = planAt(level)
      const known = states.map((state) => (asksHere(plan, 0) ? recall(state, level) : undefined))
      const own = { keys: keys.map((key) => purpose(key, 'finish')), condition: conditionOf(states) }
      return statesOf(await execute(plan, recalling(denoiser, known), batch(states), own), states)
    },
    finishCost(level, looked = false) {
      if (level === blocks.length) return 0
      const plan = planAt(level)
      const saved = looked && asksHere(plan, 0) ? rowCostAt(denoiser, plan.grid[0]) : 0
      return nfeOf(plan, 0, stepsOf(plan), denoiser) - saved
    },
  }
}

/** A run must end in clean data, for that is what rewards and readers take its states for. */
export function checkEnd(plan: Plan, process: Process): void {
  sameProcess(plan, process)
  const end = plan.grid[stepsOf(plan)]
  if ((end === 0 && process.s(0) <= 1e-5) || undenoised(plan, process) !== plan) return
  throw new Error(
    `${plan.name} ends at time ${end}, expected a grid that ends in clean data, at 0 (noise left: s = ${process.s(end)}); ` +
      'wrap the solver in denoised(), which adds the last data prediction',
  )
}
