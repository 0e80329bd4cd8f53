/** Runs that differ in their seed alone, as one. */

import type { RunConfig, RunSummary } from '@espalier/engine'
import type { Interval } from 'espalier/measure'

/** What mean and interval are made by; the library's own, which comes when it is first wanted. */
export type Mean95 = (values: readonly number[]) => Interval

export interface Group<R> {
  /** The same for runs that differ in their seed alone. */
  readonly key: string
  /** In order of their seeds. */
  readonly runs: readonly R[]
}

/** A line of best rewards: a step at each point. */
export interface Curve {
  readonly nfe: readonly number[]
  readonly best: readonly number[]
}

/** Points at which a mean is taken, at most. */
const POINTS = 160

/** All of a config but its seed, in an order of its own. */
export function keyOf({ seed: _, ...rest }: RunConfig): string {
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Groups in the order in which their first runs stand. */
export function groupsOf<R extends Pick<RunSummary, 'config'>>(runs: readonly R[]): Group<R>[] {
  const groups = new Map<string, R[]>()
  for (const run of runs) {
    const key = keyOf(run.config)
    const found = groups.get(key)
    if (found) found.push(run)
    else groups.set(key, [run])
  }
  return [...groups].map(([key, all]) => ({ key, runs: all.sort((a, b) => a.config.seed - b.config.seed) }))
}

/** The best reward after so many NFE; undefined before the first sample. */
export function bestAt({ nfe, best }: Curve, at: number): number | undefined {
  let [low, high] = [0, nfe.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (nfe[middle] <= at) low = middle + 1
    else high = middle
  }
  return low === 0 ? undefined : best[low - 1]
}

/** A mean curve and its 95 % interval, from where every run has a sample, to `at`. */
export interface MeanCurve {
  readonly nfe: readonly number[]
  readonly mean: readonly number[]
  readonly low: readonly number[]
  readonly high: readonly number[]
}

export function meanCurve(curves: readonly Curve[], at: number, mean95: Mean95): MeanCurve {
  // Runs without a sample yet say nothing.
  const begun = curves.filter(({ nfe }) => nfe.length > 0)
  if (begun.length === 0) return { nfe: [], mean: [], low: [], high: [] }
  const from = Math.max(...begun.map(({ nfe }) => nfe[0]))
  const ends = begun.flatMap(({ nfe }) => nfe.filter((n) => n >= from && n <= at))
  if (from <= at) ends.push(from, at)
  const all = [...new Set(ends)].sort((a, b) => a - b)
  const n = Math.min(all.length, POINTS)
  const points = Array.from({ length: n }, (_, i) => all[n === 1 ? 0 : Math.round((i * (all.length - 1)) / (n - 1))])
  const intervals = points.map((point) => {
    const found = mean95(begun.map((curve) => bestAt(curve, point) as number))
    // One run has no interval; it is drawn as a band without a width.
    return begun.length > 1 ? found : { ...found, low: found.mean, high: found.mean }
  })
  return {
    nfe: points,
    mean: intervals.map(({ mean }) => mean),
    low: intervals.map(({ low }) => low),
    high: intervals.map(({ high }) => high),
  }
}

/** Seeds for `count` more runs of a config: the next that none of these has. */
export function moreSeeds(config: RunConfig, all: readonly Pick<RunSummary, 'config'>[], count: number): number[] {
  const key = keyOf(config)
  const taken = new Set(all.filter((run) => keyOf(run.config) === key).map((run) => run.config.seed))
  const seeds: number[] = []
  for (let seed = config.seed + 1; seeds.length < count; seed++) if (!taken.has(seed)) seeds.push(seed)
  return seeds
}
