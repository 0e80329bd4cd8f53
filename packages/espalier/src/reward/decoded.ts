import type { Decoder } from '../runtime/decoder.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { DifferentiableReward } from './reward.ts'

/**
 * A reward of samples as one of latents: decodes them first, and pulls its gradient back through the decoder. It is
 * what guidance of a latent diffusion model is given.
 */
export function decodedReward(reward: DifferentiableReward<Tensor>, decoder: Decoder): DifferentiableReward<Tensor> {
  return {
    name: `${reward.name} of the decoded sample`,
    evaluate: async (latents) => reward.evaluate(await decoder.decode(latents)),
    async differentiate(latents) {
      const { values, gradients } = await reward.differentiate(await decoder.decode(latents))
      return { values, gradients: await decoder.pullback(latents, gradients) }
    },
  }
}
