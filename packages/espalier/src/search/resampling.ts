import type { Stream } from '../tensor/random.ts'

/**
 * How many copies of each row live on. Every scheme is unbiased, `E[count_k] = n P_k`; they differ in variance:
 * `multinomial` draws n times independently; `stratified` and `systematic` invert the distribution function at
 * `(i + U_i) / n` and `(i + U) / n`; `residual` keeps `floor(n P_k)` and draws the rest; `ssp` (Srinivasan sampling
 * process; Gerber, Chopin and Whiteley 2019) rounds `n P_k` up or down, pair by pair.
 */
export type ResamplingScheme = 'multinomial' | 'stratified' | 'systematic' | 'residual' | 'ssp'

export const resamplingSchemes: readonly ResamplingScheme[] = [
  'multinomial',
  'stratified',
  'systematic',
  'residual',
  'ssp',
]

/**
 * Draws the ancestors of `n` rows from the probabilities P (which sum to 1), in ascending order.
 * With `systematic` and `ssp` every count is `floor(n P_k)` or `ceil(n P_k)`.
 */
export function resample(scheme: ResamplingScheme, P: ArrayLike<number>, n: number, draws: Stream): Int32Array {
  switch (scheme) {
    case 'multinomial':
      return invert(P, points(n, () => draws.uniform()).sort())
    case 'stratified':
      return invert(
        P,
        points(n, (i) => (i + draws.uniform()) / n),
      )
    case 'systematic': {
      const u = draws.uniform()
      return invert(
        P,
        points(n, (i) => (i + u) / n),
      )
    }
    case 'residual':
      return residual(P, n, draws)
    case 'ssp':
      return repeat(roundedCounts(P, n, draws), n)
  }
}

function points(n: number, at: (i: number) => number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => at(i))
}

/** Inverse distribution function at ascending points of [0, 1). */
function invert(P: ArrayLike<number>, ascending: Float64Array): Int32Array {
  const last = lastPositive(P)
  const out = new Int32Array(ascending.length)
  let k = 0
  let reached = P[0]
  for (let i = 0; i < out.length; i++) {
    // The guard at the last row that can be drawn takes up what rounding leaves of the sum.
    while (ascending[i] >= reached && k < last) reached += P[++k]
    out[i] = k
  }
  return out
}

function lastPositive(P: ArrayLike<number>): number {
  let last = P.length - 1
  while (last > 0 && !(P[last] > 0)) last--
  return last
}

function residual(P: ArrayLike<number>, n: number, draws: Stream): Int32Array {
  const counts = Int32Array.from(P, (p) => Math.floor(n * p))
  const left = n - counts.reduce((sum, count) => sum + count, 0)
  if (left > 0) {
    const rest = Float64Array.from(P, (p, k) => (n * p - counts[k]) / left)
    for (const k of resample('multinomial', rest, left, draws)) counts[k]++
  }
  return repeat(counts, n)
}

/** Rounds `n P_k` so that at each turn one of two fractions becomes whole and the expectations stay. */
function roundedCounts(P: ArrayLike<number>, n: number, draws: Stream): Int32Array {
  const counts = Int32Array.from(P, (p) => Math.floor(n * p))
  const fraction = Float64Array.from(P, (p, k) => n * p - counts[k])
  let open = 0
  for (let next = 1; next < fraction.length; next++) {
    const [up, down] = [Math.min(fraction[next], 1 - fraction[open]), Math.min(fraction[open], 1 - fraction[next])]
    if (up + down === 0) {
      // Both are whole already; the one that is full counts.
      if (fraction[open] > 0.5) counts[open]++
      open = next
      continue
    }
    // With probability down / (up + down) the open fraction grows by `up`, else it shrinks by `down`.
    const grow = draws.uniform() * (up + down) < down
    fraction[open] += grow ? up : -down
    fraction[next] += grow ? -up : down
    const settled = fraction[open] <= 0 || fraction[open] >= 1 ? open : next
    const other = settled === open ? next : open
    if (fraction[settled] >= 1) counts[settled]++
    open = other
  }
  // All counts but the last are settled; it takes what is missing, its fraction being whole but for rounding.
  counts[open] += n - counts.reduce((sum, count) => sum + count, 0)
  return counts
}

function repeat(counts: Int32Array, n: number): Int32Array {
  const out = new Int32Array(n)
  let at = 0
  for (let k = 0; k < counts.length; k++) for (let c = 0; c < counts[k] && at < n; c++) out[at++] = k
  return out
}
