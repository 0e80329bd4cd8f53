import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { config, longConfig } from '../../engine/test/support/conformance.ts'
import type { RunningServer } from '../src/index.ts'
import { open, raw, type Scratch, scratch } from './support/server.ts'

describe('the routes', { timeout: 20_000 }, () => {
  let folder: Scratch
  let server: RunningServer
  const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
    raw(`${server.url}${path}`, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  const finished = async (id: string) => {
    for (;;) {
      const { status } = (await ask('GET', `/runs/${id}`)).json()
      if (['finished', 'failed', 'stopped'].includes(status)) return status
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  beforeAll(async () => {
    folder = scratch()
    server = await open(folder.path)
  })
  afterAll(async () => {
    await server.close()
    folder.remove()
  })

  it('isolates every answer, errors too', async () => {
    for (const path of ['/health', '/nowhere', '/runs/nobody', '/openapi.json']) {
      const { headers } = await ask('GET', path)
      expect(headers['cross-origin-opener-policy']).toBe('same-origin')
      expect(headers['cross-origin-embedder-policy']).toBe('require-corp')
      expect(headers['cross-origin-resource-policy']).toBe('same-origin')
    }
  })

  it('is alive, ready, and described', async () => {
    expect((await ask('GET', '/health')).json()).toEqual({ status: 'ok' })
    expect((await ask('GET', '/ready')).json()).toEqual({ status: 'ready' })
    const { openapi, paths, components } = (await ask('GET', '/openapi.json')).json()
    expect(openapi).toBe('3.1.0')
    expect(Object.keys(paths).sort()).toEqual([
      '/engine',
      '/events',
      '/health',
      '/models',
      '/models/{key}',
      '/models/{key}/trial',
      '/ready',
      '/runs',
      '/runs/archive',
      '/runs/{id}',
      '/runs/{id}/archive',
      '/runs/{id}/cancel',
      '/runs/{id}/events',
      '/runs/{id}/exact',
      '/runs/{id}/nodes/{place}',
      '/runs/{id}/nodes/{place}/lookahead',
      '/runs/{id}/pause',
      '/runs/{id}/resume',
      '/runs/{id}/samples',
      '/runs/{id}/samples/{place}',
      '/runs/{id}/step',
      '/runs/{id}/tree',
    ])
    expect(Object.keys(components.schemas)).toEqual(expect.arrayContaining(['RunConfig', 'RunSummary', 'Problem']))
    // What is described is what is checked.
    expect(Object.keys(components.schemas.RunConfig.properties).sort()).toEqual(
      Object.keys({ ...config, class: '', prompt: '', length: 1, origin: {} }).sort(),
    )
  })

  it('makes a run once for one Idempotency-Key', async () => {
    const key = { 'idempotency-key': 'k-1' }
    const [a, b] = await Promise.all([ask('POST', '/runs', config, key), ask('POST', '/runs', config, key)])
    expect([a.status, b.status]).toEqual([201, 201])
    expect(a.json().id).toBe(b.json().id)
    expect(a.headers.location).toBe(`/runs/${a.json().id}`)
    const other = await ask('POST', '/runs', { ...config, seed: 9 }, key)
    expect(other.status).toBe(422)
    expect(other.headers['content-type']).toBe('application/problem+json')
  })

  it('remembers an Idempotency-Key over a restart, and when the answer was lost in a crash', async () => {
    const place = scratch()
    const body = JSON.stringify({ ...config, budget: 100 })
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'k-2' }
    const post = async ({ url }: RunningServer, of = body) => raw(`${url}/runs`, { method: 'POST', headers, body: of })
    let own = await open(place.path)
    try {
      const { id } = (await post(own)).json()
      // Another run, queued in the course of the first, has no key.
      const other = (
        await raw(`${own.url}/runs`, { method: 'POST', headers: { ...headers, 'idempotency-key': 'k-3' }, body })
      ).json()
      await own.close()
      // A crash behind the key and before the run: there is no run, and the key makes one.
      mkdirSync(join(place.path, 'runs', 'torn'))
      const lost = { key: 'k-4', body: 'x' }
      writeFileSync(join(place.path, 'runs', 'torn', 'idempotency.json'), JSON.stringify(lost))
      own = await open(place.path)
      expect((await post(own)).json().id).toBe(id)
      expect((await post(own, JSON.stringify(config))).status).toBe(422)
      headers['idempotency-key'] = 'k-3'
      expect((await post(own)).json().id).toBe(other.id)
      headers['idempotency-key'] = 'k-4'
      expect((await post(own)).status).toBe(201)
      expect(await own.engine.runs()).toHaveLength(3)
    } finally {
      await own.close()
      place.remove()
    }
  })

  it('gives the tree from any node, and the samples', async () => {
    const { id } = (await ask('POST', '/runs', config)).json()
    expect(await finished(id)).toBe('finished')
    const whole = (await ask('GET', `/runs/${id}/tree`)).json()
    const rest = (await ask('GET', `/runs/${id}/tree?from=7`)).json()
    expect(rest.parents).toEqual(whole.parents.slice(7))
    expect(rest.passes).toEqual(whole.passes)
    const { rewards, weights } = (await ask('GET', `/runs/${id}/samples`)).json()
    expect(rewards).toHaveLength(new Set(whole.passes.leaves).size)
    expect(weights.reduce((sum: number, w: number) => sum + w, 0)).toBeCloseTo(1, 9)
    const picture = await ask('GET', `/runs/${id}/samples/0.png`)
    expect(picture.status).toBe(404)
    expect(picture.json().detail).toBe('the states of this run are no images but [2]')
  })

  it('lists runs page by page, the newest first', async () => {
    const ids: string[] = []
    for (let i = 0; i < 55; i++) ids.push((await ask('POST', '/runs', { ...config, budget: 10, seed: i })).json().id)
    const first = (await ask('GET', '/runs')).json()
    expect(first.runs).toHaveLength(50)
    const second = (await ask('GET', `/runs?cursor=${first.next}`)).json()
    const listed = [...first.runs, ...second.runs].map(({ id }: { id: string }) => id)
    expect(new Set(listed).size).toBe(listed.length)
    expect(listed).toEqual(expect.arrayContaining(ids))
    expect((await ask('GET', '/runs?cursor=nobody')).status).toBe(422)
    await finished(ids[54])
  })

  it('cancels twice, and what has ended, with the same answer', async () => {
    const { id } = (await ask('POST', '/runs', longConfig)).json()
    const answers = await Promise.all([1, 2].map(() => ask('POST', `/runs/${id}/cancel`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect((await ask('POST', `/runs/${id}/cancel`)).json().status).toBe('stopped')
    expect((await ask('DELETE', `/runs/${id}`)).status).toBe(204)
    expect((await ask('DELETE', `/runs/${id}`)).status).toBe(404)
  })

  it('goes on behind Last-Event-ID', async () => {
    const { id } = (await ask('POST', '/runs', config)).json()
    const whole = (await ask('GET', `/runs/${id}/events`)).text
    expect(whole).toMatch(/^retry: 2000\n\nevent: run\nid: 0\n/)
    expect(whole).toMatch(/event: end\ndata: \{\}\n\n$/)
    const tail = (await ask('GET', `/runs/${id}/events`, undefined, { 'last-event-id': '2' })).text
    expect(tail).toMatch(/^retry: 2000\n\nevent: run\nid: 3\n/)
    expect(whole.endsWith(tail.slice('retry: 2000\n\n'.length))).toBe(true)
  })

  it('counts', async () => {
    const { text } = await ask('GET', '/metrics')
    expect(text).toMatch(/^espalier_runs\{status="finished"\} [1-9]/m)
    expect(text).toMatch(/^espalier_event_clients 0$/m)
  })

  it.each([
    ['{"model": "world", "rew', 400, /JSON/],
    ['[1, 2]', 422, /./],
    ['"text"', 422, /./],
    ['null', 422, /./],
    [{}, 422, /^model: it is missing/],
    [{ ...config, model: '../../etc/passwd' }, 422, /^model: there is no/],
    [{ ...config, budget: 1e300 }, 422, /^budget: expected/],
    [{ ...config, budget: 10_000_001 }, 422, /^budget: 10000001 NFE are asked for, 10000000 are allowed here/],
    [{ ...config, reward: `near:${'1,'.repeat(400)}1` }, 422, /^reward: near needs 2 numbers/],
    [JSON.stringify({ ...config, reward: 'x'.repeat(2 << 20) }), 413, /^a body has 1048576 bytes at most/],
  ])('refuses a body in one line: %#', async (body, status, detail) => {
    const answer = await ask('POST', '/runs', body)
    expect(answer.status).toBe(status)
    expect(answer.headers['content-type']).toBe('application/problem+json')
    expect(answer.json()).toMatchObject({ type: 'about:blank', status })
    expect(answer.json().detail).toMatch(detail)
    expect(answer.json().detail).not.toMatch(/\n/)
  })

  it('is not fooled by a prototype', async () => {
    const body = '{"model":"world","reward":"near:2,0","steps":10,"__proto__":{"budget":77}}'
    const answer = await ask('POST', '/runs', body)
    expect(answer.status).toBe(201)
    expect(answer.json().config.budget).toBe(2000)
  })

  it('takes JSON that says that it is JSON, and nothing else', async () => {
    const answer = await ask('POST', '/runs', JSON.stringify(config), { 'content-type': 'text/plain' })
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
  })

  it.each(['/runs/nobody', '/runs/nobody/events', '/runs/nobody/tree', '/runs/..%2f..%2fetc/samples', '/runs/%00'])(
    'knows no run at %s',
    async (path) => {
      const answer = await ask('GET', path)
      expect(answer.status).toBe(404)
      expect(answer.json().detail).toMatch(/^there is (no run|nothing at)/)
    },
  )
})
