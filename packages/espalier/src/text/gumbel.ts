import { type Key, stream } from '../tensor/random.ts'

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
 *
 * `-log(u_i) / p_i` is an exponential clock of rate `p_i`, and the first one wins; bad noise makes a clock late, never
 * early. So clocks are let ring in their exact order until no further one can win: the same law as with one uniform for
 * every value, by a few draws.
 *
 * @param weights non-negative, finite, with a positive sum
 */
export function gumbelDraw(weights: Float64Array, key: Key, noise: GumbelNoise): number {
  let total = 0
  for (let i = 0; i < weights.length; i++) total += weights[i]
  const late = lateness(noise)
  const draws = stream(key)
  const rung: number[] = []
  let best = -1
  let first = Infinity
  /** Clock i rings: exactly at `time`, and with bad noise later. Of equals the one that stands first wins. */
  const ring = (i: number, time: number) => {
    const clock = late(time * weights[i]) / weights[i]
    if (best >= 0 && !(clock < first || (clock === first && i < best))) return
    best = i
    first = clock
  }
  let time = 0
  for (let n = 0; n < MOST_RINGS; n++) {
    time -= Math.log(draws.uniform()) / total
    if (time > first) return best
    const i = fromTheEnd(weights, draws.uniform() * total)
    if (rung.includes(i)) continue
    rung.push(i)
    ring(i, time)
  }
  // Clocks that have not rung by now go on as if they were new.
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] > 0 && !rung.includes(i)) ring(i, time - Math.log(draws.uniform()) / weights[i])
  }
  return best
}

/** Where so many did not decide, all clocks are asked: rare, but of noise so coarse that clocks may stand still. */
const MOST_RINGS = 32

/** The exponential that bad noise gives where exact noise gives x. */
function lateness(noise: GumbelNoise): (x: number) => number {
  if ('largest' in noise) {
    const least = Math.exp(-noise.largest)
    return (x) => x + least
  }
  const grid = 2 ** noise.bits
  return (x) => -Math.log(Math.min(grid - 1, Math.floor(Math.exp(-x) * grid)) / grid)
}

/** Where `target` falls among the weights, summed up from the last one, which is that of the mask and mostly the largest. */
function fromTheEnd(weights: Float64Array, target: number): number {
  let last = -1
  for (let i = weights.length - 1, sum = 0; i >= 0; i--) {
    if (weights[i] === 0) continue
    sum += weights[i]
    last = i
    if (target < sum) break
  }
  return last
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
