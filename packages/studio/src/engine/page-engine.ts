/** The engine in a worker of this page: on a graphics device where there is one, and on WebAssembly once that is lost. */

import { signal } from '@preact/signals'
import { messageOf } from '../format.ts'
import { engineSettings } from '../settings.ts'
import { adapterOf } from './gpu.ts'
import type { Loading, PageFacts, Workshop } from './protocol.ts'
import { openSandbox } from './sandbox.ts'
import { type Notice, type WorkerEngine, type WorkerPort, workerEngine } from './worker-engine.ts'

export const facts = signal<PageFacts | undefined>(undefined)
/** Why nothing can be run in the page. */
export const broken = signal<string | undefined>(undefined)
/** What the engine is loading. */
export const loading = signal<Loading | null>(null)
/** What became of a graphics device that is not used any more. */
export const warning = signal<string | undefined>(undefined)

export const page = signal(open(chosen()))

/** What forms and sheets ask of the library. */
export const workshop: Workshop = {
  inspect: (...given) => page.peek().inspect(...given),
  catalogue: () => page.peek().catalogue(),
  analyse: (...given) => page.peek().analyse(...given),
  readPlan: (...given) => page.peek().readPlan(...given),
  bundle: (...given) => page.peek().bundle(...given),
  ownCard: (...given) => page.peek().ownCard(...given),
  probe: (...given) => page.peek().probe(...given),
}

interface Made {
  readonly worker: Worker
  readonly gpu: boolean
}

async function chosen(): Promise<Made> {
  const { backend } = engineSettings
  const gpu = backend !== 'wasm' && (await adapterOf(engineSettings).catch(() => undefined)) !== undefined
  return gpu ? { worker: gpuWorker(), gpu } : { worker: wasmWorker(), gpu }
}

function wasmWorker(): Worker {
  return new Worker(new URL('./network.worker.ts', import.meta.url), { type: 'module', name: 'network' })
}

function gpuWorker(): Worker {
  return new Worker(new URL('./gpu.worker.ts', import.meta.url), { type: 'module', name: 'network' })
}

function open(made: Promise<Made>): WorkerEngine {
  const sandboxes = new Map<number, () => void>()
  const take = (notice: Notice) => {
    if (notice.type === 'loading') loading.value = notice.loading
    else if (notice.type === 'doubt') warning.value = notice.doubt
    else if (notice.type === 'sandbox') sandboxes.set(notice.sandbox, openSandbox(notice.port))
    else if (notice.type === 'unsandbox') {
      sandboxes.get(notice.sandbox)?.()
      sandboxes.delete(notice.sandbox)
    } else void withoutGpu(`The graphics device was lost: ${notice.reason}.`)
  }
  const engine = workerEngine(later(made), { ...engineSettings, base: document.baseURI }, take)
  /** Its runs are in the store: the next worker finds them interrupted, and they can be resumed. */
  const withoutGpu = async (why: string) => {
    if (page.peek() !== engine) return
    const { worker } = await made
    worker.terminate()
    for (const end of sandboxes.values()) end()
    loading.value = null
    warning.value = `${why} Networks run on WebAssembly now; what was interrupted can be resumed.`
    page.value = open(Promise.resolve({ worker: wasmWorker(), gpu: false }))
    engine.abandon('the graphics device was lost')
  }
  engine.facts().then(
    (found) => {
      facts.value = found
    },
    async (error: unknown) => {
      if ((await made).gpu) await withoutGpu(`The graphics device cannot be used: ${messageOf(error)}.`)
      else broken.value = messageOf(error)
    },
  )
  return engine
}

/** A worker that is not there yet: what is said to it waits. */
function later(made: Promise<Made>): WorkerPort {
  const port: WorkerPort = {
    onmessage: null,
    onerror: null,
    postMessage(message, transfer = []) {
      void made.then(({ worker }) => worker.postMessage(message, transfer))
    },
  }
  void made.then(({ worker }) => {
    worker.onmessage = (event) => port.onmessage?.(event)
    worker.onerror = (event) => port.onerror?.(event)
  })
  return port
}
