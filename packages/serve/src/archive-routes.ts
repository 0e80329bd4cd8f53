/** Whole runs as files: given out, and taken in. */

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { LargeBodies } from './large-bodies.ts'
import { problem } from './problem.ts'
import { type AppOptions, answer, checkRoom, ofRun, problems } from './route.ts'
import * as schemas from './schemas.ts'

const zip = { 'application/zip': { schema: z.string().openapi({ format: 'binary' }) } }

export function addArchiveRoutes(app: OpenAPIHono, options: AppOptions): void {
  const { engine } = options
  const bodies = new LargeBodies(options.archive, () => checkRoom(options))

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/archive',
      request: ofRun,
      responses: { 200: { description: 'The run as one file.', content: zip }, ...problems(404) },
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      const archive = await engine.archive(id)
      const headers = {
        'content-type': 'application/zip',
        'content-disposition': `attachment; filename="espalier-${id}.zip"`,
      }
      return new Response(archive as Uint8Array<ArrayBuffer>, { headers }) as never
    },
  )

  app.openapi(
    createRoute({
      method: 'post',
      path: '/runs/archive',
      request: { body: { content: zip, required: true } },
      responses: {
        201: answer(schemas.summarySchema, 'The run, as it was.'),
        ...problems(400, 413, 415, 422, 429, 507),
      },
    }),
    async (c) => {
      if (!/^application\/zip\b/i.test(c.req.header('content-type') ?? '')) {
        throw problem(415, 'the body must be a zip file: Content-Type: application/zip')
      }
      const id = await bodies.take(c.req.raw, async (body) => engine.restore(await whole(body)))
      return c.json((await engine.run(id)) as never, 201, { location: `/runs/${id}` })
    },
  )
}

async function whole(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of body) pieces.push(piece)
  return Buffer.concat(pieces)
}
