import type { Feeds } from './feeds.ts'
import type { Runtime, RuntimeTensor, Session } from './runtime.ts'
import { oneByOne, setUp, type WebRuntimeOptions, webSession } from './web.ts'

export interface WebGpuRuntimeOptions extends WebRuntimeOptions {
  /** The `GPUDevice` to compute on, which is the caller's: whoever has it hears when it is lost. */
  readonly device: object
  /** Called with one line where the device does not compute what WebAssembly does; that session goes on without it. */
  readonly onDoubt?: (message: string) => void
}

/** Largest difference from WebAssembly, relative to the largest value of an output, at which a device is trusted. */
const TOLERANCE = 1e-3

/**
 * Graphs on onnxruntime-web's WebGPU engine, in float32. Its files are `ort-wasm-simd-threaded.asyncify.mjs` and
 * `.wasm`. Devices that compute something else without a word are on record (onnxruntime#29807, #29130), so the first
 * batch of each session is computed by WebAssembly too, and a device that differs is not used for it.
 */
export function webGpuRuntime(options: WebGpuRuntimeOptions): Runtime {
  const { device, onDoubt = () => {} } = options
  let first = true
  // While this engine waits for the device it can do nothing else: a second call would break the first.
  let tail: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const done = tail.then(work)
    tail = done.catch(() => {})
    return done
  }
  return oneByOne('onnxruntime-web', async (model, settings) => {
    const ort = await import('onnxruntime-web/webgpu')
    if (first) {
      setUp(ort.env.wasm, options)
      ort.env.webgpu.device = device as never
      first = false
    }
    const open = async (provider: string): Promise<Session> => {
      const session = await inTurn(() => webSession(ort, model, options, settings, provider))
      return {
        ...session,
        run: (...given) => inTurn(() => session.run(...given)),
        release: () => inTurn(() => session.release()),
      }
    }
    return checkedSession(await open('webgpu'), await open('wasm'), onDoubt)
  })
}

/**
 * A session whose first batch is held against another's of the same graph. The one that is not used on is released.
 *
 * @param reference the other
 * @param onDoubt told where they differ; from then on the other is used
 */
export function checkedSession(session: Session, reference: Session, onDoubt: (message: string) => void): Session {
  const check = async (feeds: Feeds, fetches?: readonly string[]): Promise<Session> => {
    const [found, expected] = [await session.run(feeds, fetches), await reference.run(feeds, fetches)]
    const difference = Math.max(...Object.keys(expected).map((name) => differenceOf(found[name], expected[name])))
    if (difference < TOLERANCE) {
      await reference.release()
      return session
    }
    onDoubt(`WebGPU differs from WebAssembly by ${difference.toPrecision(2)} on this model, so WebAssembly is used`)
    await session.release()
    return reference
  }
  let trusted: Promise<Session> | undefined
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    async run(feeds, fetches) {
      trusted ??= check(feeds, fetches)
      return (await trusted).run(feeds, fetches)
    },
    async release() {
      if (trusted) await (await trusted).release()
      else await Promise.all([session.release(), reference.release()])
    },
  }
}

/** Largest difference over the largest value; infinite where one of them is not finite. */
function differenceOf(found: RuntimeTensor, expected: RuntimeTensor): number {
  let most = 0
  let largest = 0
  for (let i = 0; i < expected.data.length; i++) {
    const value = Number(expected.data[i])
    const apart = Math.abs(Number(found.data[i]) - value)
    if (Number.isNaN(apart)) return Infinity
    most = Math.max(most, apart)
    largest = Math.max(largest, Math.abs(value))
  }
  return most === 0 ? 0 : most / largest
}
