import { webRuntime } from 'espalier/runtime'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import { type Backend, threadsOf } from './open-engine.ts'
import type { OpenSettings } from './protocol.ts'

/** Networks on WebAssembly. */
export function wasmBackend(settings: OpenSettings): Backend {
  const threads = threadsOf(settings)
  const files = { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href }
  const name = `onnxruntime-web, WebAssembly, ${threads} thread${threads === 1 ? '' : 's'}`
  return { runtime: webRuntime({ files, threads }), facts: { name, threads, backend: 'wasm' } }
}
