/** The longest time that a timer can wait, in milliseconds: about 24 days. */
const LONGEST = 0x7fffffff

/**
 * Waits for an answer, but not longer than a time. The timer ends with the answer. While it runs it keeps a process
 * alive: a promise that nobody will settle does not, and the program would end without a word.
 *
 * Work that never gives way (an endless loop) cannot be interrupted.
 *
 * @param milliseconds above 0; `Infinity` is no limit
 * @param work is given a signal that fires when the time is over
 * @throws Error `no answer within ...`
 */
export async function within<T>(milliseconds: number, work: (late: AbortSignal) => T | Promise<T>): Promise<T> {
  const abort = new AbortController()
  if (milliseconds === Number.POSITIVE_INFINITY) return work(abort.signal)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = new Error(
        `no answer within ${milliseconds < 1000 ? `${milliseconds} ms` : `${milliseconds / 1000} s`}`,
      )
      abort.abort(error)
      reject(error)
    }, milliseconds)
  })
  try {
    return await Promise.race([work(abort.signal), late])
  } finally {
    clearTimeout(timer)
  }
}

/** @throws where a time limit is none */
export function checkTimeout(milliseconds: number, what: string): void {
  if (milliseconds === Number.POSITIVE_INFINITY || (milliseconds > 0 && milliseconds <= LONGEST)) return
  throw new Error(`${what}: the timeout is ${milliseconds}, expected milliseconds above 0, or Infinity for none`)
}
