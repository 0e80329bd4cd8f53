import { createRequire } from 'node:module'
import { guarded } from '../feeds.ts'
import { ortSession, type ResolvedOptions } from '../ort.ts'
import type { Runtime, Session, SessionOptions } from '../runtime.ts'
import { physicalCores } from './cores.ts'
import { WorkerHost } from './host.ts'

export interface NodeRuntimeOptions {
  /**
   * Worker threads (default 1). A session lives in one of them, the one with the fewest sessions; sessions of one worker
   * run one after another, each with all of its threads. 0 runs graphs on the calling thread: no copies, but
   * **every run blocks the event loop**; meant for training scripts.
   */
  readonly workers?: number
}

/**
 * Graphs on onnxruntime-node (an optional peer dependency). The threads of a session default to the physical cores
 * divided by the workers.
 *
 * `close()` waits for the runs under way. A runtime that is never closed does not keep the process alive.
 */
export function nodeRuntime(options: NodeRuntimeOptions = {}): Runtime {
  const { workers = 1 } = options
  if (!Number.isInteger(workers) || workers < 0) {
    throw new Error(`nodeRuntime: workers is ${workers}; give an integer, 0 (run on the calling thread) or more.`)
  }
  return workers === 0 ? inProcess() : inWorkers(workers)
}

function resolved(options: SessionOptions, threads: number, flushDenormals: boolean): ResolvedOptions {
  const given = options.threads ?? threads
  if (!Number.isInteger(given) || given < 1)
    throw new Error(`Session threads: given ${given}, expected an integer >= 1.`)
  return {
    threads: given,
    optimization: options.optimization ?? 'all',
    memoryPattern: options.memoryPattern ?? true,
    flushDenormals: options.flushDenormals ?? flushDenormals,
  }
}

function inWorkers(count: number): Runtime {
  const hosts: WorkerHost[] = []
  const threads = Math.max(1, Math.floor(physicalCores() / count))
  let closed = false
  return {
    name: 'onnxruntime-node',
    async load(model, options = {}) {
      if (closed) throw new Error('This runtime was closed; create another one.')
      const settings = resolved(options, threads, true)
      // Workers start when they are first needed.
      if (hosts.length < count && hosts.every((host) => host.sessions > 0)) hosts.push(new WorkerHost(workerEntry()))
      const host = hosts.reduce((least, other) => (other.sessions < least.sessions ? other : least))
      return guarded(await host.load(model, settings, options.transfer ?? false))
    },
    async close() {
      closed = true
      await Promise.all(hosts.map((host) => host.close()))
    },
  }
}

function inProcess(): Runtime {
  let closed = false
  const open = new Set<Session>()
  return {
    name: 'onnxruntime-node (calling thread)',
    async load(model, options = {}) {
      if (closed) throw new Error('This runtime was closed; create another one.')
      const settings = resolved(options, physicalCores(), false)
      const ort = await import('onnxruntime-node')
      const session: Session = guarded(await ortSession(ort, model, settings), () => open.delete(session))
      open.add(session)
      return session
    },
    async close() {
      closed = true
      await Promise.all([...open].map((session) => session.release()))
    },
  }
}

/** Path of the built worker, also when this file itself runs from source (tests). */
function workerEntry(): string {
  try {
    return createRequire(import.meta.url).resolve('espalier/node/worker')
  } catch {
    throw new Error('The network worker (dist/runtime/node/worker.js) is missing: run "npm run build" first.')
  }
}
