import { describe, expect, it } from 'vitest'
import type { RunEvent } from '../src/engine.ts'
import { EngineError } from '../src/engine-error.ts'
import { followedEvents } from '../src/followed-events.ts'

const never = new AbortController().signal
const encoder = new TextEncoder()
const eventOf = (id: string, number: number): RunEvent => ({
  type: 'samples',
  from: number,
  rewards: [id.charCodeAt(0)],
})

/** A server with runs of so many events, whose streams tell so many of each at once and break off after every few. */
function server(lengths: Readonly<Record<string, number>>, { cut = Number.POSITIVE_INFINITY, batch = 1 } = {}) {
  const asked: string[][] = []
  let open = 0
  let most = 0
  let sent = 0
  const check = async (id: string) => {
    if (!(id in lengths)) throw new EngineError('unknown', `there is no run "${id}"`)
  }
  const follow = followedEvents({
    check,
    isPassing: () => false,
    async open(runs, signal) {
      asked.push([...runs.keys()])
      for (const id of runs.keys()) await check(id)
      most = Math.max(most, ++open)
      const next = new Map(runs)
      let left = cut
      let over = false
      const end = () => {
        if (!over) open--
        over = true
      }
      const tell = (controller: ReadableStreamDefaultController<Uint8Array>, id: string) => {
        const number = next.get(id)
        if (number === undefined) return
        if (number === lengths[id]) {
          controller.enqueue(encoder.encode(`event: end\ndata: ${JSON.stringify({ run: id })}\n\n`))
          next.delete(id)
          return
        }
        const data = JSON.stringify(eventOf(id, number))
        controller.enqueue(encoder.encode(`event: run\nid: ${id}:${number},other:3\ndata: ${data}\n\n`))
        next.set(id, number + 1)
        sent++
      }
      return new ReadableStream<Uint8Array>({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve))
          if (signal.aborted) {
            end()
            return controller.error(new Error('aborted'))
          }
          if (next.size === 0 || left-- === 0) {
            end()
            return controller.close()
          }
          for (const id of next.keys()) for (let i = 0; i < batch; i++) tell(controller, id)
        },
        cancel: end,
      })
    },
  })
  return { follow, asked, most: () => most, open: () => open, sent: () => sent }
}

async function told(events: AsyncIterable<{ readonly number: number; readonly event: RunEvent }>, most = Infinity) {
  const numbers: number[] = []
  for await (const { number, event } of events) {
    expect(event).toMatchObject({ type: 'samples', from: number })
    numbers.push(number)
    if (numbers.length >= most) break
  }
  return numbers
}
const from = (first: number, end: number) => Array.from({ length: end - first }, (_, i) => first + i)

describe('events of several runs', () => {
  it('come over one connection, each from where it was asked, twice where two ask', async () => {
    const { follow, asked, most } = server({ a: 40, b: 25, c: 0 })
    const all = await Promise.all([
      told(follow('a', 0, never)),
      told(follow('a', 30, never)),
      told(follow('b', 5, never)),
      told(follow('c', 0, never)),
    ])
    expect(all).toEqual([from(0, 40), from(30, 40), from(5, 25), []])
    expect(asked).toEqual([['a', 'b', 'c']])
    expect(most()).toBe(1)
  })

  it('are whole though runs join and leave, and streams break off', async () => {
    const { follow, most, open } = server({ a: 30, b: 30, c: 30 }, { cut: 12 })
    const a = told(follow('a', 0, never))
    await new Promise((resolve) => setTimeout(resolve, 5))
    const b = told(follow('b', 0, never), 7)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const stop = new AbortController()
    const c = told(follow('c', 20, stop.signal), 4)
    const again = told(follow('a', 0, never))
    expect(await Promise.all([a, b, c, again])).toEqual([from(0, 30), from(0, 7), from(20, 24), from(0, 30)])
    expect(most()).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(open()).toBe(0)
  })

  it('end at once where nobody wants them any more', async () => {
    const { follow, open } = server({ a: 1_000_000 })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 20)
    const numbers = await told(follow('a', 0, stop.signal))
    expect(numbers).toEqual(from(0, numbers.length))
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(open()).toBe(0)
  })

  it('fail for the run that is not there, and for no other', async () => {
    const { follow } = server({ a: 10 })
    const [a, nobody] = await Promise.allSettled([told(follow('a', 0, never)), told(follow('nobody', 0, never))])
    expect(a).toMatchObject({ value: from(0, 10) })
    expect(nobody).toMatchObject({ reason: { kind: 'unknown', message: 'there is no run "nobody"' } })
  })

  it('are read no faster than they are taken', async () => {
    const { follow, sent } = server({ a: 40_000 }, { batch: 500 })
    let taken = 0
    for await (const { number } of follow('a', 0, never)) {
      expect(number).toBe(taken++)
      if (taken % 5000 !== 1) continue
      // Until no more is sent: what waits is bounded.
      for (let last = -1; last !== sent(); ) {
        last = sent()
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      // What waits to be taken, what was taken together, and what lies in the stream itself.
      expect(sent() - taken).toBeLessThan(21_500)
    }
    expect(taken).toBe(40_000)
  })
})
