/** Networks that people bring. */

import { beforeAll, expect, it } from 'vitest'
import type { Engine } from '../../src/index.ts'
import { letters, spell } from './letters.ts'
import { plane, sides } from './plane.ts'
import { allEvents, config, textConfig, toldIn, until, world } from './runs.ts'

/** @param get the engine, once it is there */
export function modelConformance(get: () => Engine): void {
  let engine: Engine
  beforeAll(() => {
    engine = get()
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

  const brought = async () => (await engine.broughtModels()).map(({ key }) => key)

  it('removes a network of the person; its runs can be looked at as before', async () => {
    await engine.addModel({ ...letters, key: 'passing' })
    const { bytes } = (await engine.broughtModels()).find(({ key }) => key === 'passing') ?? { bytes: 0 }
    expect(bytes).toBeGreaterThan(letters.graph?.length ?? 0)
    const id = await engine.start({ ...textConfig, model: 'passing' })
    const places = [{ node: 1 }, { node: toldIn(await allEvents(engine, id)).leaves[0] }, { sample: 0 }] as const
    const seen = await Promise.all(places.map((at) => engine.state(id, at)))
    await engine.removeModel('passing')
    expect((await engine.models()).map(({ key }) => key)).not.toContain('passing')
    expect(await brought()).not.toContain('passing')
    const copy = await engine.restore(await engine.archive(id))
    for (const run of [id, copy]) {
      expect(await Promise.all(places.map((at) => engine.state(run, at)))).toEqual(seen)
    }
    expect((await engine.run(id)).status).toBe('finished')
    await expect(engine.start({ ...textConfig, model: 'passing' })).rejects.toThrow(/^model: there is no "passing"/)
    await expect(engine.lookahead(id, { node: 1 })).rejects.toThrow(/there is no "passing"/)
  })

  it('removes a world of the person; its runs keep their exact values', async () => {
    await engine.addModel({ key: 'elsewhere', card: world })
    const id = await engine.start({ ...config, model: 'elsewhere' })
    await allEvents(engine, id)
    const value = await engine.exact(id)
    expect(value).toBeTypeOf('number')
    await engine.removeModel('elsewhere')
    expect(await engine.exact(id)).toBe(value)
  })

  it('removes no model that a run takes, that was not brought, or that is not there', async () => {
    for (const model of [plane(), sides()]) await engine.addModel(model)
    const id = await engine.start({ ...config, model: 'plane', reward: 'class:left', method: 'dts', budget: 100_000 })
    await until(engine, id, ({ type }) => type === 'leaves')
    await engine.pause(id)
    for (const key of ['plane', 'plane-classifier']) {
      await expect(engine.removeModel(key)).rejects.toThrow(
        new RegExp(`^the run ${id} is paused and takes the model ${key}; stop it, or wait for its end$`),
      )
    }
    expect(await brought()).toEqual(expect.arrayContaining(['plane', 'plane-classifier']))
    await engine.stop(id)
    for (const key of ['plane', 'plane-classifier']) await engine.removeModel(key)
    for (const key of ['plane', '../up']) {
      await expect(engine.removeModel(key)).rejects.toThrow(`there is no model "${key}"`)
    }
    await expect(engine.removeModel('world')).rejects.toThrow(/^the model world was not brought by anybody; it stays$/)
    expect((await engine.models()).map(({ key }) => key)).toContain('world')
  })

  it('says what it is', async () => {
    const { name, threads, storage } = await engine.facts()
    expect(name.length).toBeGreaterThan(0)
    expect(threads).toBeGreaterThanOrEqual(1)
    expect(['kept', 'other tab', 'refused', 'memory']).toContain(storage)
  })
}
