/** Networks that people bring. */

import { beforeAll, expect, it } from 'vitest'
import type { Engine } from '../../src/index.ts'
import { letters, spell } from './letters.ts'

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

  it('says what it is', async () => {
    const { name, threads, storage } = await engine.facts()
    expect(name.length).toBeGreaterThan(0)
    expect(threads).toBeGreaterThanOrEqual(1)
    expect(['kept', 'other tab', 'refused', 'memory']).toContain(storage)
  })
}
