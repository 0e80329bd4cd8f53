/** The routes: what can be asked, and what is answered. Testable without a socket: `app.fetch(request)`. */

import { serveStatic } from '@hono/node-server/serve-static'
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { addArchiveRoutes } from './archive-routes.ts'
import { addEventRoutes } from './event-routes.ts'
import { metricsText } from './metrics.ts'
import { addModelRoutes } from './model-routes.ts'
import { problem, problemOf, problemResponse } from './problem.ts'
import { addResultRoutes } from './result-routes.ts'
import { type AppOptions, answer, type Counts, checkRoom, problems } from './route.ts'
import { addRunRoutes } from './run-routes.ts'

/** Of every answer: a page that runs networks in threads must be isolated, and so must all that it loads. */
const isolation = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
}

/** The whole server, without its socket. */
export function createApp(options: AppOptions) {
  const { engine, guard, leaving } = options
  const counts: Counts = { clients: 0, requests: 0, problems: 0 }
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
  for (const path of ['/runs', '/runs/*', '/models', '/engine', '/events', '/metrics']) app.use(path, token)
  // What is read below /models/ are the app's own files.
  app.on(['PUT', 'POST', 'DELETE'], '/models/*', token)
  const limit = bodyLimit({
    maxSize: options.body,
    onError: () => refuse(problem(413, `a body has ${options.body} bytes at most`)),
  })
  app.use(async (c, next) => (bringsFile(c.req.method, c.req.path) ? next() : limit(c, next)))

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

  addModelRoutes(app, options)
  addArchiveRoutes(app, options)
  addRunRoutes(app, options)
  addEventRoutes(app, options, counts)
  addResultRoutes(app, options)

  app.get('/metrics', async () => {
    const text = metricsText({ runs: await engine.runs(), ...counts })
    return new Response(text, { headers: { 'content-type': 'text/plain; version=0.0.4' } })
  })

  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'espalier serve', version: options.version, description: 'Searches over diffusion models as runs.' },
  })

  if (options.pages !== undefined) {
    // Names below assets/ have a hash of the content in them.
    const onFound = (path: string, c: Context) => {
      const fixed = /[\\/]assets[\\/]/.test(path.slice(options.pages?.length))
      c.header('cache-control', fixed ? 'public, max-age=31536000, immutable' : 'no-cache')
    }
    app.use('*', serveStatic({ root: options.pages, onFound }))
  }
  return app
}

/** Whether a request brings a file, with a limit of its own. */
export function bringsFile(method: string | undefined, path: string | undefined): boolean {
  if (method === 'POST') return path === '/runs/archive'
  return method === 'PUT' && /^\/models\/[^/]+$/.test(path ?? '')
}

/** @throws ProblemError 400 where it is no JSON */
async function jsonOf(request: Request): Promise<unknown> {
  try {
    return await request.json()
  } catch {
    throw problem(400, 'the body is not JSON')
  }
}
