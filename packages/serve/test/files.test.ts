/** Files that come and go: models that people bring, and whole runs. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type RunEvent, serverEngine } from '@espalier/engine'
import { nodeRuntime } from 'espalier/node'
import { strToU8, unzipSync, zipSync } from 'fflate'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { writeImageModel } from '../../cli/test/cli.ts'
import { allEvents, config, longConfig, toldIn, until, world } from '../../engine/test/support/conformance.ts'
import { folderSource, type RunningServer, type ServerOptions, withUploads } from '../src/index.ts'
import { open, raw, type Scratch, scratch } from './support/server.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const token = '0123456789abcdef0123456789abcdef'

let folder: Scratch
let servers: RunningServer[]
const start = async (options: Partial<ServerOptions> = {}) => {
  const server = await open(folder.path, options)
  servers.push(server)
  return { ...server, client: serverEngine({ url: server.url, ...(options.token && { token: options.token }) }) }
}
const models = () => join(folder.path, 'runs', '_models')
const left = () => readdirSync(models()).map((name) => name.replace(/@.*/, ''))
beforeEach(() => {
  folder = scratch()
  servers = []
})
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  folder.remove()
})

describe('models that are brought', { timeout: 30_000 }, () => {
  const near = { ...config, model: 'mine' }

  it('are run, tried, replaced, and there again after a restart', async () => {
    const runtime = nodeRuntime({ workers: 0 })
    try {
      writeImageModel(join(folder.path, 'images'))
      const file = (name: string) => readFileSync(join(folder.path, 'images', name))
      const card = JSON.parse(file('card.json').toString())
      const { client, close } = await start({ runtime })
      await client.addModel({ key: 'mine', card, graph: new Uint8Array(file('model.onnx')) })
      expect((await client.models()).find(({ key }) => key === 'mine')).toMatchObject({ kind: 'image' })
      const states = await client.trial('mine')
      expect(states.map(({ shape, range }) => [shape, range])).toEqual(
        Array(3).fill([
          [1, 8, 8],
          [-1, 1],
        ]),
      )
      const image = { model: 'mine', reward: 'brightness', steps: 4, budget: 40, width: 4 } as never
      expect(toldIn(await allEvents(client, await client.start(image))).statuses.at(-1)).toBe('finished')
      await client.addModel({ key: 'mine', card: world })
      expect((await client.models()).find(({ key }) => key === 'mine')).toMatchObject({ kind: 'points' })
      expect(left()).toEqual(['mine'])
      await close()
      const again = await start()
      expect(toldIn(await allEvents(again.client, await again.client.start(near))).statuses.at(-1)).toBe('finished')
    } finally {
      await runtime.close()
    }
  })

  it('are refused in one line, and leave nothing', async () => {
    const { client, url } = await start()
    const bring = (key: string, card: unknown, graph?: Uint8Array) =>
      client.addModel({ key, card, ...(graph && { graph }) })
    await expect(bring('world', world)).rejects.toThrow(
      /^model: "world" is one of this server's own; take another name$/,
    )
    await expect(bring('..', world)).rejects.toThrow(/./)
    await expect(bring('a/b', world)).rejects.toThrow(/^model: "a\/b" is no name; use letters, digits, - and _$/)
    await expect(bring('a@b', world)).rejects.toThrow(/^model: "a@b" is no name/)
    await expect(bring('mine', { type: 'network' })).rejects.toThrow(/^model: the card of mine/)
    await expect(bring('mine', { type: 'magic' })).rejects.toThrow(/^model: the card of mine/)
    const classifier = { type: 'classifier', name: 'c', event: [2], classes: ['a', 'b'] }
    await expect(bring('mine', classifier)).rejects.toThrow(/^model: mine is a classifier and has no model\.onnx$/)
    await expect(client.trial('mine')).rejects.toThrow(/^model: there is no "mine"; there are world$/)
    const put = (body: FormData | string, headers = {}) => fetch(`${url}/models/mine`, { method: 'PUT', body, headers })
    expect((await put('{}', { 'content-type': 'application/json' })).status).toBe(415)
    expect((await put('--b\r\nnonsense', { 'content-type': 'multipart/form-data; boundary=b' })).status).toBe(400)
    const strange = new FormData()
    strange.set('../../evil', new Blob(['x']), 'evil')
    const answer = await put(strange)
    expect(answer.status).toBe(422)
    expect(((await answer.json()) as { detail: string }).detail).toMatch(
      /^the form: "\.\.\/\.\.\/evil" is not one of card/,
    )
    const broken = new FormData()
    broken.set('card.json', new Blob(['{"type": ']), 'card.json')
    expect(((await (await put(broken)).json()) as { detail: string }).detail).toBe(
      'model: the card of mine is not JSON',
    )
    expect((await put(new FormData())).status).toBe(422)
    expect(left()).toEqual([])
  })

  it('are not taken where the server takes none', async () => {
    const { client } = await start({ uploads: false })
    await expect(client.addModel({ key: 'mine', card: world })).rejects.toThrow(
      /^model: this server takes no networks from outside$/,
    )
    expect(existsSync(models())).toBe(false)
  })

  it('have a limit of their own, with a length told before or not', async () => {
    const { client, url } = await start({ limits: { upload: 3 << 20, body: 1000 } })
    const large = new Uint8Array(4 << 20)
    await expect(client.addModel({ key: 'mine', card: world, graph: large })).rejects.toThrow(
      /^a file has 3145728 bytes at most here$/,
    )
    const piece = new Uint8Array(1 << 16)
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        const head = '--b\r\nContent-Disposition: form-data; name="model.onnx"\r\n\r\n'
        controller.enqueue(sent++ === 0 ? new TextEncoder().encode(head) : piece)
        if (sent > 1000) controller.close()
      },
    })
    const headers = { 'content-type': 'multipart/form-data; boundary=b' }
    const answer = await fetch(`${url}/models/mine`, { method: 'PUT', body: endless, headers, duplex: 'half' } as never)
    expect(answer.status).toBe(413)
    expect(left()).toEqual([])
    await client.addModel({ key: 'mine', card: world, graph: large.subarray(0, 2 << 20) })
    expect(left()).toEqual(['mine'])
  })

  it('are refused where the disk is full or fills up, and leave nothing', async () => {
    let free = 0
    const { client } = await start({ freeSpace: async () => free })
    const bring = (graph: Uint8Array) => client.addModel({ key: 'mine', card: world, graph })
    await expect(bring(new Uint8Array(10))).rejects.toThrow(/^the disk is nearly full/)
    // There is room at the first look alone.
    let looks = 0
    free = 2 ** 40
    const filling = await start({ freeSpace: async () => (looks++ === 0 ? 2 ** 40 : 0) })
    await expect(
      filling.client.addModel({ key: 'mine', card: world, graph: new Uint8Array(80 << 20) }),
    ).rejects.toThrow(/^the disk is nearly full/)
    expect(left()).toEqual([])
    await bring(new Uint8Array(10))
    expect(left()).toEqual(['mine'])
  })

  it('are refused where the disk has no byte left', async () => {
    const source = withUploads(folderSource([]), join(folder.path, 'brought'))
    async function* form() {
      yield {
        name: 'model.onnx',
        body: (async function* () {
          yield new Uint8Array(10)
          throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
        })(),
      }
    }
    await expect(source.receive('mine', form())).rejects.toThrow(/^the disk is full; remove runs, or make room$/)
    expect(readdirSync(join(folder.path, 'brought'))).toEqual([])
  })

  it('are not there in halves: clients that vanish, crawl, or hang leave nothing', async () => {
    const { url } = await start({ limits: { arrival: 300 } })
    const { hostname, port, host } = new URL(url)
    const head = '--b\r\nContent-Disposition: form-data; name="card.json"\r\n\r\n'
    const text =
      `PUT /models/mine HTTP/1.1\r\nHost: ${host}\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
      `Content-Length: 1000000\r\n\r\n${head}${JSON.stringify(world)}`
    const bring = (act: (socket: ReturnType<typeof connect>) => void) =>
      new Promise<string>((resolve) => {
        const socket = connect(Number(port), hostname)
        let answer = ''
        socket.on('error', () => {})
        socket.on('data', (data) => (answer += data))
        socket.on('close', () => resolve(answer))
        socket.write(text, () => act(socket))
      })
    await bring((socket) => setTimeout(() => socket.resetAndDestroy(), 30))
    expect(await bring(() => {})).toMatch(/^(HTTP\/1\.1 408|$)/)
    const drops: NodeJS.Timeout[] = []
    const crawling = await bring((socket) => void drops.push(setInterval(() => socket.write(' '), 20)))
    for (const drop of drops) clearInterval(drop)
    expect(crawling).toMatch(/^(HTTP\/1\.1 408|$)/)
    for (let i = 0; i < 100 && readdirSync(models()).length > 0; i++) await pause(10)
    expect(readdirSync(models())).toEqual([])
    expect((await raw(`${url}/health`)).status).toBe(200)
  })

  it('may come slowly, as long as they come', async () => {
    const { url, client } = await start({ limits: { arrival: 1000 } })
    const form = new FormData()
    form.set('card.json', new Blob([JSON.stringify(world)]), 'card.json')
    form.set('model.onnx', new Blob([new Uint8Array(3 << 20)]), 'model.onnx')
    const encoded = new Request(url, { method: 'PUT', body: form })
    const type = encoded.headers.get('content-type') as string
    const bytes = new Uint8Array(await encoded.arrayBuffer())
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = { method: 'PUT', headers: { 'content-type': type, 'content-length': bytes.length } }
      const asking = request(`${url}/models/mine`, options, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      asking.on('error', reject)
      void (async () => {
        for (let at = 0; at < bytes.length; at += 1 << 17) {
          asking.write(bytes.subarray(at, at + (1 << 17)))
          await pause(60)
        }
        asking.end()
      })()
    })
    expect(status).toBe(204)
    expect((await client.models()).map(({ key }) => key)).toContain('mine')
  })

  it('go when a server opens what another left unfinished', async () => {
    mkdirSync(join(models(), '.part-x'), { recursive: true })
    writeFileSync(join(models(), '.part-x', 'card.json'), JSON.stringify(world))
    mkdirSync(join(models(), 'mine@1'))
    mkdirSync(join(models(), 'other@1'))
    mkdirSync(join(models(), 'other@2'))
    writeFileSync(join(models(), 'other@1', 'card.json'), 'an older one')
    writeFileSync(join(models(), 'other@2', 'card.json'), JSON.stringify(world))
    const { client } = await start()
    expect(readdirSync(models()).sort()).toEqual(['mine@1', 'other@1', 'other@2'])
    expect((await client.models()).map(({ key }) => key)).toEqual(['world', 'other'])
  })

  it('need the token, and a page of ours', async () => {
    const { url } = await start({ token })
    const ask = async (method: string, path: string, headers = {}) =>
      (await raw(`${url}${path}`, { method, headers })).status
    for (const [method, path] of [
      ['PUT', '/models/mine'],
      ['POST', '/models/world/trial'],
      ['GET', '/engine'],
      ['GET', '/runs/x/archive'],
      ['GET', '/runs/x/exact'],
      ['POST', '/runs/archive'],
      ['POST', '/runs/x/step?from=0'],
    ] as const) {
      expect([path, await ask(method, path)]).toEqual([path, 401])
      expect([path, await ask(method, path, { host: 'evil.example' })]).toEqual([path, 421])
      if (method === 'GET') continue
      const foreign = { authorization: `Bearer ${token}`, origin: 'https://evil.example' }
      expect([path, await ask(method, path, foreign)]).toEqual([path, 403])
    }
  })
})

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
    expect((await raw(`${url}/runs/${copy}/step?from=0`, { method: 'POST' })).status).toBe(422)
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
    await client.step(id, from)
    expect((await client.run(id)).status).toBe('paused')
    expect(await told()).toBeGreaterThan(from)
    expect((await raw(`${url}/runs/${id}/step`, { method: 'POST' })).status).toBe(422)
    expect((await raw(`${url}/runs/nobody/step?from=0`, { method: 'POST' })).status).toBe(404)
  })

  it('what the engine is', async () => {
    const { client } = await start({ engineName: 'a runtime', threads: 3 })
    expect(await client.facts()).toEqual({ name: 'a runtime', threads: 3, storage: 'kept' })
  })
})
