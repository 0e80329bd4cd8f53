/** Scores decoded samples. Larger is better; `-Infinity` is allowed, NaN is an error. */
export interface Reward<X> {
  readonly name: string
  /** One number per sample, in order. */
  evaluate(samples: readonly X[]): Promise<ArrayLike<number>>
}
