import { guarded } from './feeds.ts'
import { type OrtModule, ortSession } from './ort.ts'
import type { Runtime, Session } from './runtime.ts'

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
  const open = new Set<Session>()
  let closed = false
  // One after another: sessions that are created at the same time can break the engine's initialisation.
  let tail: Promise<unknown> = Promise.resolve()
  return {
    name: 'onnxruntime-web',
    async load(model, settings = {}) {
      if (closed) throw new Error('This runtime was closed; create another one.')
      const loading = tail.then(async () => {
        const ort = await engine(options)
        return ortSession(ort, model, {
          threads: options.threads ?? 0,
          optimization: settings.optimization ?? 'all',
          memoryPattern: settings.memoryPattern ?? true,
          flushDenormals: false,
        })
      })
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

async function engine({ files, threads }: WebRuntimeOptions): Promise<OrtModule> {
  const ort = await import('onnxruntime-web/wasm')
  if (files) ort.env.wasm.wasmPaths = { ...files }
  if (threads !== undefined) ort.env.wasm.numThreads = threads
  return ort
}
