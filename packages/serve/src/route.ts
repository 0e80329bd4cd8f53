/** What all routes share. */

import type { Engine, RunStore } from '@espalier/engine'
import type { z } from '@hono/zod-openapi'
import type { Guard } from './guard.ts'
import type { IdempotencyKeys } from './idempotency.ts'
import { problem } from './problem.ts'
import * as schemas from './schemas.ts'
import type { UploadSource } from './uploads.ts'

export interface AppOptions {
  readonly engine: Engine
  readonly store: RunStore
  readonly keys: IdempotencyKeys
  readonly guard: Guard
  /** Takes the models that people bring. Not there where none are taken. */
  readonly uploads?: UploadSource
  /** Bytes of an ordinary body, of a model, of a run as a file, at most. */
  readonly body: number
  readonly upload: number
  readonly archive: number
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

/** What a server has counted since its start; `clients` is how many follow events now. */
export interface Counts {
  clients: number
  requests: number
  problems: number
}

/** An answer as the description has it. */
export const answer = (schema: z.ZodType, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
export const problems = (...statuses: number[]) =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'A problem.', content: { 'application/problem+json': { schema: schemas.problemSchema } } },
    ]),
  )
export const ofRun = { params: schemas.idSchema }

/** @throws ProblemError 507 */
export async function checkRoom({ room }: Pick<AppOptions, 'room'>): Promise<void> {
  if (!(await room())) throw problem(507, 'the disk is nearly full; remove runs, or make room', { retryAfter: 60 })
}
