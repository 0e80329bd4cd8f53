/** Events as they are streamed: from far behind, of several runs, through what cuts. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer as createProxy, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type RunEvent, type ServerSentEvent, serverEngine, serverSentEvents } from '@espalier/engine'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allEvents, config, longConfig, toldIn, until } from '../../engine/test/support/conformance.ts'
import { eventStream, fileStore, type RunningServer } from '../src/index.ts'
import { open, raw, type Scratch, scratch } from './support/server.ts'

/** A run with many events of every kind, as a server would have left it. */
function writeRun(folder: string, id: string, count: number): RunEvent[] {
  const events = Array.from({ length: count }, (_, i): RunEvent => {
    const nfe = 10 * i
    if (i === 0) return { type: 'started', levels: [{ time: 1, sigma: null }], event: [2], engine: 'Größe → 2' }
    if (i === count - 1) return { type: 'status', status: 'finished' }
    if (i % 3 === 0) return { type: 'nodes', from: i / 3 - 1, parents: [i / 3 - 2], depths: [1] }
    if (i % 3 === 1) return { type: 'leaves', nodes: [(i - 1) / 3], rewards: [i % 7 === 0 ? null : Math.sin(i)] }
    return { type: 'progress', nfe, rewardEvaluations: i, gradientEvaluations: 0, best: Math.sqrt(i), seconds: i / 9 }
  })
  mkdirSync(join(folder, id), { recursive: true })
  writeFileSync(join(folder, id, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
  const numbers = { nfe: 10 * count, rewardEvaluations: count, gradientEvaluations: 0, best: 1, seconds: 5 }
  const summary = { id, config, status: 'finished', created: 5, ...numbers, engine: 'none' }
  writeFileSync(join(folder, id, 'run.json'), JSON.stringify(summary))
  return events
}

describe('streams of events', { timeout: 30_000 }, () => {
  let folder: Scratch
  let server: RunningServer
  beforeEach(() => {
    folder = scratch()
  })
  afterEach(async () => {
    await server.close()
    folder.remove()
  })

  it('give many that are missing in few pieces, and a client has them one by one all the same', async () => {
    const events = writeRun(join(folder.path, 'runs'), 'a', 12_346)
    server = await open(folder.path)
    const engine = serverEngine({ url: server.url })
    for (const [from, pieces] of [
      [0, 2],
      [1, 2],
      [7345, 1],
      [7346, 0],
      [12_345, 0],
      [12_346, 0],
    ]) {
      const { text } = await raw(`${server.url}/runs/a/events?from=${from}`)
      expect([from, text.split('event: snapshot\n').length - 1]).toEqual([from, pieces])
      expect(await allEvents(engine, 'a', from)).toEqual(events.slice(from))
    }
    // The id of a piece is that of its last event.
    const { text } = await raw(`${server.url}/runs/a/events`)
    const ids = [...text.matchAll(/^event: (\w+)\nid: (\d+)$/gm)].slice(0, 3).map(([, type, id]) => [type, id])
    expect(ids).toEqual([
      ['snapshot', '4999'],
      ['snapshot', '9999'],
      ['run', '10000'],
    ])
    const plain = events.slice(0, 5000).reduce((sum, event) => sum + JSON.stringify(event).length + 30, 0)
    const [, piece] = text.split('event: snapshot\n')
    expect(piece.length).toBeLessThan(plain / 3)
    const { text: rest } = await raw(`${server.url}/runs/a/events`, { headers: { 'last-event-id': '9999' } })
    expect(rest).toMatch(/^retry: 2000\n\nevent: run\nid: 10000\n/)
  })

  it('give them in more pieces where they are large', async () => {
    const runs = join(folder.path, 'runs')
    const small = writeRun(runs, 'a', 6000)
    const long = 'x'.repeat(6000)
    const large = small.map((event): RunEvent => (event.type === 'started' ? { ...event, engine: long } : event))
    const events = [...Array.from({ length: 1000 }, () => large[0]), ...small]
    writeFileSync(join(runs, 'a', 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    server = await open(folder.path)
    const { text } = await raw(`${server.url}/runs/a/events`)
    const ids = [...text.matchAll(/^event: snapshot\nid: (\d+)$/gm)].map(([, id]) => Number(id))
    expect(ids).toEqual([511, 1023, 6023])
    expect(await allEvents(serverEngine({ url: server.url }), 'a')).toEqual(events)
  })

  const messages = async (text: string): Promise<ServerSentEvent[]> => {
    const found: ServerSentEvent[] = []
    for await (const message of serverSentEvents(new Blob([text]).stream())) found.push(message)
    return found.filter(({ id, type }) => id !== undefined || type === 'end')
  }
  /** Numbers and data of each run of a stream of several, which must come without a gap. */
  const byRun = (all: readonly ServerSentEvent[], begin: Readonly<Record<string, number>>) => {
    const found: Record<string, string[]> = {}
    for (const { type, id = '', data } of all) {
      if (type === 'end') continue
      const [run, number] = id.split(',')[0].split(':')
      found[run] ??= []
      expect(Number(number)).toBe((begin[run] ?? 0) + found[run].length)
      found[run].push(data)
    }
    return found
  }

  it('of several runs go on behind every event, with all of them', async () => {
    server = await open(folder.path)
    const { engine, url } = server
    const ids = [await engine.start({ ...config, budget: 2000 }), await engine.start(config)]
    const live = await raw(`${url}/events?runs=${ids}`)
    const all = await messages(live.text)
    expect(
      all
        .filter(({ type }) => type === 'end')
        .map(({ data }) => JSON.parse(data).run)
        .sort(),
    ).toEqual([...ids].sort())
    const whole = byRun(all, {})
    for (const id of ids) {
      const alone = await messages((await raw(`${url}/runs/${id}/events`)).text)
      expect(whole[id]).toEqual(alone.filter(({ type }) => type === 'run').map(({ data }) => data))
    }
    for (let cut = 0; cut < all.length; cut++) {
      const { id: last, type } = all[cut]
      if (type === 'end' || last === undefined) continue
      const seen = byRun(all.slice(0, cut + 1), {})
      const rest = await messages((await raw(`${url}/events?runs=${ids}`, { headers: { 'last-event-id': last } })).text)
      const begin = Object.fromEntries(ids.map((id) => [id, seen[id]?.length ?? 0]))
      const found = byRun(rest, begin)
      for (const id of ids) expect([...(seen[id] ?? []), ...(found[id] ?? [])]).toEqual(whole[id])
    }
    const [first, second] = ids
    const { text } = await raw(`${url}/events?runs=${first}:3,${second}:${whole[second].length - 1}`)
    expect(byRun(await messages(text), { [first]: 3, [second]: whole[second].length - 1 })).toEqual({
      [first]: whole[first].slice(3),
      [second]: whole[second].slice(-1),
    })
  })

  it('of several runs let none wait for the long replay of another', async () => {
    writeRun(join(folder.path, 'runs'), 'long', 4900)
    const short = writeRun(join(folder.path, 'runs'), 'short', 9)
    server = await open(folder.path)
    const all = await messages((await raw(`${server.url}/events?runs=long,short`)).text)
    expect(all.findIndex(({ data }) => data === '{"run":"short"}')).toBeLessThan(4 * short.length)
    expect(all.at(-1)?.data).toBe('{"run":"long"}')
  })

  it('of several runs are refused where there is none, too many, or one that is not there', async () => {
    server = await open(folder.path)
    const id = await server.engine.start(config)
    const status = async (runs: string) => (await raw(`${server.url}/events${runs}`)).status
    expect(await status('')).toBe(422)
    expect(await status('?runs=')).toBe(422)
    expect(await status(`?runs=${Array.from({ length: 129 }, (_, i) => `r${i}`)}`)).toBe(422)
    expect(await status(`?runs=${id},nobody`)).toBe(404)
    expect(await status(`?runs=${id}:x`)).toBe(404)
  })

  it('end when their run is removed in the middle', async () => {
    writeRun(join(folder.path, 'runs'), 'a', 30_000)
    server = await open(folder.path)
    const store = fileStore(join(folder.path, 'runs'))
    const runs = [{ id: 'a', from: 0 }]
    const leaving = new AbortController().signal
    const stream = eventStream({ engine: server.engine, store, runs, named: false, leaving, onEnd: () => {} })
    const reader = stream.getReader()
    await reader.read()
    await reader.read()
    await server.engine.remove('a')
    await store.remove('a')
    const rest = async () => {
      while (!(await reader.read()).done) {}
    }
    await expect(rest()).rejects.toThrow(/^there is no run "a"$|no such file/)
  })

  it('end, and are counted no more, when the store fails them', async () => {
    writeRun(join(folder.path, 'runs'), 'a', 9)
    server = await open(folder.path)
    const store = {
      ...fileStore(join(folder.path, 'runs')),
      countEvents: async () => Promise.reject(new Error('gone')),
    }
    let ended = 0
    const runs = [{ id: 'a', from: 0 }]
    const leaving = new AbortController().signal
    const stream = eventStream({ engine: server.engine, store, runs, named: false, leaving, onEnd: () => ended++ })
    await expect(new Response(stream).text()).rejects.toThrow('gone')
    expect(ended).toBe(1)
  })

  it('come whole through a proxy that cuts every 200 ms', async () => {
    const far = writeRun(join(folder.path, 'runs'), 'far', 11_000)
    server = await open(folder.path)
    let cuts = 0
    const proxy = createProxy((incoming, outgoing) => {
      const { method, url = '/', headers } = incoming
      const { host: _, ...others } = headers
      const onward = request(`${server.url}${url}`, { method, headers: others }, (response) => {
        outgoing.writeHead(response.statusCode ?? 500, response.headers)
        response.pipe(outgoing)
        response.on('error', () => {})
      })
      onward.on('error', () => {})
      incoming.pipe(onward)
      if (!url.includes('/events')) return
      const cut = setTimeout(() => {
        cuts++
        outgoing.destroy()
        onward.destroy()
      }, 200)
      outgoing.on('close', () => clearTimeout(cut))
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    try {
      const engine = serverEngine({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
      expect(await allEvents(engine, 'far')).toEqual(far)
      const id = await engine.start({ ...longConfig, budget: 600_000 })
      const following = allEvents(engine, id)
      await until(server.engine, id, ({ type }) => type === 'leaves')
      await new Promise((resolve) => setTimeout(resolve, 1500))
      await engine.stop(id)
      const found = await following
      expect(found).toEqual(await allEvents(server.engine, id))
      expect(toldIn(found).statuses.at(-1)).toBe('stopped')
      expect(cuts).toBeGreaterThan(1)
    } finally {
      proxy.closeAllConnections()
      proxy.close()
    }
  })
})
