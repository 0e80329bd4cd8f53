/** Runs over texts: the laws that they are after, what becomes of them in a crash, and models of the zoo. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { nodeRuntime } from 'espalier/node'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type LocalEngine,
  localEngine,
  type ModelSource,
  memorySource,
  memoryStore,
  parseCard,
  type RunConfig,
  type RunStore,
  readSamples,
} from '../src/index.ts'
import { allEvents, textConfig, toldIn } from './support/conformance.ts'
import { law, letters, spell } from './support/letters.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

async function open(store: RunStore = memoryStore(), snapshotEvery = 5): Promise<LocalEngine> {
  const engine = await localEngine({ runtime, source: memorySource(new Map()), store, snapshotEvery })
  await engine.addModel(letters)
  return engine
}

const cs = (text: string) => text.split('c').length - 1

describe('a run over texts', { timeout: 20_000 }, () => {
  it.each(['importance', 'smc(particles=64)', 'forest(particles=64)'])(
    'is after the tilted law: %s',
    async (method) => {
      const store = memoryStore()
      const engine = await open(store)
      const lambda = 1.5
      const { law: tilted } = law.tilt((tokens) => cs(spell(tokens)), lambda)
      const wanted = tilted.probabilities.reduce((sum, p, i) => sum + p * cs(spell(law.tokens(i))), 0)
      const means: number[] = []
      for (let seed = 0; seed < 8; seed++) {
        const id = await engine.start({ ...textConfig, method, lambda, seed, budget: 4000, width: 32 })
        await allEvents(engine, id)
        const { samples, weights, rewards, texts, event } = readSamples((await store.part(id, 'samples')) as Uint8Array)
        expect(event).toEqual([4])
        expect(texts).toEqual(samples.map(spell))
        expect(texts?.map(cs)).toEqual(Array.from(rewards))
        const total = weights.reduce((a, b) => a + b, 0)
        means.push(weights.reduce((sum, weight, i) => sum + (weight / total) * rewards[i], 0))
      }
      const mean = means.reduce((a, b) => a + b, 0) / means.length
      const error = Math.sqrt(means.reduce((sum, m) => sum + (m - mean) ** 2, 0) / (7 * 8))
      expect(Math.abs(mean - wanted)).toBeLessThan(5 * error + 0.02)
      await engine.close()
    },
  )

  it.each(['dts(alpha=0.5)', 'dts-star(alpha=0.5,states=recompute)', 'smc(particles=8)', 'greedy', 'svdd'])(
    'goes on after the end of its engine to the result of a run left alone: %s',
    async (method) => {
      const wanted: RunConfig = { ...textConfig, method, budget: 1500 }
      const alone = await open()
      const untouched = await alone.start(wanted)
      const { statuses: _, ...expected } = toldIn(await allEvents(alone, untouched))
      const store = memoryStore()
      let snapshots = 0
      let closing: Promise<void> | undefined
      const first: LocalEngine = await open(
        {
          ...store,
          putPart: async (...given) => {
            await store.putPart(...given)
            if (++snapshots === 3) closing = first.close()
          },
        },
        0,
      )
      const id = await first.start(wanted)
      await allEvents(first, id)
      await closing
      expect((await first.run(id)).status).toBe('interrupted')
      const second = await open(store)
      await second.resume(id)
      const { statuses, ...found } = toldIn(await allEvents(second, id))
      expect(statuses.at(-1)).toBe('finished')
      expect(found).toEqual(expected)
      const [a, b] = [await second.run(id), await alone.run(untouched)]
      expect([a.nfe, a.best, a.rewardEvaluations]).toEqual([b.nfe, b.best, b.rewardEvaluations])
    },
  )

  it('says what is missing where its model is gone; what it found is there', async () => {
    const engine = await open()
    const id = await engine.start(textConfig)
    await allEvents(engine, id)
    const { text } = await engine.state(id, { sample: 0 })
    const elsewhere = await localEngine({ runtime, source: memorySource(new Map()) })
    const copy = await elsewhere.restore(await engine.archive(id))
    expect((await elsewhere.state(copy, { sample: 0 })).text).toBe(text)
    await expect(elsewhere.state(copy, { node: 1 })).rejects.toThrow(
      /^its states are tokens of the model letters, which cannot be read \(model: there is no "letters"; /,
    )
    expect(await elsewhere.exact(copy)).toBeNull()
  })
})

/** The models of text that come with Espalier. */
function zoo(): ModelSource {
  const folder = new URL('../../zoo/models/', import.meta.url)
  const read = (key: string, name: string) => readFileSync(new URL(`${key}/${name}`, folder))
  return {
    keys: async () => readdirSync(folder),
    card: async (key) => parseCard(JSON.parse(read(key, 'card.json').toString()), key),
    graph: async (key) => new Uint8Array(read(key, 'model.onnx')),
    tokenizer: async (key) =>
      existsSync(new URL(`${key}/tokenizer.json`, folder))
        ? JSON.parse(read(key, 'tokenizer.json').toString())
        : undefined,
  }
}

describe('models of the zoo', { timeout: 60_000 }, () => {
  it('are listed, with rewards that can be asked for', async () => {
    const engine = await localEngine({ runtime, source: zoo() })
    const models = await engine.models()
    const texts = models.filter(({ kind }) => kind === 'text')
    expect(texts.map(({ key }) => key)).toEqual(['kjv', 'words', 'words-uniform'])
    expect(texts[0]).toMatchObject({ event: [64], process: 'masked' })
    expect(texts[0].rewards.some((reward) => reward.startsWith('class:'))).toBe(true)
    for (const { key, kind, rewards } of models) {
      for (const reward of new Set([rewards[0], ...rewards.slice(-6)])) {
        const id = await engine.start({ model: key, reward } as RunConfig)
        await engine.stop(id)
        expect((await engine.run(id)).error, `${kind} ${key} ${reward}`).toBeUndefined()
      }
    }
    await engine.close()
  })

  it.each([
    ['words', 'matches:/ing$/m', 'first-hitting(calls=8)', 'dts'],
    ['words-uniform', 'count:/e/', 'ancestral(steps=8)', 'smc(particles=4)'],
    ['words', 'length:8', 'energy(calls=8)', 'best-of-n'],
    ['kjv', 'class:wisdom', 'first-hitting(calls=8)', 'best-of-n'],
  ])('run: %s, %s, %s, %s', async (model, reward, solver, method) => {
    const engine = await localEngine({ runtime, source: zoo() })
    const id = await engine.start({
      ...textConfig,
      ...{ model, reward, solver, method, budget: 64 },
      ...(model === 'kjv' && { prompt: 'In the beginning', length: 24 }),
    })
    const { leaves, samples, rewards } = toldIn(await allEvents(engine, id))
    expect(await engine.run(id)).toMatchObject({ status: 'finished' })
    const told = leaves.length > 0 ? rewards : samples
    expect(told.length).toBeGreaterThanOrEqual(4)
    expect(told.every((value) => typeof value === 'number')).toBe(true)
    const { text = '' } = await engine.state(id, leaves.length > 0 ? { node: leaves[0] } : { sample: 0 })
    expect(text.startsWith(model === 'kjv' ? 'In the beginning' : '')).toBe(true)
    expect(text.length).toBeGreaterThanOrEqual(24)
    await engine.close()
  })
})
