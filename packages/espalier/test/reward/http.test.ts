import { describe, expect, it, test, vi } from 'vitest'
import { backOff, longestWait, retryAfter } from '../../src/reward/back-off.ts'
import { checkedReward, httpReward } from '../../src/reward/index.ts'
import { key } from '../../src/tensor/random.ts'
import { scoringServer, sums } from './server.ts'

const server = scoringServer()
const samples = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ shape: [1, 2], data: Float32Array.of(i, Math.fround(-0.1)) }))
const quick = { retries: 3, backoff: 1, timeout: 2000 }
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no error',
    (error: Error) => error.message,
  )

describe('a reward behind an HTTP endpoint', () => {
  it('sends little-endian float32 in base64 with its shape, in batches, and keeps the order', async () => {
    server.reply = (asked) => ({ delay: asked.values[0] === 0 ? 20 : 0 })
    const reward = httpReward(server.url, { ...quick, maxBatch: 3, inFlight: 2, headers: { authorization: 'key' } })
    const given = samples(8)
    const values = await reward.evaluate(given)
    expect(Array.from(values)).toEqual(given.map(({ data }) => data[0] + data[1]))
    expect(server.asked.map(({ shape }) => shape)).toEqual([
      [3, 1, 2],
      [3, 1, 2],
      [2, 1, 2],
    ])
    expect(server.asked[0].values).toEqual(Float32Array.from(given.slice(0, 3).flatMap(({ data }) => [...data])))
    expect(server.asked[0]).toMatchObject({ method: 'POST', headers: { authorization: 'key' } })
    expect(server.asked[0].headers['content-type']).toBe('application/json')
    expect(server.most).toBe(2)
    expect(reward.name).toBe(server.url)
    expect((await reward.evaluate([])).length).toBe(0)
    expect(server.asked.length).toBe(3)
  })

  it('takes -Infinity as text and bare', async () => {
    server.reply = () => ({ body: '{"note": "not NaN", "rewards": [1, "-Infinity"]}' })
    expect(Array.from(await httpReward(server.url).evaluate(samples(2)))).toEqual([1, -Infinity])
    server.reply = () => ({ body: '{"rewards": [-Infinity, 2e0]}' })
    expect(Array.from(await httpReward(server.url).evaluate(samples(2)))).toEqual([-Infinity, 2])
  })

  it.each([
    { what: '503', reply: { status: 503, body: 'warming up' } },
    { what: '429', reply: { status: 429, headers: { 'retry-after': '0.001' } } },
    { what: 'a broken connection', reply: { hangUp: true } },
    { what: 'silence', reply: { delay: 5000 } },
  ])('tries again after $what, and goes on', async ({ what, reply }) => {
    server.reply = (_, number) => (number <= 2 ? reply : {})
    const reward = httpReward(server.url, { ...quick, timeout: what === 'silence' ? 50 : 2000 })
    expect((await reward.evaluate(samples(2)))[1]).toBeCloseTo(0.9, 6)
    expect(server.asked.length).toBe(3)
    expect(server.asked[2].values).toEqual(server.asked[0].values)
  })

  it.each([
    [
      { status: 500, body: 'out of\n memory' },
      4,
      /failed on 3 samples from rollout 7 on: HTTP 500 .*: out of memory \(4 tries\)$/,
    ],
    [{ delay: 5000 }, 4, /: no answer within 40 ms \(4 tries\)$/],
    [{ hangUp: true }, 4, /failed on 3 samples from rollout 7 on: .+ \(4 tries\)$/],
    [
      { status: 422, body: '{"detail":"wrong shape"}' },
      1,
      /: HTTP 422 Unprocessable Entity: \{"detail":"wrong shape"\}$/,
    ],
    [{ status: 404 }, 1, /: HTTP 404 Not Found: \{"rewards":/],
    [{ status: 503, headers: { 'retry-after': '86400' } }, 1, /HTTP 503 .*; it asks to come back in 86400 s$/],
    [
      { body: '<html>\n<body>Welcome' },
      1,
      /: the answer is not \{"rewards": \[numbers\]\} as JSON; it is <html> <body>Welcome$/,
    ],
    [{ body: '' }, 1, /as JSON; it is empty$/],
    [{ body: '{"scores": [1, 2, 3]}' }, 1, /as JSON; it is \{"scores": \[1, 2, 3\]\}$/],
    [{ body: '{"rewards": [1, 2]}' }, 1, /was given 3 samples and returned 2 numbers \(3 samples from rollout 7 on\)/],
    [{ body: '{"rewards": [1, NaN, 2]}' }, 1, /returned NaN for rollout 8;/],
    [{ body: '{"rewards": [1, 2, null]}' }, 1, /returned null for rollout 9;/],
    [{ body: '{"rewards": [Infinity, 2, 3]}' }, 1, /returned Infinity for rollout 7;/],
    [{ body: '{"rewards": ["2", 2, 3]}' }, 1, /returned 2 for rollout 7; it must be a finite number/],
  ])('says what went wrong, and with which rows: %j', async (reply, tries, says) => {
    server.reply = () => reply
    const reward = httpReward(server.url, { ...quick, name: 'judge', timeout: 'delay' in reply ? 40 : 2000 })
    const message = await failure(checkedReward(reward, (i) => `rollout ${7 + i}`).evaluate(samples(3)))
    expect(message).toMatch(/^Reward "judge" [^\n]+$/)
    expect(message).toMatch(says)
    expect(server.asked.length).toBe(tries)
  })

  it('waits as long as Retry-After asks, where that is longer than its own wait', async () => {
    const timers = vi.spyOn(globalThis, 'setTimeout')
    server.reply = (_, number) => (number === 1 ? { status: 429, headers: { 'retry-after': '0.043' } } : {})
    await httpReward(server.url, { ...quick, timeout: 1999 }).evaluate(samples(1))
    const waits = timers.mock.calls.map(([, wait]) => wait).filter((wait) => wait !== 1999)
    timers.mockRestore()
    expect(waits).toContain(43)
    expect(server.asked.length).toBe(2)
  })

  it('names the rows of the batch that failed, begins no further one, and leaves none behind', async () => {
    server.reply = (asked) => (asked.values[0] === 2 ? { body: '{"rewards": [1, "NaN"]}' } : {})
    const reward = httpReward(server.url, { ...quick, maxBatch: 2, inFlight: 1 })
    expect(await failure(reward.evaluate(samples(8)))).toContain('returned NaN for sample 3')
    expect(server.asked.length).toBe(2)
    // The same with others under way: those that wait for another try give up.
    server.reply = (asked) => (asked.values[0] === 2 ? { body: 'no', delay: 200 } : { status: 503 })
    const patient = httpReward(server.url, { maxBatch: 2, inFlight: 4, retries: 9, backoff: 50_000 })
    expect(await failure(patient.evaluate(samples(8)))).toContain('failed on 2 samples from sample 2 on')
    expect(server.asked.length).toBe(2 + 4)
  })

  it('ends by its signal, in the middle of a request and of a wait', async () => {
    for (const reply of [{ delay: 2000 }, { status: 503 }]) {
      server.reply = () => reply
      const end = new AbortController()
      const reward = httpReward(server.url, { backoff: 50_000, signal: end.signal })
      const failed = failure(reward.evaluate(samples(1)))
      await expect.poll(() => server.asked.length).toBe(1)
      end.abort()
      expect(await failed).toContain('aborted')
      expect(await failure(reward.evaluate(samples(1)))).toContain('aborted')
      expect(server.asked.splice(0)).toHaveLength(1)
    }
  })

  it('does not follow a server elsewhere where it must not', async () => {
    server.reply = () => ({ status: 307, headers: { location: server.url } })
    const reward = httpReward(server.url, { ...quick, retries: 0, redirect: 'error' })
    expect(await failure(reward.evaluate(samples(1)))).toContain('failed on sample 0')
    expect(server.asked.length).toBe(1)
  })

  it('names a server that is not there', async () => {
    const reward = httpReward('http://127.0.0.1:9/score?key=secret', { retries: 1, backoff: 1 })
    const message = await failure(reward.evaluate(samples(1)))
    expect(message).toMatch(/^Reward "http:\/\/127\.0\.0\.1:9\/score" failed on sample 0: .+ \(2 tries\)$/)
    expect(message).not.toContain('fetch failed')
  })

  test('refuses an address or an option that is none, and samples of two shapes', async () => {
    expect(() => httpReward('judge.example')).toThrow('written http://... or https://..., got "judge.example"')
    expect(() => httpReward('ftp://judge.example')).toThrow('written http://')
    expect(() => httpReward('http://me:secret@judge.example')).toThrow('give them as a header (judge.example)')
    expect(() => httpReward(server.url, { timeout: 0 })).toThrow('the timeout is 0, expected milliseconds above 0')
    expect(() => httpReward(server.url, { timeout: 1e12 })).toThrow('the timeout is')
    expect(() => httpReward(server.url, { retries: -1 })).toThrow('retries is -1')
    expect(() => httpReward(server.url, { backoff: Number.NaN })).toThrow('backoff is NaN')
    expect(() => httpReward(server.url, { inFlight: 0 })).toThrow('inFlight is 0')
    expect(() => httpReward(server.url, { maxBatch: 0.5 })).toThrow('maxBatch is 0.5')
    const odd = [...samples(1), { shape: [2], data: new Float32Array(2) }]
    expect(await failure(httpReward(server.url).evaluate(odd))).toContain('sample 1 is [2], the first is [1,2]')
    expect(server.asked.length).toBe(0)
  })
})

describe('waits between tries', () => {
  it('double, with jitter from a keyed stream, up to a minute', () => {
    const waits = backOff(100, key(3))
    const first = Array.from({ length: 12 }, () => waits.next().value)
    const again = backOff(100, key(3))
    expect(first).toEqual(Array.from({ length: 12 }, () => again.next().value))
    const other = backOff(100, key(4))
    expect(other.next().value).not.toBe(first[0])
    first.forEach((wait, k) => {
      expect(wait).toBeGreaterThanOrEqual(Math.min(longestWait, 50 * 2 ** k))
      expect(wait).toBeLessThanOrEqual(Math.min(longestWait, 100 * 2 ** k))
    })
    expect(first[11]).toBe(longestWait)
  })

  it('are read from Retry-After as seconds or as a date', () => {
    expect(retryAfter('2')).toBe(2000)
    expect(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 45_000)).toBe(15_000)
    expect(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 90_000)).toBe(0)
    expect([retryAfter(null), retryAfter(''), retryAfter('soon')]).toEqual([undefined, undefined, undefined])
  })
})

it('the test server scores by sums', () => {
  expect(sums({ headers: {}, shape: [2, 2], values: Float32Array.of(1, 2, 3, 4) })).toEqual([3, 7])
})
