import { type Activity, type CoalesceStatistics, coalesce } from '../runtime/coalesce.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { TokenBatch, TokenDenoiser } from './denoiser.ts'

export interface BatchedTokensOptions {
  /** Sequences of one full batch. */
  readonly maxBatch: number
  /** Batches under way at once, at most. Default 2. */
  readonly inFlight?: number
  /** Shared with the evaluator of the reward, see {@link Activity}. Default: one of its own. */
  readonly activity?: Activity
}

interface Request {
  readonly tokens: TokenBatch
  readonly t: Float64Array
}

/**
 * A token denoiser whose concurrent calls share batches, as `batched` does for pixels: search code is written as if for
 * one sequence. Only sequences of one length share one; a call with conditions goes alone.
 */
export function batchedTokens(
  denoiser: TokenDenoiser,
  { maxBatch, inFlight, activity }: BatchedTokensOptions,
): TokenDenoiser & { readonly statistics: CoalesceStatistics } {
  const { vocabulary } = denoiser.process
  const evaluator = coalesce<Request, Tensor>({
    maxBatch,
    inFlight,
    activity,
    rows: ({ t }) => t.length,
    key: ({ tokens }) => String(tokens.shape[1]),
    result: ({ tokens: { shape } }) => ({
      shape: [...shape, vocabulary],
      data: new Float32Array(shape[0] * shape[1] * vocabulary),
    }),
    async run(parts, rows) {
      const length = parts[0].request.tokens.shape[1]
      const data = new Int32Array(rows * length)
      const t = new Float64Array(rows)
      let row = 0
      for (const { request, from, to } of parts) {
        data.set(request.tokens.data.subarray(from * length, to * length), row * length)
        t.set(request.t.subarray(from, to), row)
        row += to - from
      }
      const logits = await denoiser.predict({ shape: [rows, length], data }, t)
      const size = length * vocabulary
      row = 0
      for (const { result, from, to } of parts) {
        result.data.set(logits.data.subarray(row * size, (row + to - from) * size), from * size)
        row += to - from
      }
    },
  })
  return {
    ...denoiser,
    async predict(tokens, t, condition) {
      if (t.length === 0) return { shape: [...tokens.shape, vocabulary], data: new Float32Array(0) }
      if (condition) return denoiser.predict(tokens, t, condition)
      return evaluator.submit({ tokens, t })
    },
    get statistics() {
      return evaluator.statistics
    },
  }
}
