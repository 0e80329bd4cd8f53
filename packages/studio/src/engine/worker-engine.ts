import type { Engine, Numbered, RunConfig } from '@espalier/engine'
import type { FromWorker, OpenSettings, PageFacts, ToWorker, Workshop } from './protocol.ts'

/** The part of a worker that is used; tests have one without a thread. */
export interface WorkerPort {
  postMessage(message: ToWorker, transfer?: Transferable[]): void
  onmessage: ((event: MessageEvent<FromWorker>) => void) | null
  onerror: ((event: ErrorEvent) => void) | null
}

/** An engine in a worker of the page. */
export interface WorkerEngine extends Engine, Workshop {
  /** Resolves when the worker is up. @throws one line where it cannot be */
  facts(): Promise<PageFacts>
  /** Lets go of a worker that is no more: all that waits for it is told so. */
  abandon(why: string): void
}

/** What a worker says of itself, unasked. */
export type Notice = Extract<FromWorker, { type: 'loading' | 'lost' | 'doubt' | 'sandbox' | 'unsandbox' }>

interface Watcher {
  readonly batches: Numbered[][]
  ended: boolean
  error?: string
  wake(): void
}

/**
 * Runs in one worker of the page, beside its network: no message goes between them for a network call, and the page
 * gets events in batches.
 *
 * @param onNotice called with what the worker says of itself
 */
export function workerEngine(
  port: WorkerPort,
  settings: OpenSettings,
  onNotice: (notice: Notice) => void = () => {},
): WorkerEngine {
  const calls = new Map<number, { resolve(value: never): void; reject(error: Error): void }>()
  const watchers = new Map<number, Watcher>()
  let next = 0
  let broken: Error | undefined
  let opened: (facts: PageFacts) => void = () => {}
  let failed: (error: Error) => void = () => {}
  const facts = new Promise<PageFacts>((resolve, reject) => {
    opened = resolve
    failed = reject
  })
  facts.catch(() => {})

  const fail = (message: string) => {
    broken = new Error(message)
    failed(broken)
    for (const { reject } of calls.values()) reject(broken)
    calls.clear()
    for (const watcher of watchers.values()) {
      watcher.error = message
      watcher.ended = true
      watcher.wake()
    }
  }
  port.onerror = (event) => {
    // A worker whose file is missing, or comes without the headers of an isolated page, fails without a word.
    fail(
      event?.message || 'the network worker could not be loaded (its file is missing, or the headers of the page are)',
    )
  }
  port.onmessage = ({ data }) => {
    if (data.type === 'opened') opened(data.facts)
    else if (data.type === 'failed') fail(data.error)
    else if (data.type === 'answer') {
      const call = calls.get(data.call)
      calls.delete(data.call)
      if (data.error !== undefined) call?.reject(new Error(data.error))
      else call?.resolve(data.value as never)
    } else if (data.type === 'events' || data.type === 'end') {
      const watcher = watchers.get(data.watch)
      if (!watcher) return
      if (data.type === 'events') watcher.batches.push([...data.events])
      else {
        watcher.ended = true
        watcher.error = data.error
      }
      watcher.wake()
    } else onNotice(data)
  }
  port.postMessage({ type: 'open', settings })

  const call = <T>(method: string, ...given: unknown[]): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      if (broken) return reject(broken)
      const id = next++
      calls.set(id, { resolve: resolve as (value: never) => void, reject })
      port.postMessage({ type: 'call', call: id, method, given })
    })

  return {
    facts: () => facts,
    abandon: fail,
    models: () => call('models'),
    start: (config: RunConfig) => call('start', config),
    runs: () => call('runs'),
    run: (id) => call('run', id),
    pause: (id) => call('pause', id),
    resume: (id) => call('resume', id),
    stop: (id) => call('stop', id),
    state: (id, at) => call('state', id, at),
    remove: (id) => call('remove', id),
    step: (id) => call('step', id),
    lookahead: (id, at) => call('lookahead', id, at),
    exact: (id, at) => call('exact', id, at),
    archive: (id) => call('archive', id),
    restore: (archive) => call('restore', archive),
    addModel: (model) => call('addModel', model),
    broughtModels: () => call('broughtModels'),
    removeModel: (key) => call('removeModel', key),
    trial: (key) => call('trial', key),
    inspect: (...given) => call('inspect', ...given),
    catalogue: () => call('catalogue'),
    analyse: (...given) => call('analyse', ...given),
    readPlan: (json) => call('readPlan', json),
    bundle: (plan) => call('bundle', plan),
    ownCard: (model) => call('ownCard', model),
    probe: (...given) => call('probe', ...given),

    async *events(id, from, signal) {
      if (broken) throw broken
      const watch = next++
      let wake = () => {}
      const watcher: Watcher = { batches: [], ended: false, wake: () => wake() }
      watchers.set(watch, watcher)
      const abort = () => wake()
      signal.addEventListener('abort', abort)
      port.postMessage({ type: 'watch', watch, id, from })
      try {
        for (;;) {
          for (const batch of watcher.batches.splice(0)) {
            for (const numbered of batch) {
              if (signal.aborted) return
              yield numbered
            }
          }
          if (signal.aborted) return
          if (watcher.batches.length > 0) continue
          if (watcher.error !== undefined) throw new Error(watcher.error)
          if (watcher.ended) return
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      } finally {
        signal.removeEventListener('abort', abort)
        watchers.delete(watch)
        if (!watcher.ended) port.postMessage({ type: 'unwatch', watch })
      }
    },
  }
}
