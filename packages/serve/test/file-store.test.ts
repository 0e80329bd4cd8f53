import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunEvent, RunSummary } from '@espalier/engine'
import { afterAll, describe, expect, it } from 'vitest'
import { config } from '../../engine/test/support/conformance.ts'
import { fileStore } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'espalier-store-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const summary: RunSummary = {
  ...{ id: 'a-1', config, status: 'running', created: 5, nfe: 1, rewardEvaluations: 2, gradientEvaluations: 0 },
  ...{ best: null, seconds: 0.5, engine: 'none' },
}
const events: RunEvent[] = [
  { type: 'status', status: 'running' },
  { type: 'leaves', nodes: [1, 2], rewards: [null, -0.25] },
  { type: 'status', status: 'failed', error: 'Größe\n→' },
]

describe('runs as folders', () => {
  it('give back what they were given, in another process too', async () => {
    const store = fileStore(folder)
    await store.putSummary(summary)
    await store.addEvents('a-1', events)
    await store.addEvents('a-1', events.slice(1))
    await store.putPart('a-1', 'samples', [Uint8Array.of(1, 2), Uint8Array.of(3)])
    for (const opened of [store, fileStore(folder)]) {
      expect(await opened.ids()).toEqual(['a-1'])
      expect(await opened.summary('a-1')).toEqual(summary)
      expect(await opened.countEvents('a-1')).toBe(5)
      expect(await opened.events('a-1', 0, 99)).toEqual([...events, ...events.slice(1)])
      expect(await opened.events('a-1', 2, 2)).toEqual([events[2], events[1]])
      expect(await opened.events('a-1', 5, 9)).toEqual([])
      expect(await opened.part('a-1', 'samples')).toEqual(Uint8Array.of(1, 2, 3))
      expect(await opened.part('a-1', 'search')).toBeUndefined()
      const files = ['run.json', 'events.jsonl', 'samples.safetensors'].map((name) =>
        readFileSync(join(folder, 'a-1', name)),
      )
      expect(await opened.bytes('a-1')).toBe(files.reduce((sum, { length }) => sum + length, 0))
    }
  })

  it('open again when they are cut at any byte, with the events that are whole', async () => {
    const file = join(folder, 'torn', 'events.jsonl')
    mkdirSync(join(folder, 'torn'))
    writeFileSync(join(folder, 'torn', 'run.json'), JSON.stringify({ ...summary, id: 'torn' }))
    const whole = Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    for (let size = 0; size <= whole.length; size++) {
      writeFileSync(file, whole)
      truncateSync(file, size)
      const store = fileStore(folder)
      const count = whole.subarray(0, size).toString('utf8').split('\n').length - 1
      expect(await store.countEvents('torn')).toBe(count)
      expect(await store.events('torn', 0, 99)).toEqual(events.slice(0, count))
      await store.addEvents('torn', [events[0]])
      expect(await store.events('torn', count, 99)).toEqual([events[0]])
      expect(readFileSync(file, 'utf8').endsWith('\n')).toBe(true)
    }
  })

  it('name no folder that is not theirs', async () => {
    const store = fileStore(folder)
    appendFileSync(join(folder, 'notes.txt'), 'mine')
    for (const id of ['..', '../a-1', 'a-1/..', '', 'A', '.']) expect(await store.summary(id)).toBeUndefined()
    expect((await store.ids()).sort()).toEqual(['a-1', 'torn'])
  })
})
