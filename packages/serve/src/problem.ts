/** Errors as answers: RFC 9457 problem details, one line each, with the kind of the engine's own errors. */

import { EngineError, type EngineErrorKind } from '@espalier/engine'
import { HTTPException } from 'hono/http-exception'

export interface Problem {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly kind?: EngineErrorKind
  /** Seconds after which it is worth another try. */
  readonly retryAfter?: number
}

/** Thrown where a request ends. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail)
    this.name = 'ProblemError'
  }
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  507: 'Insufficient Storage',
}

export function problem(status: number, detail: string, more: Pick<Problem, 'kind' | 'retryAfter'> = {}): ProblemError {
  return new ProblemError({ status, title: titles[status] ?? 'Error', detail, ...more })
}

const statuses: Readonly<Record<EngineErrorKind, number>> = {
  unknown: 404,
  absent: 404,
  config: 422,
  busy: 429,
  closed: 503,
  used: 409,
  fixed: 403,
}

/** What is answered to anything that was thrown. Faults of ours are not told to strangers. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  if (error instanceof EngineError) {
    const { kind, message } = error
    const retryAfter = kind === 'busy' || kind === 'closed' ? 10 : undefined
    return problem(statuses[kind], message, { kind, ...(retryAfter && { retryAfter }) }).problem
  }
  if (error instanceof HTTPException)
    return problem(error.status, error.message || 'the request is not understood').problem
  return problem(500, 'a fault of the server; its log says more').problem
}

export function problemResponse({ retryAfter, ...rest }: Problem): Response {
  const headers = {
    'content-type': 'application/problem+json',
    ...(retryAfter !== undefined && { 'retry-after': String(retryAfter) }),
    ...(rest.status === 401 && { 'www-authenticate': 'Bearer' }),
  }
  return new Response(JSON.stringify({ type: 'about:blank', ...rest }), { status: rest.status, headers })
}
