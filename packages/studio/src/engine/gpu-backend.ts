/** Networks on a graphics device: a file of its own, as its runtime is larger and slower to start. */

import { type Runtime, webGpuRuntime } from 'espalier/runtime'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url'
import { type Backend, threadsOf } from './open-engine.ts'
import type { FromWorker, OpenSettings } from './protocol.ts'

/** Milliseconds in which a device that failed a call is heard of as lost. */
const PATIENCE = 500

export function gpuBackend(device: GPUDevice, settings: OpenSettings, post: (message: FromWorker) => void): Backend {
  const { vendor, architecture } = device.adapterInfo
  let lost = false
  device.lost.then(({ message }) => {
    lost = true
    post({ type: 'lost', reason: message || 'the browser took it away' })
  })
  const threads = threadsOf(settings)
  const files = { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href }
  const onDoubt = (doubt: string) => post({ type: 'doubt', doubt })
  const runtime = untilLost(webGpuRuntime({ files, threads, device, onDoubt }), device.lost, () => lost)
  const name = `onnxruntime-web, WebGPU, ${vendor} ${architecture}`.trim()
  return { runtime, facts: { name, threads, backend: 'webgpu' } }
}

/**
 * A runtime whose calls never come back once the device is lost: the page ends this worker then, and its run is
 * interrupted, not failed.
 */
function untilLost(runtime: Runtime, loss: Promise<unknown>, lost: () => boolean): Runtime {
  const held = async <T>(call: () => Promise<T>): Promise<T> => {
    try {
      return await call()
    } catch (error) {
      await Promise.race([loss, new Promise((resolve) => setTimeout(resolve, PATIENCE))])
      if (lost()) return new Promise<never>(() => {})
      throw error
    }
  }
  return {
    ...runtime,
    load: (...given) =>
      held(async () => {
        const session = await runtime.load(...given)
        return { ...session, run: (...feeds) => held(() => session.run(...feeds)) }
      }),
  }
}
