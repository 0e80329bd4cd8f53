/** Models that people bring, and whoever sends something else. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { nodeRuntime } from 'espalier/node'
import { describe, expect, it } from 'vitest'
import { writeImageModel } from '../../cli/test/cli.ts'
import { allEvents, config, toldIn, world } from '../../engine/test/support/conformance.ts'
import { folderSource, withUploads } from '../src/index.ts'
import { raw, testServers } from './support/server.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const token = '0123456789abcdef0123456789abcdef'

const servers = testServers()
const { start } = servers
const models = () => servers.path('runs', '_models')
const left = () => readdirSync(models()).map((name) => name.replace(/@.*/, ''))

describe('models that are brought', { timeout: 30_000 }, () => {
  const near = { ...config, model: 'mine' }

  it('are run, tried, replaced, and there again after a restart', async () => {
    const runtime = nodeRuntime({ workers: 0 })
    try {
      writeImageModel(servers.path('images'))
      const file = (name: string) => readFileSync(servers.path('images', name))
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

  it('are removed with their files, and nothing else is', async () => {
    const { client, url } = await start()
    const remove = async (key: string) => {
      const { status, text } = await raw(`${url}/models/${key}`, { method: 'DELETE' })
      return [status, text && JSON.parse(text).detail]
    }
    for (const key of ['mine', 'other']) await client.addModel({ key, card: world })
    const held = await client.start({ ...near, budget: 1_000_000 })
    const line = /^the run \S+ is (queued|running) and takes the model mine; stop it, or wait for its end$/
    expect(await remove('mine')).toEqual([409, expect.stringMatching(line)])
    expect(left()).toEqual(['mine', 'other'])
    await client.stop(held)
    expect(await remove('mine')).toEqual([204, ''])
    expect(left()).toEqual(['other'])
    expect(await remove('mine')).toEqual([404, 'there is no model "mine"'])
    expect(await remove('%2e%2e%2fother')).toEqual([404, 'there is no model "../other"'])
    expect(await remove('world')).toEqual([403, 'the model world was not brought by anybody; it stays'])
    expect(left()).toEqual(['other'])
    const { brought } = (await raw(`${url}/models`)).json()
    expect(brought).toEqual([{ key: 'other', bytes: Buffer.byteLength(JSON.stringify(world)) }])
  })

  it('are removed whole, where a crash has left earlier versions', async () => {
    const { client } = await start()
    for (const version of [1, 2]) {
      mkdirSync(join(models(), `mine@${version}`))
      writeFileSync(join(models(), `mine@${version}`, 'card.json'), JSON.stringify(world))
    }
    await client.removeModel('mine')
    expect(readdirSync(models())).toEqual([])
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

  it('are not taken where the server takes none; those that came before stay', async () => {
    const first = await start()
    await first.client.addModel({ key: 'mine', card: world })
    await first.close()
    const { client, engine } = await start({ uploads: false })
    for (const refusing of [client, engine]) {
      await expect(refusing.addModel({ key: 'other', card: world })).rejects.toThrow(
        /^model: this (server|engine) takes no networks from outside$/,
      )
    }
    expect(left()).toEqual(['mine'])
    expect(toldIn(await allEvents(client, await client.start(near))).statuses.at(-1)).toBe('finished')
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

  it('have cards and tokenizers that can be read in one piece', async () => {
    const { url } = await start()
    for (const [name, most] of [
      ['card.json', 16 << 20],
      ['tokenizer.json', 64 << 20],
    ] as const) {
      const form = new FormData()
      form.set(name, new Blob([new Uint8Array(most + 1)]), name)
      const answer = await fetch(`${url}/models/mine`, { method: 'PUT', body: form })
      expect(answer.status).toBe(413)
      expect(((await answer.json()) as { detail: string }).detail).toBe(`${name} has ${most} bytes at most here`)
    }
    expect(left()).toEqual([])
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
    const source = withUploads(folderSource([]), servers.path('brought'))
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
    expect(readdirSync(servers.path('brought'))).toEqual([])
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
      ['DELETE', '/models/mine'],
      ['POST', '/models/world/trial'],
      ['GET', '/engine'],
      ['GET', '/events?runs=x'],
      ['GET', '/runs/x/archive'],
      ['GET', '/runs/x/exact'],
      ['POST', '/runs/archive'],
      ['POST', '/runs/x/step'],
    ] as const) {
      expect([path, await ask(method, path)]).toEqual([path, 401])
      expect([path, await ask(method, path, { host: 'evil.example' })]).toEqual([path, 421])
      if (method === 'GET') continue
      const foreign = { authorization: `Bearer ${token}`, origin: 'https://evil.example' }
      expect([path, await ask(method, path, foreign)]).toEqual([path, 403])
    }
  })
})
