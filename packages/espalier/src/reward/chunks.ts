import { RewardError } from './reward-error.ts'

/** Runs tasks, at most so many at once; the others wait for their turn in the order they came. */
export type Limit = <T>(task: () => Promise<T>) => Promise<T>

export function limitOf(atOnce: number): Limit {
  let free = atOnce
  const waiting: (() => void)[] = []
  return async (task) => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }
}

/**
 * Evaluates samples in parts of at most `maxBatch`. After the first failure the signal fires, nothing more is begun,
 * and the failure is thrown when all that was begun has come to rest; the rows that it names are those of the whole
 * call.
 */
export async function inChunks<X>(
  samples: readonly X[],
  maxBatch: number,
  limit: Limit,
  evaluate: (chunk: readonly X[], signal: AbortSignal) => Promise<ArrayLike<number>>,
): Promise<Float64Array> {
  const values = new Float64Array(samples.length)
  const size = Math.max(1, Math.min(maxBatch, samples.length))
  const abort = new AbortController()
  let failure: { readonly cause: unknown } | undefined
  const starts = Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => i * size)
  await Promise.all(
    starts.map((from) =>
      limit(async () => {
        if (failure) return
        try {
          values.set(await evaluate(samples.slice(from, from + size), abort.signal), from)
        } catch (cause) {
          failure ??= { cause: cause instanceof RewardError ? cause.moved(from) : cause }
          abort.abort()
        }
      }),
    ),
  )
  if (failure) throw failure.cause
  return values
}

/** @throws where a count is none */
export function checkCount(value: number, option: string, what: string): void {
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 1)) return
  throw new Error(`${what}: ${option} is ${value}, expected a whole number from 1 on`)
}
