/** Runs: made, listed, acted on, removed. */

import type { RunConfig } from '@espalier/engine'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { problem } from './problem.ts'
import { type AppOptions, answer, checkRoom, ofRun, problems } from './route.ts'
import * as schemas from './schemas.ts'

/** Runs of one page of `GET /runs`. */
const PAGE = 50

export function addRunRoutes(app: OpenAPIHono, options: AppOptions): void {
  const { engine, keys } = options

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
      method: 'post',
      path: '/runs/{id}/step',
      description: 'Lets a paused run go on until it has found something. Answers then.',
      request: ofRun,
      responses: { 200: answer(schemas.summarySchema, 'The run, paused again.'), ...problems(404, 422, 503, 507) },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      await engine.run(id)
      await checkRoom(options)
      await engine.step(id)
      return c.json((await engine.run(id)) as never, 200)
    },
  )

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
}
