import { piecewise } from './piecewise.ts'
import type { Process } from './process.ts'
import { type LogSignal, lambdaOf, logAOf, variancePreserving } from './variance-preserving.ts'

/** A process given by a table of `n` discrete steps; index i sits at time `(i + 1) / n`. */
export interface TableProcess extends Process {
  readonly steps: number
  /** The (real) table index of a time, `t n - 1`: what a network trained on integers is told. */
  index(t: number): number
}

/** What is piecewise linear in the index between the steps of a table; below index 0 it is always `log a`. */
export type TableInterpolation = 'log-alpha' | 'log-rho' | 'rho'

export interface TableOptions {
  /**
   * - `log-alpha` (default): as DPM-Solver (Lu et al. 2022) and UniPC.
   * - `log-rho`: as k-diffusion, and as diffusers where it maps a noise level to a timestep (Karras and the like).
   * - `rho`: as diffusers' Euler schedulers where their timesteps are not whole.
   */
  readonly interpolation?: TableInterpolation
}

/**
 * VP from the betas of a discrete model (DDPM, Ho et al. 2020): `abar_i = prod_{j <= i} (1 - beta_j)` at time
 * `(i + 1) / n`, interpolated between, and clean data at t = 0. Grids in lambda or rho jump to it from index 0.
 * @param betas in (0, 1), in the order of growing noise; the last may be 1 (see {@link zeroTerminalSnr}): then there is
 *   no signal at t = 1, and grids start there
 * @throws where a beta is out of range
 */
export function vpTable(betas: ArrayLike<number>, options: TableOptions = {}): TableProcess {
  const { interpolation = 'log-alpha' } = options
  const n = betas.length
  if (n === 0) throw new Error('vpTable needs at least one beta, got none')
  const zero = betas[n - 1] === 1
  const logA = new Float64Array(n + 1)
  let hash = 0x811c9dc5
  for (let i = 0; i < n; i++) {
    const valid = betas[i] > 0 && (betas[i] < 1 || (zero && i === n - 1))
    if (!valid) throw new Error(`beta ${i} of ${n} is ${betas[i]}, expected 0 < beta < 1`)
    logA[i + 1] = logA[i] + 0.5 * Math.log1p(-betas[i])
  }
  if (zero && interpolation !== 'log-alpha') {
    throw new Error(
      `a table without signal at its end has no ${interpolation} there; keep some, as zeroTerminalSnr(betas, { last: 2 ** -24 })`,
    )
  }
  for (const word of new Uint32Array(logA.buffer)) hash = Math.imul(hash ^ word, 0x01000193)
  const suffix = interpolation === 'log-alpha' ? '' : `,${interpolation}`
  const name = `vp-table(${n},${(hash >>> 0).toString(16)}${suffix})`
  const table = { steps: n, index: (t: number) => t * n - 1, last: 1 / n }
  const process = variancePreserving(name, tableLogSignal(logA, interpolation))
  if (!zero) return { ...process, ...table }
  // a falls linearly to 0 at t = 1, where d log a / dt is infinite.
  const end = -n * Math.exp(logA[n - 1])
  return {
    ...process,
    ...table,
    da: (t) => (t >= 1 ? end : process.da(t)),
    ds: (t) => (t >= 1 ? 0 : process.ds(t)),
    start: 1,
  }
}

/** @param logA of clean data and of every index */
function tableLogSignal(logA: Float64Array, interpolation: TableInterpolation): LogSignal {
  const plain = piecewise(logA)
  const direct: LogSignal = { logA: plain.value, slope: plain.slope, timeOfLogA: plain.time }
  if (interpolation === 'log-alpha') return direct
  // The interpolated coordinate, decreasing in t: lambda or -rho.
  const [of, lambda] =
    interpolation === 'log-rho'
      ? [(l: number) => l, (y: number) => y]
      : [(l: number) => -Math.exp(-l), (y: number) => -Math.log(-y)]
  const n = logA.length - 1
  // Not used at 0, where the coordinate may be infinite: there it is log a that is interpolated.
  const first = 1 / n
  const between = piecewise(logA.map((v, i) => of(lambdaOf(i === 0 ? logA[1] / 2 : v))))
  return {
    logA: (t) => (t < first ? plain.value(t) : logAOf(lambda(between.value(t)))),
    slope: (t) => {
      if (t < first) return plain.slope(t)
      const y = between.value(t)
      const l = lambda(y)
      // d log a / d lambda = s^2, and d lambda / dy is 1 or -1 / y
      return -Math.expm1(2 * logAOf(l)) * between.slope(t) * (interpolation === 'log-rho' ? 1 : -1 / y)
    },
    timeOfLogA: (target) => (target > logA[1] ? plain.time(target) : between.time(of(lambdaOf(target)))),
  }
}

/** `beta_i` linear from `first` to `last` (DDPM: 1000 steps from 1e-4 to 0.02). */
export function linearBetas(n = 1000, first = 1e-4, last = 0.02): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => (n === 1 ? last : first + ((last - first) * i) / (n - 1)))
}

/** `sqrt(beta_i)` linear (latent diffusion: 1000 steps from 0.00085 to 0.012). */
export function scaledLinearBetas(n = 1000, first = 0.00085, last = 0.012): Float64Array {
  return linearBetas(n, Math.sqrt(first), Math.sqrt(last)).map((v) => v * v)
}

/**
 * `beta_i = min(1 - f((i + 1) / n) / f(i / n), cap)`, `f(t) = cos^2(pi/2 (t + offset) / (1 + offset))` (Nichol and
 * Dhariwal 2021, eq. 17).
 */
export function cosineBetas(n = 1000, options: { readonly cap?: number; readonly offset?: number } = {}): Float64Array {
  const { cap = 0.999, offset = 0.008 } = options
  if (!(cap > 0 && cap < 1)) throw new Error(`cosineBetas needs 0 < cap < 1, got ${cap}`)
  if (!(offset >= 0 && offset < Infinity)) throw new Error(`cosineBetas needs offset >= 0, got ${offset}`)
  const f = (t: number) => Math.cos(((t + offset) / (1 + offset)) * (Math.PI / 2)) ** 2
  return Float64Array.from({ length: n }, (_, i) => Math.min(cap, 1 - f((i + 1) / n) / f(i / n)))
}

/**
 * Betas moved so that the last step has no signal (Lin et al. 2024, "Common diffusion noise schedules and sample steps
 * are flawed", algorithm 1): `r_i = sqrt(abar_i)` becomes `(r_i - r_last) r_0 / (r_0 - r_last)`. The first abar is kept,
 * the last beta is exactly 1. The noise prediction says nothing at such a step: the network must predict velocity or data.
 * @param options.last the last abar instead of 0 (diffusers takes `2^-24` where it needs a finite rho)
 */
export function zeroTerminalSnr(betas: ArrayLike<number>, options: { readonly last?: number } = {}): Float64Array {
  const { last = 0 } = options
  const n = betas.length
  if (n < 2) throw new Error(`zeroTerminalSnr needs at least two betas, got ${n}`)
  let product = 1
  const r = Float64Array.from({ length: n }, (_, i) => {
    if (!(betas[i] > 0 && betas[i] < 1)) throw new Error(`beta ${i} of ${n} is ${betas[i]}, expected 0 < beta < 1`)
    product *= 1 - betas[i]
    return Math.sqrt(product)
  })
  const abar = r.map((v) => (((v - r[n - 1]) * r[0]) / (r[0] - r[n - 1])) ** 2)
  if (!(last >= 0 && last < abar[n - 2])) throw new Error(`the last abar must lie in [0, ${abar[n - 2]}), got ${last}`)
  abar[n - 1] = last
  return abar.map((v, i) => (i === 0 ? betas[0] : 1 - v / abar[i - 1]))
}
