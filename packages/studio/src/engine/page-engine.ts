/** The engine in a worker of this page: on a graphics device where there is one, and on WebAssembly once that is lost. */

import { signal } from '@preact/signals'
import { messageOf } from '../format.ts'
import { engineSettings } from '../settings.ts'
import type { Loading, PageFacts, Workshop } from './protocol.ts'
import { type Notice, type WorkerEngine, workerEngine } from './worker-engine.ts'

export const facts = signal<PageFacts | undefined>(undefined)
/** Why nothing can be run in the page. */
export const broken = signal<string | undefined>(undefined)
/** What the engine is loading. */
export const loading = signal<Loading | null>(null)
/** What became of a graphics device that is not used any more. */
export const warning = signal<string | undefined>(undefined)

export const page = signal(open(engineSettings.backend))

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

function open(backend?: 'wasm'): WorkerEngine {
  const worker = new Worker(new URL('./network.worker.ts', import.meta.url), { type: 'module', name: 'network' })
  const sandboxes = new Map<number, Promise<() => void>>()
  const end = async (key: number) => {
    const close = await sandboxes.get(key)
    sandboxes.delete(key)
    close?.()
  }
  const take = (notice: Notice) => {
    if (notice.type === 'loading') loading.value = notice.loading
    else if (notice.type === 'doubt') warning.value = notice.doubt
    else if (notice.type === 'sandbox') sandboxes.set(notice.sandbox, sandbox(notice.port))
    else if (notice.type === 'unsandbox') void end(notice.sandbox)
    else withoutGpu(notice.reason)
  }
  const engine = workerEngine(worker, { ...engineSettings, backend, base: document.baseURI }, take)
  /** Its runs are in the store: the next worker finds them interrupted, and they can be resumed. */
  const withoutGpu = (reason: string) => {
    worker.terminate()
    for (const key of sandboxes.keys()) void end(key)
    loading.value = null
    warning.value = `The graphics device was lost: ${reason}. Networks run on WebAssembly now; what was interrupted can be resumed.`
    page.value = open('wasm')
    engine.abandon('the graphics device was lost')
  }
  engine.facts().then(
    (found) => {
      facts.value = found
    },
    (error: unknown) => {
      broken.value = messageOf(error)
    },
  )
  return engine
}

/** Opens a sandbox of its own file: few ever need one. */
async function sandbox(port: MessagePort): Promise<() => void> {
  return (await import('./sandbox.ts')).openSandbox(port)
}
