import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach } from 'vitest'

/** What the server was asked, decoded as httpReward's documentation says. */
export interface Asked {
  readonly method?: string
  readonly headers: IncomingHttpHeaders
  readonly shape: readonly number[]
  readonly values: Float32Array
}

export interface Reply {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Milliseconds before it answers. */
  readonly delay?: number
  /** Breaks the connection instead. */
  readonly hangUp?: boolean
}

/** A scoring server on 127.0.0.1 for one test file; each test says how it behaves. */
export function scoringServer() {
  let server: Server
  const state = {
    url: '',
    asked: [] as Asked[],
    /** Requests under way, and the most there were. */
    underWay: 0,
    most: 0,
    reply: (_asked: Asked, _number: number): Reply => ({}),
  }
  beforeAll(async () => {
    server = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part) => parts.push(part))
      request.on('end', () => {
        const { shape, data } = JSON.parse(Buffer.concat(parts).toString()) as { shape: number[]; data: string }
        const bytes = Buffer.from(data, 'base64')
        const values = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i))
        const asked = { method: request.method, headers: request.headers, shape, values }
        state.asked.push(asked)
        state.most = Math.max(state.most, ++state.underWay)
        const reply = state.reply(asked, state.asked.length)
        const answer = () => {
          state.underWay--
          if (reply.hangUp) return response.destroy()
          response.writeHead(reply.status ?? 200, reply.headers)
          response.end(reply.body ?? JSON.stringify({ rewards: sums(asked) }))
        }
        if (reply.delay) setTimeout(answer, reply.delay)
        else answer()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/score`
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })
  beforeEach(() => {
    state.asked = []
    state.most = 0
    state.reply = () => ({})
  })
  return state
}

/** The sum of each row: what the server scores by, unless it is told otherwise. */
export function sums({ shape, values }: Asked): number[] {
  const size = values.length / shape[0]
  return Array.from({ length: shape[0] }, (_, i) =>
    values.subarray(i * size, (i + 1) * size).reduce((a, b) => a + b, 0),
  )
}
