/**
 * A signal that the first Ctrl-C (or SIGTERM) raises, so that the work hands over what it has; the second ends the
 * process at once.
 */
export interface Interrupt {
  readonly signal: AbortSignal
  /** Gives Ctrl-C its usual meaning back. */
  release(): void
}

export function interruptible(say: (text: string) => void): Interrupt {
  const controller = new AbortController()
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(130)
    say('Stopping; what is done so far is kept. Ctrl-C again ends at once.')
    controller.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  return {
    signal: controller.signal,
    release() {
      process.off('SIGINT', onSignal)
      process.off('SIGTERM', onSignal)
    },
  }
}
