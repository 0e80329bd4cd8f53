import type { Condition, Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { gather, row, type Tensor } from '../tensor/tensor.ts'
import { conditionRows } from './conditioned.ts'
import { type GuidanceInterval, membership } from './interval.ts'

/** The rows of a call that are guided. */
export interface GuidedRows {
  readonly rows: readonly number[]
  readonly x: Tensor
  readonly t: Float64Array
  readonly condition: Condition | undefined
}

/**
 * Picks the rows that a gradient bends: those in the interval, and with both signal and noise, since pure noise says
 * nothing of the data, and clean data are not bent (`s = 0`).
 * @returns nothing where there are none
 * @throws Error where the interval is none
 */
export function guidedRows(process: Process, interval: GuidanceInterval | undefined) {
  const inside = membership(process, interval)
  const bends = (t: number) => inside(t) && process.a(t) > 0 && process.s(t) > 0
  return (x: Tensor, t: Float64Array, condition: Condition | undefined): GuidedRows | undefined => {
    const rows = Array.from(t, (_, i) => i).filter((i) => bends(t[i]))
    if (rows.length === 0) return undefined
    if (rows.length === t.length) return { rows, x, t, condition }
    const times = Float64Array.from(rows, (i) => t[i])
    return { rows, x: gather(x, rows), t: times, condition: condition && conditionRows(condition, rows) }
  }
}

/**
 * Adds `scale` times the gradient g of a log density to the score of the guided rows: `eps' = eps - s scale g`, that is
 * `x_0' = x_0 + (s^2 / a) scale g` (Dhariwal and Nichol 2021, algorithm 2). In place.
 * @param gradient g of the guided rows alone
 */
export function bend(
  process: Process,
  target: Target,
  prediction: Tensor,
  { rows, t }: Pick<GuidedRows, 'rows' | 't'>,
  gradient: Tensor,
  scale: number,
): void {
  rows.forEach((index, i) => {
    const [a, s] = [process.a(t[i]), process.s(t[i])]
    const factor = scale * (target === 'noise' ? -s : (s * s) / a)
    const [values, slopes] = [row(prediction, index), row(gradient, i)]
    for (let j = 0; j < values.length; j++) values[j] += factor * slopes[j]
  })
}
