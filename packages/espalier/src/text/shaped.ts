import type { TokenDenoiser } from './denoiser.ts'

export interface ShapeOptions {
  /** Divides the logits; below 1 the likely tokens become likelier. Default 1. */
  readonly temperature?: number
  /** Keeps the fewest tokens whose probabilities sum to this at least ("top-p", Holtzman et al. 2020). Default 1. */
  readonly nucleus?: number
}

/**
 * A denoiser whose predictions are sharpened, position by position: first the temperature, then the nucleus. What is
 * sampled is then another law, with less entropy.
 */
export function shaped(denoiser: TokenDenoiser, { temperature = 1, nucleus = 1 }: ShapeOptions): TokenDenoiser {
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new Error(`the temperature is ${temperature}, expected a number above 0`)
  }
  if (!(nucleus > 0 && nucleus <= 1)) throw new Error(`the nucleus is ${nucleus}, expected a share in (0, 1]`)
  if (temperature === 1 && nucleus === 1) return denoiser
  const { vocabulary } = denoiser.process
  return {
    ...denoiser,
    async predict(tokens, t, condition) {
      const logits = await denoiser.predict(tokens, t, condition)
      for (let i = 0; i < logits.data.length; i += vocabulary) {
        const row = logits.data.subarray(i, i + vocabulary)
        if (temperature !== 1) for (let v = 0; v < vocabulary; v++) row[v] /= temperature
        if (nucleus < 1) cutTail(row, nucleus)
      }
      return logits
    },
  }
}

/** Sets what lies outside of the nucleus to `-Infinity`; of equals the first are kept. */
function cutTail(logits: Float32Array, nucleus: number): void {
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a] || a - b)
  const max = logits[order[0]]
  const weights = order.map((v) => Math.exp(logits[v] - max))
  const enough = nucleus * weights.reduce((a, b) => a + b, 0)
  let kept = 0
  order.forEach((v, rank) => {
    if (kept >= enough) logits[v] = -Infinity
    kept += weights[rank]
  })
}
