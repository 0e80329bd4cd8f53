/** What is expected at the nodes of trees, held against closed forms. */

import { beforeAll, expect, it } from 'vitest'
import type { Engine, RunConfig, RunEvent } from '../../src/index.ts'
import { law, letters, spell } from './letters.ts'
import { allEvents, config, textConfig, toldIn, until } from './runs.ts'
import { posteriorOf } from './soft-value.ts'

/** `E[x_0 | x_t]` of the world. */
export function expectedAt(state: ArrayLike<number> & Iterable<number>, time: number): number[] {
  const posterior = posteriorOf(state, time)
  const total = posterior.reduce((sum, { weight }) => sum + weight, 0)
  return [0, 1].map((i) => posterior.reduce((sum, { mean, weight }) => sum + (weight / total) * mean[i], 0))
}

/** What is likeliest in each gap of a text under its law, `c` being the third letter. */
function likeliest(half: string): string {
  const masses = Array.from(half, () => [0, 0, 0])
  law.probabilities.forEach((p, i) => {
    const text = spell(law.tokens(i))
    if (![...half].every((sign, k) => sign === '▁' || sign === text[k])) return
    for (const [k, token] of Array.from(law.tokens(i)).entries()) masses[k][token] += p
  })
  return [...half].map((sign, k) => (sign === '▁' ? spell([masses[k].indexOf(Math.max(...masses[k]))]) : sign)).join('')
}

/** @param get the engine, once it is there */
export function lookAheadConformance(get: () => Engine): void {
  let engine: Engine
  beforeAll(async () => {
    engine = get()
    await engine.addModel(letters)
  })

  /** Holds a node of every depth against the closed form. */
  const check = async (id: string, events: readonly RunEvent[]) => {
    const { depths } = toldIn(events)
    const { levels } = events.find((event) => event.type === 'started') as Extract<RunEvent, { type: 'started' }>
    for (let depth = 1; depth < levels.length - 1; depth++) {
      const node = depths.indexOf(depth)
      const { data } = await engine.state(id, { node })
      const ahead = await engine.lookahead(id, { node })
      expect(ahead.shape).toEqual([2])
      const [x, y] = expectedAt(data, levels[depth].time)
      expect(ahead.data[0], `depth ${depth}`).toBeCloseTo(x, 4)
      expect(ahead.data[1], `depth ${depth}`).toBeCloseTo(y, 4)
    }
  }

  it('is the mean of what may come of a state; of a sample the sample', async () => {
    const id = await engine.start(config)
    const events = await allEvents(engine, id)
    await check(id, events)
    const [leaf] = toldIn(events).leaves
    expect(await engine.lookahead(id, { node: leaf })).toEqual(await engine.state(id, { node: leaf }))
  })

  it('is that of a run that began at a state, and of one from a file', async () => {
    const id = await engine.start(config)
    const node = toldIn(await allEvents(engine, id)).depths.indexOf(2)
    const next = await engine.start({ ...config, origin: { run: id, node } })
    const events = await allEvents(engine, next)
    await engine.remove(id)
    await check(next, events)
    const copy = await engine.restore(await engine.archive(next))
    await engine.remove(next)
    await check(copy, events)
  })

  it('of text fills what is not known with the likeliest, and keeps the rest', async () => {
    const id = await engine.start(textConfig)
    const { depths, leaves } = toldIn(await allEvents(engine, id))
    const halves = new Set<string>()
    for (let node = 1; node < depths.length && halves.size < 12; node++) {
      const { text: half = '' } = await engine.state(id, { node })
      const { text, shape, data } = await engine.lookahead(id, { node })
      expect(shape).toEqual([4])
      expect(text, half).toBe(likeliest(half))
      expect(spell(data)).toBe(text)
      halves.add(half)
    }
    expect(halves.size).toBe(12)
    const whole = await engine.state(id, { node: leaves[0] })
    expect(await engine.lookahead(id, { node: leaves[0] })).toEqual(whole)
  })

  it.each([
    ['a world', { ...config, budget: 4000 }],
    ['a text', { ...textConfig, budget: 2000 }],
  ])('leaves a run over %s as it is, while it runs and while it waits', async (_, wanted: RunConfig) => {
    const untouched = await engine.start(wanted)
    const { statuses: __, ...expected } = toldIn(await allEvents(engine, untouched))
    const id = await engine.start(wanted)
    await until(engine, id, ({ type }) => type === 'leaves')
    await engine.pause(id)
    const held = await engine.lookahead(id, { node: 1 })
    await engine.resume(id)
    const looking = (async () => {
      for (let node = 1; (await engine.run(id)).status !== 'finished'; node = 1 + (node % 4)) {
        await engine.lookahead(id, { node })
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })()
    const { statuses, ...found } = toldIn(await allEvents(engine, id))
    await looking
    expect(statuses.at(-1)).toBe('finished')
    expect(found).toEqual(expected)
    const [a, b] = [await engine.run(id), await engine.run(untouched)]
    expect([a.nfe, a.best, a.rewardEvaluations]).toEqual([b.nfe, b.best, b.rewardEvaluations])
    // What was seen while it was held is what its end says.
    expect(await engine.lookahead(id, { node: 1 })).toEqual(held)
    expect((await engine.run(id)).nfe).toBe(b.nfe)
  })

  it('says in one line where there is nothing to look ahead from', async () => {
    const id = await engine.start(config)
    await allEvents(engine, id)
    const samples = await engine.start({ ...config, method: 'best-of-n' })
    await allEvents(engine, samples)
    for (const [run, node, message] of [
      ['nobody', 1, /^there is no run "nobody"$/],
      [id, 0, /^there is no state at node 0; there are nodes 1 to \d+$/],
      [id, 100_000, /^there is no state at node 100000; there are nodes 1 to \d+$/],
      [samples, 1, /^there is no tree yet, or this search grows none$/],
    ] as const) {
      await expect(engine.lookahead(run, { node })).rejects.toThrow(message)
    }
  })
}
