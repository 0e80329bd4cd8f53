import { Worker } from 'node:worker_threads'
import { BufferPool } from '../../tensor/buffer-pool.ts'
import { arrays, type Feeds, typed } from '../feeds.ts'
import { isShared, type ResolvedOptions } from '../ort.ts'
import type { RuntimeTensor, Session } from '../runtime.ts'
import type { Answer, Request } from './protocol.ts'

type Unsent = Request extends infer R ? (R extends Request ? Omit<R, 'id'> : never) : never

interface Waiting {
  resolve(answer: Answer): void
  reject(error: Error): void
}

/**
 * The caller's side of one network worker. The worker keeps the process alive only while it owes an answer, so a
 * forgotten `close` never hangs a program.
 */
export class WorkerHost {
  private readonly worker: Worker
  private readonly pool = new BufferPool()
  private readonly waiting = new Map<number, Waiting>()
  private nextId = 0
  private nextSession = 0
  private failure: Error | undefined
  private whenIdle = () => {}
  /** Sessions that live here. */
  sessions = 0

  /** @param entry path of the worker's built file */
  constructor(entry: string) {
    // The flags of the main program (loaders, --eval, --input-type) are not the worker's.
    this.worker = new Worker(entry, { name: 'espalier-network', execArgv: [] })
    this.worker.unref()
    this.worker.on('message', (answer: Answer) => this.receive(answer))
    this.worker.on('error', (error) => this.fail(new Error(`The network worker crashed: ${error.message}`)))
    this.worker.on('exit', (code) => {
      this.fail(new Error(`The network worker stopped (exit code ${code}); create the runtime again.`))
    })
  }

  async load(model: Uint8Array, options: ResolvedOptions, transfer: boolean): Promise<Session> {
    const session = this.nextSession++
    // A view may look into a much larger buffer, which would travel whole: copy exactly the model. Not by `slice`,
    // which is a view again where a file was read into a Node Buffer.
    const bytes = new Uint8Array(model)
    this.sessions++
    const loaded = await this.ask({ kind: 'load', session, model: bytes, options }, [bytes.buffer]).catch((error) => {
      this.sessions--
      throw error
    })
    if (loaded.kind !== 'loaded') throw new Error(`unexpected answer ${loaded.kind}`)
    this.sessions++
    return {
      inputs: loaded.inputs,
      outputs: loaded.outputs,
      run: async (feeds, fetches, into = {}) => {
        const lent: ArrayBuffer[] = []
        const moved = new Set<ArrayBuffer>()
        const sent = this.pack(feeds, transfer, lent, moved)
        const wanted: Record<string, ArrayBuffer> = {}
        for (const name in into) wanted[name] = this.pool.take(into[name].data.byteLength)
        const travelling = [...lent, ...moved, ...Object.values(wanted)]
        const ran = await this.ask({ kind: 'run', session, feeds: sent, fetches, lent, into: wanted }, travelling)
        if (ran.kind !== 'ran') throw new Error(`unexpected answer ${ran.kind}`)
        for (const name in into) this.unpack(ran.outputs, name, into[name])
        return ran.outputs
      },
      release: async () => {
        this.sessions--
        if (!this.failure) await this.ask({ kind: 'release', session }, [])
      },
    }
  }

  /** Refuses new work, waits for the answers under way, then ends the worker. */
  async close(): Promise<void> {
    this.failure ??= new Error('This runtime was closed; create another one.')
    if (this.waiting.size > 0) await new Promise<void>((resolve) => (this.whenIdle = resolve))
    await this.worker.terminate()
  }

  /** Copies the feeds once, into buffers that travel; shared memory goes as it is, given-away buffers go whole. */
  private pack(
    feeds: Feeds,
    transfer: boolean,
    lent: ArrayBuffer[],
    moved: Set<ArrayBuffer>,
  ): Record<string, RuntimeTensor> {
    const sent: Record<string, RuntimeTensor> = {}
    for (const name in feeds) {
      const tensor = typed(feeds[name])
      const { data } = tensor
      if (isShared(data)) {
        sent[name] = tensor
      } else if (transfer && data.byteLength === data.buffer.byteLength) {
        moved.add(data.buffer as ArrayBuffer)
        sent[name] = tensor
      } else {
        const buffer = this.pool.take(data.byteLength)
        lent.push(buffer)
        new Uint8Array(buffer).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
        const Values = arrays[tensor.type]
        sent[name] = { type: tensor.type, shape: tensor.shape, data: new Values(buffer, 0, data.length) }
      }
    }
    return sent
  }

  /** Copies an output to where the caller wants it, if it fits, and keeps the buffer that it came in. */
  private unpack(outputs: Record<string, RuntimeTensor>, name: string, into: RuntimeTensor): void {
    const { type, shape, data } = outputs[name]
    if (type !== into.type || data.length !== into.data.length) return
    into.data.set(data as Float32Array & BigInt64Array)
    this.pool.give([data.buffer as ArrayBuffer])
    outputs[name] = { type, shape, data: into.data }
  }

  private ask(request: Unsent, transfer: ArrayBuffer[]): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.failure) {
        reject(this.failure)
        return
      }
      const id = this.nextId++
      this.waiting.set(id, { resolve, reject })
      if (this.waiting.size === 1) this.worker.ref()
      this.worker.postMessage({ ...request, id }, transfer)
    })
  }

  private receive(answer: Answer): void {
    const waiting = this.waiting.get(answer.id)
    if (!waiting) return
    this.waiting.delete(answer.id)
    if (this.waiting.size === 0) {
      this.worker.unref()
      this.whenIdle()
    }
    if ('lent' in answer) this.pool.give(answer.lent)
    if (answer.kind === 'failed') waiting.reject(new Error(answer.message))
    else waiting.resolve(answer)
  }

  private fail(error: Error): void {
    this.failure ??= error
    for (const waiting of this.waiting.values()) waiting.reject(this.failure)
    this.waiting.clear()
    this.whenIdle()
  }
}
