/** Events of a server's runs over one connection, however many are followed: browsers allow few to a server. */

import { gunzipSync, strFromU8 } from 'fflate'
import type { RunEvent } from './engine.ts'
import type { Numbered } from './event-log.ts'
import { serverSentEvents } from './server-sent-events.ts'

/** Milliseconds before a stream that broke off is asked for again: doubled each time, up to the second. */
const retryAfter = [250, 8000] as const
/** Events that may wait to be taken before no more are read. */
const UNREAD = 10_000

export interface FollowedEventsOptions {
  /** Opens the stream of these runs, each from an event on. Ids do not come twice. */
  open(runs: ReadonlyMap<string, number>, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
  /** Whether asking again can help. */
  isPassing(error: unknown): boolean
  /** @throws what is wrong with that run, where something is */
  check(id: string): Promise<unknown>
}

/** Somebody who follows a run. */
interface Follower {
  readonly id: string
  /** Number of the event that is the next to arrive. */
  next: number
  readonly waiting: Numbered[]
  over: boolean
  error?: unknown
  wake(): void
}

/** Follows runs: each from any event on, to its end. Nothing is lost or doubled where the stream breaks off. */
export function followedEvents({ open, isPassing, check }: FollowedEventsOptions) {
  const followers = new Set<Follower>()
  let reading = false
  /** Ends the stream that is open: another set of runs is to be followed. */
  let changed = new AbortController()
  /** Called when events were taken, or somebody left. */
  let taken = () => {}

  const places = (): Map<string, number> => {
    const found = new Map<string, number>()
    for (const { id, next } of followers) found.set(id, Math.min(next, found.get(id) ?? next))
    return found
  }
  const end = (follower: Follower, error?: unknown) => {
    follower.over = true
    follower.error = error
    followers.delete(follower)
    follower.wake()
  }
  const tell = (id: string, first: number, events: readonly RunEvent[]) => {
    for (const follower of followers) {
      if (follower.id !== id) continue
      // Who joined later may have asked for less.
      for (let i = follower.next - first; i < events.length; i++) {
        follower.waiting.push({ number: follower.next++, event: events[i] })
      }
      follower.wake()
    }
  }
  const room = async () => {
    while ([...followers].some(({ waiting }) => waiting.length > UNREAD)) {
      await new Promise<void>((resolve) => {
        taken = resolve
      })
    }
  }

  /** One stream, to its end. @returns whether it told anything */
  const readStream = async (signal: AbortSignal): Promise<boolean> => {
    let told = false
    for await (const { type, data, id = '' } of serverSentEvents(await open(places(), signal))) {
      if (signal.aborted) break
      // Of `<run>:<number>,...` the first is the run that it is about.
      const [, run, number] = /^([^:,]*):(\d+)/.exec(id) ?? []
      if (type === 'end') {
        const ended = (JSON.parse(data) as { readonly run: string }).run
        for (const follower of [...followers]) if (follower.id === ended) end(follower)
        if (followers.size === 0) break
      } else if (type === 'run' || type === 'snapshot') {
        told = true
        const events = type === 'run' ? [JSON.parse(data) as RunEvent] : unpacked(data)
        tell(run, Number(number) + 1 - events.length, events)
        await room()
      }
    }
    return told
  }

  const read = async () => {
    let wait: number = retryAfter[0]
    // Whoever asks in the same breath shares the stream.
    await Promise.resolve()
    while (followers.size > 0) {
      changed = new AbortController()
      const { signal } = changed
      try {
        if (await readStream(signal)) wait = retryAfter[0]
      } catch (error) {
        if (!signal.aborted && !isPassing(error)) await endWrong(error)
      }
      if (signal.aborted || followers.size === 0) continue
      await pause(wait, signal)
      wait = Math.min(2 * wait, retryAfter[1])
    }
    reading = false
  }

  /** Tells those whose runs are wrong; where none is, all. */
  const endWrong = async (error: unknown) => {
    const asked = [...followers]
    let found = false
    for (const follower of asked) {
      try {
        await check(follower.id)
      } catch (cause) {
        if (isPassing(cause)) continue
        found = true
        end(follower, cause)
      }
    }
    if (!found) for (const follower of asked) end(follower, error)
  }

  return async function* events(id: string, from: number, signal: AbortSignal): AsyncGenerator<Numbered> {
    let wake = () => {}
    const follower: Follower = { id, next: from, waiting: [], over: false, wake: () => wake() }
    const leave = () => wake()
    signal.addEventListener('abort', leave)
    followers.add(follower)
    if (reading) changed.abort()
    else {
      reading = true
      void read()
    }
    try {
      for (;;) {
        const batch = follower.waiting.splice(0)
        taken()
        for (const numbered of batch) {
          if (signal.aborted) return
          yield numbered
        }
        if (signal.aborted) return
        if (follower.waiting.length > 0) continue
        if (follower.error !== undefined) throw follower.error
        if (follower.over) return
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      signal.removeEventListener('abort', leave)
      if (followers.delete(follower)) changed.abort()
      taken()
    }
  }
}

/** The events of a `snapshot`, which stands for them where many are missing. */
function unpacked(data: string): RunEvent[] {
  const { gzip } = JSON.parse(data) as { readonly gzip: string }
  const lines = strFromU8(gunzipSync(Uint8Array.from(atob(gzip), (letter) => letter.charCodeAt(0))))
  return lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as RunEvent)
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
