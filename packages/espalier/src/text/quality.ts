import type { Condition } from '../process/denoiser.ts'
import { logSumExp } from '../tensor/log-sum-exp.ts'
import { fold, key as keyOf, purpose, stream } from '../tensor/random.ts'
import { Asker } from './ask.ts'
import type { AutoregressiveModel } from './autoregressive.ts'
import { stackTokens, type TokenDenoiser } from './denoiser.ts'
import { maskSome } from './process.ts'
import { uniformBound } from './uniform-bound.ts'

export interface BoundOptions {
  readonly seed: number
  /** Numbers of masks that are tried on each sequence, spread evenly over 1 to its length (or times). Default 16. */
  readonly draws?: number
  /** Rows of one network call, at most. Default 64. */
  readonly batch?: number
  readonly condition?: Condition
}

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
  { seed, draws = 16, batch = 64, condition }: BoundOptions,
): Promise<Float64Array> {
  const { process, context } = denoiser
  const { vocabulary } = process
  if (!(Number.isInteger(draws) && draws >= 1)) throw new Error(`${draws} draws, expected a whole number from 1 on`)
  if (process.kind === 'uniform') return uniformBound(denoiser, sequences, { seed, draws, batch, condition })
  const root = purpose(keyOf(seed), 'bound')
  const asker = new Asker(denoiser, condition)
  const bounds = new Float64Array(sequences.length)
  const jobs = sequences.flatMap((clean, row) => {
    if (clean.length < 1 || clean.length > context) {
      throw new Error(`sequence ${row} has ${clean.length} tokens, the model takes 1 to ${context}`)
    }
    const own = fold(root, row)
    const shift = stream(purpose(own, 'shift')).uniform()
    return Array.from({ length: draws }, (_, d) => ({
      row,
      clean,
      masks: Math.ceil((clean.length * (d + shift)) / draws),
      key: fold(own, d),
    }))
  })
  for (let from = 0; from < jobs.length; ) {
    // One batch holds sequences of one length.
    let to = from + 1
    while (to < jobs.length && to - from < batch && jobs[to].clean.length === jobs[from].clean.length) to++
    const some = jobs.slice(from, to)
    const noised = some.map(({ clean, masks, key }) => maskSome(process, clean, masks, key))
    const answers = await asker.ask(
      noised,
      noised.map(({ time }) => time),
      false,
    )
    some.forEach(({ row, clean, masks }, i) => {
      let sum = 0
      for (let p = 0; p < clean.length; p++) {
        if (noised[i].tokens[p] === clean[p]) continue
        const logits = answers[i].subarray(p * vocabulary, (p + 1) * vocabulary)
        sum += logSumExp(logits) - logits[clean[p]]
      }
      bounds[row] += ((clean.length / masks) * sum) / draws
    })
    from = to
  }
  return bounds
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
