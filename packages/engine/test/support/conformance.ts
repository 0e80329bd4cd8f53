/** What every engine must do, whatever it runs in: held against small worlds, in seconds. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, RunConfig, RunEvent } from '../../src/index.ts'
import { archiveConformance } from './archive-conformance.ts'
import { lookAheadConformance } from './look-ahead-conformance.ts'
import { modelConformance } from './model-conformance.ts'
import { originConformance } from './origin-conformance.ts'
import { allEvents, config, longConfig, toldIn, until } from './runs.ts'
import { textConformance } from './text-conformance.ts'

export * from './runs.ts'

export interface EngineUnderTest {
  readonly engine: Engine
  close(): Promise<void>
}

/**
 * @param make an engine whose source has {@link world}, takes more models, and whose runtime runs ONNX; each is closed
 *   at the end
 */
export function engineConformance(name: string, make: () => Promise<EngineUnderTest>): void {
  describe(`${name} is an engine`, { timeout: 20_000 }, () => {
    let tested: EngineUnderTest
    let engine: Engine
    beforeAll(async () => {
      tested = await make()
      engine = tested.engine
    })
    afterAll(() => tested.close())

    it('knows its models', async () => {
      const entry = (await engine.models()).find(({ key }) => key === 'world')
      expect(entry).toMatchObject({ kind: 'points', event: [2], classes: [], rewards: ['near:-2,0', 'near:2,0'] })
    })

    it('tells a run in numbered events: a tree whose parts fit, and its end', async () => {
      const id = await engine.start(config)
      const events = await allEvents(engine, id)
      const { parents, depths, leaves, rewards, statuses } = toldIn(events)
      expect(statuses).toEqual(['queued', 'running', 'finished'])
      const started = events.find((event) => event.type === 'started')
      expect(started).toMatchObject({ event: [2], rollout: config.steps })
      const { levels } = started as Extract<RunEvent, { type: 'started' }>
      expect(levels).toHaveLength(6)
      expect(levels.at(-1)).toMatchObject({ time: 0, sigma: 0 })
      for (let d = 1; d < levels.length; d++) expect(levels[d].time).toBeLessThan(levels[d - 1].time)
      expect([parents[0], depths[0]]).toEqual([-1, 0])
      for (let node = 1; node < parents.length; node++) {
        expect(parents[node]).toBeLessThan(node)
        expect(depths[node]).toBe(depths[parents[node]] + 1)
      }
      expect(Math.max(...depths)).toBe(levels.length - 1)
      const final = depths.flatMap((depth, node) => (depth === levels.length - 1 ? [node] : []))
      expect(new Set(leaves)).toEqual(new Set(final))
      const run = await engine.run(id)
      expect(run).toMatchObject({ id, config, status: 'finished' })
      expect(run.best).toBe(Math.max(...rewards.map(Number)))
      expect(run.nfe).toBeGreaterThan(300)
      expect(run.nfe).toBeLessThanOrEqual(400)
      // A reward is evaluated once for each new leaf.
      expect(run.rewardEvaluations).toBe(final.length)
      expect((await engine.runs()).map((other) => other.id)).toContain(id)
    })

    it('knows how much is kept of a run: its events, its tree and its samples at least', async () => {
      const sizeOf = async (budget: number) => {
        const id = await engine.start({ ...config, budget })
        const told = (await allEvents(engine, id)).map((event) => JSON.stringify(event)).join('\n')
        const { bytes = 0, nfe } = await engine.run(id)
        expect((await engine.runs()).find((run) => run.id === id)?.bytes).toBe(bytes)
        // A state of the tree has two numbers of four bytes, and there is one for each network evaluation.
        expect(bytes).toBeGreaterThan(told.length + 8 * nfe)
        return bytes
      }
      const [small, large] = [await sizeOf(400), await sizeOf(4000)]
      expect(large).toBeGreaterThan(4 * small)
    })

    it('gives the same tail from every number, and nothing behind the end', async () => {
      const id = await engine.start(config)
      const whole = await allEvents(engine, id)
      for (let from = 0; from <= whole.length; from++) {
        expect(await allEvents(engine, id, from)).toEqual(whole.slice(from))
      }
    })

    it('shows the state of a node, and a leaf that scores what was told', async () => {
      const id = await engine.start(config)
      const { leaves, rewards } = toldIn(await allEvents(engine, id))
      const state = await engine.state(id, { node: leaves[0] })
      expect(state.shape).toEqual([2])
      const [x, y] = state.data
      expect(-((x - 2) ** 2 + y ** 2) / 2).toBeCloseTo(Number(rewards[0]), 4)
      const sample = await engine.state(id, { sample: 0 })
      expect(Array.from(sample.data)).toEqual(Array.from(state.data))
      await expect(engine.state(id, { node: 0 })).rejects.toThrow(/^there is no state at node 0; there are nodes 1 to/)
      await expect(engine.state(id, { sample: 10_000 })).rejects.toThrow(/^there is no sample 10000; there are/)
    })

    it('pauses and goes on to the result of a run left alone; twice is once', async () => {
      const middle: RunConfig = { ...config, budget: 16_000 }
      const untouched = await engine.start(middle)
      const expected = toldIn(await allEvents(engine, untouched))
      const id = await engine.start(middle)
      await until(engine, id, ({ type }) => type === 'leaves')
      await engine.pause(id)
      await engine.pause(id)
      expect((await engine.run(id)).status).toBe('paused')
      const { nfe } = await engine.run(id)
      expect(nfe).toBeLessThan(16_000)
      await new Promise((resolve) => setTimeout(resolve, 120))
      // What was in the network when it was paused may still have come.
      expect((await engine.run(id)).nfe - nfe).toBeLessThanOrEqual(10 * middle.width)
      await engine.resume(id)
      await engine.resume(id)
      const { statuses, ...found } = toldIn(await allEvents(engine, id))
      expect(statuses).toEqual(['queued', 'running', 'paused', 'queued', 'running', 'finished'])
      const { statuses: _, ...alone } = expected
      expect(found).toEqual(alone)
      const numbers = ({ nfe, best, rewardEvaluations }: Awaited<ReturnType<Engine['run']>>) => ({
        nfe,
        best,
        rewardEvaluations,
      })
      expect(numbers(await engine.run(id))).toEqual(numbers(await engine.run(untouched)))
      await engine.pause(id)
      await engine.resume(id)
      expect((await engine.run(id)).status).toBe('finished')
    })

    it('stops on its way and keeps what was found; twice is once', async () => {
      const id = await engine.start(longConfig)
      await until(engine, id, ({ type }) => type === 'leaves')
      await engine.stop(id)
      const run = await engine.run(id)
      expect(run.status).toBe('stopped')
      expect(run.nfe).toBeLessThan(60_000)
      await engine.stop(id)
      const { leaves, rewards, statuses } = toldIn(await allEvents(engine, id))
      expect(statuses).toEqual(['queued', 'running', 'stopped'])
      expect(leaves.length).toBeGreaterThan(0)
      expect(run.best).toBe(Math.max(...rewards.map(Number)))
      expect((await engine.state(id, { node: leaves[0] })).data).toHaveLength(2)
    })

    it('stops what waits, and what is paused', async () => {
      const first = await engine.start(longConfig)
      const waiting = await engine.start(longConfig)
      await until(engine, first, ({ type }) => type === 'leaves')
      expect((await engine.run(waiting)).status).toBe('queued')
      await engine.stop(waiting)
      expect(await engine.run(waiting)).toMatchObject({ status: 'stopped', nfe: 0 })
      await engine.pause(first)
      await engine.stop(first)
      expect((await engine.run(first)).status).toBe('stopped')
    })

    it('lets the next run in while one is paused', async () => {
      const held = await engine.start(longConfig)
      await until(engine, held, ({ type }) => type === 'leaves')
      await engine.pause(held)
      const next = await engine.start(config)
      expect(toldIn(await allEvents(engine, next)).statuses.at(-1)).toBe('finished')
      expect((await engine.run(held)).status).toBe('paused')
      await engine.stop(held)
    })

    it.each(['best-of-n', 'smc(particles=8)', 'zero-order'])('tells the samples of %s', async (method) => {
      const { solver: _, ...open } = config
      const id = await engine.start({ ...open, method } as RunConfig)
      const events = await allEvents(engine, id)
      const { samples, parents, statuses } = toldIn(events)
      expect(statuses.at(-1)).toBe('finished')
      expect(parents).toEqual([])
      expect(samples.length).toBeGreaterThan(1)
      const best = samples.indexOf(Math.max(...samples.map(Number)))
      const { data } = await engine.state(id, { sample: best })
      expect(-((data[0] - 2) ** 2 + data[1] ** 2) / 2).toBeCloseTo(Number(samples[best]), 4)
      await expect(engine.state(id, { node: 1 })).rejects.toThrow(/^there is no tree/)
    })

    it('leaves a reader alone that goes away', async () => {
      const id = await engine.start(config)
      const gone = new AbortController()
      for await (const { number } of engine.events(id, 0, gone.signal)) if (number === 1) gone.abort()
      expect(toldIn(await allEvents(engine, id)).statuses.at(-1)).toBe('finished')
    })

    it('removes a run, and knows it no more', async () => {
      const id = await engine.start(longConfig)
      await engine.remove(id)
      await expect(engine.run(id)).rejects.toThrow(/^there is no run/)
      expect((await engine.runs()).map((other) => other.id)).not.toContain(id)
    })

    it('says in one line that there is no such run', async () => {
      const id = 'nobody'
      const calls = [
        () => engine.run(id),
        () => engine.pause(id),
        () => engine.resume(id),
        () => engine.stop(id),
        () => engine.remove(id),
        () => engine.state(id, { node: 1 }),
        () => allEvents(engine, id),
      ]
      for (const call of calls) await expect(call()).rejects.toThrow(/^there is no run "nobody"$/)
    })

    it('goes on with a paused run until it has found something, and pauses it again', async () => {
      const id = await engine.start(longConfig)
      await until(engine, id, ({ type }) => type === 'leaves')
      await engine.pause(id)
      /** All events, once none has come for a while. */
      const seen = async () => {
        const stop = new AbortController()
        const events: RunEvent[] = []
        let quiet = setTimeout(() => stop.abort(), 1000)
        for await (const { event } of engine.events(id, 0, stop.signal)) {
          events.push(event)
          clearTimeout(quiet)
          quiet = setTimeout(() => stop.abort(), 200)
        }
        return events
      }
      const before = await seen()
      await engine.step(id)
      expect((await engine.run(id)).status).toBe('paused')
      const after = await seen()
      const fresh = after.slice(before.length)
      expect(toldIn(after).leaves.length).toBeGreaterThan(toldIn(before).leaves.length)
      expect(fresh.flatMap((event) => (event.type === 'status' ? [event.status] : []))).toEqual([
        'queued',
        'running',
        'paused',
      ])
      expect((await engine.run(id)).nfe).toBeLessThan(60_000)
      await engine.stop(id)
    })

    describe('whose runs go on from states', () => originConformance(() => engine))
    describe('whose runs are files', () => archiveConformance(() => engine))
    describe('that takes models', () => modelConformance(() => engine))
    describe('of texts', () => textConformance(() => engine))
    describe('that looks ahead', () => lookAheadConformance(() => engine))

    it.each([
      [{ model: 'moon' }, /^model: there is no "moon"; there are .*world/],
      [{ reward: 'near:1' }, /^reward: near needs 2 numbers/],
      [{ reward: 'class:7' }, /^reward: there is no classifier/],
      [{ reward: './mine.mjs' }, /^reward: \.\/mine\.mjs is a file, and a run opens none; take a named reward/],
      [{ reward: 'sum(near:2,0,./mine.mjs)' }, /^reward: /],
      [{ reward: 'beauty' }, /^reward: there is no reward "beauty"; there are class:<label>, /],
      [{ reward: 'brightness' }, /^reward: brightness needs images; the model world makes \[2\]$/],
      [{ reward: 'length:40' }, /^reward: length is a reward of text, and the model makes images; there are/],
      [{ prompt: 'In the' }, /^prompt: it is of text, and the model world makes none$/],
      [{ length: 3 }, /^length: it is of text, and the model world makes none$/],
      [{ method: 'walk' }, /^method: there is no search "walk"/],
      [{ solver: 'walk' }, /^solver: /],
      [{ grid: 'walk' }, /^grid: /],
      [{ budget: 0 }, /^budget: expected a whole number from 1 on, got 0$/],
      [{ budget: '9' }, /^budget: expected a whole number from 1 on, got "9"$/],
      [{ width: 1.5 }, /^width: expected/],
      [{ lambda: -1 }, /^lambda: expected/],
      [{ class: 'x' }, /^class: the model world takes no class/],
      [{ colour: 'red' }, /^colour: there is no such field/],
    ])('says in one line what is wrong: %o', async (wrong, message) => {
      const start = engine.start({ ...config, ...wrong } as RunConfig)
      await expect(start).rejects.toThrow(message)
      await expect(start).rejects.not.toThrow(/\n/)
    })

    it('fails a run that cannot be made, in one line', async () => {
      const id = await engine.start({ ...config, budget: 5 })
      expect(toldIn(await allEvents(engine, id)).statuses.at(-1)).toBe('failed')
      expect((await engine.run(id)).error).toMatch(/^budget: 5 is less than one sample of 10 NFE/)
    })
  })
}
