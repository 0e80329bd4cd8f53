/**
 * What the arithmetic of a run is done in, where states are many and of few numbers, so that arithmetic is what a run
 * costs (with a network it is not, and this does not matter):
 *
 * - `double`, the default: float64, rounded to the float32 states once;
 * - `single`: float32 throughout, by WebAssembly SIMD, in less than a third of the time. Normals are other draws than
 *   those of `double`, four to a Philox block of seven rounds, each within 4e-7 of its size, |z| <= 6.77
 *   ({@link SingleNormals}); sums round after every term; and an analytic world predicts to about 1e-6 of its size. A
 *   result is still a function of the row's own state and key alone, whatever the batch and the threads.
 *
 * Both the run (`execute`, `advance`) and the world's denoiser take it.
 */
export type Precision = 'double' | 'single'

/** @throws where that is no precision */
export function isSingle(precision: Precision = 'double'): boolean {
  if (precision === 'single' || precision === 'double') return precision === 'single'
  throw new Error(`the precision is "double" or "single", got ${JSON.stringify(precision)}`)
}
