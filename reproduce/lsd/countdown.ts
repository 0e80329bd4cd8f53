/**
 * The countdown data of the paper's section on synthetic sequences, with an exact model: every value that is not 0 is
 * followed by itself minus one, a 0 by any value. Being a Markov chain, its posteriors given any noisy sequence, of any
 * length, come from one pass forward and one back.
 */

import { mean } from 'espalier/measure'
import { fold, key, purpose, stream } from 'espalier/tensor'
import {
  distinctShare,
  geometric,
  maskedProcess,
  maskOf,
  type TokenDenoiser,
  type TokenProcess,
  transition,
  uniformProcess,
  unigramEntropy,
} from 'espalier/text'

const values = 16
const length = 64
/**
 * Chance that a token follows no rule but is any value. Few steps draw what cannot be; a model to which that were impossible
 * would know nothing any more, where networks go on by what is near.
 */
const slip = 0.01

/** Exact posteriors of the clean tokens; a masked process is linear, a uniform one geometric. */
export function countdown(kind: TokenProcess['kind']): TokenDenoiser {
  const process = kind === 'masked' ? maskedProcess(values) : uniformProcess(values, geometric())
  return {
    process,
    context: length,
    timeFree: kind === 'masked',
    predict: async ({ shape: [n, given], data }, t) => {
      const logits = new Float32Array(n * given * values)
      for (let i = 0; i < n; i++) {
        const row = data.subarray(i * given, (i + 1) * given)
        logits.set(posterior(process, row, t[i]).map(Math.log), i * given * values)
      }
      return { shape: [n, given, values], data: logits }
    },
  }
}

/** `p(x_0^l = v | x_t)`, `[length * values]`. */
export function posterior(process: TokenProcess, tokens: Int32Array, t: number): Float64Array {
  const seen = emissions(process, tokens, t)
  const out = new Float64Array(seen.length)
  const here = new Float64Array(values).fill(1 / values)
  for (let l = 0; l < tokens.length; l++) {
    for (let v = 0; v < values; v++) out[l * values + v] = here[v]
    // Of the token, then of the next one.
    for (let v = 0; v < values; v++) here[v] *= seen[l * values + v]
    normalise(here)
    const any = ((1 - slip) * here[0] + slip) / values
    for (let v = 0; v < values; v++) here[v] = any + (v + 1 < values ? (1 - slip) * here[v + 1] : 0)
  }
  const later = new Float64Array(values).fill(1)
  for (let l = tokens.length - 1; l >= 0; l--) {
    const own = out.subarray(l * values, (l + 1) * values)
    let average = 0
    for (let v = 0; v < values; v++) {
      later[v] *= seen[l * values + v]
      own[v] *= later[v]
      average += later[v] / values
    }
    normalise(own)
    for (let v = values - 1; v >= 0; v--) later[v] = v === 0 ? average : (1 - slip) * later[v - 1] + slip * average
    normalise(later)
  }
  return out
}

/** `p(x_t^l | x_0^l = v)`, up to what does not depend on v. */
function emissions(process: TokenProcess, tokens: Int32Array, t: number): Float64Array {
  const seen = new Float64Array(tokens.length * values)
  tokens.forEach((token, l) => {
    for (let v = 0; v < values; v++) {
      const known = process.kind === 'masked'
      seen[l * values + v] = known
        ? token === maskOf(process) || token === v
          ? 1
          : 0
        : transition(process, v, token, t)
    }
  })
  return seen
}

function normalise(law: Float64Array): void {
  let total = 0
  for (let v = 0; v < law.length; v++) total += law[v]
  for (let v = 0; v < law.length; v++) law[v] /= total
}

/** Sequences of the law itself. */
export function drawnCountdowns(seed: number, count: number): Int32Array[] {
  const root = purpose(key(seed), 'countdown')
  return Array.from({ length: count }, (_, i) => {
    const draws = stream(fold(root, i))
    const tokens = new Int32Array(length)
    for (let l = 0; l < length; l++) {
      const free = l === 0 || tokens[l - 1] === 0 || draws.uniform() < slip
      tokens[l] = free ? draws.integer(values) : tokens[l - 1] - 1
    }
    return tokens
  })
}

/** Share of the values above 0 that are not followed by themselves minus one. */
export function errorRate(rows: readonly Int32Array[]): number {
  let [bound, broken] = [0, 0]
  for (const row of rows) {
    for (let l = 0; l + 1 < row.length; l++) {
      if (row[l] === 0) continue
      bound++
      if (row[l + 1] !== row[l] - 1) broken++
    }
  }
  return bound > 0 ? broken / bound : 0
}

export const countdownQuality = (rows: readonly Int32Array[]) => ({
  errors: errorRate(rows),
  entropy: mean(rows.map(unigramEntropy)),
  distinct: distinctShare(rows, 2),
})
