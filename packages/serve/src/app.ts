/** The routes: what can be asked, and what is answered. Testable without a socket: `app.fetch(request)`. */

import { type Engine, endings, type RunConfig, type RunEvent, type RunStore, readSamples } from '@espalier/engine'
import { serveStatic } from '@hono/node-server/serve-static'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { eventStream } from './event-stream.ts'
import type { Guard } from './guard.ts'
import { IdempotencyKeys } from './idempotency.ts'
import { metricsText } from './metrics.ts'
import { pngOf } from './png.ts'
import { problem, problemOf, problemResponse } from './problem.ts'
import * as schemas from './schemas.ts'

/** Runs of one page of `GET /runs`. */
const PAGE = 50
/** Events that are read in one piece. */
const TOGETHER = 1024

export interface AppOptions {
  readonly engine: Engine
  readonly store: RunStore
  readonly guard: Guard
  /** Bytes of a body, at most. */
  readonly body: number
  /** Clients that follow events, at most. */
  readonly clients: number
  /** Whether there is room for more on the disk. */
  readonly room: () => Promise<boolean>
  /** Aborted when the server ends. */
  readonly leaving: AbortSignal
  /** Folder of the web app, where it was built. */
  readonly pages?: string
  readonly onFault: (error: unknown) => void
  readonly version: string
}

const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

const answer = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
const problems = (...statuses: number[]) =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'A problem.', content: { 'application/problem+json': { schema: schemas.problemSchema } } },
    ]),
  )
const ofRun = { params: schemas.idSchema }

export function createApp(options: AppOptions) {
  const { engine, store, guard, leaving } = options
  const keys = new IdempotencyKeys()
  const counts = { clients: 0, requests: 0, problems: 0 }
  const app = new OpenAPIHono({
    defaultHook(result) {
      if (!result.success) {
        const [issue] = result.error.issues
        throw problem(422, `${issue.path.join('.') || 'the request'}: ${issue.message}`, { kind: 'config' })
      }
    },
  })

  const refuse = (error: unknown): Response => {
    const found = problemOf(error)
    counts.problems++
    if (found.status >= 500 && found.status !== 507 && found.status !== 503) options.onFault(error)
    return problemResponse(found)
  }

  app.onError((error) => refuse(error))
  app.notFound((c) => refuse(problem(404, `there is nothing at ${c.req.method} ${c.req.path.slice(0, 200)}`)))
  app.use(async (c, next) => {
    counts.requests++
    await next()
    for (const [name, value] of Object.entries(isolation)) c.res.headers.set(name, value)
  })
  app.use(async (c, next) => {
    const host = c.req.header('host')
    guard.checkHost(host)
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') guard.checkOrigin(c.req.header('origin'), host)
    await next()
  })
  const token = async (c: { req: { header(name: string): string | undefined } }, next: () => Promise<void>) => {
    guard.checkToken(c.req.header('authorization'), c.req.header('cookie'))
    await next()
  }
  for (const path of ['/runs', '/runs/*', '/models', '/metrics']) app.use(path, token)
  const limit = bodyLimit({
    maxSize: options.body,
    onError: () => refuse(problem(413, `a body has ${options.body} bytes at most`)),
  })
  app.use(limit)

  app.openapi(
    createRoute({
      method: 'get',
      path: '/health',
      responses: { 200: answer(z.object({ status: z.literal('ok') }), 'The process answers.') },
    }),
    (c) => c.json({ status: 'ok' } as const, 200),
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/ready',
      responses: { 200: answer(z.object({ status: z.literal('ready') }), 'Runs are taken.'), ...problems(503, 507) },
    }),
    async (c) => {
      if (leaving.aborted) throw problem(503, 'the server is about to end', { retryAfter: 10 })
      await checkRoom(options)
      return c.json({ status: 'ready' } as const, 200)
    },
  )

  app.post('/login', async (c) => {
    const body = (await jsonOf(c.req.raw)) as { readonly token?: unknown } | null
    return new Response(null, { status: 204, headers: { 'set-cookie': guard.login(String(body?.token ?? '')) } })
  })

  app.openapi(
    createRoute({ method: 'get', path: '/models', responses: { 200: answer(schemas.modelsSchema, 'Models to run.') } }),
    async (c) => c.json({ models: (await engine.models()) as never }, 200),
  )

  app.openapi(
    createRoute({
      method: 'post',
      path: '/runs',
      request: {
        headers: z.object({ 'idempotency-key': z.string().max(200).optional() }),
        body: { content: { 'application/json': { schema: schemas.configSchema } }, required: true },
      },
      responses: { 201: answer(schemas.summarySchema, 'The run, queued.'), ...problems(400, 413, 415, 422, 429, 507) },
    }),
    async (c) => {
      const config = c.req.valid('json') as unknown as RunConfig
      await checkRoom(options)
      const key = c.req.valid('header')['idempotency-key']
      const id = await keys.once(key, JSON.stringify(config), () => engine.start(config))
      return c.json((await engine.run(id)) as never, 201, { location: `/runs/${id}` })
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs',
      request: { query: z.object({ cursor: z.string().optional() }) },
      responses: { 200: answer(schemas.runsSchema, 'Runs, the newest first; `next` is the cursor of the rest.') },
    }),
    async (c) => {
      const all = await engine.runs()
      const { cursor } = c.req.valid('query')
      const first = cursor ? all.findIndex(({ id }) => id === cursor) : 0
      if (first < 0) throw problem(422, `the cursor ${JSON.stringify(cursor)} is of no run; start again without one`)
      const runs = all.slice(first, first + PAGE)
      return c.json({ runs: runs as never, next: all[first + PAGE]?.id ?? null }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}',
      request: ofRun,
      responses: { 200: answer(schemas.summarySchema, 'The run.'), ...problems(404) },
    }),
    async (c) => c.json((await engine.run(c.req.valid('param').id)) as never, 200),
  )

  const acts = { pause: 'pause', resume: 'resume', cancel: 'stop' } as const
  for (const [path, act] of Object.entries(acts)) {
    app.openapi(
      createRoute({
        method: 'post',
        path: `/runs/{id}/${path}`,
        request: ofRun,
        responses: { 200: answer(schemas.summarySchema, 'The run by now; twice is once.'), ...problems(404, 503, 507) },
      }),
      async (c) => {
        const { id } = c.req.valid('param')
        if (act === 'resume') {
          await engine.run(id)
          await checkRoom(options)
        }
        await engine[act](id)
        return c.json((await engine.run(id)) as never, 200)
      },
    )
  }

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/runs/{id}',
      request: ofRun,
      responses: { 204: { description: 'It is gone.' }, ...problems(404) },
    }),
    async (c) => {
      await engine.remove(c.req.valid('param').id)
      return c.body(null, 204)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/events',
      description:
        'Server-sent events: `run` with its number as id, `end` when the run has ended, `bye` when the server has. ' +
        'Goes on behind Last-Event-ID, or at `from`.',
      request: {
        ...ofRun,
        query: z.object({
          from: z
            .string()
            .regex(/^\d{1,9}$/)
            .optional(),
        }),
      },
      responses: {
        200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } },
        ...problems(404, 503),
      },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      await engine.run(id)
      if (leaving.aborted) throw problem(503, 'the server is about to end', { retryAfter: 10 })
      if (counts.clients >= options.clients) {
        throw problem(503, `${counts.clients} clients follow events already, the most that may`, { retryAfter: 10 })
      }
      const last = c.req.header('last-event-id')
      const seen = last !== undefined && /^\d{1,9}$/.test(last) ? Number(last) + 1 : undefined
      const from = seen ?? Number(c.req.valid('query').from ?? 0)
      counts.clients++
      const onEnd = () => {
        counts.clients--
      }
      const headers = {
        'content-type': 'text/event-stream',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      }
      return new Response(eventStream({ engine, id, from, leaving, onEnd }), { headers }) as never
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/tree',
      request: {
        ...ofRun,
        query: z.object({
          from: z
            .string()
            .regex(/^\d{1,9}$/)
            .optional(),
        }),
      },
      responses: { 200: answer(schemas.treeSchema, 'Nodes from number `from` on, and every pass.'), ...problems(404) },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      await engine.run(id)
      const from = Number(c.req.valid('query').from ?? 0)
      return c.json(await treeOf(store, id, from), 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/samples',
      request: ofRun,
      responses: { 200: answer(schemas.samplesSchema, 'Rewards and weights of the samples.'), ...problems(404) },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const { status } = await engine.run(id)
      const file = endings.has(status) ? await store.part(id, 'samples') : undefined
      if (!file) return c.json({ rewards: await rewardsOf(store, id), weights: [] }, 200)
      const { rewards, weights } = readSamples(file)
      return c.json({ rewards: Array.from(rewards, finite), weights: Array.from(weights) }, 200)
    },
  )

  for (const [kind, name] of [
    ['nodes', 'node'],
    ['samples', 'sample'],
  ] as const) {
    app.get(`/runs/:id/${kind}/:place{[0-9]{1,9}\\.png}`, async (c) => {
      const state = await engine.state(c.req.param('id'), {
        [name]: Number.parseInt(c.req.param('place'), 10),
      } as never)
      if (state.shape.length !== 3) throw problem(404, `the states of this run are no images but [${state.shape}]`)
      return new Response(Buffer.from(pngOf(state)), { headers: { 'content-type': 'image/png' } })
    })
    app.openapi(
      createRoute({
        method: 'get',
        path: `/runs/{id}/${kind}/{place}`,
        request: { params: schemas.place('place') },
        responses: { 200: answer(schemas.stateSchema, 'A state; of images also as `.png`.'), ...problems(404) },
      }),
      async (c) => {
        const { id, place } = c.req.valid('param') as { readonly id: string; readonly place: string }
        const { shape, data, range } = await engine.state(id, { [name]: Number(place) } as never)
        return c.json({ shape: [...shape], data: Array.from(data), ...(range && { range: [...range] }) } as never, 200)
      },
    )
  }

  app.get('/metrics', async () => {
    const text = metricsText({ runs: await engine.runs(), ...counts })
    return new Response(text, { headers: { 'content-type': 'text/plain; version=0.0.4' } })
  })

  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'espalier serve', version: options.version, description: 'Searches over diffusion models as runs.' },
  })

  if (options.pages !== undefined) app.use('*', serveStatic({ root: options.pages }))
  return app
}

async function checkRoom({ room }: AppOptions): Promise<void> {
  if (!(await room())) throw problem(507, 'the disk is nearly full; remove runs, or make room', { retryAfter: 60 })
}

/** @throws ProblemError 400 where it is no JSON */
async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json()
  } catch {
    throw problem(400, 'the body is not JSON')
  }
}

async function* eventsOf(store: RunStore, id: string): AsyncGenerator<RunEvent> {
  for (let at = 0; ; ) {
    const events = await store.events(id, at, TOGETHER)
    if (events.length === 0) return
    yield* events
    at += events.length
  }
}

async function treeOf(store: RunStore, id: string, from: number) {
  const parents: number[] = []
  const depths: number[] = []
  const passes = { leaves: [] as number[], rewards: [] as (number | null)[] }
  let next = 0
  for await (const event of eventsOf(store, id)) {
    next++
    if (event.type === 'nodes') {
      const skipped = Math.max(0, from - event.from)
      parents.push(...event.parents.slice(skipped))
      depths.push(...event.depths.slice(skipped))
    } else if (event.type === 'leaves') {
      passes.leaves.push(...event.nodes)
      passes.rewards.push(...event.rewards)
    }
  }
  return { from, parents, depths, passes, next }
}

/** Rewards of the samples so far, those of a tree in the order of its leaves. */
async function rewardsOf(store: RunStore, id: string): Promise<(number | null)[]> {
  const samples: (number | null)[] = []
  const leaves = new Map<number, number | null>()
  for await (const event of eventsOf(store, id)) {
    if (event.type === 'samples') samples.push(...event.rewards)
    if (event.type === 'leaves') event.nodes.forEach((node, i) => void leaves.set(node, event.rewards[i]))
  }
  return samples.length > 0 ? samples : [...leaves].sort(([a], [b]) => a - b).map(([, reward]) => reward)
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
