import type { Denoiser } from '../process/denoiser.ts'
import { coefficientsAt, conversion } from '../process/prediction.ts'
import { row } from '../tensor/tensor.ts'

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
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      const answer = await denoiser.predict(x, t, target, condition, into)
      for (let i = 0; i < t.length; i++) {
        const share = 1 / at(t[i])
        // x_0 = p x + q eps: dividing eps leaves p x (1 - share) + share x_0. At a = 0 the noise says nothing of the data.
        const { x: p } = target === 'noise' ? { x: 0 } : conversion('noise', 'data', coefficientsAt(process, t[i]))
        if (share === 1 || !Number.isFinite(p)) continue
        const [values, state] = [row(answer, i), row(x, i)]
        for (let j = 0; j < values.length; j++) values[j] = share * values[j] + (1 - share) * p * state[j]
      }
      return answer
    },
  }
}
