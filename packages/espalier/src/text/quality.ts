import { logSumExp } from '../tensor/log-sum-exp.ts'
import type { AutoregressiveModel } from './autoregressive.ts'
import { maskedPositions, stackTokens, type TokenDenoiser } from './denoiser.ts'
import { type BoundOptions, checkBound, maskAverage } from './mask-average.ts'
import { uniformBound } from './uniform-bound.ts'

/**
 * Unbiased estimates of the bound `-log p(x) <= L(x)` of a masked diffusion, in nats, one a sequence. Its expectation
 * over data is at least their entropy, and equal to it for the exact denoiser.
 *
 * `L = length E_n[(1/n) sum over masks of -log mu(x)]`, with n uniform on 1 to the length and a uniformly random set of
 * n masks, at the time whose masked share is the n-th smallest of as many uniforms as there are tokens (Zheng et al.
 * 2024, arXiv 2409.02908): the continuous-time bound of MDLM, with the time integrated out where the
 * network is blind to it. Of a uniform-rate process it is {@link uniformBound}, with as many times as `draws`.
 *
 * @throws where a sequence is too long
 */
export async function likelihoodBound(
  denoiser: TokenDenoiser,
  sequences: readonly Int32Array[],
  options: BoundOptions,
): Promise<Float64Array> {
  const { process } = denoiser
  if (process.kind === 'uniform') return uniformBound(denoiser, sequences, checkBound(options))
  const { vocabulary } = process
  return maskAverage(denoiser, sequences, options, async (rows) =>
    rows.map(({ clean, state, logits }) => {
      let sum = 0
      for (const p of maskedPositions(process, state.tokens)) {
        const own = logits.subarray(p * vocabulary, (p + 1) * vocabulary)
        sum += logSumExp(own) - own[clean[p]]
      }
      return sum
    }),
  )
}

/**
 * Entropy in nats of the shares of a sequence's tokens; at most `log min(length, vocabulary)`. To stand beside any
 * perplexity.
 */
export function unigramEntropy(tokens: ArrayLike<number>): number {
  const counts = new Map<number, number>()
  for (let p = 0; p < tokens.length; p++) counts.set(tokens[p], (counts.get(tokens[p]) ?? 0) + 1)
  let entropy = 0
  for (const count of counts.values()) entropy -= (count / tokens.length) * Math.log(count / tokens.length)
  return entropy
}

/**
 * `-log p(x) / length` of each sequence under a judge, in nats a token; `exp` of their mean is the generative
 * perplexity. It is low for dull text too: give it beside {@link unigramEntropy}. Let the judge be another model than
 * the one that steers.
 */
export async function judged(judge: AutoregressiveModel, sequences: readonly Int32Array[]): Promise<Float64Array> {
  const logs = await judge.logProbabilities(stackTokens(sequences))
  const length = sequences[0]?.length ?? 0
  return Float64Array.from(
    sequences,
    (_, i) => -logs.subarray(i * length, (i + 1) * length).reduce((a, b) => a + b, 0) / length,
  )
}
