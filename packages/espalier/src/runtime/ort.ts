import type { InferenceSession, Tensor as OrtTensor, TensorConstructor } from 'onnxruntime-common'
import { arrays, type Feeds, isSupportedType, typed } from './feeds.ts'
import type { RuntimeTensor, Session, SessionOptions, ValueMetadata } from './runtime.ts'

/** The part of onnxruntime-node and onnxruntime-web that is used: both export it under these names. */
export interface OrtModule {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>
  }
  readonly Tensor: TensorConstructor
}

/** Options with every default resolved by the runtime that loads. */
export type ResolvedOptions = Required<Omit<SessionOptions, 'transfer'>>

/**
 * Loads a graph into an ONNX Runtime of this thread. Runs are serial and in order; `release` waits for them.
 * Nothing is checked here: {@link guarded} does that, on the caller's side.
 *
 * @param provider what computes, such as `webgpu`. Default: the engine's own choice
 * @throws Error when the bytes are not a model that the engine can run
 */
export async function ortSession(
  ort: OrtModule,
  model: Uint8Array,
  options: ResolvedOptions,
  provider?: string,
): Promise<Session> {
  let session: InferenceSession
  try {
    session = await ort.InferenceSession.create(model, engineOptions(options, provider))
  } catch (error) {
    throw new Error(`ONNX Runtime cannot load the model (${model.byteLength} bytes): ${oneLine(error)}`)
  }
  const inputs = metadata(session.inputMetadata)
  const outputs = metadata(session.outputMetadata)
  const everything = outputs.map((output) => output.name)
  let tail: Promise<unknown> = Promise.resolve()

  const runNow = async (feeds: Feeds, fetches: readonly string[]) => {
    const given: Record<string, OrtTensor> = {}
    for (const { name } of inputs) given[name] = toOrt(ort, typed(feeds[name]))
    let results: InferenceSession.OnnxValueMapType
    try {
      results = await session.run(given, fetches)
    } catch (error) {
      throw new Error(`ONNX Runtime stopped in the graph: ${oneLine(error)}`)
    }
    const out: Record<string, RuntimeTensor> = {}
    for (const name of fetches) out[name] = fromOrt(results[name] as OrtTensor)
    return out
  }

  return {
    inputs,
    outputs,
    run(feeds, fetches = everything) {
      const result = tail.then(() => runNow(feeds, fetches))
      tail = result.catch(() => {})
      return result
    },
    async release() {
      await tail
      await session.release()
    },
  }
}

function engineOptions(options: ResolvedOptions, provider?: string): InferenceSession.SessionOptions {
  const session: Record<string, unknown> = {
    // A thread that spins for work takes the core from whoever shares it, and single runs become many times longer there;
    // on an idle machine full batches cost the same either way, while single rows would gain.
    intra_op: { allow_spinning: '0' },
  }
  if (options.flushDenormals) session.set_denormal_as_zero = '1'
  return {
    intraOpNumThreads: options.threads,
    graphOptimizationLevel: options.optimization,
    enableMemPattern: options.memoryPattern,
    // Fatal only: errors are thrown with their text, warnings about unused initialisers are no news to a caller.
    logSeverityLevel: 4,
    extra: { session },
    ...(provider && { executionProviders: [provider] }),
  }
}

function metadata(values: readonly InferenceSession.ValueMetadata[]): ValueMetadata[] {
  return values.map((value) => {
    if (!value.isTensor) throw new Error(`Value "${value.name}" of the graph is not a tensor; only tensors can be run.`)
    if (!isSupportedType(value.type)) {
      throw new Error(`Value "${value.name}" of the graph has type ${value.type}, which Espalier does not carry.`)
    }
    return { name: value.name, type: value.type, shape: value.shape }
  })
}

function toOrt(ort: OrtModule, tensor: RuntimeTensor): OrtTensor {
  // The engine refuses shared memory, so such data is copied here, on the engine's own thread.
  const data = isShared(tensor.data)
    ? new arrays[tensor.type](tensor.data as Float32Array & BigInt64Array)
    : tensor.data
  return new ort.Tensor(tensor.type, data as Float32Array, tensor.shape as number[]) as OrtTensor
}

function fromOrt(tensor: OrtTensor): RuntimeTensor {
  if (!isSupportedType(tensor.type))
    throw new Error(`An output has type ${tensor.type}, which Espalier does not carry.`)
  let data = tensor.data as RuntimeTensor['data']
  // Engines with a native Float16Array hand that out; here float16 is always its bit pattern.
  if (tensor.type === 'float16' && !(data instanceof Uint16Array)) {
    const view = data as ArrayBufferView
    data = new Uint16Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength / 2)
  }
  return { type: tensor.type, shape: tensor.dims, data }
}

/** Whether the values lie in shared memory (which cannot be transferred). */
export const isShared = (data: ArrayBufferView) =>
  typeof SharedArrayBuffer !== 'undefined' && data.buffer instanceof SharedArrayBuffer

const oneLine = (error: unknown) =>
  (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, '; ')
