/** Runs that go on from a state of another. */

import { beforeAll, expect, it } from 'vitest'
import type { Engine, RunConfig, RunEvent } from '../../src/index.ts'
import { allEvents, config, toldIn, world } from './runs.ts'
import { posteriorOf, softValue, softValueAt } from './soft-value.ts'

/** @param get the engine, once it is there */
export function originConformance(get: () => Engine): void {
  let engine: Engine
  beforeAll(() => {
    engine = get()
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
      [{ origin: { run: id, node }, grid: 'karras' }, /^origin: the grid of the run .* is uniform, here it is karras/],
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
}
