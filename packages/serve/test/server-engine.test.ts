import { createServer as createProxy, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serverEngine } from '@espalier/engine'
import { nodeRuntime } from 'espalier/node'
import { describe, expect, it } from 'vitest'
import { allEvents, config, engineConformance, toldIn } from '../../engine/test/support/conformance.ts'
import { open, scratch } from './support/server.ts'

engineConformance('a server engine', async () => {
  const folder = scratch()
  const runtime = nodeRuntime({ workers: 0 })
  const server = await open(folder.path, { runtime })
  return {
    engine: serverEngine({ url: server.url }),
    async close() {
      await server.close()
      await runtime.close()
      folder.remove()
    },
  }
})

describe('a server engine behind a proxy that cuts', () => {
  it('loses and doubles no event', { timeout: 20_000 }, async () => {
    const folder = scratch()
    const server = await open(folder.path)
    let cuts = 0
    let most = 0
    // Cuts every stream of events after so many bytes, in the middle of a line.
    const proxy = createProxy((incoming, outgoing) => {
      const { method, url = '/', headers } = incoming
      const { host: _, ...others } = headers
      const onward = request(`${server.url}${url}`, { method, headers: others }, (response) => {
        outgoing.writeHead(response.statusCode ?? 500, response.headers)
        let left = url.includes('/events') ? most : Number.POSITIVE_INFINITY
        response.on('data', (piece: Buffer) => {
          outgoing.write(piece.subarray(0, Math.min(piece.length, left)))
          left -= piece.length
          if (left > 0) return
          cuts++
          setTimeout(() => outgoing.destroy(), 5)
          onward.destroy()
        })
        response.on('end', () => outgoing.end())
        response.on('error', () => {})
      })
      onward.on('error', () => {})
      incoming.pipe(onward)
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    try {
      const whole = serverEngine({ url: server.url })
      const cut = serverEngine({ url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}` })
      const id = await cut.start({ ...config, budget: 300 })
      const expected = await allEvents(whole, id)
      const statuses = toldIn(expected).statuses
      expect(statuses.at(-1)).toBe('finished')
      // Each event comes through in the end, and not much more in one go.
      most = 100 + Math.max(...expected.map((event) => JSON.stringify(event).length))
      expect(await allEvents(cut, id)).toEqual(expected)
      expect(cuts).toBeGreaterThan(0)
    } finally {
      proxy.closeAllConnections()
      proxy.close()
      await server.close()
      folder.remove()
    }
  })
})
