import type { Denoiser } from '../process/denoiser.ts'

/** What a run has spent. Rows, never calls: one row through the network forward is one NFE. */
export interface Meter {
  nfe: number
}

/**
 * Counts what is asked of a denoiser, at the moment it is asked: rows times {@link Denoiser.rowCost}. So a guided row
 * counts 2 wherever the meter sits, padding counts nothing, and a reused output costs nothing.
 */
export function counted(denoiser: Denoiser, meter: Meter): Denoiser {
  const { process, event, rowCost, predictEach } = denoiser
  const count = (t: Float64Array) => {
    if (typeof rowCost !== 'function') meter.nfe += t.length * (rowCost ?? 1)
    else for (const time of t) meter.nfe += rowCost(time)
  }
  return {
    process,
    event,
    rowCost,
    predict(x, t, target, condition) {
      count(t)
      return denoiser.predict(x, t, target, condition)
    },
    ...(predictEach && {
      predictEach(x, t, targets, condition) {
        count(t)
        return predictEach.call(denoiser, x, t, targets, condition)
      },
    }),
  } satisfies Denoiser
}
