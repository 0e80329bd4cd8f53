import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { physicalCores } from './cores.ts'

export interface ThreadsOptions {
  /** Threads that work at once, at most. Default: the physical cores. */
  readonly threads?: number
  /** Ends the threads where they are; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/** A range of rows, `from .. to - 1`. */
export interface RowRange {
  readonly from: number
  readonly to: number
}

/** What a thread says: it is ready for a job, or what became of one. */
export type ThreadMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly message: string }

/** `rows` rows in at most `parts` ranges that differ by one row at most; none is empty. */
export function rowRanges(rows: number, parts: number): RowRange[] {
  if (!(Number.isInteger(rows) && rows >= 0 && Number.isInteger(parts) && parts >= 1)) {
    throw new Error(`rowRanges: ${rows} rows in ${parts} parts; expected integers, at least 0 rows and 1 part`)
  }
  const count = Math.min(rows, parts)
  const edge = (i: number) => Math.floor((i * rows) / count)
  return Array.from({ length: count }, (_, i) => ({ from: edge(i), to: edge(i + 1) }))
}

/**
 * Calls a function of a module once for each job, in worker threads: for arithmetic in TypeScript, which else keeps to one
 * core. Rows do not depend on each other and their draws are keyed, so a batch of an analytic world that is cut into
 * {@link rowRanges} and put together again has the bits of one that was run whole.
 *
 * A thread loads the module once, and takes the next job when it has done one. Jobs and results are copied (structured
 * clone); what lies in a SharedArrayBuffer is shared.
 *
 * @param module where the function is, as built JavaScript: `new URL('./rows.js', import.meta.url)`
 * @param name of the exported function, which takes a job and returns its result, or a promise of it
 * @returns the results, in the order of the jobs
 * @throws the first error: of a job, naming it, or of the module
 */
export async function inThreads<Job, Result>(
  module: URL,
  name: string,
  jobs: readonly Job[],
  { threads = physicalCores(), signal }: ThreadsOptions = {},
): Promise<Result[]> {
  if (!Number.isInteger(threads) || threads < 1) throw new Error(`inThreads: ${threads} threads, expected 1 or more.`)
  signal?.throwIfAborted()
  const results = new Array<Result>(jobs.length)
  if (jobs.length === 0) return results
  const entry = entryOfThread()
  const workers: Worker[] = []
  let stop = () => {}
  try {
    await new Promise<void>((resolve, reject) => {
      stop = () => reject(signal?.reason)
      signal?.addEventListener('abort', stop)
      let [next, left] = [0, jobs.length]
      for (let i = 0; i < Math.min(threads, jobs.length); i++) {
        // The flags of the main program (loaders, --eval, --input-type) are not the worker's.
        const worker = new Worker(entry, { name: 'espalier-thread', execArgv: [], workerData: [module.href, name] })
        workers.push(worker)
        let job = -1
        worker.on('message', (message: ThreadMessage) => {
          if (message.kind === 'failed') {
            reject(new Error(`${name}, job ${job} of ${jobs.length}: ${message.message}`))
            return
          }
          if (message.kind === 'done') {
            results[job] = message.result as Result
            if (--left === 0) resolve()
          }
          if (next < jobs.length) worker.postMessage(jobs[(job = next++)])
        })
        worker.on('error', (error) => reject(new Error(`a thread of ${name} failed: ${error.message}`)))
        worker.on('exit', (code) => reject(new Error(`a thread of ${name} stopped (exit code ${code})`)))
      }
    })
  } finally {
    signal?.removeEventListener('abort', stop)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return results
}

/** The built thread, beside the network worker, also when this file itself runs from source (tests). */
function entryOfThread(): URL {
  try {
    const worker = createRequire(import.meta.url).resolve('espalier/node/worker')
    return new URL('./thread.js', pathToFileURL(worker))
  } catch {
    throw new Error('The thread (dist/runtime/node/thread.js) is missing: run "npm run build" first.')
  }
}
