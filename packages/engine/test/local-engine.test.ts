import { nodeRuntime } from 'espalier/node'
import type { Runtime } from 'espalier/runtime'
import { describe, expect, it } from 'vitest'
import {
  type EngineError,
  type LocalEngine,
  type LocalEngineOptions,
  localEngine,
  memorySource,
  memoryStore,
  type RunStore,
} from '../src/index.ts'
import { allEvents, config, engineConformance, longConfig, toldIn, until, world } from './support/conformance.ts'

/** Worlds need no runtime. */
const noRuntime: Runtime = {
  name: 'none',
  load: async () => {
    throw new Error('a world loads no graph')
  },
  close: async () => {},
}

const open = (options: Partial<LocalEngineOptions> = {}) =>
  localEngine({ runtime: noRuntime, source: memorySource(new Map([['world', { card: world }]])), ...options })

/**
 * An engine that is closed in the middle of its n-th snapshot, so wherever the time is spent.
 * @param last snapshots behind this one, the last of the end included, are lost
 */
async function closedAt(n: number, store: RunStore, last = Number.POSITIVE_INFINITY) {
  let snapshots = 0
  let close: (engine: LocalEngine) => void = () => {}
  const closed = new Promise<void>((resolve) => {
    close = (engine) => void engine.close().then(resolve)
  })
  const first: LocalEngine = await open({
    snapshotEvery: 0,
    store: {
      ...store,
      putPart: async (...given) => {
        if (++snapshots <= last) await store.putPart(...given)
        if (snapshots === n) close(first)
      },
    },
  })
  return { first, closed }
}

engineConformance('a local engine', async () => {
  const runtime = nodeRuntime({ workers: 0 })
  const engine = await open({ runtime })
  return {
    engine,
    async close() {
      await engine.close()
      await runtime.close()
    },
  }
})

describe('a local engine over a store', { timeout: 20_000 }, () => {
  it('tells samples while a search without a tree goes on, long before a snapshot', async () => {
    const engine = await open({ snapshotEvery: 1_000_000 })
    const id = await engine.start({ ...config, method: 'best-of-n', budget: 1_000_000_000 })
    await until(engine, id, ({ type }) => type === 'samples')
    expect((await engine.run(id)).status).toBe('running')
    const { data: first } = await engine.state(id, { sample: 0 })
    await engine.stop(id)
    const { samples, statuses } = toldIn(await allEvents(engine, id))
    expect(statuses.at(-1)).toBe('stopped')
    expect((await engine.state(id, { sample: 0 })).data).toEqual(first)
    expect(-((first[0] - 2) ** 2 + first[1] ** 2) / 2).toBeCloseTo(Number(samples[0]), 4)
    await engine.close()
  })

  it('tells after how many NFE the best sample of a search without a tree rose', async () => {
    const engine = await open()
    const id = await engine.start({ ...config, method: 'best-of-n' })
    const events = await allEvents(engine, id)
    const rewards = toldIn(events).samples.map(Number)
    const { width, steps } = config
    const told: { nfe: number; best: number }[] = []
    for (const event of events) {
      if (event.type !== 'progress' || event.best === null || event.best === told.at(-1)?.best) continue
      told.push({ nfe: event.nfe, best: event.best })
    }
    // Samples are there wave by wave.
    const rises: typeof told = []
    for (let n = width; n <= rewards.length; n += width) {
      const best = Math.max(...rewards.slice(0, n))
      if (best !== rises.at(-1)?.best) rises.push({ nfe: n * steps, best })
    }
    expect(rises.length).toBeGreaterThan(1)
    expect(told).toEqual(rises)
    await engine.close()
  })

  it('pauses a step where something is found, not where that is kept at last, and is asked for one only once', async () => {
    const store = memoryStore()
    const addEvents: typeof store.addEvents = async (...given) => {
      await new Promise((resolve) => setTimeout(resolve, 400))
      return store.addEvents(...given)
    }
    const engine = await open({ store: { ...store, addEvents } })
    const id = await engine.start({ ...longConfig, budget: 1_000_000 })
    await engine.pause(id)
    await Promise.all([engine.step(id), engine.step(id), engine.step(id)])
    const { status, nfe } = await engine.run(id)
    expect(status).toBe('paused')
    expect(nfe).toBeGreaterThan(0)
    const told = await store.events(id, 0, 1000)
    expect(told.filter(({ type }) => type === 'leaves')).toHaveLength(1)
    // Nobody waits any more who would pause it again.
    await engine.resume(id)
    await expect.poll(async () => (await engine.run(id)).nfe, { timeout: 10_000 }).toBeGreaterThan(2 * nfe)
    expect((await engine.run(id)).status).toBe('running')
    await engine.stop(id)
    await engine.step(id)
    expect((await engine.run(id)).status).toBe('stopped')
  })

  it('opens beside a run that is damaged, says so, and leaves it as it is', async () => {
    const store = memoryStore()
    const first = await open({ store })
    const [whole, torn] = [await first.start(config), await first.start(config)]
    await allEvents(first, torn)
    const damaged: RunStore = {
      ...store,
      async summary(id) {
        if (id === torn) throw new Error('run.json is not JSON')
        return store.summary(id)
      },
    }
    const second = await open({ store: damaged })
    expect((await second.runs()).map(({ id }) => id)).toEqual([whole])
    expect((await second.facts()).unread).toEqual([`the run ${torn}: run.json is not JSON`])
    expect(await store.ids()).toContain(torn)
  })

  it.each(['dts(alpha=0.5)', 'dts-star(alpha=0.5,states=recompute)', 'best-of-n', 'smc(particles=8)', 'greedy'])(
    'goes on after its end to the result of a run left alone: %s',
    async (method) => {
      const wanted = { ...config, method, budget: 2000 }
      const alone = await open()
      const untouched = await alone.start(wanted)
      const expected = toldIn(await allEvents(alone, untouched))
      const store = memoryStore()
      const { first, closed } = await closedAt(4, store)
      const id = await first.start(wanted)
      await closed
      expect((await first.run(id)).status).toBe('interrupted')
      const second = await open({ store })
      expect((await second.run(id)).status).toBe('interrupted')
      await second.resume(id)
      const { statuses, ...found } = toldIn(await allEvents(second, id))
      expect(statuses).toEqual(['queued', 'running', 'interrupted', 'queued', 'running', 'finished'])
      const { statuses: _, ...left } = expected
      expect(found).toEqual(left)
      const [a, b] = [await second.run(id), await alone.run(untouched)]
      expect([a.nfe, a.best, a.rewardEvaluations]).toEqual([b.nfe, b.best, b.rewardEvaluations])
    },
  )

  it('repeats nothing that was told behind the last snapshot of a crash', async () => {
    const alone = await open()
    const wanted = { ...config, budget: 2000 }
    const { statuses: _, ...expected } = toldIn(await allEvents(alone, await alone.start(wanted)))
    // A store that a crash cut off: the snapshot is old, the events go on for a while.
    const store = memoryStore()
    const { first, closed } = await closedAt(12, store, 2)
    const id = await first.start(wanted)
    await closed
    const second = await open({ store })
    await second.resume(id)
    const { statuses, ...found } = toldIn(await allEvents(second, id))
    expect(statuses.at(-1)).toBe('finished')
    expect(found).toEqual(expected)
  })

  it('lacks nothing that was found before a snapshot, whenever the crash comes', async () => {
    const alone = await open()
    const wanted = { ...config, budget: 2000 }
    const { statuses: _, ...expected } = toldIn(await allEvents(alone, await alone.start(wanted)))
    // What is kept at the moment at which the fifth snapshot is there.
    const store = memoryStore()
    const after = memoryStore()
    let snapshots = 0
    const crashing = {
      ...store,
      putPart: async (...given: Parameters<typeof store.putPart>) => {
        await store.putPart(...given)
        const [id] = given
        if (++snapshots !== 5) return
        const summary = await store.summary(id)
        if (!summary) throw new Error('the run has no summary')
        await after.putSummary(summary)
        await after.addEvents(id, [...(await store.events(id, 0, 1e6))])
        await after.putPart(...given)
      },
    }
    const first = await open({ store: crashing, snapshotEvery: 0 })
    const id = await first.start(wanted)
    await allEvents(first, id)
    expect(snapshots).toBeGreaterThan(5)
    const second = await open({ store: after })
    await second.resume(id)
    const { statuses, ...found } = toldIn(await allEvents(second, id))
    expect(statuses).toEqual(['queued', 'running', 'interrupted', 'queued', 'running', 'finished'])
    expect(found).toEqual(expected)
  })

  it('queues again what was queued', async () => {
    const store = memoryStore()
    const first = await open({ store })
    const running = await first.start(longConfig)
    const queued = await first.start(config)
    await until(first, running, ({ type }) => type === 'leaves')
    await first.close()
    const second = await open({ store })
    expect(toldIn(await allEvents(second, queued)).statuses).toEqual(['queued', 'running', 'finished'])
    expect((await second.run(running)).status).toBe('interrupted')
    await second.stop(running)
    expect((await second.run(running)).status).toBe('stopped')
  })

  it('takes no more when it is full, too large, or closed', async () => {
    const engine = await open({ limits: { queue: 1, budget: 60_000, batch: 8 } })
    const kindOf = (json: object) =>
      engine.start({ ...config, ...json }).then(
        () => undefined,
        (error: EngineError) => error.kind,
      )
    expect(await kindOf({ budget: 60_001 })).toBe('config')
    expect(await kindOf({ width: 5 })).toBe('config')
    const running = await engine.start(longConfig)
    await until(engine, running, ({ type }) => type === 'started')
    await engine.start(longConfig)
    expect(await kindOf({})).toBe('busy')
    await engine.close()
    expect(await kindOf({})).toBe('closed')
  })

  it('stops a run whose time is over, and says so', async () => {
    const engine = await open({ limits: { seconds: 0.05 } })
    const id = await engine.start({ ...longConfig, budget: 10_000_000 })
    expect(toldIn(await allEvents(engine, id)).statuses.at(-1)).toBe('stopped')
    expect((await engine.run(id)).error).toBe('it ran for 0.05 seconds, the most that is allowed here')
  })

  it('tells nothing behind events that could not be kept but the end', async () => {
    const store = memoryStore()
    let batches = 0
    const engine = await open({
      store: {
        ...store,
        async addEvents(...given) {
          // Full for a moment, in the middle.
          if (++batches === 8) throw new Error('no space left on the device')
          await store.addEvents(...given)
        },
      },
    })
    const id = await engine.start({ ...longConfig, budget: 10_000_000 })
    const { parents, statuses } = toldIn(await allEvents(engine, id))
    expect(statuses).toEqual(['queued', 'running', 'failed'])
    expect((await engine.run(id)).error).toBe('no space left on the device')
    const told = (await allEvents(engine, id)).filter((event) => event.type === 'nodes')
    let size = 0
    for (const { from, parents } of told) {
      expect(from).toBe(size)
      size += parents.length
    }
    expect(size).toBe(parents.length)
    expect(size).toBeGreaterThan(0)
  })

  it('fails a run whose store is full, and goes on with the next', async () => {
    const store = memoryStore()
    let full = true
    const engine = await open({
      snapshotEvery: 0,
      store: {
        ...store,
        putPart: async (...given) => {
          if (full) throw new Error('no space left on the device')
          await store.putPart(...given)
        },
      },
    })
    const id = await engine.start(longConfig)
    expect(toldIn(await allEvents(engine, id)).statuses).toEqual(['queued', 'running', 'failed'])
    expect((await engine.run(id)).error).toBe('no space left on the device')
    full = false
    const next = await engine.start(config)
    expect(toldIn(await allEvents(engine, next)).statuses.at(-1)).toBe('finished')
  })
})
