/** Best reward against NFE over several seeds. */

import { mean95 } from 'espalier/measure'
import type { PlotPoint } from './line-plot.ts'

/** The best reward after so many NFE: one entry per improvement, plus the last. */
export type Trace = readonly { readonly nfe: number; readonly best: number }[]

/**
 * The mean best-so-far of several runs with its 95% interval, at `count` points evenly spaced in log NFE. It starts
 * where every run has a finite reward: a mean over fewer runs would jump.
 *
 * @throws if a trace is empty
 */
export function traceBand(traces: readonly Trace[], count = 24): PlotPoint[] {
  if (traces.some((trace) => trace.length === 0))
    throw new Error('traceBand: a trace is empty; every run ends with one')
  const first = Math.max(...traces.map((t) => t.find((p) => Number.isFinite(p.best))?.nfe ?? Number.POSITIVE_INFINITY))
  const last = Math.max(...traces.map((trace) => trace[trace.length - 1].nfe))
  if (!(first <= last)) return []
  const grid = Array.from({ length: count }, (_, i) =>
    i === count - 1 ? last : Math.round(Math.max(1, first) * (last / Math.max(1, first)) ** (i / (count - 1))),
  )
  return [...new Set(grid)].map((nfe) => {
    const { mean, low, high } = mean95(traces.map((trace) => bestAt(trace, nfe)))
    return { x: nfe, y: mean, low, high }
  })
}

/** The best reward that was known after `nfe` network evaluations; `-Infinity` before the first. */
export function bestAt(trace: Trace, nfe: number): number {
  let best = Number.NEGATIVE_INFINITY
  for (const point of trace) {
    if (point.nfe > nfe) break
    best = Math.max(best, point.best)
  }
  return best
}
