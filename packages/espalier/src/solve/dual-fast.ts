import type { Process } from '../process/process.ts'
import { type Level, levelsOf, sameLevel, undenoised } from './levels.ts'
import type { Plan, Solver } from './plan.ts'
import { planOf, type Row, rowsOf, type Terms } from './table.ts'
import { merged } from './transfers.ts'

export interface DualFastOptions {
  /** The mixing coefficient of step k of n, from 0: a constant, or a function such as {@link growing}. */
  readonly c: number | ((step: number, steps: number) => number)
  /** The noisier step whose prediction is mixed in: the one before (default), the first one, or so many before. */
  readonly reference?: 'previous' | 'first' | { readonly lag: number }
  /** Whether noises (default) or clean samples are mixed. The paper does not say; this is our reading. */
  readonly mix?: 'noise' | 'data'
}

/** `c = most (k / (n - 1))^power` at step k of n: none at the start, more towards the data. */
export function growing(most: number, power = 1): (step: number, steps: number) => number {
  return (step, steps) => (steps === 1 ? 0 : most * (step / (steps - 1)) ** power)
}

/**
 * DualFast (Yu et al. 2025, "DualFast: dual-speedup framework for fast sampling of diffusion models"): in the
 * first-order term of a step, and there only, the noise e is replaced by an extrapolation away from that of an earlier,
 * noisier step r, which the paper finds to be the more accurate one:
 *
 *     e_new = (1 + c) e - c e_r,      so   x_to <- x_to + c T (e - e_r),
 *
 * with T the weight of a constant noise in the step. This is one more term of the table: no call, and no change where
 * no reference is kept yet. The prediction of the other kind is linear in the kept state that its network was asked at,
 * so noises are mixed into solvers of the data form too. Only the state at the end of a step is changed, not those at
 * inner stages; correctors are changed as their predictors are.
 *
 * What is known: with the step before as reference and `c = r / 2`, r the ratio of the two steps in rho, DDIM becomes
 * variable-step Adams-Bashforth 2 in rho. The schedule of c has not been published; nor has the form for data solvers.
 * @throws where a step of the base does not first ask the network at its start, as one with churn
 */
export function dualFast(base: Solver, options: DualFastOptions): Solver {
  const { c, reference = 'previous', mix = 'noise' } = options
  const lag = reference === 'previous' ? 1 : reference === 'first' ? undefined : reference.lag
  if (lag !== undefined && !(Number.isInteger(lag) && lag >= 1)) {
    throw new Error(`dualFast needs a reference at least one whole step before, got a lag of ${lag}`)
  }
  return (process, grid) => {
    const plan = base(process, grid)
    if (undenoised(plan, process) !== plan) {
      throw new Error('dualFast goes around a solver before its last data prediction: denoised(dualFast(...))')
    }
    const steps = plan.grid.length - 1
    const rows = rowsOf(plan)
    const ends = stepsMade(plan, process, rows)
    const predictions = mixedPredictions(plan, process, rows, mix)
    const changed = rows.map((row, i): Row => {
      const end = ends.get(i)
      if (!end) return row
      const k = end.step
      const r = lag === undefined ? 0 : k - lag
      if (r < 0 || r === k) return row
      const weight = typeof c === 'number' ? c : c(k, steps)
      if (!Number.isFinite(weight)) throw new Error(`dualFast needs a finite c, got ${weight} for step ${k}`)
      if (weight === 0) return row
      const rho = process.s(plan.grid[k]) / process.a(plan.grid[k])
      const perUnit = plan.target === mix ? 1 : mix === 'noise' ? -rho : -1 / rho
      const g = weight * end.total * perUnit
      return {
        ...row,
        states: merged([...row.states, ...scaled(predictions[k].states, g), ...scaled(predictions[r].states, -g)]),
        predictions: merged([
          ...row.predictions,
          ...scaled(predictions[k].predictions, g),
          ...scaled(predictions[r].predictions, -g),
        ]),
      }
    })
    const amount = typeof c === 'number' ? c : 'c(k)'
    return planOf(`dualfast(${plan.name},${amount},${mix})`, process, plan.target, plan.grid, changed)
  }
}

/**
 * The rows that make the state at the end of a step, each with its step and T, the weight of a constant prediction in
 * it: the last row of each step, and, in the rows of the next step, a corrector, which makes a state of the level that
 * the step has started from. T is read off the levels: where `x_to = X x + T` for a constant prediction of 1, the part of
 * a state that this prediction does not feed is multiplied by X.
 */
function stepsMade(
  plan: Plan,
  process: Process,
  rows: readonly Row[],
): Map<number, { readonly step: number; readonly total: number }> {
  const { grid, target } = plan
  const levels = levelsOf(plan, process)
  const fed = ({ a, s }: Level) => (target === 'data' ? a : s)
  const other = ({ a, s }: Level) => (target === 'data' ? s : a)
  let start: Level = { a: process.a(grid[0]), s: process.s(grid[0]) }
  const found = new Map<number, { step: number; total: number }>()
  let total = 0
  rows.forEach(({ step, predictions }, i) => {
    const level = levels[i]
    if (rows[i + 1]?.step !== step) {
      total = fed(level) - (other(level) / other(start)) * fed(start)
      found.set(i, { step, total })
      start = level
    } else if (step > 0 && predictions.length > 0 && sameLevel(level, start)) {
      found.set(i, { step: step - 1, total })
    }
  })
  return found
}

/** The prediction at the start of each step, as the kind that is mixed: terms of kept states and predictions. */
function mixedPredictions(
  plan: Plan,
  process: Process,
  rows: readonly Row[],
  mix: 'noise' | 'data',
): { states: Terms; predictions: Terms }[] {
  const found: { states: Terms; predictions: Terms }[] = []
  let asked = 0
  rows.forEach(({ step, time, ask }, i) => {
    if (found.length === step) {
      const t = plan.grid[step]
      if (time !== t || ask)
        throw new Error(`dualFast has no meaning around ${plan.name}: step ${step} does not first ask at its state`)
      const [a, s] = [process.a(t), process.s(t)]
      const [x, m] = plan.target === mix ? [0, 1] : mix === 'noise' ? [1 / s, -a / s] : [1 / a, -s / a]
      found.push({ states: x === 0 ? [] : [[i, x]], predictions: [[asked, m]] })
    }
    if (time !== null) asked++
  })
  return found
}

function scaled(terms: Terms, factor: number): Terms {
  return terms.map(([number, weight]) => [number, factor * weight])
}
