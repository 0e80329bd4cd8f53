/** Runs as files, and files that are none. */

import { strToU8, zipSync } from 'fflate'
import { beforeAll, expect, it } from 'vitest'
import type { Engine } from '../../src/index.ts'
import { allEvents, config, longConfig, toldIn } from './runs.ts'

/** @param get the engine, once it is there */
export function archiveConformance(get: () => Engine): void {
  let engine: Engine
  beforeAll(() => {
    engine = get()
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
}
