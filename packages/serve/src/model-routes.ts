/** Models: listed, brought, tried; and what the engine is that runs them. */

import type { RunState } from '@espalier/engine'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { LargeBodies } from './large-bodies.ts'
import { formParts } from './multipart.ts'
import { problem } from './problem.ts'
import { type AppOptions, answer, checkRoom, problems } from './route.ts'
import * as schemas from './schemas.ts'

/** Trials that run beside the runs, at most. */
const TRIALS = 2

export function addModelRoutes(app: OpenAPIHono, options: AppOptions): void {
  const { engine, uploads } = options
  const bodies = new LargeBodies(options.upload, () => checkRoom(options))
  let trials = 0

  app.openapi(
    createRoute({ method: 'get', path: '/models', responses: { 200: answer(schemas.modelsSchema, 'Models to run.') } }),
    async (c) => {
      const [models, brought] = await Promise.all([engine.models(), engine.broughtModels()])
      return c.json({ models: models as never, brought: [...brought] }, 200)
    },
  )

  // Described here and not as a route of its own: that would read the whole form into memory.
  const file = z.string().openapi({ format: 'binary' })
  app.openAPIRegistry.registerPath({
    method: 'put',
    path: '/models/{key}',
    description: 'Brings a model, in the place of one with the same key that was brought before.',
    request: {
      params: schemas.keySchema,
      body: {
        required: true,
        content: {
          'multipart/form-data': {
            schema: z.object({
              'card.json': file,
              'model.onnx': file.optional(),
              'tokenizer.json': file.optional(),
            }),
          },
        },
      },
    },
    responses: {
      204: { description: 'It can be run.' },
      ...problems(400, 403, 413, 415, 422, 429, 507),
    },
  })
  app.put('/models/:key', async (c) => {
    if (!uploads) throw problem(403, 'model: this server takes no networks from outside', { kind: 'config' })
    await bodies.take(c.req.raw, (body) =>
      uploads.receive(c.req.param('key'), formParts(body, c.req.header('content-type'))),
    )
    return c.body(null, 204)
  })

  app.openapi(
    createRoute({
      method: 'delete',
      path: '/models/{key}',
      description: 'Removes a model that was brought. Runs of it that have ended can be looked at as before.',
      request: { params: schemas.keySchema },
      responses: { 204: { description: 'It is gone.' }, ...problems(403, 404, 409) },
    }),
    async (c) => {
      await engine.removeModel(c.req.valid('param').key)
      return c.body(null, 204)
    },
  )

  app.openapi(
    createRoute({
      method: 'post',
      path: '/models/{key}/trial',
      description: 'What a network makes of one noise at three times: clean data, if its card is right.',
      request: { params: schemas.keySchema },
      responses: {
        200: answer(z.object({ states: z.array(schemas.stateSchema) }), 'States.'),
        ...problems(422, 429),
      },
    }),
    async (c) => {
      if (trials >= TRIALS) {
        throw problem(429, `${TRIALS} networks are being tried already`, { kind: 'busy', retryAfter: 10 })
      }
      trials++
      try {
        const states = await engine.trial(c.req.valid('param').key)
        return c.json({ states: states.map(stateJson) as never }, 200)
      } finally {
        trials--
      }
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/engine',
      responses: { 200: answer(schemas.factsSchema, 'What runs the networks here.') },
    }),
    async (c) => c.json((await engine.facts()) as never, 200),
  )
}

/** A state as JSON has it. */
export function stateJson(state: RunState) {
  return { ...state, data: Array.from(state.data) }
}
