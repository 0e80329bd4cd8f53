import { type Engine, localEngine, memorySource } from '@espalier/engine'
import { nodeRuntime } from 'espalier/node'
import { describe, expect, it } from 'vitest'
import { allEvents, config, engineConformance, world } from '../../engine/test/support/conformance.ts'
import type { FromWorker, PageFacts, ToWorker } from '../src/engine/protocol.ts'
import { servePage } from '../src/engine/serve-page.ts'
import { type Notice, type WorkerPort, workerEngine } from '../src/engine/worker-engine.ts'
import { workshopOf } from '../src/engine/workshop.ts'

const settings = { base: 'http://localhost/' }
const facts: PageFacts = {
  ...{ name: 'test', threads: 1, storage: 'memory', unread: [] },
  ...{ isolated: false, medium: 'memory', backend: 'wasm' },
}

/** Both ends of a worker without its thread: messages are cloned on their way, as between threads. */
function withoutThread(serve: (post: (message: FromWorker) => void) => (message: ToWorker) => void) {
  const { port1, port2 } = new MessageChannel()
  const take = serve((message) => port2.postMessage(message))
  port2.onmessage = ({ data }) => take(data)
  const port = Object.assign(port1, { onerror: null }) as unknown as WorkerPort
  return { port, close: () => port1.close() }
}

async function opened(): Promise<{ engine: ReturnType<typeof workerEngine>; close(): Promise<void> }> {
  const runtime = nodeRuntime({ workers: 0 })
  const source = memorySource(new Map([['world', { card: world }]]))
  const local = await localEngine({ runtime, source })
  const { port, close } = withoutThread((post) => {
    const take = servePage({ ...local, ...workshopOf({ runtime, source }) }, post)
    return (message) => (message.type === 'open' ? post({ type: 'opened', facts }) : take(message))
  })
  return {
    engine: workerEngine(port, settings),
    async close() {
      await local.close()
      await runtime.close()
      close()
    },
  }
}

engineConformance('the engine of a page', async (): Promise<{ engine: Engine; close(): Promise<void> }> => opened())

describe('the engine of a page', () => {
  it('answers what forms ask, and says in one line what it cannot', async () => {
    const { engine, close } = await opened()
    expect(await engine.facts()).toEqual(facts)
    expect((await engine.catalogue()).searches.map(({ name }) => name)).toContain('dts')
    await expect(engine.inspect(new Uint8Array())).rejects.toThrow(/^the file is empty$/)
    await close()
  })

  it('tells all that wait when its worker breaks, and refuses what comes later', async () => {
    const { port, close } = withoutThread(() => () => {})
    const engine = workerEngine(port, settings)
    const waiting = [engine.facts(), engine.runs(), allEvents(engine, 'any')]
    const told = Promise.allSettled(waiting)
    port.onerror?.({} as ErrorEvent)
    const line = 'the network worker could not be loaded (its file is missing, or the headers of the page are)'
    for (const result of await told) expect(result).toMatchObject({ status: 'rejected', reason: { message: line } })
    await expect(engine.start(config)).rejects.toThrow(line)
    await expect(allEvents(engine, 'any')).rejects.toThrow(line)
    close()
  })

  it('hands on what the worker says of itself', async () => {
    const said: Notice[] = [
      { type: 'loading', loading: { what: 'runtime', bytes: 7 } },
      { type: 'loading', loading: null },
      { type: 'doubt', doubt: 'it differs' },
      { type: 'lost', reason: 'taken' },
    ]
    const heard: Notice[] = []
    const { port, close } = withoutThread((post) => () => said.forEach(post))
    workerEngine(port, settings, (notice) => heard.push(notice))
    await expect.poll(() => heard.length).toBe(said.length)
    expect(heard).toEqual(said)
    close()
  })
})
