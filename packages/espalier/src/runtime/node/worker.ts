/**
 * Entry of the network worker: owns an ONNX Runtime, whose `run()` blocks the thread that calls it
 * (one timer tick in 2.3 s, measured), so that the caller's event loop stays free.
 */
import { parentPort } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { arrays } from '../feeds.ts'
import { isShared, ortSession } from '../ort.ts'
import type { RuntimeTensor, Session } from '../runtime.ts'
import type { Answer, Request } from './protocol.ts'

if (!parentPort)
  throw new Error('espalier/node/worker runs inside a worker thread; use nodeRuntime() from espalier/node.')
const port = parentPort
const sessions = new Map<number, Session>()

let tail: Promise<void> = Promise.resolve()
port.on('message', (request: Request) => {
  tail = tail.then(() => answer(request))
})

async function answer(request: Request): Promise<void> {
  const { id } = request
  const lent = request.kind === 'run' ? request.lent : []
  try {
    if (request.kind === 'load') {
      const session = await ortSession(ort, request.model, request.options)
      sessions.set(request.session, session)
      send({ id, kind: 'loaded', inputs: session.inputs, outputs: session.outputs }, [])
    } else if (request.kind === 'run') {
      const outputs = await sessions.get(request.session)!.run(request.feeds, request.fetches)
      for (const name in request.into) outputs[name] = moved(outputs[name], request.into[name])
      send({ id, kind: 'ran', outputs, lent }, [...lent, ...ownBuffers(outputs)])
    } else {
      await sessions.get(request.session)!.release()
      sessions.delete(request.session)
      send({ id, kind: 'released' }, [])
    }
  } catch (error) {
    send({ id, kind: 'failed', message: error instanceof Error ? error.message : String(error), lent }, lent)
  }
}

const send = (message: Answer, transfer: ArrayBuffer[]) => port.postMessage(message, transfer)

/** The same tensor in a buffer of the caller, where it fits. */
function moved(tensor: RuntimeTensor, buffer: ArrayBuffer): RuntimeTensor {
  const { type, shape, data } = tensor
  if (data.byteLength > buffer.byteLength) return tensor
  const copy = new arrays[type](buffer, 0, data.length)
  copy.set(data as Float32Array & BigInt64Array)
  return { type, shape, data: copy }
}

/** Buffers of the outputs, each once: a graph may return one value under two names. */
function ownBuffers(outputs: Record<string, RuntimeTensor>): Set<ArrayBuffer> {
  const buffers = new Set<ArrayBuffer>()
  for (const { data } of Object.values(outputs)) if (!isShared(data)) buffers.add(data.buffer as ArrayBuffer)
  return buffers
}
