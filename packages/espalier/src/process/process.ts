/**
 * An affine-Gaussian forward process `x_t = a(t) x_0 + s(t) eps`, `eps ~ N(0, I)`, on times `0 <= t <= 1`
 * (0 is data, 1 is noise). All numbers are float64.
 *
 * `logSnr` is the HALF log signal-to-noise ratio `lambda = log(a / s)`; `rho = s / a = exp(-lambda)`.
 */
export interface Process {
  readonly name: string
  /** Signal coefficient `a(t)`. */
  a(t: number): number
  /** Noise coefficient `s(t)`. */
  s(t: number): number
  /** `lambda(t) = log(a(t) / s(t))`, decreasing in t. */
  logSnr(t: number): number
  /** Inverse of {@link Process.logSnr}. */
  timeOfLogSnr(lambda: number): number
}

/** What a network outputs: `eps`, `x_0`, `v = a eps - s x_0`, `score = -eps / s`, or `flow = dx/dt`. */
export type Prediction = 'noise' | 'data' | 'velocity' | 'score' | 'flow'
