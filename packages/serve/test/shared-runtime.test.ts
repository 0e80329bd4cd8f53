import { join } from 'node:path'
import { nodeRuntime } from 'espalier/node'
import type { Runtime, Session } from 'espalier/runtime'
import { describe, expect, it } from 'vitest'
import { writeImageModel } from '../../cli/test/cli.ts'
import { allEvents, toldIn, until } from '../../engine/test/support/conformance.ts'
import { sharedRuntime } from '../src/index.ts'
import { open, scratch } from './support/server.ts'

/** A runtime that counts; a graph of one byte 0 cannot be loaded, and feeds named `bad` break a run. */
function counting(inner?: Runtime) {
  const log: string[] = []
  let open = 0
  const runtime: Runtime = {
    name: 'counting',
    async load(model, options) {
      log.push(`load ${model.length > 8 ? model.length : [...model]}`)
      if (model.length === 1 && model[0] === 0) throw new Error('damaged')
      const session = await inner?.load(model, options)
      open++
      const release = async () => {
        open--
        log.push(`release ${model.length > 8 ? model.length : [...model]}`)
        await session?.release()
      }
      const run: Session['run'] = async (feeds, fetches) => {
        if ('bad' in feeds) throw new Error('the worker is gone')
        return session ? session.run(feeds, fetches) : {}
      }
      return { inputs: session?.inputs ?? [], outputs: session?.outputs ?? [], run, release }
    },
    close: async () => void log.push('close'),
  }
  return { runtime, log, open: () => open }
}

const model = (...bytes: number[]) => Uint8Array.from(bytes)

describe('a runtime that is shared', () => {
  it('loads each graph once for all who have it, and once more with other options', async () => {
    const { runtime, log } = counting()
    const shared = sharedRuntime(runtime, 1)
    const all = await Promise.all([shared.load(model(1)), shared.load(model(1)), shared.load(model(1), { threads: 2 })])
    expect(log).toEqual(['load 1', 'load 1'])
    await all[0].release()
    await all[0].release()
    // The second still has it.
    expect(log).toHaveLength(2)
    await all[1].release()
    await shared.load(model(1))
    expect(log).toHaveLength(2)
  })

  it('releases what was left the longest ago, and nothing that somebody has', async () => {
    const { runtime, log, open } = counting()
    const shared = sharedRuntime(runtime, 2)
    const held = await shared.load(model(9))
    for (const n of [1, 2, 3]) await (await shared.load(model(n))).release()
    expect(log.slice(1)).toEqual(['load 1', 'load 2', 'load 3', 'release 1'])
    await (await shared.load(model(2))).release()
    await (await shared.load(model(4))).release()
    expect(log.slice(5)).toEqual(['load 4', 'release 3'])
    await held.release()
    expect(log.slice(7)).toEqual(['release 2'])
    await shared.close()
    expect(log.slice(8).sort()).toEqual(['close', 'release 4', 'release 9'])
    expect(open()).toBe(0)
  })

  it('gives nobody else what could not be loaded, or failed in a run', async () => {
    const { runtime, log, open } = counting()
    const shared = sharedRuntime(runtime, 2)
    const both = [shared.load(model(0)), shared.load(model(0))]
    for (const loading of both) await expect(loading).rejects.toThrow('damaged')
    await expect(shared.load(model(0))).rejects.toThrow('damaged')
    expect(log).toEqual(['load 0', 'load 0'])
    const first = await shared.load(model(5))
    await expect(first.run({ bad: { shape: [], data: new Float32Array() } })).rejects.toThrow('the worker is gone')
    const second = await shared.load(model(5))
    expect(log.slice(2)).toEqual(['load 5', 'load 5'])
    await first.release()
    expect(open()).toBe(1)
    await second.release()
    await shared.close()
    expect(open()).toBe(0)
  })

  it('is what a server has: runs of one model share its session, one after another and side by side', {
    timeout: 20_000,
  }, async () => {
    const folder = scratch()
    const inner = nodeRuntime({ workers: 0 })
    const { runtime, log, open: sessions } = counting(inner)
    try {
      writeImageModel(join(folder.path, 'models', 'images'))
      const server = await open(folder.path, { runtime })
      const config = { model: 'images', reward: 'brightness', steps: 6, budget: 600, width: 4 } as never
      const held = await server.engine.start(config)
      await until(server.engine, held, ({ type }) => type === 'leaves')
      await server.engine.pause(held)
      for (let i = 0; i < 3; i++) {
        const events = await allEvents(server.engine, await server.engine.start(config))
        expect(toldIn(events).statuses.at(-1)).toBe('finished')
      }
      await server.engine.resume(held)
      expect(toldIn(await allEvents(server.engine, held)).statuses.at(-1)).toBe('finished')
      expect(log.filter((line) => line.startsWith('load'))).toHaveLength(1)
      await server.close()
      expect(sessions()).toBe(0)
      expect(log).not.toContain('close')
    } finally {
      await inner.close()
      folder.remove()
    }
  })
})
