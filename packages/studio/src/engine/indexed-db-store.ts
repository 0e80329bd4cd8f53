import type { NewModel, RunEvent, RunStore, RunSummary } from '@espalier/engine'
import type { KeptModels } from './kept-models.ts'
import { storageError } from './storage-error.ts'

const stores = { summaries: 'summaries', events: 'events', parts: 'parts', models: 'models' } as const
type StoreName = keyof typeof stores

/** Runs and models in a database of the browser, for where there is no file system. */
export interface Database {
  readonly runs: RunStore
  readonly models: KeptModels
  close(): void
}

/** @throws what the browser says where it has no databases for this page */
export async function openDatabase(name = 'espalier'): Promise<Database> {
  const opening = indexedDB.open(name, 1)
  opening.onupgradeneeded = () => {
    for (const store of Object.keys(stores)) opening.result.createObjectStore(store)
  }
  const database = await answerOf(opening)

  /** One transaction; what it wrote is kept when the promise resolves. */
  const within = async <T>(
    names: readonly StoreName[],
    mode: IDBTransactionMode,
    work: (store: (name: StoreName) => IDBObjectStore) => IDBRequest<T> | undefined,
  ): Promise<T> => {
    const transaction = database.transaction(names, mode)
    const ended = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(storageError(transaction.error))
    })
    const request = work((name) => transaction.objectStore(name))
    await ended
    return request?.result as T
  }
  const read = <T>(name: StoreName, work: (store: IDBObjectStore) => IDBRequest<T>) =>
    within([name], 'readonly', (store) => work(store(name)))

  /** How many events there are of the runs that were asked for. */
  const counts = new Map<string, number>()
  const countOf = async (id: string): Promise<number> => {
    const known = counts.get(id)
    if (known !== undefined) return known
    const count = await read('events', (store) => store.count(allOf(id)))
    counts.set(id, count)
    return count
  }

  /** Bytes of the events of a run, and of each part. They lie among the parts: to measure those is to read them. */
  const sizes = new Map<string, Readonly<Record<string, number>>>()
  const sizesOf = async (id: string) => {
    const known = sizes.get(id) ?? (await read('parts', (store) => store.get([id, 'sizes'])))
    return known as Readonly<Record<string, number>> | undefined
  }

  const runs: RunStore = {
    ids: async () => (await read('summaries', (store) => store.getAllKeys())) as string[],
    summary: (id) => read<RunSummary | undefined>('summaries', (store) => store.get(id)),
    async putSummary(summary) {
      await within(['summaries'], 'readwrite', (store) => store('summaries').put(summary, summary.id))
    },
    async addEvents(id, events) {
      const count = await countOf(id)
      const before = await sizesOf(id)
      const added = events.reduce((sum, event) => sum + JSON.stringify(event).length, 0)
      const after = { ...before, events: (before?.events ?? 0) + added }
      await within(['events', 'parts'], 'readwrite', (store) => {
        events.forEach((event, i) => {
          store('events').put(event, [id, count + i])
        })
        store('parts').put(after, [id, 'sizes'])
        return undefined
      })
      counts.set(id, count + events.length)
      sizes.set(id, after)
    },
    countEvents: countOf,
    events: (id, from, most) =>
      read<RunEvent[]>('events', (store) => store.getAll(IDBKeyRange.bound([id, from], [id, from + most - 1]))),
    part: (id, part) => read<Uint8Array | undefined>('parts', (store) => store.get([id, part])),
    async putPart(id, part, bytes) {
      const whole = new Uint8Array(await new Blob(bytes as Uint8Array<ArrayBuffer>[]).arrayBuffer())
      const after = { ...(await sizesOf(id)), [part]: whole.length }
      await within(['parts'], 'readwrite', (store) => {
        store('parts').put(after, [id, 'sizes'])
        return store('parts').put(whole, [id, part])
      })
      sizes.set(id, after)
    },
    async bytes(id) {
      const known = await sizesOf(id)
      return known && Object.values(known).reduce((sum, size) => sum + size, 0)
    },
    async remove(id) {
      counts.delete(id)
      sizes.delete(id)
      await within(['summaries', 'events', 'parts'], 'readwrite', (store) => {
        store('summaries').delete(id)
        store('events').delete(allOf(id))
        store('parts').delete(allOf(id))
        return undefined
      })
    },
  }
  const models: KeptModels = {
    async put(model) {
      await within(['models'], 'readwrite', (store) => store('models').put(model, model.key))
    },
    all: () => read<NewModel[]>('models', (store) => store.getAll()),
    async remove(key) {
      await within(['models'], 'readwrite', (store) => store('models').delete(key))
    },
  }
  return { runs, models, close: () => database.close() }
}

/** All keys `[id, ...]`: a list is greater than every number and text. */
function allOf(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id], [id, []])
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
