import { maskOf, type TokenProcess } from './process.ts'

/**
 * Concrete scores `s_y = p_t(x with this token replaced by y) / p_t(x)` of one position (Lou et al. 2024, SEDD), and
 * clean probabilities `mu_v = p(x_0 = v | x_t)`, as views of one another. `s` has V + 1 entries, the last for the mask;
 * that of the current token is 1.
 *
 * Masked, at a mask: `s_y = mu_y alpha / (1 - alpha)` (Ou et al. 2024, RADD); at a known token `s_mask = (1 - alpha) /
 * alpha` and nothing else can be reached. Uniform: `s_y = sum_x0 p(y | x0) / p(x | x0) mu_x0`, with mu given ALL
 * tokens.
 */
export function concreteScore(
  process: TokenProcess,
  token: number,
  clean: ArrayLike<number>,
  t: number,
  out: Float64Array = new Float64Array(process.vocabulary + 1),
): Float64Array {
  const { kind, vocabulary, schedule } = process
  const mask = maskOf(process)
  const noised = schedule.noised(t)
  const alpha = 1 - noised
  out.fill(0)
  if (kind === 'masked') {
    if (token === mask) for (let v = 0; v < vocabulary; v++) out[v] = (alpha / noised) * clean[v]
    else out[mask] = noised / alpha
  } else {
    const base = noised / vocabulary
    let total = 0
    for (let v = 0; v < vocabulary; v++) total += clean[v] / (base + (v === token ? alpha : 0))
    for (let v = 0; v < vocabulary; v++) out[v] = base * total + (alpha * clean[v]) / base
  }
  out[token] = 1
  return out
}

/**
 * Clean probabilities of a concrete score: the inverse of {@link concreteScore}. A known token of a masked process is
 * itself. Scores of a network need not be those of a law: the result is clamped at 0 and normalised.
 */
export function cleanFromScore(
  process: TokenProcess,
  token: number,
  score: ArrayLike<number>,
  t: number,
  out: Float64Array = new Float64Array(process.vocabulary),
): Float64Array {
  const { kind, vocabulary, schedule } = process
  const noised = schedule.noised(t)
  const alpha = 1 - noised
  if (kind === 'masked' && token !== maskOf(process)) {
    out.fill(0)
    out[token] = 1
    return out
  }
  // Uniform: sum_y s_y = sum_x0 mu_x0 / p(x | x0), as p(. | x0) sums to 1. Masked: s is proportional to mu.
  const base = noised / vocabulary
  let total = 0
  for (let v = 0; v < vocabulary; v++) total += v === token ? 1 : score[v]
  let sum = 0
  for (let v = 0; v < vocabulary; v++) {
    const s = v === token ? 1 : score[v]
    out[v] = Math.max(0, kind === 'masked' ? s : (s - base * total) * (v === token ? base + alpha : base))
    sum += out[v]
  }
  for (let v = 0; v < vocabulary; v++) out[v] /= sum
  return out
}
