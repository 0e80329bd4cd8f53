import type { Tensor } from '../tensor/tensor.ts'
import type { Process } from './process.ts'

/** Extra inputs of a network, by input name; every tensor is `[n, ...]`, one row per state. */
export type Condition = Readonly<Record<string, Tensor>>

/** The two predictions that solvers combine. */
export type Target = 'data' | 'noise'

/**
 * A network (or an analytic world) bound to its process. Rows may have different times.
 * One row through {@link Denoiser.predict} is one NFE, or {@link Denoiser.rowCost}.
 */
export interface Denoiser {
  readonly process: Process
  /** Shape of one state, without the batch axis. */
  readonly event: readonly number[]
  /**
   * NFE that one row of {@link Denoiser.predict} costs, where it is not 1 (a guided denoiser costs 2), or that a row
   * costs at each time (one that is guided in an interval of times only). Read it with {@link rowCostAt}.
   */
  readonly rowCost?: number | ((t: number) => number)
  /**
   * @param x states `[n, ...event]`
   * @param t one process time per row, length n
   * @param target whether the clean data `x_0` or the noise `eps` is wanted; the adapter converts
   * @param into a tensor of the shape of x that the caller has no more use for: a denoiser that computes on the spot may
   *   write its result there and return it, so that a long run allocates nothing; others ignore it
   * @returns `[n, ...event]`, `into` or a fresh tensor, which the caller owns
   */
  predict(x: Tensor, t: Float64Array, target: Target, condition?: Condition, into?: Tensor): Promise<Tensor>
  /**
   * Optional: `predict` with one target per row. With it the batching evaluator puts callers that want different
   * targets into one batch.
   */
  predictEach?(x: Tensor, t: Float64Array, targets: readonly Target[], condition?: Condition): Promise<Tensor>
}

/** NFE that one row costs at a time. */
export function rowCostAt({ rowCost = 1 }: Pick<Denoiser, 'rowCost'>, t: number): number {
  return typeof rowCost === 'number' ? rowCost : rowCost(t)
}

/** A denoiser that can be differentiated: a network with its graph at hand, or an analytic world. */
export interface DifferentiableDenoiser extends Denoiser {
  /**
   * `J^T v` with `J = d x_0hat / d x`, row by row: the gradient with respect to the noisy state of a function whose
   * gradient at the predicted clean sample is `v`. One row is one gradient evaluation and no NFE, by convention; where a
   * row of `predict` costs several ({@link Denoiser.rowCost}), so many gradient evaluations.
   *
   * @param x states `[n, ...event]`
   * @param t one process time per row, length n
   * @param cotangent v, of the shape of x
   * @returns `[n, ...event]`, fresh
   */
  pullback(x: Tensor, t: Float64Array, cotangent: Tensor, condition?: Condition): Promise<Tensor>
}

/** Whether a denoiser can be differentiated. Wrappers can where what they wrap can, unless they say otherwise. */
export function isDifferentiableDenoiser(denoiser: Denoiser): denoiser is DifferentiableDenoiser {
  return 'pullback' in denoiser && denoiser.pullback !== undefined
}

/**
 * The denoiser as one that can be differentiated, for those that come from files and options.
 * @throws Error where it cannot
 */
export function asDifferentiable(denoiser: Denoiser): DifferentiableDenoiser {
  if (isDifferentiableDenoiser(denoiser)) return denoiser
  throw new Error(
    'This denoiser has no gradient: load its network with { gradient: true }, and put what has no gradient itself ' +
      '(thresholding, time shift, rescaled or gradient guidance) outside of the gradient guidance.',
  )
}
