/** Runs on a server, as `espalier serve` is one. */

import { gunzipSync, strFromU8 } from 'fflate'
import type { Engine, EngineFacts, ModelEntry, RunEvent, RunState, RunSummary } from './engine.ts'
import { EngineError, type EngineErrorKind, lineOf } from './engine-error.ts'
import type { Numbered } from './event-log.ts'
import { serverSentEvents } from './server-sent-events.ts'

/** Milliseconds before a stream that broke off is asked for again: doubled each time, up to the second. */
const retryAfter = [250, 8000] as const

export interface ServerEngineOptions {
  /** Address of the server. */
  readonly url: string
  /** For scripts; a page logs in and has a cookie. */
  readonly token?: string
  /** Default: the global one. */
  readonly fetch?: typeof fetch
}

/** A problem as the server tells it (RFC 9457), with the kind of our own errors. */
interface Problem {
  readonly detail?: string
  readonly kind?: EngineErrorKind
}

/** An answer that is no error of an engine: of the guard, of a proxy, of a fault. */
class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

/** Whether asking again can help: the server did not answer, is about to end, or has too much to do. */
function isPassing(error: unknown): boolean {
  if (error instanceof EngineError) return error.kind === 'busy' || error.kind === 'closed'
  return !(error instanceof AnswerError) || error.status >= 500 || error.status === 429
}

/** The engine of a server. Event streams that break off go on with the next event; nothing is lost or doubled. */
export function serverEngine({ url, token, fetch: ask = fetch }: ServerEngineOptions): Engine {
  const base = url.replace(/\/$/, '')
  const credentials: Readonly<Record<string, string>> = token === undefined ? {} : { authorization: `Bearer ${token}` }

  const call = async (method: string, path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = { ...credentials, ...(init.headers as Record<string, string>) }
    let response: Response
    try {
      response = await ask(`${base}${path}`, { ...init, method, headers })
    } catch (error) {
      if (init.signal?.aborted) throw error
      throw new Error(`the server at ${base} does not answer (${lineOf(error)})`, { cause: error })
    }
    if (response.ok) return response
    const problem = (await response.json().catch(() => ({}))) as Problem
    const detail = problem.detail ?? `the server at ${base} answered ${response.status} ${response.statusText}`
    throw problem.kind ? new EngineError(problem.kind, detail) : new AnswerError(response.status, detail)
  }
  const json = async <T>(method: string, path: string, init?: RequestInit): Promise<T> =>
    (await call(method, path, init)).json() as Promise<T>
  const of = (id: string) => `/runs/${encodeURIComponent(id)}`

  return {
    async models() {
      return (await json<{ readonly models: readonly ModelEntry[] }>('GET', '/models')).models
    },

    async start(config) {
      const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() }
      const { id } = await json<RunSummary>('POST', '/runs', { headers, body: JSON.stringify(config) })
      return id
    },

    async runs() {
      const all: RunSummary[] = []
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page: { readonly runs: readonly RunSummary[]; readonly next: string | null } = await json(
          'GET',
          `/runs?cursor=${encodeURIComponent(cursor)}`,
        )
        all.push(...page.runs)
        cursor = page.next
      }
      return all
    },

    run: (id) => json<RunSummary>('GET', of(id)),

    async *events(id, from, signal): AsyncGenerator<Numbered> {
      let next = from
      let wait: number = retryAfter[0]
      while (!signal.aborted) {
        try {
          const response = await call('GET', `${of(id)}/events?from=${next}`, { signal })
          for await (const { type, data } of serverSentEvents(response.body as ReadableStream<Uint8Array>)) {
            if (signal.aborted || type === 'end') return
            if (type !== 'run' && type !== 'snapshot') continue
            wait = retryAfter[0]
            for (const event of type === 'run' ? [JSON.parse(data) as RunEvent] : unpacked(data)) {
              if (signal.aborted) return
              yield { number: next++, event }
            }
          }
        } catch (error) {
          if (signal.aborted) return
          if (!isPassing(error)) throw error
        }
        await pause(wait, signal)
        wait = Math.min(2 * wait, retryAfter[1])
      }
    },

    async pause(id) {
      await call('POST', `${of(id)}/pause`)
    },

    async resume(id) {
      await call('POST', `${of(id)}/resume`)
    },

    async stop(id) {
      await call('POST', `${of(id)}/cancel`)
    },

    async step(id, from) {
      await call('POST', `${of(id)}/step?from=${from}`)
    },

    async state(id, at): Promise<RunState> {
      const path = 'node' in at ? `nodes/${at.node}` : `samples/${at.sample}`
      return stateOf(await json<StateJson>('GET', `${of(id)}/${path}`))
    },

    async exact(id, at) {
      const query = at ? `?node=${at.node}&time=${at.time}` : ''
      return (await json<{ readonly value: number | null }>('GET', `${of(id)}/exact${query}`)).value
    },

    async remove(id) {
      await call('DELETE', of(id))
    },

    async archive(id) {
      return new Uint8Array(await (await call('GET', `${of(id)}/archive`)).arrayBuffer())
    },

    async restore(archive) {
      const headers = { 'content-type': 'application/zip' }
      return (await json<RunSummary>('POST', '/runs/archive', { headers, body: archive as BodyInit })).id
    },

    async addModel({ key, card, graph, tokenizer }) {
      const body = new FormData()
      const file = (name: string, content: BlobPart) => body.set(name, new Blob([content]), name)
      file('card.json', JSON.stringify(card))
      if (graph) file('model.onnx', graph as Uint8Array<ArrayBuffer>)
      if (tokenizer !== undefined) file('tokenizer.json', JSON.stringify(tokenizer))
      await call('PUT', `/models/${encodeURIComponent(key)}`, { body })
    },

    async trial(key) {
      const path = `/models/${encodeURIComponent(key)}/trial`
      return (await json<{ readonly states: readonly StateJson[] }>('POST', path)).states.map(stateOf)
    },

    facts: () => json<EngineFacts>('GET', '/engine'),
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

type StateJson = Omit<RunState, 'data'> & { readonly data: readonly number[] }

function stateOf(state: StateJson): RunState {
  return { ...state, data: Float32Array.from(state.data) }
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
