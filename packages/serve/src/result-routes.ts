/** What comes of a run: its tree, its samples, its states. */

import { endings, readSamples } from '@espalier/engine'
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { stateJson } from './model-routes.ts'
import { pngOf } from './png.ts'
import { problem } from './problem.ts'
import { finite, rewardsOf, treeOf } from './readings.ts'
import { type AppOptions, answer, ofRun, problems } from './route.ts'
import * as schemas from './schemas.ts'

/** Looks ahead that wait for each other beside the runs, at most. */
const LOOKS = 8

export function addResultRoutes(app: OpenAPIHono, options: AppOptions): void {
  const { engine, store } = options
  let looks = 0

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/tree',
      request: {
        ...ofRun,
        query: z.object({ from: schemas.place.optional() }),
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

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/exact',
      description: 'The soft value in closed form: of a node at the time of its level, or of the root without one.',
      request: {
        ...ofRun,
        query: z.object({ node: schemas.place.optional(), time: z.coerce.number().min(0).max(1).optional() }),
      },
      responses: {
        200: answer(z.object({ value: z.number().nullable() }), '`null` where there is no closed form.'),
        ...problems(404, 422),
      },
    }),
    async (c) => {
      const { node, time } = c.req.valid('query')
      if ((node === undefined) !== (time === undefined)) {
        throw problem(422, 'node and time: give both, or neither', { kind: 'config' })
      }
      const at = node === undefined || time === undefined ? undefined : { node: Number(node), time }
      return c.json({ value: await engine.exact(c.req.valid('param').id, at) }, 200)
    },
  )

  app.openapi(
    createRoute({
      method: 'post',
      path: '/runs/{id}/nodes/{place}/lookahead',
      description:
        'The clean sample that the network expects at a node: `E[x_0 | x_t]`, of text the likeliest token in each gap. ' +
        'Costs one network evaluation, which the run is not charged for.',
      request: { params: schemas.placeSchema },
      responses: { 200: answer(schemas.stateSchema, 'A sample.'), ...problems(404, 429, 503) },
    }),
    async (c) => {
      if (looks >= LOOKS) throw problem(429, `${LOOKS} looks ahead wait already`, { kind: 'busy', retryAfter: 1 })
      looks++
      try {
        const { id, place } = c.req.valid('param')
        return c.json(stateJson(await engine.lookahead(id, { node: Number(place) })) as never, 200)
      } finally {
        looks--
      }
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
        request: { params: schemas.placeSchema },
        responses: { 200: answer(schemas.stateSchema, 'A state; of images also as `.png`.'), ...problems(404) },
      }),
      async (c) => {
        const { id, place } = c.req.valid('param')
        return c.json(stateJson(await engine.state(id, { [name]: Number(place) } as never)) as never, 200)
      },
    )
  }
}
