import type { Tensor } from '../tensor/tensor.ts'
import type { Prediction, Process } from './process.ts'

/** `wanted = x * state + output * prediction`. */
export interface Conversion {
  readonly x: number
  readonly output: number
}

/** The coefficients of a process at one time. */
export interface Coefficients {
  readonly a: number
  readonly s: number
  /** `da/dt` and `ds/dt`: only `flow` needs them. */
  readonly da: number
  readonly ds: number
}

/** The coefficients of a process at a time in [0, 1]; `ds` may be infinite at t = 0. */
export function coefficientsAt(process: Process, t: number): Coefficients {
  return { a: process.a(t), s: process.s(t), da: process.da(t), ds: process.ds(t) }
}

/**
 * The raw output F of a network in the preconditioning of EDM (Karras et al. 2022, eq. 7 and table 1): for data of
 * standard deviation `sigmaData` and `y = x / a`,
 *
 *     x_0 = c_skip y + c_out F(c_in y; log(rho) / 4),   c_skip = sigmaData^2 / n^2,
 *     c_out = rho sigmaData / n,   c_in = 1 / n,   n = sqrt(rho^2 + sigmaData^2).
 *
 * With `sigmaData = 1` on a variance-preserving process F is minus the velocity, and `c_in y = x`.
 */
export interface EdmPreconditioning {
  readonly type: 'edm'
  readonly sigmaData: number
}

/** What a network gives: a prediction, or a preconditioned one. */
export type NetworkOutput = Prediction | EdmPreconditioning

/** `a n` for the n of {@link EdmPreconditioning}: the standard deviation of x, which no a = 0 makes infinite. */
const deviation = ({ a, s }: Coefficients, sigmaData: number) => Math.hypot(s, a * sigmaData)

/** What a state is multiplied by for a network of this output: `c_in / a`, which makes its variance 1. */
export function inputScale(output: NetworkOutput, c: Coefficients): number {
  return typeof output === 'string' ? 1 : 1 / deviation(c, output.sigmaData)
}

/** The clean data `x_0` from a prediction: each line inverts the definition with `x = a x_0 + s eps`. */
function toData(from: NetworkOutput, c: Coefficients): Conversion {
  const { a, s, da, ds } = c
  if (s === 0) return { x: 1 / a, output: 0 } // x = a x_0: no prediction is needed
  if (typeof from !== 'string') {
    const { sigmaData } = from
    const d = deviation(c, sigmaData)
    return { x: (a / d) * (sigmaData ** 2 / d), output: (s * sigmaData) / d }
  }
  const n = a * a + s * s
  const w = a * ds - da * s
  switch (from) {
    case 'data':
      return { x: 0, output: 1 }
    case 'noise':
      return { x: 1 / a, output: -s / a }
    case 'velocity':
      return { x: a / n, output: -s / n }
    case 'score':
      return { x: 1 / a, output: (s * s) / a }
    case 'flow':
      return { x: ds / w, output: -s / w }
  }
}

/** The noise `eps` from a prediction. */
function toNoise(from: NetworkOutput, c: Coefficients): Conversion {
  const { a, s, da, ds } = c
  if (a === 0) return { x: 1 / s, output: 0 } // x = s eps
  if (typeof from !== 'string') {
    const d = deviation(c, from.sigmaData)
    return { x: s / d / d, output: (-a * from.sigmaData) / d } // (x - a x_0) / s, s divided out
  }
  const n = a * a + s * s
  const w = a * ds - da * s
  switch (from) {
    case 'data':
      return { x: 1 / s, output: -a / s }
    case 'noise':
      return { x: 0, output: 1 }
    case 'velocity':
      return { x: s / n, output: a / n }
    case 'score':
      return { x: 0, output: -s }
    case 'flow':
      return { x: -da / w, output: a / w }
  }
}

/**
 * Coefficients that turn one prediction into another at `x = a x_0 + s eps`, for any a and s. With
 * `v = a eps - s x_0`, `score = -eps / s`, `u = a' x_0 + s' eps` every conversion is linear in (state, prediction).
 * Not every conversion exists everywhere (data says nothing of the noise at s = 0): then a coefficient is not finite.
 */
export function conversion(from: NetworkOutput, to: Prediction, c: Coefficients): Conversion {
  if (from === to) return { x: 0, output: 1 }
  if (to === 'data') return toData(from, c)
  const noise = toNoise(from, c)
  if (to === 'noise') return noise
  if (to === 'score') return { x: -noise.x / c.s, output: -noise.output / c.s }
  const data = toData(from, c)
  const [p, q] = to === 'velocity' ? [-c.s, c.a] : [c.da, c.ds]
  return { x: p * data.x + q * noise.x, output: p * data.output + q * noise.output }
}

/**
 * Converts a batch of predictions in place, row by row.
 * @param output predictions `[n, ...event]`, overwritten
 * @param x the states `[n, ...event]` that they were made at
 * @param t one time per row
 * @returns `output`
 * @throws where the wanted prediction does not exist at a row's time
 */
export function convert(
  process: Process,
  from: NetworkOutput,
  to: Prediction,
  output: Tensor,
  x: Tensor,
  t: ArrayLike<number>,
): Tensor {
  if (from === to) return output
  const size = t.length === 0 ? 0 : x.data.length / t.length
  if (output.data.length !== x.data.length || !Number.isInteger(size)) {
    throw new Error(
      `cannot convert predictions of shape [${output.shape}] at states of shape [${x.shape}] and ${t.length} times`,
    )
  }
  const states = x.data
  const predictions = output.data
  let last = Number.NaN
  let k: Conversion = { x: 0, output: 1 }
  for (let row = 0; row < t.length; row++) {
    if (t[row] !== last) {
      last = t[row]
      k = conversion(from, to, coefficientsAt(process, last))
      if (!(Number.isFinite(k.x) && Number.isFinite(k.output))) {
        const kind = typeof from === 'string' ? from : `preconditioned (${from.type})`
        throw new Error(`a ${kind} prediction has no ${to} at t = ${last} (row ${row}) of ${process.name}`)
      }
    }
    const ofState = k.x
    const ofPrediction = k.output
    const end = (row + 1) * size
    for (let i = row * size; i < end; i++) predictions[i] = ofState * states[i] + ofPrediction * predictions[i]
  }
  return output
}

/**
 * The chain rule through {@link conversion} and {@link inputScale}: a network's clean data are
 * `x_0hat = c_x x + c_out F(c_in x)`, so `J^T v = c_x v + c_out c_in (dF)^T v`, row by row.
 * @param gradient `(dF)^T v` of the network's own output and input, `[n, ...event]`, overwritten
 * @param cotangent v, `[n, ...event]`
 * @param t one time per row
 * @returns `gradient`
 * @throws where the network has no clean data at a row's time
 */
export function pulledToData(
  process: Process,
  from: NetworkOutput,
  gradient: Tensor,
  cotangent: Tensor,
  t: ArrayLike<number>,
): Tensor {
  const size = t.length === 0 ? 0 : cotangent.data.length / t.length
  // `convert` with v in the place of x: what remains is the factor of the network's input.
  if (typeof from !== 'string') {
    for (let row = 0; row < t.length; row++) {
      const scale = inputScale(from, coefficientsAt(process, t[row]))
      for (let i = row * size; i < (row + 1) * size; i++) gradient.data[i] *= scale
    }
  }
  return convert(process, from, 'data', gradient, cotangent, t)
}
