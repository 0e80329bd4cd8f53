import { guarded } from './feeds.ts'
import { type OrtModule, ortSession } from './ort.ts'
import type { Runtime, Session, SessionOptions } from './runtime.ts'

export interface WebRuntimeOptions {
  /**
   * Where the engine's two files lie (`ort-wasm-simd-threaded.mjs` and `.wasm` of onnxruntime-web). Give both when a
   * bundler moves files: with threads, a bundled engine that must guess its own address can hang.
   */
  readonly files?: { readonly mjs: string; readonly wasm: string }
  /**
   * Threads of the engine, fixed by the first model that is loaded on this thread. More than one needs a
   * cross-origin-isolated page. Default: half of the cores, at most 4, or 1 without isolation (the engine's own choice).
   */
  readonly threads?: number
}

/**
 * Graphs on onnxruntime-web's WebAssembly engine (an optional peer dependency, loaded when the first model is).
 * Every run blocks the thread that calls it: use it inside a web worker, beside the search.
 *
 * Results differ from onnxruntime-node's in the last bits. `SessionOptions.threads` has no effect here, and
 * `flushDenormals` neither: WebAssembly keeps denormals.
 */
export function webRuntime(options: WebRuntimeOptions = {}): Runtime {
  return oneByOne('onnxruntime-web', async (model, settings) => {
    const ort = await import('onnxruntime-web/wasm')
    setUp(ort.env.wasm, options)
    return webSession(ort, model, options, settings)
  })
}

/** Sets the engine up, before its first session. */
export function setUp(wasm: { wasmPaths?: unknown; numThreads?: number }, { files, threads }: WebRuntimeOptions): void {
  if (files) wasm.wasmPaths = { ...files }
  if (threads !== undefined) wasm.numThreads = threads
}

/** A session of an engine of the browser. @param provider what computes, where it is not the engine's own choice */
export function webSession(
  ort: OrtModule,
  model: Uint8Array,
  { threads = 0 }: WebRuntimeOptions,
  settings: SessionOptions,
  provider?: string,
): Promise<Session> {
  const { optimization = 'all', memoryPattern = true } = settings
  return ortSession(ort, model, { threads, optimization, memoryPattern, flushDenormals: false }, provider)
}

/** A runtime that creates its sessions one after another: at the same time they can break the engine's initialisation. */
export function oneByOne(
  name: string,
  create: (model: Uint8Array, settings: SessionOptions) => Promise<Session>,
): Runtime {
  const open = new Set<Session>()
  let closed = false
  let tail: Promise<unknown> = Promise.resolve()
  return {
    name,
    async load(model, settings = {}) {
      if (closed) throw new Error('This runtime was closed; create another one.')
      const loading = tail.then(() => create(model, settings))
      tail = loading.catch(() => {})
      const session: Session = guarded(await loading, () => open.delete(session))
      open.add(session)
      return session
    },
    async close() {
      closed = true
      await Promise.all([...open].map((session) => session.release()))
    },
  }
}
