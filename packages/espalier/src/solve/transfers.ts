import type { Process } from '../process/process.ts'
import { undenoised } from './levels.ts'
import type { Plan } from './plan.ts'
import type { Row, Terms } from './table.ts'

/** A row that ends a step: `x_to = x x_from + sum of predictions + noise`, with what inner stages did put in. */
export interface Transfer {
  /** The step that it makes: from `grid[from]` to `grid[from + 1]`. */
  readonly from: number
  /** Whether it makes that step again, with a prediction at its end: a corrector, in the rows of the next step. */
  readonly corrects: boolean
  /** At most one term: the state at `grid[from]`. */
  readonly states: Terms
  readonly predictions: Terms
  /** Sum of the weights of the predictions: the weight of a constant one. */
  readonly total: number
  /** Whether inner stages added noise, which is not in the terms. */
  readonly innerNoise: boolean
}

/**
 * Which rows of a plan are whole steps of exponential-integrator form: the last row of each grid step, and the first
 * row of a step where it corrects the step before.
 * @returns the transfers by the index of their row
 * @throws where such a row combines several states, or is not exact for a constant prediction: then the table does not
 *   say which terms are the direction of the step
 */
export function transfersOf(plan: Plan, process: Process, rows: readonly Row[]): Map<number, Transfer> {
  const { grid, target } = plan
  const level = target === 'data' ? process.a : process.s
  if (undenoised(plan, process) !== plan) {
    throw new Error('momentum goes around a solver before its last data prediction: denoised(momentum(...))')
  }
  const found = new Map<number, Transfer>()
  rows.forEach(({ step }, i) => {
    const first = rows[i - 1]?.step !== step
    const last = rows[i + 1]?.step !== step
    const corrects = first && !last && rows[i + 1].time === null
    if (!last && !corrects) return
    const from = corrects ? step - 1 : step
    const whole = expand(rows, i, found)
    const total = whole.predictions.reduce((sum, [, weight]) => sum + weight, 0)
    const x = whole.states[0]?.[1] ?? 0
    // A constant clean sample takes the mean from a to a_to; a constant noise takes the state from s to s_to.
    const miss = from < 0 ? Infinity : x * level(grid[from]) + total - level(grid[from + 1])
    if (whole.states.length > 1 || !(Math.abs(miss) < 1e-8)) {
      throw new Error(
        `momentum has no meaning around ${plan.name}: its row ${i} is not a step x_to = c x_from + (predictions) ` +
          `that is exact for a constant ${target} prediction`,
      )
    }
    found.set(i, { from, corrects, total, ...whole })
  })
  return found
}

/** A row with the inner stages of its step put in, down to the state that the step starts from. */
function expand(
  rows: readonly Row[],
  end: number,
  found: ReadonlyMap<number, Transfer>,
): Pick<Transfer, 'states' | 'predictions' | 'innerNoise'> {
  let { states, predictions } = rows[end]
  let innerNoise = false
  while (states.length === 1) {
    const [number, x] = states[0]
    const inner = rows[number - 1]
    if (inner?.step !== rows[end].step || found.has(number - 1)) break
    states = inner.states.map(([state, weight]) => [state, x * weight])
    predictions = merged([...predictions, ...inner.predictions.map(([p, weight]) => [p, x * weight] as const)])
    innerNoise ||= inner.noise !== 0
  }
  return { states, predictions, innerNoise }
}

/** One term per number. */
export function merged(terms: Terms): Terms {
  const sums = new Map<number, number>()
  for (const [number, weight] of terms) sums.set(number, (sums.get(number) ?? 0) + weight)
  return [...sums]
}
