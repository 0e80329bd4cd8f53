/** What kind of mistake it was, for whoever must answer in codes. */
export type EngineErrorKind = 'unknown' | 'config' | 'busy' | 'closed' | 'absent' | 'used' | 'fixed'

/** One line for the person who asked: what was given, what was expected. Everything else is a fault of ours. */
export class EngineError extends Error {
  override readonly name = 'EngineError'
  /**
   * `unknown`: no such run or model. `absent`: the run is there, and what was asked of it is not. `used`: not while a run
   * needs it. `fixed`: it is not anybody's to remove.
   */
  readonly kind: EngineErrorKind

  constructor(kind: EngineErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** Runs what depends on a config alone; its error is then one of the config. @param what leads the message */
export async function asConfigError<T>(what: string, body: () => T | Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (error instanceof EngineError && error.kind !== 'absent') throw error
    throw new EngineError('config', `${what}: ${lineOf(error)}`, { cause: error })
  }
}

/** The message of anything that was thrown, on one line. */
export function lineOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/\s*\n\s*/g, ' ').trim()
}
