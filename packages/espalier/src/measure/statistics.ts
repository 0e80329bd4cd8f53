/** Means with their intervals: every number in a table says how sure it is. */

import { quantile } from '../tensor/quantile.ts'

/** A mean with its two-sided 95% interval; `low` and `high` are NaN where one value cannot give an interval. */
export interface Interval {
  readonly mean: number
  readonly low: number
  readonly high: number
  readonly n: number
}

/** Arithmetic mean. @throws if there is no value */
export function mean(values: ArrayLike<number>): number {
  if (values.length === 0) throw new Error('mean: no values were given, at least one is needed')
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]
  return sum / values.length
}

/** Unbiased sample variance `sum (x - mean)^2 / (n - 1)`; NaN for one value. */
export function variance(values: ArrayLike<number>): number {
  const centre = mean(values)
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += (values[i] - centre) ** 2
  return values.length > 1 ? sum / (values.length - 1) : Number.NaN
}

/**
 * Mean with its Student-t interval `mean -+ t_{0.975, n-1} s / sqrt(n)`, exact for normal values.
 *
 * @param values independent repeats, such as one best reward per seed
 * @throws if there is no value
 */
export function mean95(values: ArrayLike<number>): Interval {
  const n = values.length
  const centre = mean(values)
  if (n === 1) return { mean: centre, low: Number.NaN, high: Number.NaN, n }
  const half = studentQuantile(0.975, n - 1) * Math.sqrt(variance(values) / n)
  return { mean: centre, low: centre - half, high: centre + half, n }
}

/**
 * A share, such as that of the samples that meet a constraint, with its Wilson score interval (Wilson 1927), which is
 * one at 0 and at 1 too.
 *
 * @param count how many of `n` independent ones did
 * @throws if `count` is not one of 0 to n, or n is 0
 */
export function share95(count: number, n: number): Interval {
  if (!(n >= 1 && count >= 0 && count <= n)) throw new Error(`share95: ${count} of ${n}; expected 0 to n of at least 1`)
  const z2 = studentQuantile(0.975, Number.POSITIVE_INFINITY) ** 2
  const share = count / n
  const centre = (share + z2 / (2 * n)) / (1 + z2 / n)
  const half = Math.sqrt(z2 * ((share * (1 - share)) / n + z2 / (4 * n * n))) / (1 + z2 / n)
  // At the ends the bound is the end itself, which rounding may miss.
  return { mean: share, low: count === 0 ? 0 : centre - half, high: count === n ? 1 : centre + half, n }
}

/**
 * {@link mean95} of the differences `a_i - b_i`: two methods on the same seeds. An interval without 0 tells them apart.
 *
 * @throws if the lengths differ
 */
export function pairedDifference95(a: ArrayLike<number>, b: ArrayLike<number>): Interval {
  if (a.length !== b.length) {
    throw new Error(`pairedDifference95: ${a.length} and ${b.length} values; pairs need the same seeds on both sides`)
  }
  return mean95(Array.from({ length: a.length }, (_, i) => a[i] - b[i]))
}

/**
 * Percentile bootstrap of any statistic (Efron 1979): the statistic of `values`, and the 2.5% and 97.5% quantiles of
 * the statistic of `resamples` draws with replacement.
 *
 * @param uniform uniform draws in [0, 1); pass a keyed stream so that the interval is reproducible
 */
export function bootstrap95(
  values: ArrayLike<number>,
  statistic: (values: Float64Array) => number,
  uniform: () => number,
  resamples = 2000,
): Interval {
  const n = values.length
  if (n === 0) throw new Error('bootstrap95: no values were given, at least one is needed')
  const draw = new Float64Array(n)
  const statistics = new Float64Array(resamples)
  for (let b = 0; b < resamples; b++) {
    for (let i = 0; i < n; i++) draw[i] = values[Math.min(n - 1, Math.floor(uniform() * n))]
    statistics[b] = statistic(draw)
  }
  return {
    mean: statistic(Float64Array.from(values)),
    low: quantile(statistics, 0.025),
    high: quantile(statistics, 0.975),
    n,
  }
}

/**
 * Tukey's jackknife (1958): one pseudo-value per group, `g T - (g - 1) T_{-j}`, from the statistic T of all groups and
 * T_{-j} of all but group j. They stand for independent values of T: their mean is T without its bias of order 1/n, and
 * {@link mean95} of them its interval. For a smooth statistic of pooled samples, such as a Frechet distance whose
 * groups are seeds; of one group it is T itself.
 *
 * @param statistic of the groups with these indices
 */
export function jackknife(groups: number, statistic: (kept: readonly number[]) => number): number[] {
  if (!(Number.isInteger(groups) && groups >= 1)) throw new Error(`jackknife: ${groups} groups, at least one is needed`)
  const all = Array.from({ length: groups }, (_, j) => j)
  const whole = statistic(all)
  if (groups === 1) return [whole]
  return all.map((j) => groups * whole - (groups - 1) * statistic(all.filter((k) => k !== j)))
}

/**
 * Inverse of the Student-t distribution function.
 *
 * @param p probability in (0, 1)
 * @param df degrees of freedom, positive; Infinity gives the normal quantile
 */
export function studentQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1)) throw new Error(`studentQuantile: p = ${p} is outside (0, 1)`)
  if (!(df > 0)) throw new Error(`studentQuantile: ${df} degrees of freedom; at least 2 values are needed`)
  if (p < 0.5) return -studentQuantile(1 - p, df)
  let low = 0
  let high = 2
  while (studentCdf(high, df) < p) high *= 2
  for (let i = 0; i < 200 && high - low > 1e-14 * high; i++) {
    const middle = 0.5 * (low + high)
    if (studentCdf(middle, df) < p) low = middle
    else high = middle
  }
  return 0.5 * (low + high)
}

/** `P(T <= t)` for Student's T: `1 - I_{df/(df+t^2)}(df/2, 1/2) / 2` for t >= 0. */
export function studentCdf(t: number, df: number): number {
  // Beyond 1e7 degrees of freedom T is normal to 3e-7, and the fraction below would need more than sqrt(df) terms.
  const d = Math.min(df, 1e7)
  const tail = 0.5 * incompleteBeta(d / (d + t * t), (t * t) / (d + t * t), d / 2, 0.5)
  return t >= 0 ? 1 - tail : tail
}

/**
 * Regularised incomplete beta function `I_x(a, b)` by its continued fraction (DLMF 8.17.22, modified Lentz).
 * `y = 1 - x` is given apart because the caller knows it without cancellation.
 */
function incompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (y <= 0) return 1
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(y, x, b, a)
  const tiny = 1e-300
  let c = 1
  let d = 1 / nonzero(1 - ((a + b) * x) / (a + 1), tiny)
  let fraction = d
  for (let m = 1; m < 100_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonzero(1 + even * d, tiny)
    c = nonzero(1 + even / c, tiny)
    fraction *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonzero(1 + odd * d, tiny)
    c = nonzero(1 + odd / c, tiny)
    const factor = d * c
    fraction *= factor
    if (Math.abs(factor - 1) < 1e-16) break
  }
  const logX = x < 0.5 ? Math.log(x) : Math.log1p(-y)
  const logY = y < 0.5 ? Math.log(y) : Math.log1p(-x)
  const logFront = a * logX + b * logY - Math.log(a) - logBeta(a, b)
  return Math.exp(logFront) * fraction
}

function nonzero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value
}

/**
 * `log B(a, b)`. For a large argument the difference `log G(a) - log G(a + b)` cancels, so it comes from Stirling's
 * series term by term instead.
 */
function logBeta(a: number, b: number): number {
  const large = Math.max(a, b)
  const small = Math.min(a, b)
  if (large < 20) return logGamma(a) + logGamma(b) - logGamma(a + b)
  const sum = large + small
  const ratio =
    (large - 0.5) * -Math.log1p(small / large) -
    small * Math.log(sum) +
    small +
    stirlingRemainder(large) -
    stirlingRemainder(sum)
  return logGamma(small) + ratio
}

/** `log G(x) - [(x - 1/2) log x - x + log(2 pi)/2]` for x >= 20 (DLMF 5.11.1). */
function stirlingRemainder(x: number): number {
  const r = 1 / (x * x)
  return (1 / x) * (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188))))
}

/** `log G(x)` for x > 0: the recurrence lifts x to 20, where Stirling's series is exact to double precision. */
function logGamma(x: number): number {
  let shift = 0
  let y = x
  for (; y < 20; y++) shift += Math.log(y)
  return (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + stirlingRemainder(y) - shift
}
