import type { Process } from '../process/process.ts'

/** Noise levels `low < level <= high`, as process times (0 to 1) or as `rho = s / a` (the sigma of EDM). */
export interface GuidanceInterval {
  readonly low: number
  readonly high: number
  /** Default `time`. */
  readonly of?: 'time' | 'rho'
}

/** Whether a time lies in the interval. @throws Error where it is none */
export function membership(process: Process, interval: GuidanceInterval | undefined): (t: number) => boolean {
  if (!interval) return () => true
  const { low, high, of = 'time' } = interval
  if (!(low >= 0 && high > low)) {
    throw new Error(`The guidance interval goes from ${low} to ${high}; give two levels, 0 <= low < high.`)
  }
  const level = of === 'time' ? (t: number) => t : (t: number) => Math.exp(-process.logSnr(t))
  return (t) => level(t) > low && level(t) <= high
}
