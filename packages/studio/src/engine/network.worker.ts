/** The worker of the page: networks and the searches over them, in one thread. */

import { messageOf } from '../format.ts'
import { deviceOf } from './gpu.ts'
import { serveBackend } from './open-engine.ts'
import { wasmBackend } from './wasm-backend.ts'

serveBackend(async (settings, post) => {
  if (settings.backend === 'wasm') return wasmBackend(settings)
  try {
    const device = await deviceOf(settings)
    if (!device) return wasmBackend(settings)
    // A file of its own: its runtime is larger and slower to start.
    return (await import('./gpu-backend.ts')).gpuBackend(device, settings, post)
  } catch (error) {
    post({ type: 'doubt', doubt: `the graphics device cannot be used: ${messageOf(error)}` })
    return wasmBackend(settings)
  }
})
