import { z } from 'zod/mini'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { parseWith } from '../tensor/parse.ts'
import { isSingle, type Precision } from '../tensor/precision.ts'
import { categorical, type Key, stream } from '../tensor/random.ts'
import { endOfRun } from '../tensor/run-of-equal.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { DifferentiableDenoiser, Target } from './denoiser.ts'
import { MixtureRows } from './mixture-rows.ts'
import { integrate } from './ode.ts'
import type { Process } from './process.ts'

const specification = z.strictObject({
  type: z.literal('gaussian-mixture'),
  means: z.array(z.array(z.number()).check(z.minLength(1))).check(z.minLength(1)),
  stds: z.array(z.number().check(z.nonnegative())),
  weights: z.optional(z.array(z.number().check(z.positive()))),
  event: z.optional(z.array(z.int().check(z.positive()))),
})

/**
 * An analytic world as JSON. Component k is `N(means[k], stds[k]^2 I)`, with probability proportional to `weights[k]`
 * (default: equal). `event` is the shape of a state where it is not `[dimension]`.
 */
export type GaussianMixtureSpecification = z.infer<typeof specification>

/**
 * Data from a mixture of isotropic Gaussians, for which everything about diffusion is known in closed form, in float64:
 * `x_t = a x_0 + s eps` is again a mixture, with means `a mu_k` and variances `a^2 S_k^2 + s^2`, and so is `x_0` given
 * `x_t`. It is a model like any other through {@link GaussianMixture.denoiser}.
 */
export class GaussianMixture {
  readonly means: readonly Float64Array[]
  readonly stds: readonly number[]
  /** Normalised. */
  readonly weights: readonly number[]
  readonly dimension: number
  readonly event: readonly number[]

  /** @throws where the lengths do not fit together */
  constructor(spec: Omit<GaussianMixtureSpecification, 'type' | 'means'> & { means: readonly ArrayLike<number>[] }) {
    const n = spec.means.length
    const weights = spec.weights ?? spec.means.map(() => 1)
    this.dimension = spec.means[0].length
    this.event = spec.event ?? [this.dimension]
    const odd = spec.means.findIndex((mean) => mean.length !== this.dimension)
    if (odd >= 0) {
      const lengths = `${spec.means[odd].length} numbers, but mean 0 has ${this.dimension}`
      throw new Error(`gaussian-mixture: mean ${odd} has ${lengths}`)
    }
    if (spec.stds.length !== n || weights.length !== n) {
      throw new Error(
        `gaussian-mixture: ${n} means need ${n} stds and weights, got ${spec.stds.length} and ${weights.length}`,
      )
    }
    if (this.event.reduce((p, v) => p * v, 1) !== this.dimension) {
      throw new Error(`gaussian-mixture: means of ${this.dimension} numbers do not fill the event [${this.event}]`)
    }
    const total = weights.reduce((sum, w) => sum + w, 0)
    this.means = spec.means.map((mean) => Float64Array.from(mean))
    this.stds = [...spec.stds]
    this.weights = weights.map((w) => w / total)
  }

  /** `log(w_k N(x; a mu_k, (a^2 S_k^2 + s^2) I))` of every component, without the `(2 pi)^(-d/2)`. */
  #logJoint(x: ArrayLike<number>, a: number, s: number): number[] {
    return this.means.map((mean, k) => {
      const variance = a * a * this.stds[k] ** 2 + s * s
      let square = 0
      for (let i = 0; i < mean.length; i++) square += (x[i] - a * mean[i]) ** 2
      const exponent = square === 0 ? 0 : square / (2 * variance)
      return Math.log(this.weights[k]) - exponent - 0.5 * this.dimension * Math.log(variance)
    })
  }

  /** Log density of `a x_0 + s eps` at x; by default that of the data. */
  logDensity(x: ArrayLike<number>, a = 1, s = 0): number {
    return logSumExp(this.#logJoint(x, a, s)) - 0.5 * this.dimension * Math.log(2 * Math.PI)
  }

  /** Probability of each component given `x = a x_0 + s eps`. */
  responsibilities(x: ArrayLike<number>, a: number, s: number): number[] {
    if (this.means.length === 1) return [1]
    const joint = this.#logJoint(x, a, s)
    const total = logSumExp(joint)
    return joint.map((v) => Math.exp(v - total))
  }

  /** The law of `x_0` given `x = a x_0 + s eps`, for s > 0: a mixture with the responsibilities as weights. */
  posterior(x: ArrayLike<number>, a: number, s: number): GaussianMixture {
    const weights = this.responsibilities(x, a, s)
    const means: Float64Array[] = []
    const stds: number[] = []
    this.means.forEach((mean, k) => {
      const square = this.stds[k] ** 2
      const variance = a * a * square + s * s
      stds.push((this.stds[k] * s) / Math.sqrt(variance))
      means.push(mean.map((m, i) => m + ((a * square) / variance) * (x[i] - a * m)))
    })
    return new GaussianMixture({ means, stds, weights, event: [...this.event] })
  }

  /**
   * `E[x_0 | x]` or `E[eps | x]` at `x = a x_0 + s eps`, written to `out`.
   * The noise is taken from its own formula `sum_k r_k s (x - a mu_k) / (a^2 S_k^2 + s^2)`, exact as s goes to 0.
   */
  predict<Out extends Float32Array | Float64Array>(
    x: ArrayLike<number>,
    a: number,
    s: number,
    target: Target,
    out: Out,
  ): Out {
    const rows = this.#rowsAt(a, s, target)
    rows.predict(x, 0, out)
    return out
  }

  /**
   * `J^T v` for `J = d E[x_0 | x] / dx = (a / s^2) Cov[x_0 | x]` (symmetric) at `x = a x_0 + s eps`, written to `out`.
   */
  pullback<Out extends Float32Array | Float64Array>(
    x: ArrayLike<number>,
    a: number,
    s: number,
    v: ArrayLike<number>,
    out: Out,
  ): Out {
    const rows = this.#rowsAt(a, s, 'data')
    rows.pullback(x, 0, v, out)
    return out
  }

  /** The loops, once they are needed: many mixtures are made for one draw. */
  #rows: MixtureRows | undefined

  #rowsAt(a: number, s: number, target: Target): MixtureRows {
    this.#rows ??= new MixtureRows(this.means, this.stds, this.weights)
    this.#rows.at(a, s, target)
    return this.#rows
  }

  /**
   * The world as a model: any rows, each at its own time.
   *
   * @param options.precision `single` predicts in float32: about 1e-6 of a prediction's size, as exponents
   *   `D^2 / (8 v)`, where components of variance `v = a^2 S^2 + s^2` at a distance D compete for x, round to 1e-7 of
   *   themselves. For states of at most 8 numbers, each below 1e18; other worlds, and engines without
   *   WebAssembly SIMD, predict as by default. Gradients stay in float64.
   */
  denoiser(process: Process, options: { readonly precision?: Precision } = {}): DifferentiableDenoiser {
    const d = this.dimension
    const single = isSingle(options.precision) ? new MixtureRows(this.means, this.stds, this.weights, true) : undefined
    const rowsAt = (a: number, s: number, target: Target) => {
      if (!single) return this.#rowsAt(a, s, target)
      single.at(a, s, target)
      return single
    }
    /** Calls back for each stretch of rows at one time. */
    const each = (
      x: Tensor,
      t: Float64Array,
      target: Target,
      stretch: (rows: MixtureRows, from: number, to: number) => void,
    ) => {
      const n = t.length
      if (x.data.length !== n * d) {
        throw new Error(`the gaussian-mixture takes [${n}, ${this.event}] at ${n} times, got [${x.shape}]`)
      }
      for (let from = 0, to = 0; from < n; from = to) {
        const time = t[from]
        to = endOfRun(t, from)
        stretch(rowsAt(process.a(time), process.s(time), target), from, to)
      }
    }
    const zeros = ({ shape, data }: Tensor): Tensor => ({ shape, data: new Float32Array(data.length) })
    return {
      process,
      event: this.event,
      predict: async (x, t, target, _condition, into) => {
        const out = into ?? zeros(x)
        each(x, t, target, (rows, from, to) => rows.predictAll(x.data, from, to, out.data))
        return out
      },
      pullback: async (x, t, cotangent) => {
        const out = zeros(x)
        each(x, t, 'data', (rows, from, to) => {
          for (let row = from; row < to; row++) rows.pullback(x.data, row * d, cotangent.data, out.data)
        })
        return out
      },
    }
  }

  /** An exact draw of the data. */
  sample(key: Key): Float64Array {
    const random = stream(key)
    const k = categorical(random.uniform(), this.weights)
    return this.means[k].map((m) => m + this.stds[k] * random.normal())
  }

  /**
   * An exact draw of `x_to` given `x_from = x` (earlier time `to < from`): `x_0` from the posterior, then `x_to` from
   * `q(x_to | x_from, x_0)`. With `exp(-2 h) = exp(2 (lambda_from - lambda_to))`, q has mean
   * `(s_to / s_from) exp(-h) x + a_to (1 - exp(-2 h)) x_0` and variance `s_to^2 (1 - exp(-2 h))`.
   */
  step(process: Process, x: ArrayLike<number>, from: number, to: number, key: Key): Float64Array {
    const { a, s, keep, gain, noise } = this.#kernelOf(process, from, to)
    const random = stream(key)
    const k = categorical(random.uniform(), this.#rowsAt(a, s, 'data').responsibilities(x, 0))
    // x_0 given x and its component k is a Gaussian about mu_k + (a S_k^2 / V_k) (x - a mu_k).
    const square = this.stds[k] ** 2
    const variance = a * a * square + s * s
    const slope = (a * square) / variance
    const std = (this.stds[k] * s) / Math.sqrt(variance)
    const mean = this.means[k]
    const out = new Float64Array(this.dimension)
    for (let i = 0; i < out.length; i++) {
      const clean = mean[i] + slope * (x[i] - a * mean[i]) + std * random.normal()
      out[i] = keep * x[i] + gain * clean + noise * random.normal()
    }
    return out
  }

  /** The coefficients of the last {@link step}: chains walk many rows along the same one. */
  #kernel:
    | { process: Process; from: number; to: number; a: number; s: number; keep: number; gain: number; noise: number }
    | undefined

  #kernelOf(process: Process, from: number, to: number) {
    const last = this.#kernel
    if (last?.process === process && last.from === from && last.to === to) return last
    const [a, s] = [process.a(from), process.s(from)]
    const decay = Math.exp(process.logSnr(from) - process.logSnr(to))
    const keep = (process.s(to) / s) * decay
    const gain = process.a(to) * (1 - decay * decay)
    const noise = process.s(to) * Math.sqrt(1 - decay * decay)
    this.#kernel = { process, from, to, a, s, keep, gain, noise }
    return this.#kernel
  }

  /**
   * Where the probability-flow ODE takes x from time `from` to time `to` (either direction). For one component in
   * closed form: `x - a mu` scales with `sqrt(a^2 S^2 + s^2)`. Else by integrating `dy/drho = eps` for `y = x / a`, or,
   * where a leg begins or ends without signal, `dz/dw = x_0` for `z = x / s` and `w = 1 / rho`; to a relative 1e-12.
   */
  flow(process: Process, x: ArrayLike<number>, from: number, to: number): Float64Array {
    if (this.means.length === 1) {
      const spread = (t: number) => Math.hypot(process.a(t) * this.stds[0], process.s(t))
      const ratio = spread(to) / spread(from)
      return Float64Array.from(this.means[0], (m, i) => process.a(to) * m + ratio * (x[i] - process.a(from) * m))
    }
    const silent = (t: number) => process.a(t) === 0
    if (!silent(from) && !silent(to)) {
      const rho = (t: number) => Math.exp(-process.logSnr(t))
      const y = Float64Array.from(x, (v) => v / process.a(from))
      const end = integrate((r, state, slope) => this.predict(state, 1, r, 'noise', slope), y, rho(from), rho(to))
      return end.map((v) => process.a(to) * v)
    }
    const middle = process.timeOfLogSnr(0) // rho = 1: w is infinite at clean data
    if (Math.min(from, to) < middle) return this.flow(process, this.flow(process, x, from, middle), middle, to)
    const w = (t: number) => Math.exp(process.logSnr(t))
    const z = Float64Array.from(x, (v) => v / process.s(from))
    const end = integrate((r, state, slope) => this.predict(state, r, 1, 'data', slope), z, w(from), w(to))
    return end.map((v) => process.s(to) * v)
  }
}

/** Builds the world that a JSON value describes. @throws one line that says which field is wrong */
export function parseGaussianMixture(json: unknown): GaussianMixture {
  return new GaussianMixture(parseWith(specification, json, 'gaussian-mixture'))
}
