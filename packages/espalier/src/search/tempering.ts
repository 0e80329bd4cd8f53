/** Tempered scores: how strongly a population may be told apart by numbers of an unknown scale. */

/** How much lower than the lowest finite score a score of -Infinity counts: rare, but never impossible. */
const NEVER = 50

/**
 * Scores with a finite number for every `-Infinity`: {@link NEVER} below the lowest. All alike where none is finite.
 */
export function finiteScores(scores: Float64Array): Float64Array {
  let lowest = Infinity
  for (const s of scores) if (s > -Infinity && s < lowest) lowest = s
  return scores.map((s) => (s > -Infinity ? s : lowest === Infinity ? 0 : lowest - NEVER))
}

/** Kish's effective sample size of the weights `exp(lw + beta s)`. */
export function temperedSize(logWeights: ArrayLike<number>, scores: ArrayLike<number>, beta: number): number {
  let max = -Infinity
  for (let k = 0; k < scores.length; k++) {
    const value = logWeights[k] + beta * scores[k]
    if (value > max) max = value
  }
  if (max === -Infinity) return scores.length
  let sum = 0
  let squares = 0
  for (let k = 0; k < scores.length; k++) {
    const weight = Math.exp(logWeights[k] + beta * scores[k] - max)
    sum += weight
    squares += weight * weight
  }
  return (sum * sum) / squares
}

/**
 * An exponent beta in [0, cap] at which the effective sample size of `exp(lw + beta s)` comes down to `size`: the cap
 * where it stays above, 0 where it is below already without s. Found by bisection (to 2^-30 of the cap).
 * @param cap may be Infinity, with scores up to 0: then the exponent is doubled until the size is reached
 */
export function temper(logWeights: ArrayLike<number>, scores: ArrayLike<number>, size: number, cap: number): number {
  let high = cap
  if (cap === Infinity) {
    high = 1
    // Rows that tie for the best are never told apart, so this may go on to where all others weigh nothing.
    while (temperedSize(logWeights, scores, high) >= size) {
      high *= 2
      if (high > 1e300) return high
    }
  } else if (temperedSize(logWeights, scores, cap) >= size) return cap
  let low = 0
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2
    if (temperedSize(logWeights, scores, middle) >= size) low = middle
    else high = middle
  }
  return low
}
