/** Looks ahead of networks: with the condition of the node, one call a look, whatever else is there. */

import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { nodeRuntime } from 'espalier/node'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type EngineError,
  localEngine,
  memorySource,
  memoryStore,
  type NewModel,
  type RunConfig,
} from '../src/index.ts'
import { allEvents, config, textConfig, toldIn, until } from './support/conformance.ts'
import { letters } from './support/letters.ts'
import { counting, plane } from './support/plane.ts'

const node = nodeRuntime({ workers: 0 })
afterAll(() => node.close())

/** Says that the data is at the point of its class, at the origin without one. */
const corners: NewModel = (() => {
  const graph = new GraphBuilder()
  const x = graph.input('x', ['n', 2])
  graph.input('t', ['n'])
  const label = graph.input('label', ['n', 2])
  const centres = graph.constant(tensor([-2, 0, 2, 1], [2, 2]))
  graph.output('y', label.matmul(centres).add(x.mul(graph.constant(tensor([0], [1])))))
  return {
    key: 'corners',
    card: {
      ...{ type: 'network', name: 'corners', process: { type: 'vp-linear' }, prediction: 'data', event: [2] },
      classes: ['left', 'right'],
      conditions: { label: { shape: [2], default: [0, 0], unconditional: [0, 0] } },
    },
    graph: writeModel(graph.build()),
  }
})()

async function open() {
  const counted = counting(node)
  const store = memoryStore()
  const engine = await localEngine({ runtime: counted.runtime, source: memorySource(new Map()), store })
  for (const model of [corners, letters, plane()]) await engine.addModel(model)
  return { counted, engine, store }
}

const wanted: RunConfig = { ...config, model: 'corners', reward: 'near:0,0' }

describe('a look ahead', { timeout: 20_000 }, () => {
  it.each([
    [{}, ['-2,0', '2,1']],
    [{ guidance: 1.5 }, ['-3,0', '3,1.5']],
    [{ class: 'right' }, ['2,1']],
    [{ class: 'none' }, ['0,0']],
  ])('is under the class of its node: %o', async (change, places) => {
    const { engine } = await open()
    const id = await engine.start({ ...wanted, ...change } as RunConfig)
    const { parents, depths, leaves } = toldIn(await allEvents(engine, id))
    const seen = new Set<string>()
    for (const leaf of leaves.slice(0, 12)) {
      const { data } = await engine.state(id, { node: leaf })
      const end = Array.from(data, (value) => Number(value.toFixed(3))).map((value) => value + 0)
      for (let above = parents[leaf]; depths[above] > 0; above = parents[above]) {
        const ahead = await engine.lookahead(id, { node: above })
        expect(ahead.data[0]).toBeCloseTo(end[0], 3)
        expect(ahead.data[1]).toBeCloseTo(end[1], 3)
      }
      seen.add(end.join())
    }
    expect([...seen].sort()).toEqual(places)
    await engine.close()
  })

  it('is one network call, once the network is open, and none that the run knows of', async () => {
    const { counted, engine } = await open()
    const id = await engine.start(wanted)
    const { depths } = toldIn(await allEvents(engine, id))
    const { nfe } = await engine.run(id)
    const inner = depths.flatMap((depth, at) => (depth > 0 && depth < 5 ? [at] : [])).slice(0, 6)
    const before = counted.calls
    await Promise.all(inner.map((at) => engine.lookahead(id, { node: at })))
    expect(counted.calls - before).toBe(inner.length)
    expect((await engine.run(id)).nfe).toBe(nfe)
    await engine.close()
  })

  it('leaves a run over a network as it is, to the bit', async () => {
    const { engine } = await open()
    const middle = { ...wanted, model: 'plane', reward: 'near:1,1', budget: 2000 }
    const untouched = await engine.start(middle)
    const expected = toldIn(await allEvents(engine, untouched))
    const id = await engine.start(middle)
    await until(engine, id, ({ type }) => type === 'leaves')
    let looks = 0
    while ((await engine.run(id)).status === 'running') {
      await engine.lookahead(id, { node: 1 + (looks++ % 4) })
    }
    expect(looks).toBeGreaterThan(0)
    const found = toldIn(await allEvents(engine, id))
    expect(found).toEqual(expected)
    for (let at = 1; at < found.depths.length; at += 5) {
      expect(await engine.state(id, { node: at })).toEqual(await engine.state(untouched, { node: at }))
    }
    await engine.close()
  })

  it('never has two calls under way at once', async () => {
    let under = 0
    let most = 0
    const { engine } = await open()
    const id = await engine.start(wanted)
    const other = await engine.start({ ...wanted, model: 'plane' })
    const depths = toldIn(await allEvents(engine, id)).depths
    await allEvents(engine, other)
    const [a, b] = [await engine.archive(id), await engine.archive(other)]
    const slow = await localEngine({
      source: memorySource(new Map()),
      runtime: {
        ...node,
        async load(...given) {
          const session = await node.load(...given)
          return {
            ...session,
            async run(...feeds) {
              most = Math.max(most, ++under)
              await new Promise((resolve) => setTimeout(resolve, 2))
              return session.run(...feeds).finally(() => under--)
            },
          }
        },
      },
    })
    for (const model of [corners, plane()]) await slow.addModel(model)
    const [one, two] = [await slow.restore(a), await slow.restore(b)]
    const inner = [1, 2, 3].map((depth) => depths.indexOf(depth))
    const looks = inner.flatMap((at) => [one, two].map((run) => slow.lookahead(run, { node: at })))
    await Promise.all(looks)
    expect(most).toBe(1)
    await slow.close()
    await engine.close()
  })

  it('needs the model of the run, and not its reward', async () => {
    const { engine } = await open()
    const scored = await localEngine({
      runtime: node,
      source: memorySource(new Map()),
      expression: async () => ({ name: 'js', evaluate: async (samples) => samples.map(() => 0) }) as never,
    })
    await scored.addModel(corners)
    const mine = await scored.start({ ...wanted, class: 'right', reward: 'js:0' })
    await allEvents(scored, mine)
    expect(await scored.run(mine)).toMatchObject({ status: 'finished' })
    // Here nobody evaluates expressions.
    const copy = await engine.restore(await scored.archive(mine))
    expect(Array.from((await engine.lookahead(copy, { node: 1 })).data)).toEqual([2, 1])
    await scored.close()

    const text = await engine.start(textConfig)
    await allEvents(engine, text)
    const elsewhere = await localEngine({ runtime: node, source: memorySource(new Map()) })
    for (const id of [copy, text]) {
      const stray = await elsewhere.restore(await engine.archive(id))
      const looking = elsewhere.lookahead(stray, { node: 1 })
      await expect(looking).rejects.toThrow(/^model: there is no "(corners|letters)"; there are none$/)
      await expect(looking).rejects.toMatchObject({ kind: 'absent' } satisfies Partial<EngineError>)
    }
    // With the model the same run can be looked at: a failure is not kept.
    const stray = (await elsewhere.runs()).find(({ config }) => config.model === 'corners')?.id ?? ''
    await elsewhere.addModel(corners)
    expect(Array.from((await elsewhere.lookahead(stray, { node: 1 })).data)).toEqual([2, 1])
    await elsewhere.close()
    await engine.close()
    await expect(engine.lookahead(copy, { node: 1 })).rejects.toMatchObject({ kind: 'closed' })
  })

  it('has nothing to say of states that are not kept', async () => {
    const { engine } = await open()
    const id = await engine.start({ ...wanted, method: 'dts(alpha=0.5,states=recompute)' })
    const { depths } = toldIn(await allEvents(engine, id))
    let lost = 0
    for (let at = 1; at < depths.length; at++) {
      const state = await engine.state(id, { node: at }).catch((error: Error) => error.message)
      const ahead = await engine.lookahead(id, { node: at }).catch((error: Error) => error.message)
      expect(typeof ahead).toBe(typeof state)
      if (typeof state !== 'string') continue
      expect(ahead).toBe(`the tree does not keep the state of node ${at}`)
      lost++
    }
    expect(lost).toBeGreaterThan(0)
    await engine.close()
  })

  it('is by the network that is there now, and tells where that answers with what is no number', async () => {
    const { engine } = await open()
    const id = await engine.start({ ...wanted, class: 'right' })
    await allEvents(engine, id)
    const graph = new GraphBuilder()
    const x = graph.input('x', ['n', 2])
    graph.input('t', ['n'])
    graph.input('label', ['n', 2])
    graph.output('y', x.div(x.sub(x)))
    expect(Array.from((await engine.lookahead(id, { node: 1 })).data)).toEqual([2, 1])
    await engine.addModel({ ...corners, graph: writeModel(graph.build()) })
    await expect(engine.lookahead(id, { node: 1 })).rejects.toThrow(/^The network gave -?Infinity at value 0 of row 0/)
    await engine.close()
  })
})
