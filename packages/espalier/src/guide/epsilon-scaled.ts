import {
  type Denoiser,
  type DifferentiableDenoiser,
  isDifferentiableDenoiser,
  type Target,
} from '../process/denoiser.ts'
import { coefficientsAt, conversion } from '../process/prediction.ts'
import { row, type Tensor } from '../tensor/tensor.ts'

export interface EpsilonScaleOptions {
  /** What the noise prediction is divided by, slightly above 1 (1.0012 in the repository), or that at each time. */
  readonly scale: number | ((t: number) => number)
}

/**
 * Epsilon scaling (Ning et al. 2024, "Elucidating the exposure bias in diffusion models"): `eps / scale`, a
 * cheap remedy for states that have drifted to too little noise. The data prediction follows from the scaled noise.
 */
export function epsilonScaled(denoiser: Denoiser, { scale }: EpsilonScaleOptions): Denoiser {
  const { process, event, rowCost } = denoiser
  const at = (t: number) => {
    const value = typeof scale === 'number' ? scale : scale(t)
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
      throw new Error(`The scale of the noise prediction at t = ${t} is ${value}; give a positive number.`)
    }
    return value
  }
  if (typeof scale === 'number') at(0)
  /**
   * `x_0 = p x + q eps`: dividing eps leaves `share x_0 + (1 - share) p x`, linear in the state too. At a = 0 the noise
   * says nothing of the data.
   */
  const mix = (answer: Tensor, state: Tensor, t: Float64Array, target: Target) => {
    for (let i = 0; i < t.length; i++) {
      const share = 1 / at(t[i])
      const { x: p } = target === 'noise' ? { x: 0 } : conversion('noise', 'data', coefficientsAt(process, t[i]))
      if (share === 1 || !Number.isFinite(p)) continue
      const [values, own] = [row(answer, i), row(state, i)]
      for (let j = 0; j < values.length; j++) values[j] = share * values[j] + (1 - share) * p * own[j]
    }
    return answer
  }
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      return mix(await denoiser.predict(x, t, target, condition, into), x, t, target)
    },
    ...(isDifferentiableDenoiser(denoiser) && {
      async pullback(x, t, cotangent, condition) {
        return mix(await denoiser.pullback(x, t, cotangent, condition), cotangent, t, 'data')
      },
    }),
  } satisfies Denoiser | DifferentiableDenoiser
}
