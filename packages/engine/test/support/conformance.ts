/** What every engine must do, whatever it runs in: held against small worlds, in seconds. */

import { vpLinear } from 'espalier/process'
import { strToU8, zipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Engine, RunConfig, RunEvent, RunStatus } from '../../src/index.ts'
import { law, letters, spell } from './letters.ts'

/** A model that the engine under test must have under the key `world`. */
export const world = {
  type: 'gaussian-mixture',
  means: [
    [-2, 0],
    [2, 0],
  ],
  stds: [0.3, 0.3],
  weights: [3, 1],
} as const

export const config: RunConfig = {
  model: 'world',
  reward: 'near:2,0',
  method: 'dts(alpha=0.5)',
  budget: 400,
  seed: 3,
  lambda: 2,
  width: 4,
  steps: 10,
  grid: 'uniform',
  solver: 'ddim(eta=1)',
  guidance: 1,
}

/** A run that is long enough to be met on its way. */
export const longConfig: RunConfig = { ...config, budget: 60_000 }

/** A run over the {@link letters}. */
export const textConfig = {
  model: 'letters',
  reward: 'count:/c/',
  method: 'dts(alpha=0.5)',
  budget: 600,
  seed: 3,
  lambda: 2,
  width: 4,
} as RunConfig

/** `log E[exp(lambda r)] / lambda` of the reward `near:2,0` where the data is a mixture like {@link world}. */
function softValue(means: readonly (readonly number[])[], variance: readonly number[], weights: readonly number[]) {
  const { lambda } = config
  const total = weights.reduce((a, b) => a + b, 0)
  const masses = means.map(([x, y], k) => {
    const wide = 1 + lambda * variance[k]
    return (weights[k] / total / wide) * Math.exp((-lambda * ((x - 2) ** 2 + y ** 2)) / (2 * wide))
  })
  return Math.log(masses.reduce((a, b) => a + b, 0)) / lambda
}

/** The mixture that the data is given the state at a time. */
function posteriorOf([x, y]: ArrayLike<number> & Iterable<number>, time: number) {
  const process = vpLinear()
  const [a, s] = [process.a(time), process.s(time)]
  return world.means.map(([mx, my], k) => {
    const v = world.stds[k] ** 2
    const precision = 1 / v + (a / s) ** 2
    const around = a * a * v + s * s
    return {
      mean: [(mx / v + (a * x) / s ** 2) / precision, (my / v + (a * y) / s ** 2) / precision],
      variance: 1 / precision,
      weight: (world.weights[k] / around) * Math.exp(-((x - a * mx) ** 2 + (y - a * my) ** 2) / (2 * around)),
    }
  })
}

/** The soft value given the state at a time. */
function softValueAt(state: ArrayLike<number> & Iterable<number>, time: number): number {
  const posterior = posteriorOf(state, time)
  return softValue(
    posterior.map(({ mean }) => mean),
    posterior.map(({ variance }) => variance),
    posterior.map(({ weight }) => weight),
  )
}

export interface EngineUnderTest {
  readonly engine: Engine
  close(): Promise<void>
}

const never = new AbortController().signal

export async function allEvents(engine: Engine, id: string, from = 0): Promise<RunEvent[]> {
  const events: RunEvent[] = []
  for await (const { number, event } of engine.events(id, from, never)) {
    expect(number).toBe(from + events.length)
    events.push(event)
  }
  return events
}

/** Waits until an event says so; the events before it are not kept. */
export async function until(engine: Engine, id: string, wanted: (event: RunEvent) => boolean): Promise<void> {
  for await (const { event } of engine.events(id, 0, never)) if (wanted(event)) return
  throw new Error('the run ended before it came')
}

/** What a run has told, in whatever pieces it did. */
export function toldIn(events: readonly RunEvent[]) {
  const parents: number[] = []
  const depths: number[] = []
  const leaves: number[] = []
  const rewards: (number | null)[] = []
  const samples: (number | null)[] = []
  const statuses: RunStatus[] = []
  for (const event of events) {
    if (event.type === 'nodes') {
      expect(event.from).toBe(parents.length)
      parents.push(...event.parents)
      depths.push(...event.depths)
    }
    if (event.type === 'leaves') {
      for (const leaf of event.nodes) expect(leaf).toBeLessThan(parents.length)
      leaves.push(...event.nodes)
      rewards.push(...event.rewards)
    }
    if (event.type === 'samples') {
      expect(event.from).toBe(samples.length)
      samples.push(...event.rewards)
    }
    if (event.type === 'status') statuses.push(event.status)
  }
  return { parents, depths, leaves, rewards, samples, statuses }
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
      expect(started).toMatchObject({ event: [2] })
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
      const seen = async () => {
        const stop = new AbortController()
        const events: RunEvent[] = []
        const { nfe } = await engine.run(id)
        for await (const { event } of engine.events(id, 0, stop.signal)) {
          events.push(event)
          if (event.type === 'status' && event.status === 'paused' && (await isLast(events.length))) break
        }
        stop.abort()
        return { nfe, events }
      }
      /** Whether nothing comes for a while behind so many events. */
      const isLast = async (count: number) => {
        const stop = new AbortController()
        const late = setTimeout(() => stop.abort(), 150)
        for await (const _ of engine.events(id, count, stop.signal)) {
          clearTimeout(late)
          return false
        }
        return true
      }
      const before = await seen()
      await engine.step(id, before.events.length)
      expect((await engine.run(id)).status).toBe('paused')
      const after = await seen()
      const fresh = after.events.slice(before.events.length)
      expect(toldIn(after.events).leaves.length).toBeGreaterThan(toldIn(before.events).leaves.length)
      expect(fresh.flatMap((event) => (event.type === 'status' ? [event.status] : []))).toEqual([
        'queued',
        'running',
        'paused',
      ])
      expect((await engine.run(id)).nfe).toBeLessThan(60_000)
      await engine.stop(id)
    })

    it('knows the soft value in closed form, at the root and at a node', async () => {
      const id = await engine.start(config)
      const events = await allEvents(engine, id)
      const { depths } = toldIn(events)
      const { levels } = events.find((event) => event.type === 'started') as Extract<RunEvent, { type: 'started' }>
      const prior = softValue(
        world.means,
        world.stds.map((std) => std ** 2),
        world.weights,
      )
      expect(await engine.exact(id)).toBeCloseTo(prior, 6)
      for (const depth of [1, 2, 4]) {
        const node = depths.indexOf(depth)
        const { time } = levels[depth]
        const { data } = await engine.state(id, { node })
        expect(await engine.exact(id, { node, time })).toBeCloseTo(softValueAt(data, time), 5)
      }
      const other = await engine.start({ ...config, reward: '0.5*near:2,0', lambda: 4 })
      expect(await engine.exact(other)).toBeCloseTo(prior / 2, 6)
      const none = await engine.start({ ...config, reward: '-near:2,0' })
      expect(await engine.exact(none)).toBeNull()
    })

    it('goes on from a state of another run, and from there again', async () => {
      const id = await engine.start(config)
      const { depths } = toldIn(await allEvents(engine, id))
      const node = depths.indexOf(2)
      const { data } = await engine.state(id, { node })
      const next = await engine.start({ ...config, reward: 'near:2,1', origin: { run: id, node } })
      // What it begins with is its own.
      const begins = await engine.exact(await engine.start({ ...config, origin: { run: id, node } }))
      await engine.remove(id)
      const events = await allEvents(engine, next)
      const { levels } = events.find((event) => event.type === 'started') as Extract<RunEvent, { type: 'started' }>
      // Two of five blocks of ten steps are behind it. What is left is six steps in five blocks, of which the last draws
      // nothing.
      expect(levels).toHaveLength(5)
      expect(begins).toBeCloseTo(softValueAt(data, levels[0].time), 5)
      const { leaves, statuses } = toldIn(events)
      expect(statuses.at(-1)).toBe('finished')
      const run = await engine.run(next)
      expect(run.config.origin).toEqual({ run: id, node })
      // Six steps a sample, less where paths share some: the first leaf has cost six.
      expect(leaves.length).toBeGreaterThan(config.budget / 6 - config.width)

      const again = toldIn(events).depths.indexOf(3)
      const best = await engine.start({ ...config, method: 'best-of-n', origin: { run: next, node: again } })
      const found = toldIn(await allEvents(engine, best))
      // Of six steps in five blocks three blocks are gone, which were 1 + 1 + 1 or so: samples cost what is left.
      const left = config.budget / found.samples.length
      expect(left).toBeGreaterThan(1)
      expect(left).toBeLessThan(5)
    })

    it('draws what comes of a state, and nothing else', async () => {
      const id = await engine.start(config)
      const events = await allEvents(engine, id)
      const node = toldIn(events).depths.indexOf(2)
      const { levels } = events.find((event) => event.type === 'started') as Extract<RunEvent, { type: 'started' }>
      const { data } = await engine.state(id, { node })
      const rest = { ...config, method: 'best-of-n', budget: 3000, width: 64, origin: { run: id, node } }
      const { samples } = toldIn(await allEvents(engine, await engine.start(rest)))
      expect(samples).toHaveLength(500)
      const [left, right] = posteriorOf(data, levels[2].time).map(({ weight }) => weight)
      const p = right / (left + right)
      // Samples of the right mode have a reward near 0, those of the left one about -8.
      const share = samples.filter((reward) => Number(reward) > -4).length / samples.length
      expect(Math.abs(share - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / 500) + 0.03)
    })

    it('resumes a run that goes on from a state, in another engine too', async () => {
      const id = await engine.start(config)
      const node = toldIn(await allEvents(engine, id)).depths.indexOf(2)
      const whole = await engine.start({ ...config, origin: { run: id, node } })
      const { statuses: _, ...expected } = toldIn(await allEvents(engine, whole))
      const copy = await engine.restore(await engine.archive(whole))
      await engine.remove(whole)
      const { statuses: __, ...found } = toldIn(await allEvents(engine, copy))
      expect(found).toEqual(expected)
      expect(await engine.exact(copy)).not.toBeNull()
      // Its own origin is in the file: a run goes on from its nodes though the first run is gone.
      await engine.remove(id)
      const from = expected.depths.indexOf(1)
      const next = await engine.start({ ...config, origin: { run: copy, node: from } })
      expect(toldIn(await allEvents(engine, next)).statuses.at(-1)).toBe('finished')
    })

    it('says in one line where a run cannot go on from', async () => {
      const id = await engine.start(config)
      const { depths, leaves } = toldIn(await allEvents(engine, id))
      const node = depths.indexOf(2)
      const samples = await engine.start({ ...config, method: 'best-of-n' })
      await allEvents(engine, samples)
      const short = await engine.start({ ...config, method: 'dts(alpha=0.5,rollout=finish)' })
      const cut = toldIn(await allEvents(engine, short))
      const early = cut.leaves.find((leaf) => cut.depths[leaf] < Math.max(...depths))
      expect(early).toBeDefined()
      for (const [wrong, message] of [
        [{ origin: { run: 'nobody', node } }, /^origin: there is no run "nobody"$/],
        [{ origin: { run: id, node: 100_000 } }, /^origin: there is no state at node 100000; there are nodes 1 to/],
        [{ origin: { run: id, node: leaves[0] } }, /^origin: node \d+ of the run .* is a sample that is done/],
        [{ origin: { run: short, node: early } }, /^origin: node \d+ of the run .* is a sample that is done/],
        [{ origin: { run: samples, node } }, /^origin: there is no tree yet, or this search grows none/],
        [{ origin: { run: id, node }, steps: 20 }, /^origin: the steps of the run .* is 10, here it is 20/],
        [
          { origin: { run: id, node }, grid: 'karras' },
          /^origin: the grid of the run .* is uniform, here it is karras/,
        ],
        [{ origin: { run: id, node }, solver: 'ddpm' }, /^origin: the solver of the run .* is ddim\(eta=1\), here/],
        [{ origin: { run: id, node: 0 } }, /^origin: expected a run and a node of it/],
        [{ origin: { run: id } }, /^origin: expected a run and a node of it/],
      ] as const) {
        const start = engine.start({ ...config, ...wrong } as RunConfig)
        await expect(start).rejects.toThrow(message)
        await expect(start).rejects.not.toThrow(/\n/)
      }
      const noises = { ...config, solver: 'ddim', method: 'zero-order' }
      const plain = await engine.start({ ...noises, origin: { run: id, node } }).catch((error: Error) => error.message)
      expect(plain).toMatch(/^origin: the solver/)
    })

    it('packs a run, and takes it from the file: the same events, tree and states', async () => {
      for (const given of [config, { ...config, method: 'best-of-n' }]) {
        const id = await engine.start(given)
        const events = await allEvents(engine, id)
        const copy = await engine.restore(await engine.archive(id))
        expect(copy).not.toBe(id)
        expect(await allEvents(engine, copy)).toEqual(events)
        const { id: _, ...own } = await engine.run(copy)
        const { id: __, ...first } = await engine.run(id)
        expect(own).toEqual(first)
        const { depths, samples } = toldIn(events)
        for (let node = 1; node < depths.length; node += 7) {
          expect(await engine.state(copy, { node })).toEqual(await engine.state(id, { node }))
        }
        const places = samples.length > 0 ? samples.keys() : [0]
        for (const sample of places) {
          expect(await engine.state(copy, { sample })).toEqual(await engine.state(id, { sample }))
        }
        await engine.remove(copy)
        expect((await engine.run(id)).status).toBe('finished')
      }
    })

    it('packs no run that is under way', async () => {
      const id = await engine.start(longConfig)
      await expect(engine.archive(id)).rejects.toThrow(/^the run is (queued|running); stop it, or wait for its end/)
      await engine.stop(id)
      await engine.archive(id)
    })

    it('takes no file that is damaged, hostile, or something else', { timeout: 60_000 }, async () => {
      const id = await engine.start(config)
      await allEvents(engine, id)
      const archive = await engine.archive(id)
      const before = (await engine.runs()).length
      const summary = await engine.run(id)
      const run = (change: object) => strToU8(JSON.stringify({ ...summary, ...change }))
      const line = (event: object) => strToU8(`${JSON.stringify(event)}\n`)
      const packed = (files: Record<string, Uint8Array>) =>
        zipSync({ 'run.json': run({}), 'events.jsonl': line({ type: 'status', status: 'finished' }), ...files })
      const huge = packed({ 'search.bin': new Uint8Array(1000) })
      const view = new DataView(huge.buffer, huge.byteOffset)
      for (let at = 0; at + 4 <= huge.length; at++) {
        // What a file of the list at the end says that it unpacks to.
        if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0xf000_0000, true)
      }
      const bad: [string, Uint8Array][] = [
        ...[0, 1, 3, 7].map((eighth): [string, Uint8Array] => [
          `cut at ${eighth} of 8`,
          archive.slice(0, Math.floor((archive.length * eighth) / 8)),
        ]),
        ['cut by a byte', archive.slice(0, -1)],
        ['no zip', strToU8('hello')],
        ['an empty zip', zipSync({})],
        ['unpacks to gigabytes', huge],
        ['is no JSON', packed({ 'run.json': strToU8('{') })],
        ['runs', packed({ 'run.json': run({ status: 'running' }) })],
        ['of a strange status', packed({ 'run.json': run({ status: '<b>' }) })],
        ['has a number that is none', packed({ 'run.json': run({ nfe: '1' }) })],
        ['has no config', packed({ 'run.json': run({ config: undefined }) })],
        ['has a field that there is not', packed({ 'run.json': run({ config: { ...config, path: '/' } }) })],
        ['tells an event that there is not', packed({ 'events.jsonl': line({ type: 'boom' }) })],
        [
          'tells a tree that is none',
          packed({ 'events.jsonl': line({ type: 'nodes', from: 0, parents: ['x'], depths: [0] }) }),
        ],
        ['tells half an event', packed({ 'events.jsonl': strToU8('{"type":"sta') })],
      ]
      for (const [what, bytes] of bad) {
        const message = await engine.restore(bytes).then(
          () => 'it was taken',
          (error: Error) => error.message,
        )
        expect(message, what).toMatch(
          /^(the archive: it is not a run of Espalier|path: there is no such field|a config is)/,
        )
        expect(message, what).not.toContain('\n')
      }
      expect(await engine.runs()).toHaveLength(before)
      // Names lead nowhere: what is known by its name is read, wherever it says that it lies.
      const outside = await engine.restore(
        zipSync({ '../../x/run.json': run({}), '../../x/events.jsonl': line({ type: 'status', status: 'finished' }) }),
      )
      expect(outside).toMatch(/^[\w-]+$/)
      expect((await engine.run(outside)).id).toBe(outside)
      await expect(engine.state(outside, { node: 1 })).rejects.toThrow(/^there is no tree/)
    })

    it('takes a network of the person, and tries it', async () => {
      await engine.addModel(letters)
      await engine.addModel(letters)
      const entry = (await engine.models()).find(({ key }) => key === 'letters')
      expect(entry).toMatchObject({ kind: 'text', title: 'letters', event: [4], classes: [] })
      expect(entry?.rewards).toContain('distinct')
      const tried = await engine.trial('letters')
      expect(tried).toHaveLength(3)
      for (const { shape, data, text } of tried) {
        expect(shape).toEqual([4])
        expect(spell(data)).toBe(text)
      }
      for (const [wrong, message] of [
        [{ key: '../up' }, /^model: "\.\.\/up" is no name; use letters, digits, - and _$/],
        [{ key: 'two words' }, /^model: "two words" is no name/],
        [{ key: 'other', card: { type: 'moon' } }, /^model: .*the type is "moon"; it is one of network, /],
        [{ key: 'other', card: { type: 'masked', name: 'x' } }, /^model: .*vocabulary/],
        [{ key: 'other', card: null }, /^model: .*the type is missing/],
        [{ key: 'other', graph: undefined }, /^model: other is a masked and has no model\.onnx$/],
        [{ key: 'other', tokenizer: undefined }, /^model: other is a model of text and has no tokenizer\.json$/],
      ] as const) {
        const adding = engine.addModel({ ...letters, ...wrong })
        await expect(adding).rejects.toThrow(message)
        await expect(adding).rejects.not.toThrow(/\n/)
      }
      await expect(engine.trial('moon')).rejects.toThrow(/^model: there is no "moon"/)
      expect((await engine.models()).map(({ key }) => key)).not.toContain('other')
    })

    it('says what it is', async () => {
      const { name, threads, storage } = await engine.facts()
      expect(name.length).toBeGreaterThan(0)
      expect(threads).toBeGreaterThanOrEqual(1)
      expect(['kept', 'other tab', 'refused', 'memory']).toContain(storage)
    })

    describe('with text', () => {
      beforeAll(() => engine.addModel(letters))

      it('grows a tree of it: nodes with masks, leaves as they read', async () => {
        const id = await engine.start(textConfig)
        const events = await allEvents(engine, id)
        const { depths, leaves, rewards, statuses } = toldIn(events)
        expect(statuses).toEqual(['queued', 'running', 'finished'])
        const run = await engine.run(id)
        expect(run.config.solver).toBe('first-hitting(calls=16)')
        expect(run.nfe).toBeLessThanOrEqual(600)
        const { levels, event } = events.find(({ type }) => type === 'started') as Extract<
          RunEvent,
          { type: 'started' }
        >
        expect(event).toEqual([4])
        expect(levels.map(({ time }) => time)).toEqual([1, 0.75, 0.5, 0.25, 0])
        expect(new Set(levels.map(({ sigma }) => sigma))).toEqual(new Set([null]))
        for (const depth of [1, 2, 3, 4]) {
          const { shape, data, text } = await engine.state(id, { node: depths.indexOf(depth) })
          expect(shape).toEqual([4])
          expect(text).toHaveLength(4)
          expect([...(text ?? '')].filter((sign) => sign === '▁')).toHaveLength(4 - depth)
          expect(spell(data.filter((token) => token < 3))).toBe(text?.replaceAll('▁', ''))
        }
        for (const [i, leaf] of leaves.slice(0, 20).entries()) {
          const { text = '' } = await engine.state(id, { node: leaf })
          expect(rewards[i]).toBe(text.split('c').length - 1)
        }
        const { text, data } = await engine.state(id, { sample: 0 })
        expect(text).toBe(spell(data))
        expect(await engine.exact(id)).toBeNull()
        const copy = await engine.restore(await engine.archive(id))
        for (const at of [{ node: 1 }, { node: leaves[0] }, { sample: 0 }]) {
          expect(await engine.state(copy, at)).toEqual(await engine.state(id, at))
        }
      })

      it('draws the law, and keeps a prompt', async () => {
        const id = await engine.start({ ...textConfig, method: 'best-of-n', budget: 2400, prompt: 'a[mask:2]b' })
        const { samples } = toldIn(await allEvents(engine, id))
        expect(samples).toHaveLength(1200)
        const counts = new Map<string, number>()
        for (const sample of samples.keys()) {
          const { text = '' } = await engine.state(id, { sample })
          counts.set(text, (counts.get(text) ?? 0) + 1)
        }
        let total = 0
        const wanted = new Map<string, number>()
        law.probabilities.forEach((p, i) => {
          const text = spell(law.tokens(i))
          if (!/^a..b$/.test(text)) return
          wanted.set(text, p)
          total += p
        })
        for (const text of counts.keys()) expect(wanted.has(text)).toBe(true)
        for (const [text, mass] of wanted) {
          const p = mass / total
          expect(Math.abs((counts.get(text) ?? 0) / 1200 - p)).toBeLessThan(4.5 * Math.sqrt((p * (1 - p)) / 1200))
        }
      })

      it('goes on from a text that is partly there', async () => {
        const id = await engine.start(textConfig)
        const node = toldIn(await allEvents(engine, id)).depths.indexOf(2)
        const { text: half = '' } = await engine.state(id, { node })
        const next = await engine.start({ ...textConfig, method: 'best-of-n', budget: 40, origin: { run: id, node } })
        const { samples } = toldIn(await allEvents(engine, next))
        expect(samples).toHaveLength(20)
        for (const sample of samples.keys()) {
          const { text } = await engine.state(next, { sample })
          expect(text).toMatch(new RegExp(`^${half.replaceAll('▁', '.')}$`))
        }
      })

      it.each([
        [{ method: 'tds' }, /^method: tds follows a gradient, and tokens have none; take another$/],
        [{ method: 'zero-order' }, /^method: zero-order searches over start noises of images, and text has none/],
        [{ solver: 'ddim' }, /^solver: there is no sampler "ddim"/],
        [{ solver: 'first-hitting(order=2)' }, /^solver: .* remembers earlier predictions/],
        [{ solver: 'profile:steps.json' }, /^solver: profile:steps\.json is a file, and a run opens none/],
        [{ solver: 'energy' }, /^solver: there is no energy letters-autoregressive here$/],
        [{ reward: 'ink' }, /^reward: ink is a reward of images, and the model makes text; there are class:<label>/],
        [{ reward: 'class:x' }, /^reward: there is no classifier of the tokens of letters here$/],
        [{ reward: 'grammar:/etc/passwd' }, /^reward: grammar:\/etc\/passwd reads a file, and no files are read here$/],
        [{ reward: 'js: 1' }, /^reward: js: expressions are of images and points; the model makes text$/],
        [{ prompt: 'aabb' }, /^prompt: the prompt fills all 4 tokens; give a larger length, or leave a \[mask\]/],
        [{ prompt: 'xyz' }, /^prompt: /],
        [{ length: 5 }, /^length: a sequence of 5 tokens, the model takes 1 to 4$/],
        [{ class: 'x' }, /^class: the model letters takes no class$/],
        [{ guidance: 2 }, /^guidance: /],
      ])('says in one line what is wrong: %o', async (wrong, message) => {
        const start = engine.start({ ...textConfig, ...wrong } as RunConfig)
        await expect(start).rejects.toThrow(message)
        await expect(start).rejects.not.toThrow(/\n/)
      })
    })

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
