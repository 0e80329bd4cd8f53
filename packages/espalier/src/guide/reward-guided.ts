import type { Denoiser, DifferentiableDenoiser } from '../process/denoiser.ts'
import { convert } from '../process/prediction.ts'
import type { DifferentiableReward } from '../reward/reward.ts'
import { gather, row, type Tensor } from '../tensor/tensor.ts'
import { bend, guidedRows } from './bend.ts'
import { type CleanGradientOptions, cleanGradient } from './clean-gradient.ts'
import type { GuidanceInterval } from './interval.ts'

export interface RewardGuidedOptions extends CleanGradientOptions {
  /** Factor of the gradient: the inverse temperature lambda of `p(x) exp(lambda r(x))`, for want of a better one. */
  readonly scale: number
  /** Takes of each row's gradient its direction alone: divides it by its L2 norm. Default false. */
  readonly normalise?: boolean
  /**
   * The largest L2 norm of a row's gradient, after `normalise` and before `scale`; a longer one is shortened. Default:
   * none.
   */
  readonly clip?: number
  /** Guides at these noise levels only; a row outside costs no gradient. Default: everywhere. */
  readonly interval?: GuidanceInterval
}

/**
 * Guidance by the gradient of a reward through the predicted clean sample: `eps' = eps - s scale grad_x r(x_0hat(x))`
 * (universal guidance, Bansal et al. 2023, eq. 6; the reward form of DPS, Chung et al. 2023). A denoiser like any
 * other, for every solver. It takes `r(E[x_0 | x])` for the soft value `log E[exp(r(x_0)) | x]`, and so does not sample
 * the tilted law: it is a heuristic, whose weights TDS corrects.
 *
 * Where the guided noise goes through a DDPM step, the mean moves by `(beta / sqrt(alpha)) scale g`; the sampler of the
 * DTS and DAS papers moves it by `std^2 scale g` (see `GuidedChain.propose`).
 *
 * A row costs the NFE of the denoiser, and a gradient and a reward evaluation apart. The result cannot be
 * differentiated (that would take second derivatives): other guidance of this kind goes around it, not inside the
 * gradient.
 *
 * @throws Error where an option is out of range; at a call, as {@link cleanGradient}
 */
export function rewardGuided(
  denoiser: DifferentiableDenoiser,
  reward: DifferentiableReward<Tensor>,
  options: RewardGuidedOptions,
): Denoiser
export function rewardGuided(
  denoiser: Denoiser,
  reward: DifferentiableReward<Tensor>,
  options: RewardGuidedOptions & { readonly jacobian: 'identity' },
): Denoiser
export function rewardGuided(
  denoiser: Denoiser,
  reward: DifferentiableReward<Tensor>,
  options: RewardGuidedOptions,
): Denoiser {
  const { scale, normalise = false, clip = Number.POSITIVE_INFINITY, interval } = options
  if (!Number.isFinite(scale)) throw new Error(`The guidance scale is ${scale}; give a finite number.`)
  if (!(clip > 0)) throw new Error(`The gradient of guidance is clipped at ${clip}; give a positive norm.`)
  const { process, event, rowCost } = denoiser
  const gradientAt = cleanGradient(denoiser as DifferentiableDenoiser, reward, options)
  const guided = guidedRows(process, interval)
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      const prediction = await denoiser.predict(x, t, target, condition, into)
      const part = guided(x, t, condition)
      if (!part) return prediction
      const clean = convert(process, target, 'data', gather(prediction, part.rows), part.x, part.t)
      const { gradient } = await gradientAt(part.x, part.t, part.condition, clean)
      for (let i = 0; i < part.rows.length; i++) limit(row(gradient, i), normalise, clip)
      bend(process, target, prediction, part, gradient, scale)
      return prediction
    },
  }
}

/** A gradient of 0 has no direction and stays 0. */
function limit(gradient: Float32Array, normalise: boolean, clip: number): void {
  if (!normalise && clip === Number.POSITIVE_INFINITY) return
  let square = 0
  for (const value of gradient) square += value * value
  const norm = Math.sqrt(square)
  if (norm === 0) return
  const factor = Math.min(normalise ? 1 : norm, clip) / norm
  for (let j = 0; j < gradient.length; j++) gradient[j] *= factor
}
