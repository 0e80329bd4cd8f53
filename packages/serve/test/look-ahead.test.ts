/** Looks ahead over HTTP: who may, how many at a time, and what they share with runs. */

import { nodeRuntime } from 'espalier/node'
import type { Runtime } from 'espalier/runtime'
import { afterAll, describe, expect, it } from 'vitest'
import { allEvents, config } from '../../engine/test/support/conformance.ts'
import { plane } from '../../engine/test/support/plane.ts'
import { raw, testServers } from './support/server.ts'

const inner = nodeRuntime({ workers: 0 })
afterAll(() => inner.close())

/** A runtime that counts what it loads, and whose calls can be held. */
function holding() {
  const held = {
    loads: 0,
    until: Promise.resolve(),
    runtime: {
      ...inner,
      async load(...given) {
        held.loads++
        const session = await inner.load(...given)
        return {
          ...session,
          async run(...feeds) {
            await held.until
            return session.run(...feeds)
          },
        }
      },
    } satisfies Runtime as Runtime,
  }
  return held
}

describe('a look ahead over HTTP', { timeout: 20_000 }, () => {
  const { start } = testServers()
  const post = (url: string, headers: Record<string, string> = {}) => raw(url, { method: 'POST', headers })

  it('is for those who may write, of nodes that there are', async () => {
    const token = 'a3'.repeat(16)
    const { client, url } = await start({ token })
    const id = await client.start(config)
    await allEvents(client, id)
    const at = (place: string | number, run = id) => `${url}/runs/${run}/nodes/${place}/lookahead`
    const authorization = `Bearer ${token}`
    expect((await post(at(1))).status).toBe(401)
    expect((await post(at(1), { authorization, origin: 'https://evil.example' })).status).toBe(403)
    expect((await raw(at(1), { headers: { authorization } })).status).toBe(404)
    const answer = await post(at(1), { authorization })
    expect(answer.status).toBe(200)
    const { shape, data } = await client.lookahead(id, { node: 1 })
    expect(answer.json()).toEqual({ shape, data: Array.from(data) })
    for (const [address, status, detail] of [
      [at(99_999), 404, /^there is no state at node 99999; there are nodes 1 to/],
      [at(1, 'nobody'), 404, /^there is no run "nobody"$/],
      [at('x'), 422, /^place: /],
      [at(-1), 422, /^place: /],
    ] as const) {
      const refused = await post(address, { authorization })
      expect([refused.status, refused.json().detail]).toEqual([status, expect.stringMatching(detail)])
    }
  })

  it('waits for others, up to eight, and has the session of the runs', async () => {
    const held = holding()
    const { client, url } = await start({ runtime: held.runtime })
    await client.addModel(plane())
    const id = await client.start({ ...config, model: 'plane' })
    await allEvents(client, id)
    let release = () => {}
    held.until = new Promise((resolve) => {
      release = resolve
    })
    const answered: number[] = []
    const asking = Array.from({ length: 12 }, async (_, i) => {
      const { status, headers } = await post(`${url}/runs/${id}/nodes/${1 + (i % 3)}/lookahead`)
      answered.push(status)
      if (status === 429) expect(headers['retry-after']).toBe('1')
    })
    await expect.poll(() => answered).toEqual([429, 429, 429, 429])
    // Whoever asks for anything else is not held up.
    expect((await raw(`${url}/runs/${id}`)).status).toBe(200)
    release()
    await Promise.all(asking)
    expect(answered.slice(4)).toEqual(new Array(8).fill(200))
    expect((await post(`${url}/runs/${id}/nodes/1/lookahead`)).status).toBe(200)
    expect(held.loads).toBe(1)
  })
})
