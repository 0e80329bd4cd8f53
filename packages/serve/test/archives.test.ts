/** Whole runs as files, and the routes that are left. */

import type { RunEvent } from '@espalier/engine'
import { strToU8, unzipSync, zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { allEvents, config, longConfig, until } from '../../engine/test/support/conformance.ts'
import { raw, testServers } from './support/server.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const { start } = testServers()

describe('runs as files', { timeout: 30_000 }, () => {
  const post = (url: string, body: Uint8Array | string, type = 'application/zip') =>
    fetch(`${url}/runs/archive`, { method: 'POST', body: body as BodyInit, headers: { 'content-type': type } })
  const detail = async (response: Response) => ((await response.json()) as { detail: string }).detail

  it('go from one server to another', async () => {
    const { client, url } = await start()
    const id = await client.start(config)
    const events = await allEvents(client, id)
    const archive = await client.archive(id)
    const { headers } = await raw(`${url}/runs/${id}/archive`)
    expect(headers['content-disposition']).toBe(`attachment; filename="espalier-${id}.zip"`)
    const copy = await client.restore(archive)
    expect(copy).not.toBe(id)
    expect(await allEvents(client, copy)).toEqual(events)
    expect({ ...(await client.run(copy)), id }).toEqual(await client.run(id))
    expect(await client.state(copy, { sample: 0 })).toEqual(await client.state(id, { sample: 0 }))
    const going = await client.start(longConfig)
    await until(client, going, ({ type }) => type === 'leaves')
    await expect(client.archive(going)).rejects.toThrow(/^the run is running; stop it/)
  })

  it('are refused in one line, and leave nothing', async () => {
    const { client, url } = await start({ limits: { archive: 1 << 20 } })
    const id = await client.start(config)
    await allEvents(client, id)
    const files = unzipSync(await client.archive(id))
    const runs = (await client.runs()).length
    const changed = (change: object) => {
      const summary = { ...JSON.parse(Buffer.from(files['run.json']).toString()), ...change }
      return zipSync({ ...files, 'run.json': strToU8(JSON.stringify(summary)) })
    }
    const whole = zipSync(files)
    const { 'events.jsonl': _, ...eventless } = files
    const damaged = [
      'no zip at all',
      whole.subarray(0, whole.length / 2),
      zipSync({ 'notes.txt': strToU8('mine') }),
      zipSync(eventless),
      zipSync({ ...files, 'events.jsonl': strToU8('{"type": ') }),
      changed({ status: 'running' }),
      changed({ nfe: '1\nevil_metric 7' }),
      changed({ best: '1' }),
    ]
    for (const body of damaged) {
      const answer = await post(url, body)
      expect(answer.status).toBe(422)
      expect(await detail(answer)).toMatch(/^the archive: it is not a run of Espalier that has ended \([^\n]+\)$/)
    }
    expect(await detail(await post(url, changed({ config: { ...config, budget: 'all' } })))).toMatch(
      /^budget: expected/,
    )
    expect((await post(url, whole, 'text/plain')).status).toBe(415)
    const large = await post(url, new Uint8Array((1 << 20) + 1))
    expect([large.status, await detail(large)]).toEqual([413, 'a file has 1048576 bytes at most here'])
    expect(await client.runs()).toHaveLength(runs)
  })

  it('do not go on with more than is allowed here', async () => {
    const { client, url } = await start({ limits: { budget: 1000 } })
    const id = await client.start(config)
    await allEvents(client, id)
    const files = unzipSync(await client.archive(id))
    const summary = JSON.parse(Buffer.from(files['run.json']).toString())
    const large = { ...summary, status: 'interrupted', config: { ...config, budget: 10 ** 9 } }
    const copy = await client.restore(zipSync({ ...files, 'run.json': strToU8(JSON.stringify(large)) }))
    await expect(client.resume(copy)).rejects.toThrow(/^budget: 1000000000 NFE are asked for, 1000 are allowed here$/)
    expect((await client.run(copy)).status).toBe('interrupted')
    expect((await raw(`${url}/runs/${copy}/step`, { method: 'POST' })).status).toBe(422)
  })

  it('are no bombs: what unpacks to too much is not unpacked', async () => {
    const { client, url } = await start()
    const id = await client.start(config)
    await allEvents(client, id)
    const files = unzipSync(await client.archive(id))
    /** A zip whose directory says of a file that it unpacks to so many bytes. */
    const claiming = (name: string, size: number, content = new Uint8Array(8 << 20)) => {
      const bytes = Buffer.from(zipSync({ ...files, [name]: content }, { level: 1 }))
      bytes.writeUInt32LE(size, bytes.lastIndexOf(name) - 46 + 24)
      return bytes
    }
    const bomb = await post(url, claiming('events.jsonl', 600 << 20))
    expect([bomb.status, await detail(bomb)]).toEqual([422, expect.stringMatching(/it unpacks to more than 512 MiB/)])
    // What else lies in the file is left packed, and what says less than is true is not believed.
    expect((await post(url, claiming('other.bin', 600 << 20))).status).toBe(201)
    const lying = await post(url, claiming('events.jsonl', 10))
    expect([lying.status, await detail(lying)]).toEqual([422, expect.stringMatching(/^the archive: it is not a run/)])
    expect(await client.runs()).toHaveLength(2)
  })
})

describe('other things that are asked', { timeout: 20_000 }, () => {
  it('the exact value of a node, of the root, and none', async () => {
    const { client, url } = await start()
    const id = await client.start(config)
    const events = await allEvents(client, id)
    const { levels } = events.find(({ type }) => type === 'started') as Extract<RunEvent, { type: 'started' }>
    const root = await client.exact(id)
    expect(root).toBeTypeOf('number')
    const value = await client.exact(id, { node: 1, time: levels[1].time })
    expect(value).toBeTypeOf('number')
    expect((await raw(`${url}/runs/${id}/exact?node=1`)).status).toBe(422)
    expect((await raw(`${url}/runs/${id}/exact?node=1&time=2`)).status).toBe(422)
    expect((await raw(`${url}/runs/${id}/exact?node=1&time=x`)).status).toBe(422)
    expect((await raw(`${url}/runs/${id}/exact?node=99999&time=0.5`)).status).toBe(404)
    expect((await raw(`${url}/runs/nobody/exact`)).status).toBe(404)
  })

  it('one step of a paused run', async () => {
    const { client, url } = await start()
    const id = await client.start(longConfig)
    await until(client, id, ({ type }) => type === 'leaves')
    await client.pause(id)
    const told = async () => {
      const { next } = (await raw(`${url}/runs/${id}/tree`)).json()
      return next as number
    }
    await pause(100)
    const from = await told()
    await client.step(id)
    expect((await client.run(id)).status).toBe('paused')
    expect(await told()).toBeGreaterThan(from)
    expect((await raw(`${url}/runs/nobody/step`, { method: 'POST' })).status).toBe(404)
  })

  it('what the engine is', async () => {
    const { client } = await start({ engineName: 'a runtime', threads: 3 })
    expect(await client.facts()).toEqual({ name: 'a runtime', threads: 3, storage: 'kept', unread: [] })
  })
})
