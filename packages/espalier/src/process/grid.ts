import type { Process } from './process.ts'

/** Half log-SNR below which a state is taken to be pure noise (the usual clip of cosine schedules, Lu et al. 2022). */
const NOISIEST = -5.1
/** Half log-SNR of the last noisy time: `rho = 0.01`, as index 0 of the usual 1000-step table. */
const CLEANEST = Math.log(100)

/** Times may be given as noise levels instead: `rhoMax` for `from`, `rhoMin` for `last`. */
export interface GridOptions {
  /** The first time. Default: the process's own `start`, else 1, or the time of lambda = -5.1 where that is earlier. */
  readonly from?: number
  /** The end time. Default 0: clean data, or the least noise that the process has. */
  readonly to?: number
  /**
   * The time from which the last step jumps to the end. Default: no jump, but for grids in lambda or rho whose end has
   * no noise the process's own `last`, else the time of rho = 0.01.
   */
  readonly last?: number
  readonly rhoMax?: number
  readonly rhoMin?: number
}

/**
 * The decreasing times that a run of n steps visits: n + 1 numbers, strictly decreasing.
 * @throws unless n is a positive integer and `0 <= to < last < from <= 1`
 */
export type Grid = (process: Process, n: number, options?: GridOptions) => number[]

/** The two ends of a grid. @param finite whether lambda must be finite at the first time */
function bounds(
  process: Process,
  n: number,
  options: GridOptions,
  finite: boolean,
): { readonly from: number; readonly to: number } {
  checkSteps(n)
  const { to = 0 } = options
  const from = givenTime(process, options, 'from', 'rhoMax') ?? startOf(process, finite)
  if (!(to >= 0 && from > to && from <= 1)) {
    throw new Error(`a grid runs from a time down to an earlier one within [0, 1], got from = ${from}, to = ${to}`)
  }
  if (finite && process.logSnr(from) === -Infinity) {
    throw new Error(`${process.name} has no signal at t = ${from}, so a grid in lambda or rho cannot start there`)
  }
  return { from, to }
}

export function checkSteps(n: number): void {
  if (!(Number.isInteger(n) && n >= 1)) throw new Error(`a grid needs a positive whole number of steps, got ${n}`)
}

/** Where grids start by default. @param finite whether lambda must be finite there */
export function startOf(process: Process, finite: boolean): number {
  const { start } = process
  if (start !== undefined && !(finite && process.logSnr(start) === -Infinity)) return start
  return Math.min(1, process.timeOfLogSnr(NOISIEST))
}

/** A time that may also be given as a noise level. */
function givenTime(
  process: Process,
  options: GridOptions,
  time: 'from' | 'last',
  level: 'rhoMax' | 'rhoMin',
): number | undefined {
  const rho = options[level]
  if (rho === undefined) return options[time]
  if (options[time] !== undefined) throw new Error(`a grid takes ${time} or ${level}, got both`)
  return timeOfRho(process, rho)
}

/** The time of a noise level. Rounding may carry the ends of the process past 0 or 1; they are meant. */
export function timeOfRho(process: Process, rho: number): number {
  const t = rho >= 0 ? process.timeOfLogSnr(-Math.log(rho)) : Number.NaN
  if (!(t >= -1e-9 && t <= 1 + 1e-9)) {
    const [low, high] = [0, 1].map((end) => Math.exp(-process.logSnr(end)))
    throw new Error(`${process.name} has the noise levels rho = ${low} to ${high}, got ${rho}`)
  }
  return t > 1 - 1e-12 ? 1 : Math.max(0, t)
}

/** A coordinate of time that a grid goes along. */
export interface Coordinate {
  of(process: Process, t: number): number
  time(process: Process, value: number): number
  /** Whether it is one of the noise level: infinite at clean data, and perhaps at pure noise. */
  readonly level?: boolean
}

/** The share of the way that is done after i of n steps: increasing, 0 at i = 0, 1 at i = n. */
export type Ramp = (i: number, n: number) => number

/** The grid that goes along a ramp (default: evenly) in a coordinate; its ends are exact. */
export function gridAlong(coordinate: Coordinate, ramp: Ramp = (i, n) => i / n): Grid {
  const { of, time, level = false } = coordinate
  const along = (process: Process, n: number, from: number, to: number) => {
    const first = of(process, from)
    const span = of(process, to) - first
    return Array.from({ length: n + 1 }, (_, i) =>
      i === 0 ? from : i === n ? to : time(process, first + span * ramp(i, n)),
    )
  }
  return (process, n, options = {}) => {
    const { from, to } = bounds(process, n, options, level)
    const given = givenTime(process, options, 'last', 'rhoMin')
    const jumps = given !== undefined || (level && process.logSnr(to) === Infinity)
    if (!jumps) return along(process, n, from, to)
    if (n === 1) return [from, to]
    const last = given ?? process.last ?? process.timeOfLogSnr(CLEANEST)
    if (!(last > to && last < from)) {
      throw new Error(`the last noisy time must lie between ${to} and ${from}, got ${last}`)
    }
    return [...along(process, n - 1, from, last), to]
  }
}

/** @throws unless the times decrease strictly within [0, 1] */
export function checkDecreasing(what: string, times: readonly number[]): void {
  times.forEach((t, i) => {
    if (!(t >= 0 && t <= 1 && (i === 0 || t < times[i - 1]))) {
      const after = i === 0 ? '' : ` after ${times[i - 1]}`
      throw new Error(`${what}: times decrease strictly within [0, 1], got ${t}${after} at position ${i}`)
    }
  })
}
