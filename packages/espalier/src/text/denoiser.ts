import type { Condition } from '../process/denoiser.ts'
import type { Meter } from '../runtime/meter.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { maskOf, type TokenProcess } from './process.ts'

/** Sequences of one length, `[n, length]`, row-major. */
export interface TokenBatch {
  readonly shape: readonly [number, number]
  readonly data: Int32Array
}

/** A batch of copies of the rows. @throws where their lengths differ */
export function stackTokens(rows: readonly Int32Array[]): TokenBatch {
  const length = rows[0]?.length ?? 0
  const data = new Int32Array(rows.length * length)
  rows.forEach((row, i) => {
    if (row.length !== length) throw new Error(`row ${i} has ${row.length} tokens, row 0 has ${length}`)
    data.set(row, i * length)
  })
  return { shape: [rows.length, length], data }
}

/**
 * A network (or an enumerable world) that guesses the clean tokens. One row is one NFE, or `rowCost`.
 */
export interface TokenDenoiser {
  readonly process: TokenProcess
  /** Length of the longest sequence that it takes. */
  readonly context: number
  /**
   * Whether predictions depend on the tokens alone. The best prediction of a masked process does
   * (Zheng et al. 2024, arXiv 2409.02908).
   */
  readonly timeFree: boolean
  /** NFE of one row. Default 1. */
  readonly rowCost?: number
  /**
   * @param tokens `[n, length]`; a masked process shows unknown tokens as {@link maskOf}
   * @param t one time a row
   * @returns float32 logits `[n, length, vocabulary]`, fresh: their softmax is the law of the clean token at each
   *   position given ALL tokens of the row. `-Infinity` is never. What they say of tokens that are known (of a masked
   *   process) is ignored: known tokens stay, and the mask is never drawn ("SUBS", Sahoo et al. 2024)
   */
  predict(tokens: TokenBatch, t: Float64Array, condition?: Condition): Promise<Tensor>
}

/** Counts rows through the denoiser, at the moment they are asked. */
export function countedTokens(denoiser: TokenDenoiser, meter: Meter): TokenDenoiser {
  return {
    ...denoiser,
    predict(tokens, t, condition) {
      meter.nfe += t.length * (denoiser.rowCost ?? 1)
      return denoiser.predict(tokens, t, condition)
    },
  }
}

/** `softmax` of the `n` logits from `offset` on, in float64. */
export function softmaxAt(logits: ArrayLike<number>, offset: number, n: number, out: Float64Array): void {
  let max = -Infinity
  for (let v = 0; v < n; v++) if (logits[offset + v] > max) max = logits[offset + v]
  let total = 0
  for (let v = 0; v < n; v++) total += out[v] = Math.exp(logits[offset + v] - max)
  for (let v = 0; v < n; v++) out[v] /= total
}

/** Positions of a sequence that are not known yet. */
export function maskedPositions(process: TokenProcess, tokens: Int32Array): number[] {
  const mask = maskOf(process)
  const positions: number[] = []
  for (let p = 0; p < tokens.length; p++) if (tokens[p] === mask) positions.push(p)
  return positions
}

/**
 * A prompt of fixed tokens and free positions. A prefix is its tokens followed by masks, an infill has masks anywhere.
 * @throws where a token is neither real nor the mask, or the sequence is empty or too long
 */
export function checkPrompt(
  { process, context }: Pick<TokenDenoiser, 'process' | 'context'>,
  prompt: Int32Array,
): Int32Array {
  const odd = prompt.findIndex((token) => !(token >= 0 && token <= maskOf(process)))
  if (odd >= 0) {
    throw new Error(`token ${odd} of the prompt is ${prompt[odd]}, expected 0 to ${maskOf(process)} (the mask)`)
  }
  if (!(prompt.length >= 1 && prompt.length <= context)) {
    throw new Error(`a sequence of ${prompt.length} tokens, the model takes 1 to ${context}`)
  }
  if (process.kind === 'uniform' && prompt.some((token) => token !== maskOf(process))) {
    throw new Error('a uniform process cannot keep prompt tokens: its network is told of none; take a masked one')
  }
  return prompt
}

/** A prompt without fixed tokens. */
export function freePrompt({ process }: Pick<TokenDenoiser, 'process'>, length: number): Int32Array {
  return new Int32Array(length).fill(maskOf(process))
}
