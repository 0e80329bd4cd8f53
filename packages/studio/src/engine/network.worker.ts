/** The worker of the page: networks and the searches over them, in one thread. */

import { localEngine, type ModelSource, memorySource, memoryStore, type RunStore } from '@espalier/engine'
import { webRuntime } from 'espalier/runtime'
import mjs from 'onnxruntime-web/ort-wasm-simd-threaded.mjs?url'
import wasm from 'onnxruntime-web/ort-wasm-simd-threaded.wasm?url'
import { messageOf } from '../format.ts'
import { keptModels } from './kept-models.ts'
import { fetchedSource, mixture } from './models.ts'
import { opfsStore } from './opfs-store.ts'
import type { FromWorker, PageFacts, ToWorker } from './protocol.ts'
import { servePage } from './serve-page.ts'
import { workshopOf } from './workshop.ts'

/** Milliseconds that a page which is being left may hold the store. */
const PATIENCE = 3000

const post = (message: FromWorker) => self.postMessage(message)

/**
 * The kept runs, for one tab at a time: two engines on one store would take each other's runs for interrupted ones.
 */
async function openStore(): Promise<{
  store: RunStore
  storage: PageFacts['storage']
  models?: FileSystemDirectoryHandle
}> {
  let root: FileSystemDirectoryHandle
  try {
    root = await navigator.storage.getDirectory()
  } catch {
    return { store: memoryStore(), storage: 'refused' }
  }
  const held = await new Promise<boolean>((resolve) => {
    navigator.locks
      .request('espalier-runs', { signal: AbortSignal.timeout(PATIENCE) }, () => {
        resolve(true)
        return new Promise(() => {})
      })
      .catch(() => resolve(false))
  })
  if (!held) return { store: memoryStore(), storage: 'other tab' }
  return { store: await opfsStore(root), storage: 'kept', models: root }
}

async function open(base: string) {
  const isolated = self.crossOriginIsolated
  const threads = isolated ? Math.min(4, Math.ceil(navigator.hardwareConcurrency / 2)) : 1
  const { store, storage, models } = await openStore()
  const own = new Map([['mixture', mixture]])
  const files = { mjs: new URL(mjs, self.location.href).href, wasm: new URL(wasm, self.location.href).href }
  const name = `onnxruntime-web, WebAssembly, ${threads} thread${threads === 1 ? '' : 's'}`
  const others = memorySource(own, fetchedSource(base))
  const kept = models && (await keptModels(models))
  const source: ModelSource = {
    ...others,
    async add(model) {
      await others.add?.(model)
      await kept?.put(model)
    },
  }
  for (const model of (await kept?.all()) ?? []) await others.add?.(model)
  const runtime = webRuntime({ files, threads })
  const engine = await localEngine({ runtime, source, store, name, threads, storage })
  const workshop = workshopOf({ runtime, source })
  post({ type: 'opened', facts: { name, threads, isolated, storage } })
  return servePage({ ...engine, ...workshop }, post)
}

let serving: ReturnType<typeof open> | undefined

// Threads of the engine are workers of this very file in some bundles: listening, not assigning, leaves them theirs.
self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'open') {
    serving = open(data.base)
    serving.catch((error: unknown) => post({ type: 'failed', error: `the engine cannot start: ${messageOf(error)}` }))
  } else serving?.then((take) => take(data)).catch(() => {})
})
