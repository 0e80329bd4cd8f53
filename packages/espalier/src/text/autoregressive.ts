import type { TokenBatch } from './denoiser.ts'
import type { TokenLaw } from './token-law.ts'

/** A model that reads sequences from the left: the energy of EDLM, or a judge. */
export interface AutoregressiveModel {
  readonly name: string
  readonly vocabulary: number
  /** `log p(x_l | x_<l)` at every position of whole sequences, `[n * length]`, the first token included. */
  logProbabilities(tokens: TokenBatch): Promise<Float64Array>
}

/** The law of sequences read from the left: the exact autoregressive model. */
export function autoregressiveTable(law: TokenLaw): AutoregressiveModel {
  const { vocabulary, length, probabilities } = law
  /** Probability of each prefix, by its length. */
  const prefixes: Float64Array[] = [probabilities]
  for (let l = length - 1; l >= 0; l--) {
    const longer = prefixes[0]
    const shorter = new Float64Array(vocabulary ** l)
    longer.forEach((p, i) => void (shorter[Math.floor(i / vocabulary)] += p))
    prefixes.unshift(shorter)
  }
  return {
    name: 'table',
    vocabulary,
    logProbabilities: async ({ shape: [n, given], data }) => {
      if (given !== length) throw new Error(`sequences of ${given} tokens, the law is of ${length}`)
      const out = new Float64Array(n * length)
      for (let i = 0; i < n; i++) {
        for (let l = 0, prefix = 0; l < length; l++) {
          const longer = prefix * vocabulary + data[i * length + l]
          out[i * length + l] = Math.log(prefixes[l + 1][longer] / prefixes[l][prefix])
          prefix = longer
        }
      }
      return out
    },
  }
}
