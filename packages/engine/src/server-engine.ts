/** Runs on a server, as `espalier serve` is one. */

import type { BroughtModel, Engine, EngineFacts, ModelEntry, RunState, RunSummary } from './engine.ts'
import { EngineError, type EngineErrorKind, lineOf } from './engine-error.ts'
import { followedEvents } from './followed-events.ts'

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

/**
 * The engine of a server. All runs that are followed share one stream of events; where it breaks off, it goes on with the
 * next ones, and nothing is lost or doubled.
 */
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

  const events = followedEvents({
    async open(runs, signal) {
      const places = Array.from(runs, ([id, from]) => `${encodeURIComponent(id)}:${from}`)
      const response = await call('GET', `/events?runs=${places.join()}`, { signal })
      return response.body as ReadableStream<Uint8Array>
    },
    isPassing,
    check: (id) => call('GET', of(id)),
  })

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

    events,

    async pause(id) {
      await call('POST', `${of(id)}/pause`)
    },

    async resume(id) {
      await call('POST', `${of(id)}/resume`)
    },

    async stop(id) {
      await call('POST', `${of(id)}/cancel`)
    },

    async step(id) {
      await call('POST', `${of(id)}/step`)
    },

    async state(id, at): Promise<RunState> {
      const path = 'node' in at ? `nodes/${at.node}` : `samples/${at.sample}`
      return stateOf(await json<StateJson>('GET', `${of(id)}/${path}`))
    },

    async lookahead(id, { node }) {
      return stateOf(await json<StateJson>('POST', `${of(id)}/nodes/${node}/lookahead`))
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

    async broughtModels() {
      return (await json<{ readonly brought: readonly BroughtModel[] }>('GET', '/models')).brought
    },

    async removeModel(key) {
      await call('DELETE', `/models/${encodeURIComponent(key)}`)
    },

    async trial(key) {
      const path = `/models/${encodeURIComponent(key)}/trial`
      return (await json<{ readonly states: readonly StateJson[] }>('POST', path)).states.map(stateOf)
    },

    facts: () => json<EngineFacts>('GET', '/engine'),
  }
}

type StateJson = Omit<RunState, 'data'> & { readonly data: readonly number[] }

function stateOf(state: StateJson): RunState {
  return { ...state, data: Float32Array.from(state.data) }
}
