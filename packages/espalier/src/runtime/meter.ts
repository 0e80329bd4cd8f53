import { type Denoiser, type DifferentiableDenoiser, isDifferentiableDenoiser } from '../process/denoiser.ts'

/** What a run has spent. Rows, never calls: one row through the network forward is one NFE. */
export interface Meter {
  nfe: number
  /** Rows backward through the network, counted apart. */
  gradientEvaluations?: number
}

/**
 * Counts what is asked of a denoiser, at the moment it is asked: rows times {@link Denoiser.rowCost}. So a guided row
 * counts 2 wherever the meter sits, padding counts nothing, and a reused output costs nothing. Rows of
 * {@link DifferentiableDenoiser.pullback} count likewise, as gradient evaluations.
 */
export function counted(denoiser: Denoiser, meter: Meter): Denoiser {
  const { process, event, rowCost, predictEach } = denoiser
  const costOf = (t: Float64Array) => {
    if (typeof rowCost !== 'function') return t.length * (rowCost ?? 1)
    let cost = 0
    for (const time of t) cost += rowCost(time)
    return cost
  }
  return {
    process,
    event,
    rowCost,
    predict(x, t, target, condition) {
      meter.nfe += costOf(t)
      return denoiser.predict(x, t, target, condition)
    },
    ...(predictEach && {
      predictEach(x, t, targets, condition) {
        meter.nfe += costOf(t)
        return predictEach.call(denoiser, x, t, targets, condition)
      },
    }),
    ...(isDifferentiableDenoiser(denoiser) && {
      pullback(x, t, cotangent, condition) {
        meter.gradientEvaluations = (meter.gradientEvaluations ?? 0) + costOf(t)
        return denoiser.pullback(x, t, cotangent, condition)
      },
    }),
  } satisfies Denoiser | DifferentiableDenoiser
}
