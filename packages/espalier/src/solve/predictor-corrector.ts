import type { Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import type { LinearStep } from './exponential.ts'
import type { Plan } from './plan.ts'
import { planOf, type Row, type Terms } from './table.ts'

/** The two steps from `grid[k]` to `grid[k + 1]`; both start from the corrected state and share their noise. */
export interface PredictorCorrector {
  /** Reads the predictions at `grid[k]`, `grid[k - 1]`, ... */
  readonly predictor: LinearStep
  /** Reads the predictions at `grid[k + 1]`, `grid[k]`, ...; called for all steps but the last. */
  readonly corrector: () => LinearStep | undefined
}

/**
 * The plan of a predictor-corrector method with one network call per step, at the predicted point (PEC mode):
 *
 *     m_k <- network(p_k, grid[k])              p_0 is the start
 *     c_k <- corrector from c_{k-1}             the first row of step k, where step k - 1 has a corrector; c_0 = p_0
 *     z_k ~ N(0, I)                             a kept state, only where predictor and corrector share a noise
 *     p_{k+1} <- predictor from c_k             the last row of step k
 *
 * So what a run keeps as its current state is the predicted one, and `c_k` an older one.
 */
export function predictorCorrectorPlan(
  name: string,
  process: Process,
  grid: readonly number[],
  target: Target,
  steps: (k: number) => PredictorCorrector,
): Plan {
  const rows: Row[] = []
  const n = grid.length - 1
  let corrected = 0
  let shared: number | undefined
  let correct: LinearStep | undefined
  for (let k = 0; k < n; k++) {
    let time: number | null = grid[k]
    // One call per step: prediction k is that at grid[k].
    const row = ({ x, predictions }: LinearStep, noise: Terms): Row => ({
      step: k,
      time,
      states: [[corrected, x], ...noise],
      predictions: predictions.map((c, j) => [k - j, c] as const),
    })
    if (correct) {
      corrected = rows.push(row(correct, shared === undefined ? [] : [[shared, correct.noise]]))
      time = null
    } else {
      corrected = rows.length
    }
    const { predictor, corrector } = steps(k)
    correct = k < n - 1 ? corrector() : undefined
    shared = undefined
    if (correct && predictor.noise !== 0) {
      shared = rows.push({ step: k, time, states: [], predictions: [], noise: 1 })
      time = null
      rows.push(row(predictor, [[shared, predictor.noise]]))
    } else {
      rows.push({ ...row(predictor, []), noise: predictor.noise })
    }
  }
  return planOf(name, process, target, grid, rows)
}
