import { type Key, stream } from '../tensor/random.ts'

/** No server may make us wait longer, in milliseconds. */
export const longestWait = 60_000

/**
 * Milliseconds to wait before try 1, 2, ... : `backoff 2^k u`, with u uniform on [1/2, 1] from a keyed stream, so that
 * many clients do not come back together and the same run waits the same; at most {@link longestWait}.
 */
export function* backOff(backoff: number, key: Key): Generator<number, never> {
  const draws = stream(key)
  for (let wait = backoff; ; wait *= 2) yield Math.min(longestWait, wait * (0.5 + draws.uniform() / 2))
}

/**
 * Milliseconds that a `Retry-After` header asks for (seconds, or a date); nothing where there is none to understand.
 */
export function retryAfter(header: string | null, now = Date.now()): number | undefined {
  if (header === null || header.trim() === '') return undefined
  const seconds = Number(header)
  const wait = Number.isNaN(seconds) ? Date.parse(header) - now : 1000 * seconds
  return Number.isNaN(wait) ? undefined : Math.max(0, wait)
}

/** Waits; a signal ends it early, with the signal's reason as error. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason)
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
  })
}
