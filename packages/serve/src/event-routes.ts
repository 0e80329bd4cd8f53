/** What happens in runs, as it happens: server-sent events, of one run or of several over one connection. */

import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi'
import { eventStream, type Followed } from './event-stream.ts'
import { problem } from './problem.ts'
import { type AppOptions, type Counts, ofRun, problems } from './route.ts'
import * as schemas from './schemas.ts'

/** Runs of one stream, at most. */
const TOGETHER = 128

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}
const responses = {
  200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } },
  ...problems(404, 422, 503),
}
const snapshots =
  'Where more than 5000 events are missing, `snapshot` events come first, each for 5000 of them at most: {from, count, gzip}, ' +
  'their lines of JSON packed by gzip and in base64; its id is that of the last. '

export function addEventRoutes(app: OpenAPIHono, options: AppOptions, counts: Counts): void {
  const { engine, store, leaving } = options

  const follow = (runs: readonly Followed[], named: boolean): Response => {
    if (leaving.aborted) throw problem(503, 'the server is about to end', { retryAfter: 10 })
    if (counts.clients >= options.clients) {
      throw problem(503, `${counts.clients} clients follow events already, the most that may`, { retryAfter: 10 })
    }
    counts.clients++
    const onEnd = () => {
      counts.clients--
    }
    return new Response(eventStream({ engine, store, runs, named, leaving, onEnd }), { headers })
  }

  app.openapi(
    createRoute({
      method: 'get',
      path: '/runs/{id}/events',
      description:
        `Server-sent events: \`run\` with its number as id. ${snapshots}\`end\` when the run has ended, \`bye\` when ` +
        'the server has. Goes on behind Last-Event-ID, or at `from`.',
      request: { ...ofRun, query: z.object({ from: schemas.place.optional() }) },
      responses,
    }),
    async (c) => {
      const { id } = c.req.valid('param')
      await engine.run(id)
      const last = c.req.header('last-event-id')
      const from = last !== undefined && /^\d{1,9}$/.test(last) ? Number(last) + 1 : c.req.valid('query').from
      return follow([{ id, from: Number(from ?? 0) }], false) as never
    },
  )

  app.openapi(
    createRoute({
      method: 'get',
      path: '/events',
      description:
        'The events of several runs over one connection. An id is `run:number` of the event, then those of the events ' +
        `that the other runs told last, with commas between them. ${snapshots}\`end\` names its run. Goes on behind ` +
        'Last-Event-ID with all runs.',
      request: {
        query: z.object({
          runs: z
            .string()
            .max(8192)
            .openapi({ description: 'Ids with commas between them; `id:12` begins at event 12.' }),
        }),
      },
      responses,
    }),
    async (c) => {
      const given = c.req.valid('query').runs.split(',').filter(Boolean)
      if (given.length === 0 || given.length > TOGETHER) {
        throw problem(422, `runs: expected 1 to ${TOGETHER} ids with commas between them, got ${given.length}`)
      }
      const begin = new Map(given.map((text) => placeIn(text, 0)))
      for (const id of begin.keys()) await engine.run(id)
      for (const text of (c.req.header('last-event-id') ?? '').split(',')) {
        const [id, from] = placeIn(text, 1)
        if (begin.has(id) && text.includes(':')) begin.set(id, from)
      }
      return follow(
        Array.from(begin, ([id, from]) => ({ id, from })),
        true,
      ) as never
    },
  )
}

/** `id` or `id:number`. @param behind added to the number */
function placeIn(text: string, behind: number): [id: string, from: number] {
  const [, id, number] = /^(.*?)(?::(\d{1,9}))?$/s.exec(text) as RegExpExecArray
  return [id, number === undefined ? 0 : Number(number) + behind]
}
