import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Plugin } from 'vite'

/** Networks, and the runtime for graphics devices: kept once they are used. */
const later = /\.onnx$|asyncify|webgpu|gpu-backend/

/** Emits the service worker with the list of the files that the app needs offline. */
export function offlinePlugin(): Plugin {
  return {
    name: 'espalier-offline',
    apply: 'build',
    enforce: 'post',
    generateBundle: {
      order: 'post',
      handler(_, bundle) {
        const files = Object.keys(bundle).filter((name) => !later.test(name) && !name.endsWith('.map'))
        const version = createHash('sha256').update(files.sort().join()).digest('hex').slice(0, 12)
        const source = readFileSync(new URL('./src/service-worker.js', import.meta.url), 'utf8')
          .replace('__FILES__', JSON.stringify(files))
          .replace('__VERSION__', JSON.stringify(version))
        this.emitFile({ type: 'asset', fileName: 'service-worker.js', source })
      },
    },
  }
}
