import type { Tensor } from '../tensor/tensor.ts'
import type { DifferentiableReward } from './reward.ts'
import { RewardError } from './reward-error.ts'

/** A reward of one sample in closed form, with its gradient. */
export interface Formula {
  readonly name: string
  /** In float64. @throws Error where the sample has another shape than it takes */
  value(sample: Tensor): number
  /** Writes the gradient by the sample's elements to `out`, which comes in as zeros. */
  gradient(sample: Tensor, out: Float64Array): void
}

/** A reward that is a formula of each sample alone. */
export function formulaReward({ name, value, gradient }: Formula): DifferentiableReward<Tensor> {
  const scoreOf = (sample: Tensor, i: number) => {
    try {
      return value(sample)
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new RewardError(
        (which) => `Reward "${name}" failed on ${which}: ${reason}`,
        { first: i, count: 1 },
        { cause },
      )
    }
  }
  return {
    name,
    evaluate: async (samples) => Float64Array.from(samples, scoreOf),
    async differentiate(samples) {
      const values = Float64Array.from(samples, scoreOf)
      const gradients = samples.map((sample) => {
        const out = new Float64Array(sample.data.length)
        gradient(sample, out)
        return { shape: sample.shape, data: Float32Array.from(out) }
      })
      return { values, gradients }
    },
  }
}

/**
 * `-|x - target|^2 / (2 scale^2)`: the logarithm of a Gaussian around the target, up to a constant (Euclidean, over all
 * elements).
 *
 * @param scale above 0. Default 1
 */
export function distanceTo(target: ArrayLike<number>, scale = 1): DifferentiableReward<Tensor> {
  if (!(scale > 0 && scale < Infinity))
    throw new Error(`the scale of a distance is ${scale}, expected a positive number`)
  const center = Float64Array.from(target)
  const odd = center.findIndex((value) => !Number.isFinite(value))
  if (odd >= 0) throw new Error(`element ${odd} of a distance's target is ${center[odd]}, expected a finite number`)
  const shown = center.length > 4 ? `${center.length} numbers` : center.join(', ')
  return formulaReward({
    name: `near(${shown})`,
    value({ shape, data }) {
      if (data.length !== center.length) {
        throw new Error(`a sample [${shape}] has ${data.length} elements, the target ${center.length}`)
      }
      let sum = 0
      for (let i = 0; i < center.length; i++) sum += (data[i] - center[i]) ** 2
      return -sum / (2 * scale * scale)
    },
    gradient({ data }, out) {
      for (let i = 0; i < out.length; i++) out[i] = (center[i] - data[i]) / (scale * scale)
    },
  })
}
