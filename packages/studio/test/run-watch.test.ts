import { type Engine, localEngine, memorySource, memoryStore, type RunConfig, type RunEvent } from '@espalier/engine'
import type { Runtime } from 'espalier/runtime'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { mixture } from '../src/engine/models.ts'
import { examples } from '../src/examples.ts'

const runtime: Runtime = { name: 'none', load: () => Promise.reject(new Error('no network')), close: async () => {} }
const config: RunConfig = { ...examples[1].config, budget: 600, steps: 10 }
const at = (nfe: number) => ({ nfe, rewardEvaluations: 0, gradientEvaluations: 0, best: null, seconds: 0 })

describe('a run that is watched', () => {
  let parts: typeof import('../src/run/watch.ts') & typeof import('../src/run/replay.ts')
  let engine: Engine
  const open: { close(): void }[] = []
  beforeAll(async () => {
    vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => {} }))
    vi.stubGlobal('document', { documentElement: { dataset: {} } })
    parts = { ...(await import('../src/run/watch.ts')), ...(await import('../src/run/replay.ts')) }
    engine = await localEngine({ runtime, source: memorySource(new Map([['mixture', mixture]])) })
  })
  afterEach(() => {
    for (const one of open.splice(0)) one.close()
    vi.useRealTimers()
  })
  const watched = (given: Engine, id: string) => {
    const watch = new parts.Watch(given, id, () => false)
    open.push(watch)
    return watch
  }
  const finished = async () => {
    const id = await engine.start(config)
    const watch = watched(engine, id)
    await expect.poll(() => watch.status.value).toBe('finished')
    return watch
  }

  it('can be shown as it was after any number of NFE', async () => {
    const watch = await finished()
    const { tree, curve } = watch
    expect(curve.found).toHaveLength(tree.iterations.length)
    expect(watch.shown).toBe(tree)
    const middle = curve.found[Math.floor(curve.found.length / 2)]
    watch.show(middle)
    expect(watch.shown.iterations).toEqual(tree.iterations.slice(0, curve.foundBy(middle)))
    expect(watch.shown).toBe(watch.shown)
    watch.show(0)
    expect(watch.shown.size).toBe(1)
    watch.show(undefined)
    expect(watch.shown).toBe(tree)
  })

  it('is replayed from its start to now, and by single samples', async () => {
    const watch = await finished()
    const rests: (number | undefined)[] = []
    vi.useFakeTimers()
    const replay = new parts.Replay(watch, (moment) => rests.push(moment))
    open.push(replay)
    replay.toggle()
    expect(watch.moment.value).toBe(0)
    const seen: number[] = []
    while (replay.playing.value) {
      vi.advanceTimersToNextTimer()
      seen.push(watch.shown.iterations.length)
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b))
    expect(new Set(seen).size).toBeGreaterThan(20)
    expect(rests).toEqual([undefined])
    expect(watch.shown).toBe(watch.tree)

    const all = watch.tree.iterations.length
    // The last sample alone, the two before it at one NFE, the others before those.
    const { found } = watch.curve
    const end = found[all - 1]
    for (let i = 0; i < all; i++) found[i] = i < all - 3 ? ((i + 1) * end) / (all + 1) : end - (i < all - 1 ? 0.5 : 0)
    replay.step(-1)
    expect(watch.shown.iterations).toHaveLength(all - 1)
    replay.step(-1)
    expect(watch.shown.iterations).toHaveLength(all - 3)
    replay.step(1)
    replay.step(1)
    expect(watch.moment.value).toBeUndefined()
    replay.seek(0)
    replay.step(-1)
    expect(watch.shown.iterations).toHaveLength(0)
    replay.step(1)
    expect(watch.shown.iterations).toHaveLength(1)
    replay.toggle()
    replay.toggle()
    expect(replay.playing.value).toBe(false)
    expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
  })

  it('says so when nothing is heard of it any more, and listens again without losing or doubling anything', async () => {
    const watch0 = await finished()
    let cut = true
    const events = (id: string, from: number, signal: AbortSignal) => {
      const given = engine.events(id, from, signal)
      return (async function* () {
        let count = 0
        for await (const numbered of given) {
          if (cut && ++count === 4) throw new Error('the worker is gone')
          yield numbered
        }
      })()
    }
    const watch = watched({ ...engine, events }, watch0.id)
    await expect.poll(() => watch.lost.value).toBe(true)
    expect(watch.error.value).toBe('the worker is gone')
    cut = false
    await watch.follow()
    expect(watch.lost.value).toBe(false)
    expect(watch.error.value).toBeUndefined()
    expect(watch.tree.iterations).toEqual(watch0.tree.iterations)
    expect(watch.curve.found).toEqual(watch0.curve.found)
  })

  /** What a watch shows of a run, one after the other. */
  const statusesOf = (watch: ReturnType<typeof watched>) => {
    const shown: string[] = []
    watch.status.subscribe((status) => shown.push(status))
    return shown
  }

  it('shows a run that has ended as what it is, at once', async () => {
    const watch = watched(engine, (await finished()).id)
    const shown = statusesOf(watch)
    await expect.poll(() => watch.tree.iterations.length).toBeGreaterThan(0)
    expect(shown).toEqual(['queued', 'finished'])
  })

  it('never takes a pause back that it has shown, be the store slow', async () => {
    const store = memoryStore()
    const addEvents: typeof store.addEvents = async (...given) => {
      await new Promise((resolve) => setTimeout(resolve, 40))
      return store.addEvents(...given)
    }
    const source = memorySource(new Map([['mixture', mixture]]))
    const slow = await localEngine({ runtime, source, store: { ...store, addEvents } })
    const id = await slow.start({ ...config, budget: 1e6 })
    await expect.poll(async () => (await slow.runs())[0].status).toBe('running')
    // Its event is on its way when the watch asks for the run.
    const pausing = slow.pause(id)
    const watch = watched(slow, id)
    const shown = statusesOf(watch)
    await pausing
    await expect.poll(() => watch.levels.length).toBeGreaterThan(0)
    expect(shown).toEqual(['queued', 'paused'])
    await watch.resume()
    await expect.poll(() => shown.at(-1)).toBe('running')
    await slow.stop(id)
    await expect.poll(() => shown.at(-1)).toBe('stopped')
    expect(shown).toEqual(['queued', 'paused', 'queued', 'running', 'stopped'])
  })

  it('hears of samples before it hears how much they cost', async () => {
    const told: RunEvent[] = [
      { type: 'nodes', from: 0, parents: [-1, 0, 0], depths: [0, 1, 1] },
      { type: 'leaves', nodes: [1], rewards: [1] },
      { type: 'progress', ...at(10) },
      { type: 'leaves', nodes: [2], rewards: [2] },
    ]
    const id = (await finished()).id
    const events = async function* () {
      for (const [number, event] of told.entries()) yield { number, event }
    }
    const watch = watched({ ...engine, events }, id)
    await expect.poll(() => watch.tree.iterations.length).toBe(2)
    expect(watch.curve.found).toEqual([10])
    watch.show(10)
    expect(watch.shown.iterations).toEqual([1])
  })
})
