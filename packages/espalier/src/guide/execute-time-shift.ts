import type { Condition, Denoiser } from '../process/denoiser.ts'
import { ancestralStep, keptWithEta } from '../solve/ancestral.ts'
import { type Key, normalRows } from '../tensor/random.ts'
import { row, type Tensor } from '../tensor/tensor.ts'
import {
  checkLevels,
  checkSpread,
  type LevelOptions,
  levelPicker,
  type ShiftStatistics,
  ShiftTally,
  shiftable,
  spreadOf,
} from './time-shift.ts'

export interface ExecuteTimeShiftOptions extends LevelOptions {
  /**
   * `target` (default), the released code for DDPM, DDIM and PNDM: the step LANDS on the shifted level, and what it
   * lands on is then treated as the nominal one. The level is the one around the next time whose states have the spread
   * of the current state; the first step is not shifted. Since the current state is noisier, it lands too high: variance
   * is put back on purpose.
   * `consistent`: as {@link timeShift}, and the step also STARTS from the shifted level.
   */
  readonly form?: 'target' | 'consistent'
  /** Noise of each step: 0 (default) is DDIM, 1 DDPM. */
  readonly eta?: number
  /** One key per row, for the noise: step k draws from `fold(key, k)`. */
  readonly keys?: readonly Key[]
  readonly condition?: Condition
  readonly signal?: AbortSignal
}

/**
 * Time-shift samplers (Li et al. 2024) whose COEFFICIENTS depend on the state: each row steps between levels that its own
 * spread chooses. A plan is a table of numbers that a grid alone determines, so these are no plans; and with levels of
 * one row unlike those of another there is no grid that older predictions belong to, so they are one-step methods.
 * {@link timeShift}, which changes nothing but the network's label, goes with every plan.
 *
 * @param grid the nominal times, decreasing, as of a plan
 * @param x states `[n, ...event]` at `grid[0]`; not changed
 * @returns the states at the end of the grid, and what the shifts were
 * @throws where an option is out of range, noise has no keys, or a state is not finite (naming step, time and row)
 */
export async function executeTimeShift(
  denoiser: Denoiser,
  grid: readonly number[],
  x: Tensor,
  options: ExecuteTimeShiftOptions,
): Promise<{ readonly state: Tensor; readonly statistics: ShiftStatistics }> {
  const { form = 'target', eta = 0, cutoff, start = grid[0], keys, condition, signal } = options
  const { process } = denoiser
  checkLevels('A time shift', options)
  checkSpread('A time shift', denoiser)
  if (form !== 'target' && form !== 'consistent') {
    throw new Error(`A time shift has the forms target and consistent, got ${JSON.stringify(form)}.`)
  }
  if (!(eta >= 0 && eta <= 1)) throw new Error(`A time shift needs 0 <= eta <= 1, got ${eta}.`)
  if (grid.length < 2 || grid.some((t, k) => !(t >= 0 && t <= 1) || (k > 0 && !(t < grid[k - 1])))) {
    throw new Error(`A time shift needs times that decrease within [0, 1], got [${grid.join(', ')}].`)
  }
  const n = x.shape[0]
  if (eta > 0 && keys?.length !== n) {
    throw new Error(`A time shift with noise needs one key per row: got ${keys?.length ?? 0} keys for ${n} rows.`)
  }
  const pick = levelPicker(process, options)
  const tally = new ShiftTally()
  const open = shiftable({ cutoff, start })
  const fitting = (i: number, at: number, nominal: number) =>
    open(nominal) ? tally.add(nominal, pick(spreadOf(row(state, i)), at, nominal)) : nominal

  const state: Tensor = { shape: x.shape, data: x.data.slice() }
  const noise = new Float32Array(eta > 0 ? x.data.length : 0)
  const size = x.data.length / n
  for (let k = 0; k + 1 < grid.length; k++) {
    signal?.throwIfAborted()
    const [from, to] = [grid[k], grid[k + 1]]
    const rows = Array.from({ length: n }, (_, i) =>
      form === 'target' ? { from, to: k === 0 ? to : fitting(i, from, to) } : { from: fitting(i, from, from), to },
    )
    const times = Float64Array.from(rows, (levels) => levels.from)
    const { data } = await denoiser.predict(state, times, 'data', condition)
    if (eta > 0) normalRows(keys as readonly Key[], k, noise)
    rows.forEach((levels, i) => {
      const step = ancestralStep(process, levels.from, levels.to, keptWithEta(process, levels.from, levels.to, eta))
      for (let j = i * size; j < (i + 1) * size; j++) {
        const mean = step.x * state.data[j] + step.prediction * data[j]
        state.data[j] = step.noise === 0 ? mean : mean + step.noise * noise[j]
        if (!Number.isFinite(state.data[j])) {
          throw new Error(
            `Time shift, step ${k + 1} of ${grid.length - 1} (t = ${from} to ${to}): row ${i} is not finite.`,
          )
        }
      }
    })
  }
  return { state, statistics: tally.statistics }
}
