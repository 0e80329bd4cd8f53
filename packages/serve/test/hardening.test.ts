/** What strangers, bad luck and the end of the process do to a server. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { serverEngine } from '@espalier/engine'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allEvents, config, longConfig, toldIn, until } from '../../engine/test/support/conformance.ts'
import type { RunningServer, ServerOptions } from '../src/index.ts'
import { open, raw, type Scratch, scratch } from './support/server.ts'

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const json = { 'content-type': 'application/json' }
const body = JSON.stringify(config)
const token = '0123456789abcdef0123456789abcdef'

describe('a server under strain', { timeout: 30_000 }, () => {
  let folder: Scratch
  let servers: RunningServer[]
  const start = async (options: Partial<ServerOptions> = {}) => {
    const server = await open(folder.path, options)
    servers.push(server)
    return server
  }
  beforeEach(() => {
    folder = scratch()
    servers = []
  })
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.close()))
    folder.remove()
  })

  it('is called by its own names alone, reads too', async () => {
    const { url } = await start({ allowHosts: ['lab.example'] })
    const status = async (host: string) => (await raw(`${url}/health`, { headers: { host } })).status
    expect(await status('evil.example')).toBe(421)
    expect(await status('127.0.0.1.evil.example')).toBe(421)
    expect(await status('localhost.evil.example:80')).toBe(421)
    expect(await status('192.168.1.7')).toBe(421)
    for (const host of ['localhost', 'LOCALHOST:8080', '127.0.0.1', '[::1]:99', 'lab.example:1']) {
      expect(await status(host)).toBe(200)
    }
  })

  it('lets no page of a stranger write', async () => {
    const { url } = await start()
    const { host } = new URL(url)
    const post = async (origin: string) =>
      (await raw(`${url}/runs`, { method: 'POST', headers: { ...json, host, origin }, body })).status
    for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:1`, 'nonsense']) {
      expect(await post(origin)).toBe(403)
    }
    expect(await post(`http://${host}`)).toBe(201)
    const other = await raw(`${url}/runs/x/cancel`, { method: 'POST', headers: { origin: 'https://evil.example' } })
    expect(other.status).toBe(403)
    expect((await raw(`${url}/models`)).headers['access-control-allow-origin']).toBeUndefined()
  })

  it('does not start without a token off the loopback, nor with a short one', async () => {
    await expect(start({ host: '0.0.0.0' })).rejects.toThrow(/^an address other than the loopback \(0\.0\.0\.0\) needs/)
    await expect(start({ token: 'short' })).rejects.toThrow(/^the token has 5 characters; at least 32/)
  })

  it('asks for its token, as a header or as a cookie', async () => {
    const { url } = await start({ token })
    const status = async (headers: Record<string, string> = {}) => (await raw(`${url}/runs`, { headers })).status
    expect(await status()).toBe(401)
    expect(await status({ authorization: `Bearer ${token.slice(1)}0` })).toBe(401)
    expect(await status({ authorization: `Bearer ${token}` })).toBe(200)
    expect((await raw(`${url}/health`)).status).toBe(200)
    const login = (given: string) =>
      raw(`${url}/login`, { method: 'POST', headers: json, body: JSON.stringify({ token: given }) })
    expect((await login('wrong')).status).toBe(401)
    const { status: entered, headers } = await login(token)
    expect(entered).toBe(204)
    const [cookie] = headers['set-cookie'] as string[]
    expect(cookie).toMatch(/; HttpOnly; SameSite=Strict$/)
    expect(cookie).not.toContain(token)
    expect(await status({ cookie: `other=1; ${cookie.split(';')[0]}` })).toBe(200)
    expect(await status({ cookie: `${cookie.split(';')[0]}0` })).toBe(401)
    const stranger = serverEngine({ url })
    await expect(stranger.runs()).rejects.toThrow(/^a token is needed/)
    await expect(allEvents(stranger, 'any')).rejects.toThrow(/^a token is needed/)
    const engine = serverEngine({ url, token })
    expect(toldIn(await allEvents(engine, await engine.start(config))).statuses.at(-1)).toBe('finished')
  })

  it('ends bodies that do not arrive, and lives on', async () => {
    const { url } = await start({ limits: { arrival: 300 } })
    const { hostname, port, host } = new URL(url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    socket.write(
      `POST /runs HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"`,
    )
    let answer = ''
    socket.on('data', (data) => (answer += data))
    await new Promise<void>((resolve) => socket.on('close', () => resolve()))
    expect(answer).toMatch(/^(HTTP\/1\.1 408|$)/)
    expect((await raw(`${url}/health`)).status).toBe(200)
  })

  it('takes no body without end', async () => {
    const { url } = await start()
    const { hostname, port, host } = new URL(url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()))
    socket.write(
      `POST /runs HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    const piece = `10000\r\n${' '.repeat(0x10000)}\r\n`
    let sent = 0
    let answer = ''
    socket.on('data', (data) => (answer += data))
    while (!socket.destroyed && answer === '' && sent < 64) {
      socket.write(piece)
      sent++
      await pause(2)
    }
    expect(answer).toMatch(/^HTTP\/1\.1 413/)
    expect(sent).toBeLessThan(64)
    socket.destroy()
    await ended
    expect((await raw(`${url}/health`)).status).toBe(200)
  })

  it('lives on when clients vanish in the middle of anything', async () => {
    const { url, engine } = await start()
    const { hostname, port, host } = new URL(url)
    const id = await engine.start(longConfig)
    const texts = [
      `GET /runs/${id}/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      `POST /runs HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"model`,
      'GET /runs HTTP/1.1\r\nHos',
      '\x16\x03\x01\x02\x00\x01\x00',
    ]
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        texts.map(async (text) => {
          const socket = connect(Number(port), hostname)
          socket.on('error', () => {})
          await new Promise<void>((resolve) => socket.write(text, () => resolve()))
          await pause(20)
          socket.resetAndDestroy()
        }),
      )
    }
    expect((await raw(`${url}/health`)).status).toBe(200)
    await engine.stop(id)
    for (let i = 0; i < 100 && !/^espalier_event_clients 0$/m.test((await raw(`${url}/metrics`)).text); i++)
      await pause(20)
    expect((await raw(`${url}/metrics`)).text).toMatch(/^espalier_event_clients 0$/m)
  })

  it('keeps a queue of so many, and says when to come again', async () => {
    const { url, engine } = await start({ limits: { queue: 2 } })
    const post = () => raw(`${url}/runs`, { method: 'POST', headers: json, body: JSON.stringify(longConfig) })
    const first = (await post()).json()
    await until(engine, first.id, ({ type }) => type === 'started')
    expect([(await post()).status, (await post()).status]).toEqual([201, 201])
    const refused = await post()
    expect(refused.status).toBe(429)
    expect(refused.headers['retry-after']).toBe('10')
  })

  it('takes nothing where the disk is full, pauses what runs, and goes on when there is room', async () => {
    let free = 2 ** 40
    const { url, engine } = await start({ freeSpace: async () => free, lookEvery: 20 })
    const id = await engine.start({ ...config, budget: 16_000 })
    await until(engine, id, ({ type }) => type === 'leaves')
    free = 1000
    await until(engine, id, (event) => event.type === 'status' && event.status === 'paused')
    const post = await raw(`${url}/runs`, { method: 'POST', headers: json, body })
    expect(post.status).toBe(507)
    expect(post.json().detail).toBe('the disk is nearly full; remove runs, or make room')
    expect((await raw(`${url}/ready`)).status).toBe(507)
    expect((await raw(`${url}/runs/${id}/resume`, { method: 'POST' })).status).toBe(507)
    free = 2 ** 40
    expect((await raw(`${url}/runs/${id}/resume`, { method: 'POST' })).status).toBe(200)
    expect(toldIn(await allEvents(engine, id)).statuses.at(-1)).toBe('finished')
  })

  it('serves 500 clients of which 50 never read, and turns the next away', { timeout: 90_000 }, async () => {
    const { url, engine } = await start()
    const { hostname, port, host } = new URL(url)
    const id = await engine.start({ ...config, budget: 3000 })
    await until(engine, id, ({ type }) => type === 'leaves')
    await engine.pause(id)
    const sockets: Socket[] = []
    const follow = (reads: boolean) =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(`GET /runs/${id}/events HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
          if (!reads) resolve(socket.pause())
        })
        sockets.push(socket)
        socket.on('error', reject)
        if (reads) socket.once('data', () => resolve(socket))
      })
    for (let i = 0; i < 50; i++) await follow(false)
    const readers: Socket[] = []
    for (let i = 0; i < 450; i++) readers.push(await follow(true))
    const clients = async () => Number(/^espalier_event_clients (\d+)$/m.exec((await raw(`${url}/metrics`)).text)?.[1])
    for (let i = 0; i < 100 && (await clients()) < 500; i++) await pause(10)
    expect(await clients()).toBe(500)
    const refused = await raw(`${url}/runs/${id}/events`)
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '10'])
    const ends = readers.map(
      (socket) =>
        new Promise<void>((resolve) => {
          let text = ''
          socket.on('data', (data) => {
            text = text.slice(-100) + data
            if (text.includes('event: end')) resolve()
          })
        }),
    )
    await engine.resume(id)
    await Promise.all(ends)
    expect((await engine.run(id)).status).toBe('finished')
    for (const socket of sockets) socket.destroy()
    for (let i = 0; i < 200 && (await clients()) > 0; i++) await pause(10)
    expect(await clients()).toBe(0)
  })

  it('says bye to those who follow, keeps what runs, and goes on from there', async () => {
    const alone = await start()
    const wanted = { ...config, budget: 16_000 }
    const untouched = await alone.engine.start(wanted)
    const { statuses: _, ...expected } = toldIn(await allEvents(alone.engine, untouched))
    const id = await alone.engine.start(wanted)
    await until(alone.engine, id, ({ type }) => type === 'leaves')
    const following = raw(`${alone.url}/runs/${id}/events`)
    await pause(50)
    await alone.close()
    expect((await following).text).toMatch(/event: (bye|end)\ndata: \{\}\n\n$/)
    await expect(raw(`${alone.url}/health`)).rejects.toThrow()
    const again = await start()
    expect((await again.engine.run(id)).status).toBe('interrupted')
    await again.engine.resume(id)
    const { statuses, ...found } = toldIn(await allEvents(again.engine, id))
    expect(statuses).toEqual(['queued', 'running', 'interrupted', 'queued', 'running', 'finished'])
    expect(found).toEqual(expected)
  })

  it('serves the built app where there is one, and nothing outside of it', async () => {
    const { mkdirSync, writeFileSync } = await import('node:fs')
    const pages = join(folder.path, 'pages')
    mkdirSync(pages)
    writeFileSync(join(pages, 'index.html'), '<!doctype html><title>Espalier</title>')
    writeFileSync(join(folder.path, 'secret.txt'), 'secret')
    const { url } = await start({ pages, token })
    const home = await raw(`${url}/`)
    expect(home.text).toContain('Espalier')
    expect(home.headers['cross-origin-embedder-policy']).toBe('require-corp')
    expect(home.headers['cache-control']).toBe('no-cache')
    mkdirSync(join(pages, 'assets'))
    for (const [name, type] of [
      ['ort.wasm', 'application/wasm'],
      ['ort.mjs', /^text\/javascript/],
    ] as const) {
      writeFileSync(join(pages, 'assets', name), '')
      const { status, headers } = await raw(`${url}/assets/${name}`)
      expect([status, headers['content-type'], headers['cache-control']]).toEqual([
        200,
        expect.stringMatching(type),
        'public, max-age=31536000, immutable',
      ])
    }
    for (const path of ['/../secret.txt', '/..%2fsecret.txt', '/%2e%2e/secret.txt', '//secret.txt']) {
      const { hostname, port } = new URL(url)
      const answer = await raw(url, { hostname, port, path })
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(answer.text).not.toContain('secret.txt\nsecret')
    }
    expect((await raw(`${url}/runs`)).status).toBe(401)
  })

  it('leaves whole files and nothing else', async () => {
    const { engine } = await start({ snapshotEvery: 0 })
    const id = await engine.start(config)
    await allEvents(engine, id)
    const run = join(folder.path, 'runs', id)
    expect(readdirSync(run).sort()).toEqual(['events.jsonl', 'run.json', 'samples.safetensors', 'search.safetensors'])
    expect(JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'))).toMatchObject({ id, status: 'finished' })
    await engine.remove(id)
    expect(existsSync(run)).toBe(false)
  })
})
