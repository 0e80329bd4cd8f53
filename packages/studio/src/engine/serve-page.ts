import type { Engine, Numbered } from '@espalier/engine'
import { messageOf } from '../format.ts'
import type { FromWorker, ToWorker, Workshop } from './protocol.ts'

/** Milliseconds between two batches of events to the page. */
const BETWEEN_BATCHES = 50

/** What the page may call. */
const methods = [
  ...['models', 'start', 'runs', 'run', 'pause', 'resume', 'stop', 'step', 'state', 'exact', 'remove'],
  ...['lookahead', 'archive', 'restore', 'addModel', 'broughtModels', 'removeModel', 'trial'],
  ...['inspect', 'catalogue', 'analyse', 'readPlan', 'bundle', 'ownCard', 'probe'],
]

/**
 * Answers the calls of a page with an engine.
 * @returns what takes the page's messages
 */
export function servePage(
  engine: Engine & Workshop,
  post: (message: FromWorker) => void,
): (message: Exclude<ToWorker, { type: 'open' }>) => void {
  const watches = new Map<number, AbortController>()

  const answer = async (call: number, method: string, given: readonly unknown[]) => {
    try {
      if (!methods.includes(method)) throw new Error(`the worker has no method ${method}`)
      const run = engine[method as keyof typeof engine] as (...given: readonly unknown[]) => Promise<unknown>
      post({ type: 'answer', call, value: await run.apply(engine, given as unknown[]) })
    } catch (error) {
      post({ type: 'answer', call, error: messageOf(error) })
    }
  }
  const watch = async (key: number, id: string, from: number) => {
    const controller = new AbortController()
    watches.set(key, controller)
    let batch: Numbered[] = []
    let timer: ReturnType<typeof setTimeout> | undefined
    const flush = () => {
      clearTimeout(timer)
      timer = undefined
      if (batch.length > 0) post({ type: 'events', watch: key, events: batch })
      batch = []
    }
    let error: string | undefined
    try {
      for await (const numbered of engine.events(id, from, controller.signal)) {
        batch.push(numbered)
        timer ??= setTimeout(flush, BETWEEN_BATCHES)
      }
    } catch (cause) {
      error = messageOf(cause)
    }
    flush()
    watches.delete(key)
    post({ type: 'end', watch: key, error })
  }

  return (message) => {
    if (message.type === 'call') void answer(message.call, message.method, message.given)
    else if (message.type === 'watch') void watch(message.watch, message.id, message.from)
    else watches.get(message.watch)?.abort()
  }
}
