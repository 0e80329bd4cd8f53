import { memoryStore, type RunStore } from '@espalier/engine'
import { type KeptModels, keptModels } from './kept-models.ts'
import { opfsStore } from './opfs-store.ts'
import type { PageFacts } from './protocol.ts'

/** Milliseconds that a page which is being left may hold the store. */
const PATIENCE = 3000

/** Where this page keeps its runs and the networks that were brought. */
export interface PageStore {
  readonly runs: RunStore
  /** Not there where nothing can be kept. */
  readonly models?: KeptModels
  readonly storage: PageFacts['storage']
  readonly medium: PageFacts['medium']
}

/**
 * The best that the browser has: files of the page's own, a database, memory. For one tab at a time: two engines on
 * one store would take each other's runs for interrupted ones.
 */
export async function openStore(): Promise<PageStore> {
  const nowhere = { runs: memoryStore(), medium: 'memory' } as const
  if (!(await held())) return { ...nowhere, storage: 'other tab' }
  // Private windows refuse the one, the other, or both.
  try {
    return { ...(await openFiles()), storage: 'kept', medium: 'files' }
  } catch {
    try {
      const { openDatabase } = await import('./indexed-db-store.ts')
      return { ...(await openDatabase()), storage: 'kept', medium: 'database' }
    } catch {
      return { ...nowhere, storage: 'refused' }
    }
  }
}

/** @throws where there is no file system, or one without what is needed of it */
async function openFiles() {
  const file = FileSystemFileHandle.prototype
  if (!('createSyncAccessHandle' in file && 'createWritable' in file)) throw new Error('no files for workers')
  const root = await navigator.storage.getDirectory()
  return { runs: await opfsStore(root), models: await keptModels(root) }
}

/** Whether this tab has the store from now on. */
function held(): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.locks
      .request('espalier-runs', { signal: AbortSignal.timeout(PATIENCE) }, () => {
        resolve(true)
        return new Promise(() => {})
      })
      .catch(() => resolve(false))
  })
}
