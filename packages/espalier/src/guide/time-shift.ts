import type { Denoiser } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { row, sizeOf } from '../tensor/tensor.ts'
import { constantCost, relabelled } from './relabelled.ts'

/** How a level is chosen from the spread of a state. Times of a 1000-step model are its step numbers / 1000. */
export interface LevelOptions {
  /**
   * Width of the window around the nominal time, below half of the solver's step. The repositories take 0.005 (5 of 1000)
   * at 100 steps and 0.01 to 0.08 at 5 to 10.
   */
  readonly window: number
  /** Times up to here are not shifted, as the data's own variance counts there. Default 0.3; 0.2 to 0.6 are usual. */
  readonly cutoff?: number
  /**
   * Times from here on are not shifted. Default 1: the first call of a run from pure noise. A solver whose warm-up asks
   * at intermediate states keeps its labels there with the time of its first step after it.
   */
  readonly start?: number
  /**
   * Variance of the values within one clean sample, the `calibrated` rule (ours). Default 0, the paper's `raw` rule: it
   * takes the state for noise alone, finds too high a level for a perfect state, and mostly hits the window's upper edge.
   */
  readonly dataVariance?: number
  /**
   * For parity with models of so many steps: levels are their times `(i + 1) / steps`, the window reaches
   * `floor(window steps / 2)` of them to both sides. Default: any time.
   */
  readonly steps?: number
}

/** What the shifts of a denoiser were, over all rows that could be shifted. */
export interface ShiftStatistics {
  /** Rows asked between the cutoff and the start. */
  readonly rows: number
  /** Mean shift in process time; positive is towards noise. */
  readonly meanShift: number
  /** Share of rows whose shift was cut by the window. */
  readonly saturated: number
}

export interface TimeShiftedDenoiser extends Denoiser {
  readonly statistics: ShiftStatistics
}

/** The level that fits a state, and whether the window (or the end of the process) cut it. */
export interface PickedLevel {
  readonly time: number
  readonly saturated: boolean
}

/** Adds up {@link ShiftStatistics}. */
export class ShiftTally {
  #rows = 0
  #total = 0
  #saturated = 0

  /** Counts a pick; returns its time. */
  add(nominal: number, { time, saturated }: PickedLevel): number {
    this.#rows++
    this.#total += time - nominal
    if (saturated) this.#saturated++
    return time
  }

  get statistics(): ShiftStatistics {
    const n = Math.max(1, this.#rows)
    return { rows: this.#rows, meanShift: this.#total / n, saturated: this.#saturated / n }
  }
}

/** Unbiased variance over all values of one state. */
export function spreadOf(values: ArrayLike<number>): number {
  let mean = 0
  for (let i = 0; i < values.length; i++) mean += values[i] / values.length
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] - mean) ** 2
  return sum / (values.length - 1)
}

/**
 * Picks the level whose states have the spread of this one: `argmin |v - V(tau)|` over the window around `nominal`.
 * The state is scaled to the variance-preserving one, `v = spread / (a^2 + s^2)` at its own time `at`, and
 * `V = (s^2 + c a^2) / (a^2 + s^2)` with c the `dataVariance` increases in time: so the argmin is `V^-1(v)`, clamped.
 */
export function levelPicker(
  process: Process,
  options: LevelOptions,
): (spread: number, at: number, nominal: number) => PickedLevel {
  const { window, dataVariance = 0, steps } = options
  const power = (t: number) => process.a(t) ** 2 + process.s(t) ** 2
  const [cleanest, noisiest] = [0, 1].map((t) => process.s(t) ** 2 / power(t))
  const expected = (t: number) => (process.s(t) ** 2 + dataVariance * process.a(t) ** 2) / power(t)
  /** Where the expected variance is v: with u = s^2 / (a^2 + s^2), v = u + (1 - u) c. */
  const inverse = (v: number) => {
    const noise = (v - dataVariance) / (1 - dataVariance)
    if (noise <= cleanest) return Number.NEGATIVE_INFINITY
    if (noise >= noisiest) return Number.POSITIVE_INFINITY
    return process.timeOfLogSnr(0.5 * Math.log((1 - noise) / noise))
  }
  const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value))
  const half = steps === undefined ? window / 2 : Math.floor((window * steps) / 2 + 1e-9)
  return (spread, at, nominal) => {
    if (half === 0) return { time: nominal, saturated: false }
    const v = spread / power(at)
    const found = inverse(v)
    if (steps === undefined) {
      const [low, high] = [Math.max(0, nominal - half), Math.min(1, nominal + half)]
      return { time: clamp(found, low, high), saturated: !(found >= low && found <= high) }
    }
    // The same on indices: of the two beside the inverse, the one with the nearer variance; of equals the lower.
    const low = Math.max(0, Math.ceil(nominal * steps - 1 - half - 1e-9))
    const high = Math.min(steps - 1, Math.floor(nominal * steps - 1 + half + 1e-9))
    const index = found * steps - 1
    const below = clamp(Math.floor(index), low, high)
    const above = clamp(Math.floor(index) + 1, low, high)
    const distance = (i: number) => Math.abs(v - expected((i + 1) / steps))
    const best = distance(above) < distance(below) ? above : below
    return { time: (best + 1) / steps, saturated: index < low - 0.5 || index > high + 0.5 }
  }
}

/** Whether a time lies between the cutoff and the start, neither of them, up to the rounding of a grid's times. */
export function shiftable({ cutoff = 0.3, start = 1 }: Pick<LevelOptions, 'cutoff' | 'start'>): (t: number) => boolean {
  return (t) => t - cutoff > 1e-9 && start - t > 1e-9
}

/** @throws where states have no spread of their own */
export function checkSpread(what: string, { event }: Pick<Denoiser, 'event'>): void {
  if (sizeOf(event) < 2) throw new Error(`${what} is chosen by the spread of a state's values: one value has none.`)
}

/** @throws one line per option that is out of range */
export function checkLevels(what: string, options: LevelOptions): void {
  const { window, cutoff = 0.3, start = 1, dataVariance = 0, steps } = options
  if (!(window >= 0 && window <= 1)) throw new Error(`${what} needs a window from 0 to 1, got ${window}.`)
  if (!(cutoff >= window / 2)) {
    throw new Error(
      `${what} below t = ${window / 2} could reach clean data: give a cutoff of at least that, not ${cutoff}.`,
    )
  }
  if (!(start > 0)) throw new Error(`${what} needs a start above 0, got ${start}.`)
  if (!(dataVariance >= 0 && dataVariance < 1)) {
    throw new Error(`${what} needs a data variance from 0 up to 1, below that of the noise, got ${dataVariance}.`)
  }
  if (steps !== undefined && !(Number.isInteger(steps) && steps >= 1)) {
    throw new Error(`${what} needs a positive whole number of steps, got ${steps}.`)
  }
}

/**
 * Time-shift sampler (Li et al. 2024, "Alleviating exposure bias in diffusion models through sampling with
 * shifted time steps", the form of its text): the network is told the time whose states have the spread that this state has, so
 * that errors of earlier steps do not present it with inputs it never saw. The solver's coefficients stay nominal: the
 * noise prediction is made at the shifted time and converted at the true one. Each row has its own shift, at no cost.
 *
 * The released code shifts where a step LANDS instead: see {@link executeTimeShift}. A constant shift by half the
 * window ({@link constantShift}) is the control, since the paper's rule saturates.
 * @throws where an option is out of range, for states of one value, and around guidance in an interval of times
 */
export function timeShift(denoiser: Denoiser, options: LevelOptions): TimeShiftedDenoiser {
  checkLevels('A time shift', options)
  checkSpread('A time shift', denoiser)
  const open = shiftable(options)
  const pick = levelPicker(denoiser.process, options)
  const tally = new ShiftTally()
  const shifted = relabelled(
    denoiser,
    (x, i, t) => (open(t) ? tally.add(t, pick(spreadOf(row(x, i)), t, t)) : t),
    constantCost(denoiser, 'A time shift'),
  )
  return {
    ...shifted,
    get statistics() {
      return tally.statistics
    },
  }
}

export interface ConstantShiftOptions extends Pick<LevelOptions, 'cutoff' | 'start'> {
  /** Added to the time that the network is told, within 0 to 1; positive is towards noise. */
  readonly shift: number
}

/** The control of {@link timeShift}: the same shift for every state above the cutoff, whatever its spread. */
export function constantShift(denoiser: Denoiser, options: ConstantShiftOptions): Denoiser {
  const { shift, cutoff = 0.3, start = 1 } = options
  if (!(Math.abs(shift) <= 0.5)) throw new Error(`A constant shift is at most 0.5 in size, got ${shift}.`)
  checkLevels('A constant shift', { window: 2 * Math.max(0, -shift), cutoff, start })
  const open = shiftable(options)
  const told = (t: number) => (open(t) ? Math.min(1, t + shift) : t)
  const { rowCost } = denoiser
  return relabelled(denoiser, (_, __, t) => told(t), typeof rowCost === 'function' ? (t) => rowCost(told(t)) : rowCost)
}
