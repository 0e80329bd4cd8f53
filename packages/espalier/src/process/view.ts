import type { Tensor } from '../tensor/tensor.ts'
import { type Denoiser, type DifferentiableDenoiser, isDifferentiableDenoiser, rowCostAt } from './denoiser.ts'
import { startOf, timeOfRho } from './grid.ts'
import type { Process } from './process.ts'

/**
 * A denoiser of one process, A, asked on another, B: at equal `rho = s / a` the states are the same up to their scale,
 * `x_A = x_B a_A / a_B`, and so `x_0` and `eps` are identical. So every network serves every sampler, and any two views
 * of one network follow the same probability flow.
 *
 * The process of the view is B with its grids bounded by the noise levels that A has.
 * @param process B
 * @throws Error at a call with a row at a noise level that A does not have
 */
export function viewed(denoiser: Denoiser, process: Process): Denoiser {
  const own = denoiser.process
  if (own.name === process.name) return denoiser
  /** A's time at the noise level of B's. */
  const timeOf = (t: number) => timeOfRho(own, Math.exp(-process.logSnr(t)))
  /** The states on A, A's times, and the factors `a_A / a_B` between the two. */
  const rescaled = (x: Tensor, t: Float64Array) => {
    const scales = new Float64Array(t.length)
    const times = new Float64Array(t.length)
    for (let row = 0; row < t.length; row++) {
      const again = row > 0 && t[row] === t[row - 1]
      times[row] = again ? times[row - 1] : timeOf(t[row])
      if (!again) {
        const [a, s] = [process.a(t[row]), process.s(t[row])]
        scales[row] = a >= s ? own.a(times[row]) / a : own.s(times[row]) / s // equal, but for a = 0 and s = 0
      } else scales[row] = scales[row - 1]
    }
    return { x: scaled(x, scales), times, scales }
  }
  const { rowCost, predictEach } = denoiser
  return {
    ...denoiser,
    process: bounded(process, own),
    rowCost: typeof rowCost === 'function' ? (t) => rowCostAt(denoiser, timeOf(t)) : rowCost,
    async predict(x, t, target, condition, into) {
      const asked = rescaled(x, t)
      return denoiser.predict(asked.x, asked.times, target, condition, into)
    },
    predictEach:
      predictEach &&
      (async (x, t, targets, condition) => {
        const asked = rescaled(x, t)
        return predictEach.call(denoiser, asked.x, asked.times, targets, condition)
      }),
    // x_0 is the same function of x_A, and x_A = scale x_B.
    ...(isDifferentiableDenoiser(denoiser) && {
      async pullback(x, t, cotangent, condition) {
        const asked = rescaled(x, t)
        return scaled(await denoiser.pullback(asked.x, asked.times, cotangent, condition), asked.scales)
      },
    }),
  } satisfies Denoiser | DifferentiableDenoiser
}

/** Each row times its own factor. */
function scaled(x: Tensor, scales: Float64Array): Tensor {
  const size = x.data.length / scales.length
  const data = new Float32Array(x.data.length)
  for (let row = 0; row < scales.length; row++) {
    for (let i = row * size; i < (row + 1) * size; i++) data[i] = scales[row] * x.data[i]
  }
  return { shape: x.shape, data }
}

/** A process whose grids start and jump, by default, within the noise levels of another. */
function bounded(process: Process, own: Process): Process {
  const noisiest = process.timeOfLogSnr(own.logSnr(startOf(own, false)))
  const cleanest = process.timeOfLogSnr(own.logSnr(own.last ?? 0))
  const start = noisiest < startOf(process, false) ? noisiest : process.start
  const last = cleanest > (process.last ?? 0) ? cleanest : process.last
  return { ...process, start, last }
}
