import { piecewise } from './piecewise.ts'
import type { Process } from './process.ts'
import { variancePreserving } from './variance-preserving.ts'

function checkSteps(what: string, steps: number): void {
  if (!(Number.isInteger(steps) && steps >= 2)) throw new Error(`${what} needs at least 2 whole steps, got ${steps}`)
}

/** How fast the mean is approached over the steps of {@link meanReverting}. */
export type ReversionSchedule = 'cosine' | 'linear' | 'constant'

export interface MeanRevertingOptions {
  /** Default `cosine`. */
  readonly schedule?: ReversionSchedule
  /** T: index i = 0..T sits at time `i / T`. Default 100. */
  readonly steps?: number
  /** The signal left at the end, `a(1)`. Default 0.005. */
  readonly floor?: number
  /** Stationary standard deviation of the residual. Default 50/255, of images in [0, 1]. */
  readonly std?: number
}

/** The speeds `theta_0..theta_T` of IR-SDE, up to a common factor. */
function reversionSpeeds(schedule: ReversionSchedule, steps: number): number[] {
  const indices = Array.from({ length: steps + 1 }, (_, i) => i)
  if (schedule === 'constant') return indices.map(() => 1)
  if (schedule === 'linear') return indices.map((i) => 1e-4 + ((0.02 - 1e-4) * i) / steps)
  const angle = (k: number) => ((k / (steps + 2) + 0.008) / 1.008) * (Math.PI / 2)
  const first = Math.cos(angle(0)) ** 2
  return indices.map((i) => 1 - Math.cos(angle(i + 1)) ** 2 / first)
}

/**
 * IR-SDE (Luo et al. 2023, "Image restoration with mean-reverting SDEs", eq. 3-6) on the RESIDUAL `r = x - mu`, mu the
 * degraded image: `dr = -f r dt + g dw` with `g^2 = 2 std^2 f` gives `a = exp(-F)`, `s = std sqrt(1 - a^2)`, `F` the
 * integral of f. `F` is `theta_0 + .. + theta_i` at index i, scaled so that `a(1) = floor`, linear between.
 * The sum includes `theta_0`: there is noise at t = 0, and the process does not end in clean data.
 * @throws where an option is out of range
 */
export function meanReverting(options: MeanRevertingOptions = {}): Process {
  const { schedule = 'cosine', steps = 100, floor = 0.005, std = 50 / 255 } = options
  if (!['cosine', 'linear', 'constant'].includes(schedule)) {
    throw new Error(`meanReverting has the schedules cosine, linear and constant, got ${schedule}`)
  }
  checkSteps('meanReverting', steps)
  if (!(floor > 0 && floor < 1)) throw new Error(`meanReverting needs 0 < floor < 1, got ${floor}`)
  if (!(std > 0 && std < Infinity)) throw new Error(`meanReverting needs std > 0, got ${std}`)
  let sum = 0
  const sums = Float64Array.from(reversionSpeeds(schedule, steps), (theta) => (sum += theta))
  const { value, slope, time } = piecewise(sums.map((v) => (v / sum) * Math.log(floor)))
  const name = `mean-reverting(${schedule},${steps},${floor},${std})`
  return { ...variancePreserving(name, { logA: value, slope, timeOfLogA: time }, std), start: 1 }
}

export interface ResidualShiftingOptions {
  /** T: index i = 1..T sits at time `i / T`. Default 15. */
  readonly steps?: number
  /** Strength of the noise, `s = kappa sqrt(eta)`. Default 2. */
  readonly kappa?: number
  /** Speed of the shift: small makes eta grow early. Default 0.3. */
  readonly power?: number
  /** `sqrt(eta)` at index 1 is `min(minNoise / kappa, minNoise)`. Default 0.04. */
  readonly minNoise?: number
  /** `sqrt(eta)` at index T. Default 0.99. */
  readonly end?: number
}

/**
 * ResShift (Yue, Wang, Loy 2023, eq. 2, 9-10) on the RESIDUAL `r = x - y`, y the degraded image:
 * `x_t = x_0 + eta (y - x_0) + kappa sqrt(eta) eps` means `a = 1 - eta`, `s = kappa sqrt(eta)`. With u from 0 at index 1
 * to 1 at index T, `sqrt(eta) = first (end / first)^(u^power)`; below index 1, where the paper has no times, `sqrt(eta)`
 * is linear down to 0 (ours).
 * @throws where an option is out of range
 */
export function residualShifting(options: ResidualShiftingOptions = {}): Process {
  const { steps = 15, kappa = 2, power = 0.3, minNoise = 0.04, end = 0.99 } = options
  checkSteps('residualShifting', steps)
  for (const [name, value] of Object.entries({ kappa, power, minNoise })) {
    if (!(value > 0 && value < Infinity)) throw new Error(`residualShifting needs ${name} > 0, got ${value}`)
  }
  const first = Math.min(minNoise / kappa, minNoise)
  if (!(end > first && end < 1)) throw new Error(`residualShifting needs ${first} < end < 1, got end = ${end}`)
  const growth = Math.log(end / first)
  // A time that is an index up to rounding is that index: just above index 1, u^power would make much of 1e-16.
  const index = (t: number) => (Math.abs(t * steps - Math.round(t * steps)) < 1e-9 ? Math.round(t * steps) : t * steps)
  const share = (t: number) => (index(t) - 1) / (steps - 1)
  const root = (t: number) =>
    index(t) <= 1 ? first * index(t) : t >= 1 ? end : first * Math.exp(growth * share(t) ** power)
  const slope = (t: number) =>
    index(t) <= 1 ? first * steps : (root(t) * growth * power * share(t) ** (power - 1) * steps) / (steps - 1)
  return {
    name: `residual-shifting(${steps},${kappa},${power},${minNoise},${end})`,
    a: (t) => 1 - root(t) ** 2,
    s: (t) => kappa * root(t),
    da: (t) => -2 * root(t) * slope(t),
    ds: (t) => kappa * slope(t),
    logSnr: (t) => Math.log1p(-(root(t) ** 2)) - Math.log(kappa * root(t)),
    timeOfLogSnr: (lambda) => {
      // rho (1 - q^2) = kappa q for q = sqrt(eta), solved without cancellation
      const ratio = kappa * Math.exp(lambda)
      const q = 2 / (ratio + Math.sqrt(ratio * ratio + 4))
      if (q <= first) return q / first / steps
      return (1 + (steps - 1) * (Math.log(q / first) / growth) ** (1 / power)) / steps
    },
    start: 1,
    last: 1 / steps,
  }
}
