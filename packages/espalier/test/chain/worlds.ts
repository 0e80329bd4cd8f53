import { type Denoiser, GaussianMixture } from '../../src/process/index.ts'
import { fold, type Key, key } from '../../src/tensor/index.ts'

export const keysOf = (seed: number, n: number): Key[] => Array.from({ length: n }, (_, i) => fold(key(seed), i))

/** One Gaussian `N(mean, std^2)` in one dimension. */
export const gaussian = (mean: number, std: number) => new GaussianMixture({ means: [[mean]], stds: [std] })

/** Mean of values and its standard error. */
export function estimate(values: ArrayLike<number>): { mean: number; error: number } {
  const n = values.length
  let mean = 0
  for (let i = 0; i < n; i++) mean += values[i] / n
  let square = 0
  for (let i = 0; i < n; i++) square += (values[i] - mean) ** 2
  return { mean, error: Math.sqrt(square / (n - 1) / n) }
}

/** Counts the rows of every call of a denoiser, and keeps what the calls were. */
export function logged<D extends Denoiser>(inner: D): D & { calls: { rows: number; target: string; t: number }[] } {
  const calls: { rows: number; target: string; t: number }[] = []
  return {
    ...inner,
    calls,
    predict: (...args: Parameters<Denoiser['predict']>) => {
      calls.push({ rows: args[1].length, target: args[2], t: args[1][0] })
      return inner.predict(...args)
    },
  }
}

export const rowsOfCalls = (calls: readonly { rows: number }[]) => calls.reduce((sum, { rows }) => sum + rows, 0)

/** Kolmogorov-Smirnov statistic times sqrt(n) against N(0, std^2): above 1.95 with probability 1e-3. */
export function kolmogorov(sample: ArrayLike<number>, std: number): number {
  const sorted = Float64Array.from(sample).sort()
  let d = 0
  sorted.forEach((x, i) => {
    const f = normalCdf(x / std)
    d = Math.max(d, Math.abs(f - i / sorted.length), Math.abs(f - (i + 1) / sorted.length))
  })
  return d * Math.sqrt(sorted.length)
}

/** By its Taylor series, for |x| < 8. */
function normalCdf(x: number): number {
  let term = x
  let sum = x
  for (let k = 1; k < 200; k++) sum += term *= (x * x) / (2 * k + 1)
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)
}
