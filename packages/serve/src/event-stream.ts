/** The events of a run as a stream of server-sent events: replayed from any number, then followed. */

import type { Engine, RunEvent } from '@espalier/engine'

/** Milliseconds after which a silent stream says that it is alive. */
const PING = 15_000
/** Milliseconds that a client may leave a piece unread before it is cut off; it can come back for the rest. */
const UNREAD = 30_000
/** Characters that are handed over in one piece. */
const PIECE = 32_768

const encoder = new TextEncoder()
/** Each event is written once, however many follow it. */
const written = new WeakMap<RunEvent, string>()

function textOf(event: RunEvent): string {
  const known = written.get(event)
  if (known !== undefined) return known
  const text = JSON.stringify(event)
  written.set(event, text)
  return text
}

export interface EventStreamOptions {
  readonly engine: Engine
  readonly id: string
  readonly from: number
  /** Aborted when the server ends; the stream then says `bye`. */
  readonly leaving: AbortSignal
  readonly onEnd: () => void
  readonly ping?: number
  readonly unread?: number
}

/**
 * A stream that is only filled as it is read: a client that does not read holds one piece, and is cut off after a while.
 * `run` events carry their number as `id`; `end` says that the run has ended, `bye` that the server has.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { engine, id, from, leaving, onEnd, ping = PING, unread = UNREAD } = options
  const gone = new AbortController()
  const events = engine.events(id, from, gone.signal)[Symbol.asyncIterator]()
  let next: ReturnType<typeof events.next> | undefined
  let stalled: NodeJS.Timeout | undefined
  let over = false

  const end = () => {
    if (over) return
    over = true
    clearTimeout(stalled)
    gone.abort()
    leaving.removeEventListener('abort', onLeaving)
    onEnd()
  }
  let wake = () => {}
  const onLeaving = () => wake()
  leaving.addEventListener('abort', onLeaving)

  const give = (controller: ReadableStreamDefaultController<Uint8Array>, text: string) => {
    controller.enqueue(encoder.encode(text))
    stalled = setTimeout(() => {
      end()
      controller.error(new Error('the client does not read'))
    }, unread)
    stalled.unref()
  }
  const close = (controller: ReadableStreamDefaultController<Uint8Array>, text: string) => {
    controller.enqueue(encoder.encode(text))
    controller.close()
    end()
  }

  let begun = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled)
        if (!begun) {
          begun = true
          return give(controller, 'retry: 2000\n\n')
        }
        let text = ''
        // What is there at once goes together.
        while (text.length < PIECE) {
          if (leaving.aborted) return close(controller, `${text}event: bye\ndata: {}\n\n`)
          next ??= events.next()
          const wait = text === '' ? ping : 0
          let timer: NodeJS.Timeout | undefined
          const late = new Promise<undefined>((resolve) => {
            wake = () => resolve(undefined)
            timer = setTimeout(wake, wait)
          })
          const result = await Promise.race([next, late])
          clearTimeout(timer)
          if (over) return
          if (result === undefined) {
            if (leaving.aborted) continue
            if (text === '') text = ': still here\n\n'
            break
          }
          next = undefined
          if (result.done) return close(controller, `${text}event: end\ndata: {}\n\n`)
          const { number, event } = result.value
          text += `event: run\nid: ${number}\ndata: ${textOf(event)}\n\n`
        }
        give(controller, text)
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  )
}
