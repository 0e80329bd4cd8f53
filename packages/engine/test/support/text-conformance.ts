/** Runs of text. */

import { beforeAll, expect, it } from 'vitest'
import type { Engine, RunConfig, RunEvent } from '../../src/index.ts'
import { law, letters, spell } from './letters.ts'
import { allEvents, textConfig, toldIn } from './runs.ts'

/** @param get the engine, once it is there */
export function textConformance(get: () => Engine): void {
  let engine: Engine
  beforeAll(async () => {
    engine = get()
    await engine.addModel(letters)
  })

  it('grows a tree of it: nodes with masks, leaves as they read', async () => {
    const id = await engine.start(textConfig)
    const events = await allEvents(engine, id)
    const { depths, leaves, rewards, statuses } = toldIn(events)
    expect(statuses).toEqual(['queued', 'running', 'finished'])
    const run = await engine.run(id)
    expect(run.config.solver).toBe('first-hitting(calls=16)')
    expect(run.nfe).toBeLessThanOrEqual(600)
    const { levels, event } = events.find(({ type }) => type === 'started') as Extract<RunEvent, { type: 'started' }>
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
}
