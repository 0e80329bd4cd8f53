/** Scores decoded samples. Larger is better; `-Infinity` is allowed, NaN is an error. */
export interface Reward<X> {
  readonly name: string
  /** One number per sample, in order. */
  evaluate(samples: readonly X[]): Promise<ArrayLike<number>>
}

/** A reward with a gradient: a graph (differentiated by `vjp`), or a formula. */
export interface DifferentiableReward<X> extends Reward<X> {
  /** Values and gradients with respect to the samples, in order; a gradient has the shape of its sample. */
  differentiate(
    samples: readonly X[],
  ): Promise<{ readonly values: ArrayLike<number>; readonly gradients: readonly X[] }>
}

export function isDifferentiable<X>(reward: Reward<X>): reward is DifferentiableReward<X> {
  return 'differentiate' in reward
}
