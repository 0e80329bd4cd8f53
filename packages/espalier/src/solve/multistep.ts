import type { Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import type { LinearStep } from './exponential.ts'
import { HERE, type Plan, parsePlan, type Stage } from './plan.ts'

export interface MultistepOptions {
  /** Highest order, the number of predictions that a step reads: the first steps read as many as there are. */
  readonly order: number
  /**
   * Whether the last steps count down to order 1: `order` at step k is at most `n - k`. Default `'auto'`: where the
   * grid has fewer than 15 steps (Lu et al. 2022), as the last steps of a coarse grid are long in lambda.
   */
  readonly lowerOrderFinal?: boolean | 'auto'
}

/**
 * The number of predictions that step k of n may read: no more than there are, than `order`, and, near the end, than
 * the steps that are left. A step to s = 0 is infinite in lambda: order 1.
 */
export function orderAt(process: Process, grid: readonly number[], k: number, options: MultistepOptions): number {
  const { order, lowerOrderFinal = 'auto' } = options
  const n = grid.length - 1
  if (process.s(grid[k + 1]) === 0) return 1
  const available = grid.slice(0, k + 1).filter((t) => process.a(t) !== 0).length || 1
  const lower = lowerOrderFinal === 'auto' ? n < 15 : lowerOrderFinal
  return Math.min(order, available, lower ? n - k : order)
}

/**
 * The plan of a multistep method with one network call per step, at the current state.
 * @param step the coefficients from `nodes[0]` to `to`, for predictions at `nodes`, newest first
 */
export function multistepPlan(
  name: string,
  process: Process,
  grid: readonly number[],
  target: Target,
  options: MultistepOptions,
  step: (nodes: readonly number[], to: number) => LinearStep,
): Plan {
  if (!(Number.isInteger(options.order) && options.order >= 1)) {
    throw new Error(`${name} needs a positive whole order, got ${options.order}`)
  }
  const stages = grid.slice(0, -1).map((from, k): Stage => {
    const q = orderAt(process, grid, k, options)
    const nodes = grid.slice(k - q + 1, k + 1).reverse()
    return stageOf(k, from, step(nodes, grid[k + 1]))
  })
  return parsePlan({ type: 'plan', name, process: process.name, target, grid, stages })
}

/** A stage that asks the network at the current state and takes a linear step from it. */
export function stageOf(step: number, time: number | null, { x, predictions, noise }: LinearStep): Stage {
  return { step, time, ask: HERE, states: x === 0 ? [] : [x], predictions, noise }
}
