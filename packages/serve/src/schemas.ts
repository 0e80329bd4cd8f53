/** What goes in and out, once for checking, for types and for the OpenAPI description. */

import { z } from '@hono/zod-openapi'

export const configSchema = z.record(z.string(), z.unknown()).openapi('RunConfig', {
  type: 'object',
  required: ['model', 'reward'],
  additionalProperties: false,
  properties: {
    model: { type: 'string', description: 'A key of GET /models.' },
    reward: { type: 'string', description: 'Such as class:7, near:2,0 or ink(target=0.2).' },
    method: { type: 'string', default: 'dts-star' },
    budget: { type: 'integer', minimum: 1, default: 2000, description: 'Network evaluations at most.' },
    seed: { type: 'integer', minimum: 0, default: 0 },
    lambda: { type: 'number', minimum: 0, default: 1 },
    width: { type: 'integer', minimum: 1, maximum: 1024, default: 16 },
    steps: { type: 'integer', minimum: 1, maximum: 10_000, default: 50 },
    grid: { type: 'string', default: 'uniform' },
    solver: { type: 'string', description: 'Default ddim(eta=1), or ddim for methods that search over noises.' },
    guidance: { type: 'number', minimum: 0, default: 1 },
    class: { type: 'string' },
    prompt: { type: 'string', maxLength: 10_000, description: 'Of text: what stands there already.' },
    length: { type: 'integer', minimum: 1, maximum: 100_000, description: 'Of text: tokens of a sample.' },
    origin: {
      type: 'object',
      description: 'Where samples begin: the state at a node of another run. Default: noise.',
      required: ['run', 'node'],
      additionalProperties: false,
      properties: { run: { type: 'string' }, node: { type: 'integer', minimum: 1 } },
    },
  },
})

const number = z.number()
const status = z.enum(['queued', 'running', 'paused', 'finished', 'stopped', 'failed', 'interrupted'])

export const summarySchema = z
  .object({
    id: z.string(),
    config: configSchema,
    status,
    created: number.openapi({ description: 'Milliseconds since 1970.' }),
    nfe: number,
    rewardEvaluations: number,
    gradientEvaluations: number,
    best: number.nullable(),
    seconds: number,
    engine: z.string(),
    bytes: number.optional().openapi({ description: 'What is kept of it.' }),
    events: number.optional().openapi({ description: 'Events so far: the status is what these have told.' }),
    error: z.string().optional(),
  })
  .openapi('RunSummary')

export const runsSchema = z.object({ runs: z.array(summarySchema), next: z.string().nullable() })

const broughtSchema = z
  .array(z.object({ key: z.string(), bytes: number.openapi({ description: 'Of its files.' }) }))
  .openapi('BroughtModels', { description: 'Those that were brought, which DELETE removes; classifiers too.' })

export const modelsSchema = z.object({
  brought: broughtSchema,
  models: z.array(
    z
      .object({
        key: z.string(),
        title: z.string(),
        kind: z.enum(['image', 'points', 'text']),
        event: z.array(number),
        classes: z.array(z.string()),
        rewards: z.array(z.string()),
        process: z.string(),
        prediction: z.string().optional(),
        parameters: number.optional(),
        data: z.string().optional(),
      })
      .openapi('Model'),
  ),
})

export const treeSchema = z
  .object({
    from: number,
    parents: z.array(number),
    depths: z.array(number),
    passes: z.object({ leaves: z.array(number), rewards: z.array(number.nullable()) }),
    next: number.openapi({ description: 'The first event that this tree does not know.' }),
  })
  .openapi('Tree')

export const samplesSchema = z
  .object({ rewards: z.array(number.nullable()), weights: z.array(number) })
  .openapi('Samples', { description: 'In the order found. Weights are there when the run has ended.' })

export const stateSchema = z
  .object({
    shape: z.array(number),
    data: z.array(number),
    range: z.tuple([number, number]).optional(),
    text: z.string().optional().openapi({ description: 'Tokens as they read, of text.' }),
  })
  .openapi('State')

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: number,
    detail: z.string(),
    kind: z.string().optional(),
  })
  .openapi('Problem')

export const factsSchema = z
  .object({
    name: z.string(),
    threads: number,
    storage: z.enum(['kept', 'other tab', 'refused', 'memory']),
    unread: z.array(z.string()),
  })
  .openapi('Engine')

/** A number of an event, a node or a sample, in an address. */
export const place = z.string().regex(/^\d{1,9}$/)
export const idSchema = z.object({ id: z.string() })
export const placeSchema = idSchema.extend({ place })
export const keySchema = z.object({ key: z.string() })
