import { type Key, uniform } from '../tensor/random.ts'

/**
 * Noise of a sampler that draws by Gumbels: uniforms on the grid `k / 2^bits` (24 is float32, 52 about float64), or
 * exact ones of which those that give more than `largest` are left out, as the closed form has it.
 */
export type GumbelNoise = { readonly bits: number } | { readonly largest: number }

/** The noise of a sampler in float32. */
export const float32Gumbels: GumbelNoise = { bits: 24 }

/**
 * A categorical draw by the Gumbel-max trick, `argmax_i p_i / (-log u_i)`, as frameworks do it. No float32 uniform
 * exceeds `1 - 2^-24`, so no Gumbel exceeds 16.6, and the draw is of another law, about {@link truncatedGumbelLaw}:
 * likely values become likelier still, and a mask whose values are peaked is lifted earlier (Zheng et al. 2024, arXiv
 * 2409.02908, section 4). It is here to reproduce the fault; the cure is the inverse CDF in float64.
 *
 * The closed form overstates the fault: a grid puts the probability `2^-bits` on the largest Gumbel itself, where the
 * truncation spreads it below. Of a rare value with `x = 2^-bits p_max / p` the truncation leaves the share `exp(-x)`,
 * the grid `x / (exp(x) - 1)` (ours).
 */
export function gumbelDraw(
  weights: Float64Array,
  key: Key,
  noise: GumbelNoise,
  scratch = new Float64Array(weights.length),
): number {
  uniform(key, scratch)
  const grid = 'bits' in noise ? 2 ** noise.bits : 0
  const top = 'bits' in noise ? 0 : Math.exp(-Math.exp(-noise.largest))
  let best = 0
  let bestScore = -1
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue
    const u = grid > 0 ? Math.floor(scratch[i] * grid) / grid : top * scratch[i]
    const score = weights[i] / -Math.log(u)
    if (score > bestScore) {
      best = i
      bestScore = score
    }
  }
  return best
}

/** The largest Gumbel of uniforms with so many bits: `-log(-log(1 - 2^-bits))`. */
export function largestGumbel(bits: number): number {
  return -Math.log(-Math.log1p(-(2 ** -bits)))
}

/**
 * The law of a Gumbel-max draw from `weights` whose Gumbels are conditioned to be at most `largest` (Zheng et al.
 * 2024). With `c = exp(-largest)`, value i is an exponential clock of rate `p_i` that starts at `c / p_i` instead of 0:
 * the likeliest values start first.
 *
 * @param weights non-negative, with a positive sum
 */
export function truncatedGumbelLaw(weights: ArrayLike<number>, largest: number): Float64Array {
  const out = new Float64Array(weights.length)
  const order = Array.from({ length: weights.length }, (_, i) => i)
    .filter((i) => weights[i] > 0)
    .sort((i, j) => weights[j] - weights[i])
  const sum = order.reduce((total, i) => total + weights[i], 0)
  const c = Math.exp(-largest)
  const p = order.map((i) => weights[i] / sum)
  // From start n to start n + 1 the n + 1 likeliest clocks run, at the rate of their sum; each wins by its share.
  let running = 0
  const share = new Float64Array(p.length)
  for (let n = 0; n < p.length; n++) {
    running += p[n]
    const silent = (time: number) => Math.exp(c * (n + 1) - running * time)
    share[n] = (silent(c / p[n]) - (n + 1 < p.length ? silent(c / p[n + 1]) : 0)) / running
  }
  for (let n = p.length - 1, later = 0; n >= 0; n--) {
    later += share[n]
    out[order[n]] = p[n] * later
  }
  return out
}
