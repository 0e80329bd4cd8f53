/** The events of runs as a stream of server-sent events: replayed from any number, then followed. */

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Engine, RunEvent, RunStore } from '@espalier/engine'

/** Milliseconds after which a silent stream says that it is alive. */
const PING = 15_000
/** Milliseconds that a client may leave a piece unread before it is cut off; it can come back for the rest. */
const UNREAD = 30_000
/** Characters that are handed over in one piece. */
const PIECE = 32_768
/** Events that may be missing before they come together, and how many do at most. */
const BEHIND = 5000
/** Characters of events that come together, about. */
const SNAPSHOT = 1 << 21
/** Events that are read from the store at once. */
const PAGE = 256

const encoder = new TextEncoder()
const packed = promisify(gzip)
/** Each event is written once, however many follow it. */
const written = new WeakMap<RunEvent, string>()

function textOf(event: RunEvent): string {
  const known = written.get(event)
  if (known !== undefined) return known
  const text = JSON.stringify(event)
  written.set(event, text)
  return text
}

/** A run, and the event that is the first to be told of it. */
export interface Followed {
  readonly id: string
  readonly from: number
}

export interface EventStreamOptions {
  readonly engine: Engine
  readonly store: RunStore
  readonly runs: readonly Followed[]
  /** Whether ids name the run, and where all the others are: of a stream of several. */
  readonly named: boolean
  /** Aborted when the server ends; the stream then says `bye`. */
  readonly leaving: AbortSignal
  readonly onEnd: () => void
  readonly ping?: number
  readonly unread?: number
  readonly behind?: number
}

/** What a client is told of one run. */
interface Message {
  readonly type: 'run' | 'snapshot'
  /** Of the event, or of the last one of a snapshot. */
  readonly number: number
  readonly data: string
}

/** A run while it is followed. */
interface Following {
  readonly id: string
  readonly messages: AsyncIterator<Message>
  /** The event that was told last. */
  last: number
  /** What came and was not told yet. */
  result?: IteratorResult<Message, void>
  over: boolean
}

/**
 * A stream that is only filled as it is read: a client that does not read holds one piece, and is cut off after a while.
 *
 * `run` events carry their number as `id`. Where more than 5 000 are missing, they come first as `snapshot` events, each
 * for 5 000 of them at most: `{ from, count, gzip }`, the lines of JSON packed, in base64; its id is the number of the last.
 * `end` says that the run has ended, `bye` that the server has. In a stream of several runs an id is
 * `<run>:<number>,<other run>:<its last number>,...`, so that it tells where to go on with all of them.
 */
export function eventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const { named, leaving, onEnd, ping = PING, unread = UNREAD } = options
  const gone = new AbortController()
  const runs = options.runs.map(
    ({ id, from }): Following => ({
      ...{ id, last: from - 1, over: false },
      messages: messagesOf(options, { id, from }, gone.signal),
    }),
  )
  let failure: unknown
  let stalled: NodeJS.Timeout | undefined
  let over = false
  let wake = () => {}

  const ask = (run: Following) => {
    run.messages.next().then(
      (result) => {
        run.result = result
        wake()
      },
      (error: unknown) => {
        failure ??= error
        wake()
      },
    )
  }
  const end = () => {
    if (over) return
    over = true
    clearTimeout(stalled)
    gone.abort()
    leaving.removeEventListener('abort', onLeaving)
    wake()
    onEnd()
  }
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

  /** The next run that has something to tell: turn by turn, so that a long replay holds up no other. */
  let turn = 0
  const ready = () => {
    for (let i = 0; i < runs.length; i++) {
      const place = (turn + i) % runs.length
      if (!runs[place].result) continue
      turn = place
      return runs[place]
    }
    return undefined
  }
  /** Resolves when there is something to tell, or after a time. */
  const more = (milliseconds: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  const told = (run: Following): string => {
    const { value, done } = run.result as IteratorResult<Message, void>
    run.result = undefined
    turn++
    if (done) {
      run.over = true
      return `event: end\ndata: ${named ? JSON.stringify({ run: run.id }) : '{}'}\n\n`
    }
    run.last = value.number
    ask(run)
    const others = runs.filter((other) => other !== run && other.last >= 0)
    const id = named ? [run, ...others].map(({ id, last }) => `${id}:${last}`).join() : value.number
    return `event: ${value.type}\nid: ${id}\ndata: ${value.data}\n\n`
  }

  let begun = false
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        clearTimeout(stalled)
        if (!begun) {
          begun = true
          runs.forEach(ask)
          return give(controller, 'retry: 2000\n\n')
        }
        let text = ''
        // What is there at once goes together.
        while (text.length < PIECE) {
          if (leaving.aborted) return close(controller, `${text}event: bye\ndata: {}\n\n`)
          if (runs.every((run) => run.over)) return close(controller, text)
          if (!ready() && failure === undefined) await more(text === '' ? ping : 0)
          if (over) return
          if (failure !== undefined) {
            end()
            throw failure
          }
          const run = ready()
          if (run) text += told(run)
          else if (!leaving.aborted) {
            if (text === '') text = ': still here\n\n'
            break
          }
        }
        give(controller, text)
      },
      cancel: end,
    },
    { highWaterMark: 1 },
  )
}

/** Events of a run, those that are far behind by the thousand. */
async function* messagesOf(
  { engine, store, behind = BEHIND }: EventStreamOptions,
  { id, from }: Followed,
  signal: AbortSignal,
): AsyncGenerator<Message, void> {
  let next = from
  while (!signal.aborted && (await store.countEvents(id)) - next > behind) {
    const lines = await linesFrom(store, id, next, behind)
    // It was removed meanwhile.
    if (lines.length === 0) break
    const bytes = await packed(lines.join(''))
    const data = JSON.stringify({ from: next, count: lines.length, gzip: bytes.toString('base64') })
    next += lines.length
    yield { type: 'snapshot', number: next - 1, data }
  }
  for await (const { number, event } of engine.events(id, next, signal)) {
    yield { type: 'run', number, data: textOf(event) }
  }
}

/** Events of a run as lines of JSON: so many at most, or about as many as fill a snapshot. */
async function linesFrom(store: RunStore, id: string, from: number, most: number): Promise<string[]> {
  const lines: string[] = []
  for (let size = 0; lines.length < most && size < SNAPSHOT; ) {
    const events = await store.events(id, from + lines.length, Math.min(PAGE, most - lines.length))
    if (events.length === 0) break
    for (const event of events) {
      const line = `${JSON.stringify(event)}\n`
      lines.push(line)
      size += line.length
    }
  }
  return lines
}
