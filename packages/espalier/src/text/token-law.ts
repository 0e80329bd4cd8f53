import { logSumExp } from '../tensor/log-sum-exp.ts'
import { categorical, type Key, stream } from '../tensor/random.ts'
import type { TokenDenoiser } from './denoiser.ts'
import { maskOf, type TokenProcess, transition } from './process.ts'

/**
 * Sequences of a tiny vocabulary with a table of their probabilities: a world in which everything about a token
 * diffusion is a finite sum. It is for tokens what `GaussianMixture` is for pixels: the oracle, and a model like any
 * other.
 */
export class TokenLaw {
  readonly vocabulary: number
  readonly length: number
  /** Normalised; sequence `x_0 x_1 ...` lies at `x_0 V^(L-1) + x_1 V^(L-2) + ...`. */
  readonly probabilities: Float64Array
  /** All sequences, one after the other. */
  readonly #table: Int32Array

  /**
   * @param weights `vocabulary ** length` numbers >= 0
   * @throws where their count does not fit, or they do not have a positive sum
   */
  constructor(vocabulary: number, length: number, weights: ArrayLike<number>) {
    if (weights.length !== vocabulary ** length) {
      throw new Error(
        `${weights.length} probabilities for ${vocabulary}^${length} = ${vocabulary ** length} sequences of ${length} ` +
          `tokens from ${vocabulary}`,
      )
    }
    let total = 0
    for (let i = 0; i < weights.length; i++) total += weights[i] >= 0 ? weights[i] : Number.NaN
    if (!(total > 0 && total < Infinity))
      throw new Error(`the probabilities sum to ${total}, expected numbers >= 0 with a positive sum`)
    this.vocabulary = vocabulary
    this.length = length
    this.probabilities = Float64Array.from(weights, (w) => w / total)
    this.#table = new Int32Array(weights.length * length)
    for (let i = 0; i < weights.length; i++) {
      for (let p = length - 1, rest = i; p >= 0; p--, rest = Math.floor(rest / vocabulary)) {
        this.#table[i * length + p] = rest % vocabulary
      }
    }
  }

  /** Where a clean sequence lies in the table. */
  index(tokens: ArrayLike<number>): number {
    let index = 0
    for (let p = 0; p < this.length; p++) index = index * this.vocabulary + tokens[p]
    return index
  }

  /** The sequence at a place of the table. */
  tokens(index: number): Int32Array {
    return this.#table.slice(index * this.length, (index + 1) * this.length)
  }

  /** A draw from the law itself. */
  sample(key: Key): Int32Array {
    return this.tokens(categorical(stream(key).uniform(), this.probabilities))
  }

  /**
   * `p(x_0 | x_t)` over the whole table.
   * @returns undefined where no sequence can have become these tokens
   */
  joint(process: TokenProcess, tokens: ArrayLike<number>, t: number): Float64Array | undefined {
    const { vocabulary, length, probabilities } = this
    const mask = process.kind === 'masked' ? maskOf(process) : -1
    // Of a masked process the chances of masks are the same for all sequences, so they are left out: 0 / 0 at the ends
    // otherwise. Of a uniform one a token is either kept or one of the others.
    const [same, other] =
      mask >= 0 ? [1, 0] : [transition(process, 0, 0, t), vocabulary > 1 ? transition(process, 0, 1, t) : 0]
    const weights = new Float64Array(probabilities.length)
    let total = 0
    for (let i = 0; i < weights.length; i++) {
      let weight = probabilities[i]
      for (let p = 0; p < length && weight > 0; p++) {
        if (tokens[p] !== mask) weight *= tokens[p] === this.#table[i * length + p] ? same : other
      }
      total += weights[i] = weight
    }
    return total > 0 ? weights.map((weight) => weight / total) : undefined
  }

  /**
   * `p(x_0^l = v | x_t)` of every position, `[length * vocabulary]`: what the best denoiser predicts. Of a masked
   * process it does not depend on t. Tokens that cannot be are answered by the uniform law.
   */
  posterior(process: TokenProcess, tokens: ArrayLike<number>, t: number): Float64Array {
    const { vocabulary, length } = this
    const out = new Float64Array(length * vocabulary)
    const joint = this.joint(process, tokens, t)
    if (!joint) return out.fill(1 / vocabulary)
    joint.forEach((weight, i) => {
      for (let p = 0; p < length; p++) out[p * vocabulary + this.#table[i * length + p]] += weight
    })
    return out
  }

  /** The world as a model: the exact posterior as float32 log-probabilities. */
  denoiser(process: TokenProcess): TokenDenoiser {
    const { vocabulary, length } = this
    if (process.vocabulary !== vocabulary) {
      throw new Error(`the process has ${process.vocabulary} tokens, the law ${vocabulary}`)
    }
    const known = new Map<string, Float64Array>()
    const posterior = (tokens: Int32Array, t: number) => {
      if (process.kind === 'uniform') return this.posterior(process, tokens, t)
      const name = tokens.join()
      const found = known.get(name) ?? this.posterior(process, tokens, t)
      known.set(name, found)
      return found
    }
    return {
      process,
      context: length,
      timeFree: process.kind === 'masked',
      predict: async ({ shape: [n, given], data }, t) => {
        if (given !== length) throw new Error(`sequences of ${given} tokens, the law is of ${length}`)
        const logits = new Float32Array(n * length * vocabulary)
        for (let i = 0; i < n; i++) {
          const clean = posterior(data.subarray(i * length, (i + 1) * length), t[i])
          logits.set(clean.map(Math.log), i * length * vocabulary)
        }
        return { shape: [n, length, vocabulary], data: logits }
      },
    }
  }

  /** `p(x) exp(lambda r(x)) / Z` and `log Z`. @param rewards one for each sequence of the table, or a function of it */
  tilt(rewards: ArrayLike<number> | ((tokens: Int32Array) => number), lambda = 1): { law: TokenLaw; logZ: number } {
    const rewardAt = typeof rewards === 'function' ? (i: number) => rewards(this.tokens(i)) : (i: number) => rewards[i]
    const logs = this.probabilities.map((p, i) => Math.log(p) + (lambda === 0 ? 0 : lambda * rewardAt(i)))
    const logZ = logSumExp(logs)
    return {
      law: new TokenLaw(
        this.vocabulary,
        this.length,
        logs.map((log) => Math.exp(log - logZ)),
      ),
      logZ,
    }
  }

  /** Entropy in nats. */
  entropy(): number {
    return this.probabilities.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0)
  }

  /** Total variation distance to another law, or to a table of its shape. */
  distance(other: TokenLaw | ArrayLike<number>): number {
    const table = 'probabilities' in other ? other.probabilities : other
    return this.probabilities.reduce((sum, p, i) => sum + Math.abs(p - table[i]) / 2, 0)
  }
}
