import { z } from 'zod'
import { parseWith } from '../tensor/parse.ts'
import type { Process } from './process.ts'

/** `log(1 + exp(x))` without overflow. */
const softplus = (x: number) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x)))

/**
 * `a^2 + s^2 = 1`, given by `log a(t)` alone. `s = sqrt(-expm1(2 log a))` keeps its digits near t = 0, where
 * `sqrt(1 - a^2)` loses them.
 * @param slope `d log a / dt`, which is `-beta / 2`
 */
function variancePreserving(
  name: string,
  logA: (t: number) => number,
  slope: (t: number) => number,
  timeOfLogA: (logA: number) => number,
): Process {
  const square = (t: number) => Math.abs(Math.expm1(2 * logA(t)))
  return {
    name,
    a: (t) => Math.exp(logA(t)),
    s: (t) => Math.sqrt(square(t)),
    da: (t) => slope(t) * Math.exp(logA(t)),
    ds: (t) => (-slope(t) * Math.exp(2 * logA(t))) / Math.sqrt(square(t)),
    logSnr: (t) => logA(t) - 0.5 * Math.log(square(t)),
    // a^2 = 1 / (1 + exp(-2 lambda))
    timeOfLogSnr: (lambda) => timeOfLogA(-0.5 * softplus(-2 * lambda)),
  }
}

/**
 * VP with `beta(t) = b0 + (b1 - b0) t` (Song et al. 2021, "Score-based generative modeling through SDEs", eq. 32-33):
 * `log a = -(b1 - b0) t^2 / 4 - b0 t / 2`.
 */
export function vpLinear(options: { readonly b0?: number; readonly b1?: number } = {}): Process {
  const { b0 = 0.1, b1 = 20 } = options
  if (!(b0 >= 0 && b1 > b0 && b1 < Infinity)) {
    throw new Error(`vpLinear needs 0 <= b0 < b1, got b0 = ${b0} and b1 = ${b1}`)
  }
  return variancePreserving(
    `vp-linear(${b0},${b1})`,
    (t) => -((b1 - b0) * t * t) / 4 - (b0 * t) / 2,
    (t) => -(b0 + (b1 - b0) * t) / 2,
    (logA) => {
      // The positive root of the quadratic in the form that does not cancel at small t.
      const q = -4 * (b1 - b0) * logA
      return q === 0 ? 0 : q / ((Math.sqrt(b0 * b0 + q) + b0) * (b1 - b0))
    },
  )
}

/**
 * VP with `a(t) = cos(pi/2 (t + offset) / (1 + offset)) / cos(pi/2 offset / (1 + offset))` (Nichol and Dhariwal 2021,
 * eq. 17). The signal is all but gone at t = 1: grids start where lambda = -5.1 instead (see `Grid`).
 */
export function vpCosine(options: { readonly offset?: number } = {}): Process {
  const { offset = 0.008 } = options
  if (!(offset >= 0 && offset < Infinity)) throw new Error(`vpCosine needs offset >= 0, got ${offset}`)
  const scale = Math.PI / 2 / (1 + offset)
  const first = Math.cos(scale * offset)
  // log cos is taken through sin^2, so that log a(t) keeps its digits near t = 0.
  const logCos = (angle: number) => 0.5 * Math.log1p(-(Math.sin(angle) ** 2))
  return variancePreserving(
    `vp-cosine(${offset})`,
    (t) =>
      t < 0.5
        ? logCos(scale * (t + offset)) - logCos(scale * offset)
        : Math.log(Math.cos(scale * (t + offset)) / first),
    (t) => -scale * Math.tan(scale * (t + offset)),
    (logA) => Math.max(0, Math.acos(Math.min(1, Math.exp(logA) * first)) / scale - offset),
  )
}

/** A process given by a table of `n` discrete steps; index i sits at time `(i + 1) / n`. */
export interface TableProcess extends Process {
  readonly steps: number
  /** The (real) table index of a time, `t n - 1`: what a network trained on integers is told. */
  index(t: number): number
}

/**
 * VP from the betas of a discrete model (DDPM, Ho et al. 2020): `abar_i = prod_{j <= i} (1 - beta_j)` at time
 * `(i + 1) / n`, `log a` piecewise linear between (as in DPM-Solver, Lu et al. 2022) and down to clean data at t = 0.
 * @param betas in (0, 1), in the order of growing noise
 */
export function vpTable(betas: ArrayLike<number>): TableProcess {
  const n = betas.length
  if (n === 0) throw new Error('vpTable needs at least one beta, got none')
  const logA = new Float64Array(n + 1)
  let hash = 0x811c9dc5
  for (let i = 0; i < n; i++) {
    if (!(betas[i] > 0 && betas[i] < 1)) throw new Error(`beta ${i} of ${n} is ${betas[i]}, expected 0 < beta < 1`)
    logA[i + 1] = logA[i] + 0.5 * Math.log1p(-betas[i])
  }
  for (const word of new Uint32Array(logA.buffer)) hash = Math.imul(hash ^ word, 0x01000193)
  const piece = (t: number) => Math.min(n - 1, Math.max(0, Math.floor(t * n)))
  const slope = (t: number) => (logA[piece(t) + 1] - logA[piece(t)]) * n
  const process = variancePreserving(
    `vp-table(${n},${(hash >>> 0).toString(16)})`,
    (t) => logA[piece(t)] + slope(t) * (t - piece(t) / n),
    slope,
    (target) => {
      let low = 0
      let high = n
      while (high - low > 1) {
        const middle = (low + high) >> 1
        if (logA[middle] >= target) low = middle
        else high = middle
      }
      return (low + (logA[low] - target) / (logA[low] - logA[high])) / n
    },
  )
  return { ...process, steps: n, index: (t) => t * n - 1 }
}

/** `beta_i` linear from `first` to `last` (DDPM: 1000 steps from 1e-4 to 0.02). */
export function linearBetas(n = 1000, first = 1e-4, last = 0.02): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => (n === 1 ? last : first + ((last - first) * i) / (n - 1)))
}

const specification = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('vp-linear'), b0: z.number().optional(), b1: z.number().optional() }),
  z.strictObject({ type: z.literal('vp-cosine'), offset: z.number().optional() }),
  z.strictObject({ type: z.literal('vp-table'), betas: z.array(z.number()) }),
])

/** A process as JSON, such as `{ "type": "vp-linear", "b0": 0.1, "b1": 20 }`; models and worlds name theirs so. */
export type ProcessSpecification = z.infer<typeof specification>

/** Builds the process that a JSON value describes. @throws one line that says which field is wrong */
export function parseProcess(json: unknown): Process {
  const spec = parseWith(specification, json, 'process')
  if (spec.type === 'vp-linear') return vpLinear(spec)
  if (spec.type === 'vp-cosine') return vpCosine(spec)
  return vpTable(spec.betas)
}
