import type { Target } from './denoiser.ts'
import { expNegative } from './exponential.ts'
import { CAPACITY, fits, loadMixtureKernel, type MixtureKernel } from './mixture-kernel.ts'
import {
  fillSingleTable,
  HEADER,
  SINGLE_CAPACITY,
  type SingleMixtureKernel,
  singleMixtureKernel,
} from './single-mixture-kernel.ts'

/** The kernel, from the first large batch on; undefined where the engine has none. */
let kernel: MixtureKernel | undefined | 'not loaded' = 'not loaded'

function theKernel(): MixtureKernel | undefined {
  if (kernel === 'not loaded') kernel = loadMixtureKernel()
  return kernel
}

/**
 * The loops of a Gaussian mixture: `E[x_0 | x]` or `E[eps | x]`, row by row, for a mixture of isotropic Gaussians, at one `(a, s)` and target at a time. With
 * `v_k = a^2 S_k^2 + s^2` and responsibilities `r_k`,
 *
 *     E[x_0 | x] = sum_k r_k (a S_k^2 / v_k x + s^2 / v_k mu_k),    E[eps | x] = sum_k r_k s / v_k (x - a mu_k),
 *
 * the second exact as s goes to 0. A row's result does not depend on how many rows are predicted with it.
 */
export class MixtureRows {
  readonly #means: readonly ArrayLike<number>[]
  readonly #stds: readonly number[]
  readonly #logWeights: Float64Array
  readonly #d: number
  /** Per component: `log(w) - d/2 log v`, `1 / (2 v)`, the factors of x and of the mean, `a mean`, `mean`. */
  readonly #table: Float64Array
  readonly #weights: Float64Array
  /** `u_k . v` of {@link pullback}. */
  readonly #slopes: Float64Array
  /** Where {@link predictAll} is in float32. */
  readonly #single: { readonly kernel: SingleMixtureKernel; readonly table: Float32Array } | undefined
  #a = Number.NaN
  #s = Number.NaN
  #target: Target = 'data'

  /** @param single whether {@link predictAll} is to be in float32, which it is where {@link singleMixtureKernel} has a kernel */
  constructor(
    means: readonly ArrayLike<number>[],
    stds: readonly number[],
    weights: readonly number[],
    single = false,
  ) {
    this.#means = means
    this.#stds = stds
    this.#logWeights = Float64Array.from(weights, Math.log)
    this.#d = means[0].length
    this.#table = new Float64Array(means.length * (4 + 2 * this.#d))
    this.#weights = new Float64Array(means.length)
    this.#slopes = new Float64Array(means.length)
    const kernel = single ? singleMixtureKernel(means.length, this.#d) : undefined
    this.#single = kernel && { kernel, table: new Float32Array(means.length * (HEADER + 2 * this.#d)) }
  }

  /** Sets the scales of the signal and of the noise, and what is predicted. */
  at(a: number, s: number, target: Target): void {
    if (a === this.#a && s === this.#s && target === this.#target) return
    this.#a = a
    this.#s = s
    this.#target = target
    const d = this.#d
    const table = this.#table
    for (let k = 0, t = 0; k < this.#means.length; k++, t += 4 + 2 * d) {
      const square = this.#stds[k] ** 2
      const variance = a * a * square + s * s
      table[t] = this.#logWeights[k] - 0.5 * d * Math.log(variance)
      table[t + 1] = 0.5 / variance
      table[t + 2] = (a * square) / variance
      table[t + 3] = target === 'data' ? (s * s) / variance : s / variance
      for (let i = 0; i < d; i++) {
        table[t + 4 + i] = a * this.#means[k][i]
        table[t + 4 + d + i] = this.#means[k][i]
      }
    }
    if (this.#single) fillSingleTable(table, d, target, this.#single.table)
  }

  /** Predicts the rows `from .. to - 1` of `x`. */
  predictAll(x: Float32Array, from: number, to: number, out: Float32Array): void {
    const d = this.#d
    const n = this.#weights.length
    if (this.#single && this.#s > 0) {
      this.#predictSingle(this.#single, x, from, to, out)
      return
    }
    const kernel = this.#s > 0 && to - from >= 64 && fits(n, d) ? theKernel() : undefined
    let row = from
    if (kernel) {
      kernel.table.set(this.#table)
      const atOnce = 4 * Math.floor(CAPACITY / d / 4)
      while (row + 4 <= to) {
        const some = Math.min(atOnce, (to - row) & ~3)
        kernel.states.set(x.subarray(row * d, (row + some) * d))
        kernel[this.#target](some, n, d)
        out.set(kernel.predictions.subarray(0, some * d), row * d)
        row += some
      }
    }
    for (; row < to; row++) this.predict(x, row * d, out)
  }

  #predictSingle(
    { kernel, table }: { readonly kernel: SingleMixtureKernel; readonly table: Float32Array },
    x: Float32Array,
    from: number,
    to: number,
    out: Float32Array,
  ): void {
    const d = this.#d
    const atOnce = 8 * Math.floor(SINGLE_CAPACITY / d / 8)
    kernel.table.set(table)
    for (let row = from; row < to; row += atOnce) {
      const some = Math.min(atOnce, to - row)
      kernel.states.set(x.subarray(row * d, (row + some) * d))
      kernel[this.#target]((some + 7) & ~7, this.#weights.length)
      out.set(kernel.predictions.subarray(0, some * d), row * d)
    }
  }

  /** Predicts the state at `x[offset]`, to `out[offset]`; allocates nothing. */
  predict(x: ArrayLike<number>, offset: number, out: Float32Array | Float64Array): void {
    const d = this.#d
    const table = this.#table
    const weights = this.#weights
    const n = weights.length
    const data = this.#target === 'data'
    if (this.#s === 0) {
      for (let i = offset; i < offset + d; i++) out[i] = data ? x[i] / this.#a : 0
      return
    }
    const scale = this.#weigh(x, offset)
    let slope = 0
    for (let k = 0, t = 0; k < n; k++, t += 4 + 2 * d) {
      if (data) slope += weights[k] * table[t + 2]
      weights[k] *= table[t + 3]
    }
    for (let i = 0; i < d; i++) {
      const value = x[offset + i]
      let sum = data ? slope * value : 0
      for (let k = 0, t = 4 + i; k < n; k++, t += 4 + 2 * d) {
        sum += weights[k] * (data ? table[t + d] : value - table[t])
      }
      out[offset + i] = sum * scale
    }
  }

  /**
   * `J^T v` for `J = d E[x_0 | x] / dx = (a / s^2) Cov[x_0 | x]` (symmetric) at the state `x[offset]`, for `v[offset]`, to
   * `out[offset]`, where the target is `data`; allocates nothing.
   *
   * With the posterior means `m_k = (s^2 mu_k + a S_k^2 x) / v_k` and the slopes `u_k = (a mu_k - x) / v_k` of the
   * components' log densities, it is `sum_k r_k (a S_k^2 / v_k) v + sum_k r_k (u_k . v - mean_r(u . v)) m_k`: no division by
   * a or s.
   */
  pullback(x: ArrayLike<number>, offset: number, v: ArrayLike<number>, out: Float32Array | Float64Array): void {
    const d = this.#d
    const table = this.#table
    const weights = this.#weights
    const slopes = this.#slopes
    const n = weights.length
    if (this.#s === 0) {
      for (let i = offset; i < offset + d; i++) out[i] = v[i] / this.#a
      return
    }
    const scale = this.#weigh(x, offset)
    let mean = 0
    for (let k = 0, t = 0; k < n; k++, t += 4 + 2 * d) {
      let dot = 0
      for (let i = 0; i < d; i++) dot += (table[t + 4 + i] - x[offset + i]) * v[offset + i]
      slopes[k] = dot * 2 * table[t + 1]
      weights[k] *= scale
      mean += weights[k] * slopes[k]
    }
    let ofCotangent = 0
    let ofState = 0
    for (let k = 0, t = 0; k < n; k++, t += 4 + 2 * d) {
      ofCotangent += weights[k] * table[t + 2]
      const share = weights[k] * (slopes[k] - mean)
      ofState += share * table[t + 2]
      weights[k] = share * table[t + 3]
    }
    for (let i = 0; i < d; i++) {
      let sum = ofCotangent * v[offset + i] + ofState * x[offset + i]
      for (let k = 0, t = 4 + d + i; k < n; k++, t += 4 + 2 * d) sum += weights[k] * table[t]
      out[offset + i] = sum
    }
  }

  /** Responsibilities of the state at `x[offset]`, up to a common factor; the next call writes over them. */
  responsibilities(x: ArrayLike<number>, offset: number): ArrayLike<number> {
    this.#weigh(x, offset)
    return this.#weights
  }

  /** Responsibilities, up to a factor: the one that is returned. */
  #weigh(x: ArrayLike<number>, offset: number): number {
    const d = this.#d
    const table = this.#table
    const weights = this.#weights
    const n = weights.length
    let highest = -Infinity
    for (let k = 0, t = 0; k < n; k++, t += 4 + 2 * d) {
      let square = 0
      for (let i = 0; i < d; i++) {
        const difference = x[offset + i] - table[t + 4 + i]
        square += difference * difference
      }
      const log = table[t] - square * table[t + 1]
      weights[k] = log
      if (log > highest) highest = log
    }
    let total = 0
    for (let k = 0; k < n; k++) total += weights[k] = expNegative(weights[k] - highest)
    return 1 / total
  }
}
