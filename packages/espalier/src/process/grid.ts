import type { Process } from './process.ts'

/** Half log-SNR below which a state is taken to be pure noise (the usual clip of cosine schedules, Lu et al. 2022). */
const NOISIEST = -5.1
/** Half log-SNR of the last noisy time: `rho = 0.01`, as index 0 of the usual 1000-step table. */
const CLEANEST = Math.log(100)

export interface GridOptions {
  /** The first time. Default 1, or the time of lambda = -5.1 where the process is noisier than that at 1. */
  readonly from?: number
  /** The end time. Default 0, clean data. */
  readonly to?: number
  /**
   * For grids in lambda or rho that end at 0 (where lambda is infinite): the time from which the last step jumps to 0.
   * Default: the time of rho = 0.01.
   */
  readonly last?: number
}

/**
 * The decreasing times that a run of n steps visits: n + 1 numbers, strictly decreasing.
 * @throws unless n is a positive integer and `0 <= to < last < from <= 1`
 */
export type Grid = (process: Process, n: number, options?: GridOptions) => number[]

function bounds(process: Process, n: number, options: GridOptions): { from: number; to: number } {
  const { from = Math.min(1, process.timeOfLogSnr(NOISIEST)), to = 0 } = options
  if (!(Number.isInteger(n) && n >= 1)) throw new Error(`a grid needs a positive whole number of steps, got ${n}`)
  if (!(to >= 0 && from > to && from <= 1)) {
    throw new Error(`a grid runs from a time down to an earlier one within [0, 1], got from = ${from}, to = ${to}`)
  }
  return { from, to }
}

/** Even steps of `f(t)`; the two ends are exact. */
function even(n: number, from: number, to: number, f: (t: number) => number, inverse: (v: number) => number): number[] {
  const first = f(from)
  const last = f(to)
  return Array.from({ length: n + 1 }, (_, i) =>
    i === 0 ? from : i === n ? to : inverse(first + ((last - first) * i) / n),
  )
}

/** As {@link even}; where `to` is 0, n - 1 even steps and a jump. */
function evenThenJump(
  process: Process,
  n: number,
  options: GridOptions,
  f: (t: number) => number,
  inverse: (v: number) => number,
): number[] {
  const { from, to } = bounds(process, n, options)
  if (to > 0) return even(n, from, to, f, inverse)
  if (n === 1) return [from, 0]
  const last = options.last ?? process.timeOfLogSnr(CLEANEST)
  if (!(last > 0 && last < from)) throw new Error(`the last noisy time must lie between 0 and ${from}, got ${last}`)
  return [...even(n - 1, from, last, f, inverse), 0]
}

/** `t^(1/power)` evenly spaced. Power 1 is uniform, 2 quadratic; larger puts more steps near the data. */
export function powerGrid(power: number): Grid {
  if (!(power > 0 && power < Infinity)) throw new Error(`the power of a grid must be positive, got ${power}`)
  return (process, n, options = {}) => {
    const { from, to } = bounds(process, n, options)
    return even(
      n,
      from,
      to,
      (t) => t ** (1 / power),
      (v) => v ** power,
    )
  }
}

/** Evenly spaced times. */
export const uniformGrid: Grid = powerGrid(1)

/** `sqrt(t)` evenly spaced (the "quad" grid of DDIM, Song et al. 2021). */
export const quadraticGrid: Grid = powerGrid(2)

/** Half log-SNR evenly spaced (Lu et al. 2022, DPM-Solver), then the jump to 0. */
export const logSnrGrid: Grid = (process, n, options = {}) =>
  evenThenJump(process, n, options, process.logSnr, process.timeOfLogSnr)

/** `rho^(1/7)` evenly spaced (Karras et al. 2022, eq. 5), then the jump to 0. */
export const karrasGrid: Grid = (process, n, options = {}) =>
  evenThenJump(
    process,
    n,
    options,
    (t) => Math.exp(-process.logSnr(t) / 7),
    (v) => process.timeOfLogSnr(-7 * Math.log(v)),
  )

/** Grids by name. */
export const grids = { uniform: uniformGrid, quadratic: quadraticGrid, logSnr: logSnrGrid, karras: karrasGrid } as const

export type GridName = keyof typeof grids
