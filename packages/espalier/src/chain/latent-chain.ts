import type { Decoder } from '../runtime/decoder.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Chain } from './chain.ts'

/**
 * A chain of latents whose samples and look-aheads are decoded: what a search over a latent diffusion model walks
 * (Rombach et al. 2022). States stay latents; whatever else the chain can do (guided proposals, neighbours, moments) it
 * still can. Decoding is no NFE. Rewards see decoded samples; for a gradient in the latents see `decodedReward`.
 */
export function latentChain<S, C extends Chain<S, Tensor>>(
  chain: C & Chain<S, Tensor>,
  decoder: Pick<Decoder, 'decode'>,
): C {
  return {
    ...chain,
    lookahead: async (states: readonly S[], level: number) => decoder.decode(await chain.lookahead(states, level)),
    decode: async (states: readonly S[]) => decoder.decode(await chain.decode(states)),
  }
}
