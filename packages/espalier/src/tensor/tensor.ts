/** A dense float32 array with a shape, row-major. A batch of events has shape `[n, ...event]`. */
export interface Tensor {
  readonly shape: readonly number[]
  readonly data: Float32Array
}
