/** Weights kept as logarithms, in float64, always with the maximum taken out first. `-Infinity` means weight zero. */

/** `exp(values_i) / sum_j exp(values_j)`; uniform where every weight is zero. */
export function softmax(values: ArrayLike<number>): Float64Array {
  const out = new Float64Array(values.length)
  const max = maximum(values, values.length)
  if (max === -Infinity) return out.fill(1 / values.length)
  let sum = 0
  for (let i = 0; i < out.length; i++) sum += out[i] = Math.exp(values[i] - max)
  for (let i = 0; i < out.length; i++) out[i] /= sum
  return out
}

/**
 * The soft mean `(1/lambda) log( (1/n) sum_i exp(lambda values_i) )` of the first `n` values: the mean at lambda = 0,
 * the maximum at lambda = Infinity. Written with `expm1` and `log1p`, it keeps its digits down to lambda -> 0.
 */
export function softMean(values: ArrayLike<number>, lambda: number, n = values.length): number {
  const max = maximum(values, n)
  if (max === -Infinity || lambda === Infinity) return max
  let sum = 0
  if (lambda === 0) {
    for (let i = 0; i < n; i++) sum += values[i] - max
    return max + sum / n
  }
  for (let i = 0; i < n; i++) sum += Math.expm1(lambda * (values[i] - max))
  return max + Math.log1p(sum / n) / lambda
}

/**
 * `lambda * reward`, the log of a tilt, with `0 * -Infinity = 0`: at lambda = 0 nothing is tilted.
 * @throws Error where it is beyond the largest number
 */
export function logTilt(lambda: number, reward: number): number {
  const tilt = lambda === 0 ? 0 : lambda * reward
  if (tilt < Infinity) return tilt
  throw new Error(`lambda ${lambda} times a reward of ${reward} is beyond the largest number; take a smaller lambda`)
}

/** Kish's effective sample size `1 / sum_i w_i^2` of normalised weights. */
export function effectiveSampleSize(weights: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i] * weights[i]
  return 1 / sum
}

function maximum(values: ArrayLike<number>, n: number): number {
  let max = -Infinity
  for (let i = 0; i < n; i++) if (values[i] > max) max = values[i]
  return max
}
