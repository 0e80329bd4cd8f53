import type { Denoiser, GaussianMixture, Process } from '../../src/process/index.ts'
import type { Plan } from '../../src/solve/index.ts'
import { fold, type Key, key, type Tensor } from '../../src/tensor/index.ts'

export function rows(values: readonly number[]): Tensor {
  return { shape: [values.length, 1], data: Float32Array.from(values) }
}

export function rowKeys(seed: number, n: number): Key[] {
  return Array.from({ length: n }, (_, i) => fold(key(seed), i))
}

/** A denoiser that counts its calls and rows, and remembers its times. */
export function counted(inner: Denoiser): Denoiser & { calls: number; rows: number; times: number[] } {
  const self = {
    ...inner,
    calls: 0,
    rows: 0,
    times: [] as number[],
    predict: (x: Tensor, t: Float64Array, ...rest: ['data' | 'noise']) => {
      self.calls++
      self.rows += t.length
      self.times.push(t[0])
      return inner.predict(x, t, ...rest)
    },
  }
  return self
}

/**
 * Mean and variance that a one-stage plan with the data target gives, step by step in float64, when the data are one
 * Gaussian `N(mu, S^2)`: the data prediction `mu + k (x - a mu)`, `k = a S^2 / (a^2 S^2 + s^2)`, makes each step affine.
 */
export function gaussianMoments(
  plan: Plan,
  world: GaussianMixture,
  process: Process,
): { mean: number; variance: number } {
  const [mu, square] = [world.means[0][0], world.stds[0] ** 2]
  const t0 = plan.grid[0]
  let mean = process.a(t0) * mu
  let variance = process.a(t0) ** 2 * square + process.s(t0) ** 2
  for (const { time, states, predictions, noise } of plan.stages) {
    const a = process.a(time!)
    const k = (a * square) / (a * a * square + process.s(time!) ** 2)
    const slope = (states[0] ?? 0) + predictions[0] * k
    mean = slope * mean + predictions[0] * (mu - k * a * mu)
    variance = slope * slope * variance + noise * noise
  }
  return { mean, variance }
}

/** Slope of `log error` against `log n` by least squares: the order of convergence, with the sign turned. */
export function order(ns: readonly number[], errors: readonly number[]): number {
  const x = ns.map(Math.log)
  const y = errors.map(Math.log)
  const mean = (v: number[]) => v.reduce((sum, value) => sum + value, 0) / v.length
  const [mx, my] = [mean(x), mean(y)]
  const covariance = x.reduce((sum, value, i) => sum + (value - mx) * (y[i] - my), 0)
  return -covariance / x.reduce((sum, value) => sum + (value - mx) ** 2, 0)
}
