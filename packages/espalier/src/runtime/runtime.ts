import type { Tensor } from '../tensor/tensor.ts'

/** Any tensor that crosses the runtime boundary: float32 for data, the rest for indices, masks and float16 models. */
export interface RuntimeTensor {
  readonly type: 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'bool' | 'uint8'
  readonly shape: readonly number[]
  readonly data: Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array
}

export interface ValueMetadata {
  readonly name: string
  readonly type: RuntimeTensor['type']
  /** A number, or a name (string) where the size is free. */
  readonly shape: readonly (number | string)[]
}

/** A loaded graph. `run` never blocks the caller's event loop. */
export interface Session {
  readonly inputs: readonly ValueMetadata[]
  readonly outputs: readonly ValueMetadata[]
  /**
   * @param fetches the outputs that are computed and returned. Default all
   * @param into for outputs by name, tensors that the caller has no more use for: a session may write there and return
   *   them, so that a long run leaves no garbage; others ignore them
   */
  run(
    feeds: Readonly<Record<string, Tensor | RuntimeTensor>>,
    fetches?: readonly string[],
    into?: Readonly<Record<string, RuntimeTensor>>,
  ): Promise<Record<string, RuntimeTensor>>
  release(): Promise<void>
}

export interface SessionOptions {
  /** Intra-op threads. Default: the physical cores, divided by the runtime's workers. */
  readonly threads?: number
  /** ORT graph optimisation level. Default 'all'. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all'
  /** Re-use allocation patterns between runs; off saves memory in training graphs. Default true. */
  readonly memoryPattern?: boolean
  /**
   * Treat float32 numbers below 1.2e-38 as zero; they make CPU kernels many times slower. Default true, but false where
   * the graph runs on the caller's own thread: the engine switches the whole thread, for good, and with it the
   * caller's own arithmetic (`1e-320 / 2` becomes 0).
   */
  readonly flushDenormals?: boolean
  /** Give input buffers to the worker instead of copying them (the caller may not touch them afterwards). Default false. */
  readonly transfer?: boolean
}

/** Where graphs run: onnxruntime-node, onnxruntime-web, a server. */
export interface Runtime {
  readonly name: string
  load(model: Uint8Array, options?: SessionOptions): Promise<Session>
  close(): Promise<void>
}
