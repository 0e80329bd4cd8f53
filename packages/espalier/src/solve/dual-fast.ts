import type { Process } from '../process/process.ts'
import type { Plan, Solver } from './plan.ts'
import { planOf, type Row, rowsOf, type Terms } from './table.ts'
import { merged, transfersOf } from './transfers.ts'

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
 * so noises are mixed into solvers of the data form too. Correctors are changed as their predictors are.
 *
 * What is known: with the step before as reference and `c = r / 2`, r the ratio of the two steps in rho, DDIM becomes
 * variable-step Adams-Bashforth 2 in rho. The schedule of c has not been published; nor has the form for data solvers.
 * @throws where the steps of the base are not of the form `x_to = c x + T m + (differences of predictions)`
 */
export function dualFast(base: Solver, options: DualFastOptions): Solver {
  const { c, reference = 'previous', mix = 'noise' } = options
  const lag = reference === 'previous' ? 1 : reference === 'first' ? undefined : reference.lag
  if (lag !== undefined && !(Number.isInteger(lag) && lag >= 1)) {
    throw new Error(`dualFast needs a reference at least one whole step before, got a lag of ${lag}`)
  }
  return (process, grid) => {
    const plan = base(process, grid)
    const steps = plan.grid.length - 1
    const rows = rowsOf(plan)
    const transfers = transfersOf('dualFast', plan, process, rows)
    const predictions = mixedPredictions(plan, process, rows, mix)
    const changed = rows.map((row, i): Row => {
      const transfer = transfers.get(i)
      if (!transfer) return row
      const k = transfer.from
      const r = lag === undefined ? 0 : k - lag
      if (r < 0 || r === k) return row
      const weight = typeof c === 'number' ? c : c(k, steps)
      if (!Number.isFinite(weight)) throw new Error(`dualFast needs a finite c, got ${weight} for step ${k}`)
      if (weight === 0) return row
      const rho = process.s(plan.grid[k]) / process.a(plan.grid[k])
      const perUnit = plan.target === mix ? 1 : mix === 'noise' ? -rho : -1 / rho
      const g = weight * transfer.total * perUnit
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
