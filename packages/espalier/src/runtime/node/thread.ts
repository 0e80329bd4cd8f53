/** Entry of a thread of `inThreads`: loads the module, then does one job after another. */
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadMessage } from './threads.ts'

if (!parentPort) throw new Error('this file runs inside a worker thread; use inThreads() from espalier/node.')
const port = parentPort
const send = (message: ThreadMessage) => port.postMessage(message)
const [module, name] = workerData as readonly [string, string]

const work: unknown = (await import(module))[name]
if (typeof work !== 'function') throw new Error(`${module} exports no function "${name}"`)
port.on('message', async (job: unknown) => {
  try {
    send({ kind: 'done', result: await work(job) })
  } catch (error) {
    send({ kind: 'failed', message: error instanceof Error ? error.message : String(error) })
  }
})
send({ kind: 'ready' })
