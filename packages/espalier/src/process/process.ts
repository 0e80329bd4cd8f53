/**
 * An affine-Gaussian forward process `x_t = a(t) x_0 + s(t) eps`, `eps ~ N(0, I)`, on times `0 <= t <= 1`
 * (0 is data, 1 is noise). All numbers are float64. `a(t) = 0` means `lambda = -Infinity`, `s(t) = 0` `+Infinity`.
 *
 * `logSnr` is the HALF log signal-to-noise ratio `lambda = log(a / s)`; `rho = s / a = exp(-lambda)`.
 */
export interface Process {
  /** With the parameters in it: two processes of the same name have the same coefficients. */
  readonly name: string
  /** Signal coefficient `a(t)`. */
  a(t: number): number
  /** Noise coefficient `s(t)`. */
  s(t: number): number
  /** `da/dt`, which only the `flow` prediction needs. */
  da(t: number): number
  /** `ds/dt`; may be `Infinity` at t = 0. */
  ds(t: number): number
  /** `lambda(t) = log(a(t) / s(t))`, decreasing in t. */
  logSnr(t: number): number
  /** Inverse of {@link Process.logSnr}. A level that the process does not have gives a time outside [0, 1], or NaN. */
  timeOfLogSnr(lambda: number): number
  /** Where grids start by default. Left out: 1, or the time of lambda = -5.1 where the process is noisier at 1. */
  readonly start?: number
  /** The time from which grids in lambda or rho jump to clean data by default. Left out: the time of rho = 0.01. */
  readonly last?: number
}

/** What a network outputs: `eps`, `x_0`, `v = a eps - s x_0`, `score = -eps / s`, or `flow = dx/dt`. */
export type Prediction = 'noise' | 'data' | 'velocity' | 'score' | 'flow'
