import { localEngine, type ModelSource, memorySource } from '@espalier/engine'
import type { Runtime } from 'espalier/runtime'
import { messageOf } from '../format.ts'
import { toldFetch, toldRuntime } from './loading.ts'
import { fetchedSource, mixture } from './models.ts'
import { openStore } from './open-store.ts'
import type { FromWorker, OpenSettings, PageFacts, ToWorker } from './protocol.ts'
import { servePage } from './serve-page.ts'
import { workshopOf } from './workshop.ts'

/** What computes networks in a worker, and what the page is told of it. */
export interface Backend {
  readonly runtime: Runtime
  readonly facts: Pick<PageFacts, 'name' | 'threads' | 'backend'>
}

/** Threads of the engine: half of the cores, where the page may have some. */
export function threadsOf({ threads }: OpenSettings): number {
  if (!self.crossOriginIsolated) return 1
  const cores = navigator.hardwareConcurrency
  return Math.min(threads ?? Math.min(4, Math.ceil(cores / 2)), Math.max(2, cores))
}

/** Turns this worker into an engine of the page, once the page says so. */
export function serveBackend(open: (settings: OpenSettings, post: (message: FromWorker) => void) => Promise<Backend>) {
  const post = (message: FromWorker, transfer: Transferable[] = []) => self.postMessage(message, { transfer })
  let serving: ReturnType<typeof begin> | undefined

  const begin = async (settings: OpenSettings) => {
    const { base } = settings
    const tell = (loading: FromWorker & { readonly type: 'loading' }) => post(loading)
    self.fetch = toldFetch(self.fetch.bind(self), (loading) => tell({ type: 'loading', loading }))
    const [{ runtime: bare, facts }, { runs, models, storage, medium }] = await Promise.all([
      open(settings, post),
      openStore(),
    ])
    const { name, threads } = facts
    const runtime = toldRuntime(bare, (loading) => tell({ type: 'loading', loading }))
    const source = await sourceOf(base, models)
    const expression = async (code: string, shape: readonly number[]) =>
      (await import('./expression-reward.ts')).expressionReward(code, shape, post)
    // Addresses are the person's own to name: they are asked from the page, where the browser guards what may be read.
    const allow = { url: true }
    const engine = await localEngine({ runtime, source, store: runs, name, threads, storage, expression, allow })
    const opened = { ...(await engine.facts()), ...facts, isolated: self.crossOriginIsolated, medium }
    post({ type: 'opened', facts: opened })
    return servePage({ ...engine, ...workshopOf({ runtime, source }) }, post)
  }

  // Threads of the runtime are workers of this very file in some bundles: listening, not assigning, leaves them theirs.
  self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
    if (data.type === 'open') {
      serving = begin(data.settings)
      serving.catch((error: unknown) => post({ type: 'failed', error: `the engine cannot start: ${messageOf(error)}` }))
    } else serving?.then((take) => take(data)).catch(() => {})
  })
}

/** Models beside the app, worlds, and what was brought. */
async function sourceOf(base: string, kept: Awaited<ReturnType<typeof openStore>>['models']): Promise<ModelSource> {
  const source = memorySource(new Map([['mixture', mixture]]), fetchedSource(base))
  for (const model of (await kept?.all()) ?? []) await source.add?.(model)
  return {
    ...source,
    async add(model) {
      await source.add?.(model)
      await kept?.put(model)
    },
    async remove(key) {
      await kept?.remove(key)
      await source.remove?.(key)
    },
  }
}
