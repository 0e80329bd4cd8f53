/** Comparisons at matched entropy: what a lower temperature of another sampler would have brought as well. */

/** A sampler at one temperature. */
export interface Tempered {
  readonly entropy: number
  /** Loss of the judge, in nats a token. */
  readonly loss: number
}

/**
 * Loss on a temperature curve where it has this entropy: on the straight line between the two points around it, or
 * through the two nearest where it lies beyond all of them.
 */
export function lossAt(entropy: number, curve: readonly Tempered[]): number {
  const sorted = [...curve].sort((a, b) => a.entropy - b.entropy)
  if (sorted.length < 2) throw new Error('a temperature curve needs two temperatures')
  const above = sorted.findIndex((point) => point.entropy > entropy)
  const i = above < 0 ? sorted.length - 1 : Math.max(1, above)
  const [a, b] = [sorted[i - 1], sorted[i]]
  return a.loss + ((entropy - a.entropy) / (b.entropy - a.entropy)) * (b.loss - a.loss)
}
