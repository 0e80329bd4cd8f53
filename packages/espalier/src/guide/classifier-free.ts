import {
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  isDifferentiableDenoiser,
  rowCostAt,
  type Target,
} from '../process/denoiser.ts'
import { convert } from '../process/prediction.ts'
import type { Prediction } from '../process/process.ts'
import { concatenate, gather, row, sizeOf, type Tensor } from '../tensor/tensor.ts'
import { repeated } from './conditioned.ts'
import { type GuidanceInterval, membership } from './interval.ts'

export interface GuidanceRescale {
  /** Share of the rescaled prediction, 0 (none) to 1; the paper takes 0.7. */
  readonly phi: number
  /**
   * The prediction whose spread is restored. Default `data`: what looks overexposed is the spread of the clean sample,
   * and where the signal is gone (a = 0, the case that the paper repairs) it equals the paper's choice up to its sign.
   * `velocity` is the paper's choice, `noise` what public pipelines do with noise networks: there it acts on
   * `eps = (x - a x_0) / s`, most of which is x itself at high noise, so it corrects little where it is needed.
   */
  readonly on?: Target | 'velocity'
}

export interface ClassifierFreeOptions {
  /** `w` of `u + w (c - u)`: 0 is unconditional, 1 conditional (no guidance), above 1 extrapolates. */
  readonly scale: number
  /** One row (tensors `[1, ...]`) that means "no condition" to the network. */
  readonly unconditional: Condition
  /** Restores the spread of the conditional prediction. Default: off. */
  readonly rescale?: GuidanceRescale
  /** Guides at these noise levels only; a row outside is conditional and costs 1. Default: everywhere. */
  readonly interval?: GuidanceInterval
}

/**
 * Classifier-free guidance (Ho and Salimans 2022, eq. 6, with `w` for their `1 + w`): the prediction
 * `g = u + w (c - u)` from the unconditional `u` and the conditional `c`. The same `w` for every prediction type: at a
 * given state the types are affine in one another, and the weights sum to one.
 *
 * - `rescale` (Lin, Liu, Li, Yang 2023, "Common diffusion noise schedules and sample steps are flawed", eq. 14-16):
 *   `phi g std(c) / std(g) + (1 - phi) g`, with the standard deviation over all values of one row. It is not linear, so
 *   here the prediction type matters: {@link GuidanceRescale.on}.
 * - `interval` (Kynkäänniemi et al. 2024, "Applying guidance in a limited interval"): guidance at middle noise
 *   levels alone.
 *
 * A guided row costs 2 NFE, sent in the same batch as the others; `w = 0` and `w = 1` need one of the two and cost 1,
 * as do rows outside the interval. It can be differentiated where the denoiser can, unless it rescales.
 *
 * @throws Error at a call that leaves out a condition which `unconditional` names
 */
export function classifierFree(denoiser: Denoiser, options: ClassifierFreeOptions): Denoiser {
  const { scale, unconditional, rescale, interval } = options
  if (!Number.isFinite(scale)) throw new Error(`The guidance scale is ${scale}; give a finite number.`)
  repeated(unconditional, 1)
  const { process, event } = denoiser
  const { phi, on } = checkRescale(rescale)
  const inside = membership(process, interval)
  const both = scale !== 1 && !(scale === 0 && phi === 0)
  const rowCost = (t: number) => (both && inside(t) ? 2 : 1) * rowCostAt(denoiser, t)

  /**
   * The rows of a call as they are asked: every row once, conditional unless w = 0, and the guided rows again,
   * unconditional.
   */
  const asked = (t: Float64Array, given: Condition | undefined) => {
    for (const name in unconditional) {
      if (!given?.[name])
        throw new Error(`Guidance needs the condition "${name}" for its conditional rows; none was given.`)
    }
    const rows = Array.from(t, (_, row) => row)
    const guided = scale === 1 ? [] : rows.filter((row) => inside(t[row]))
    const free = new Set(both ? [] : guided)
    if (both) for (const row of guided) free.add(rows.push(row) - 1)
    const times = Float64Array.from(rows, (row) => t[row])
    const condition = free.size === 0 ? given : conditionsOf(given as Condition, unconditional, rows, free)
    return { rows, times, condition, of: (x: Tensor) => (both ? gather(x, rows) : x) }
  }
  /** `u + w (c - u)` of an answer to the asked rows. */
  const combined = (answer: Tensor, n: number, rows: readonly number[], spread: number): Tensor => {
    if (!both) return answer
    const shape = [n, ...answer.shape.slice(1)]
    const out: Tensor = { shape, data: answer.data.slice(0, sizeOf(shape)) }
    for (let k = n; k < rows.length; k++) {
      const [g, c, u] = [row(out, rows[k]), row(answer, rows[k]), row(answer, k)]
      for (let i = 0; i < g.length; i++) g[i] = u[i] + scale * (c[i] - u[i])
      if (spread !== 0) restoreSpread(g, c, spread)
    }
    return out
  }

  return {
    process,
    event,
    rowCost: interval || typeof denoiser.rowCost === 'function' ? rowCost : rowCost(0),
    async predict(x, t, target, given) {
      const { rows, times, condition, of } = asked(t, given)
      const states = of(x)
      const kind: Prediction = phi === 0 ? target : on
      const wanted: Target = kind === 'data' || kind === 'noise' ? kind : target
      const answer = await denoiser.predict(states, times, wanted, condition)
      convert(process, wanted, kind, answer, states, times)
      return convert(process, kind, target, combined(answer, t.length, rows, phi), x, t)
    },
    // The rescaling is not linear, and so not worth its gradient.
    ...(isDifferentiableDenoiser(denoiser) &&
      phi === 0 && {
        async pullback(x, t, cotangent, given) {
          const { rows, times, condition, of } = asked(t, given)
          return combined(await denoiser.pullback(of(x), times, of(cotangent), condition), t.length, rows, 0)
        },
      }),
  } satisfies Denoiser | DifferentiableDenoiser
}

/** The conditions of these rows of a call; those at the positions in `free` are unconditional. */
function conditionsOf(
  given: Condition,
  unconditional: Condition,
  rows: readonly number[],
  free: ReadonlySet<number>,
): Condition {
  const out: Record<string, Tensor> = {}
  for (const name in given) {
    const none = unconditional[name]
    out[name] = none
      ? gather(
          concatenate([given[name], none]),
          rows.map((row, k) => (free.has(k) ? given[name].shape[0] : row)),
        )
      : gather(given[name], rows)
  }
  return out
}

function checkRescale({ phi, on = 'data' }: GuidanceRescale = { phi: 0 }): Required<GuidanceRescale> {
  if (!(phi >= 0 && phi <= 1)) throw new Error(`The rescaling of guidance is phi = ${phi}; give a number from 0 to 1.`)
  return { phi, on }
}

/** `g <- g (phi std(c) / std(g) + 1 - phi)`; a constant prediction stays as it is. */
function restoreSpread(g: Float32Array, c: Float32Array, phi: number): void {
  const own = deviation(g)
  if (own === 0) return
  const factor = phi * (deviation(c) / own) + 1 - phi
  for (let j = 0; j < g.length; j++) g[j] *= factor
}

function deviation(values: Float32Array): number {
  let mean = 0
  for (const value of values) mean += value / values.length
  let sum = 0
  for (const value of values) sum += (value - mean) ** 2
  return Math.sqrt(sum / values.length)
}
