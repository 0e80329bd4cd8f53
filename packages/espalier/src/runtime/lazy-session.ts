import type { Session } from './runtime.ts'

/** A session that is loaded when it is first needed, if at all. */
export interface LazySession {
  open(): Promise<Session>
  release(): Promise<void>
}

/** @param load makes and loads the graph; if it fails, so does every `open` */
export function lazySession(load: () => Promise<Session>): LazySession {
  let opened: Promise<Session> | undefined
  let released = false
  return {
    async open() {
      if (released) throw new Error('This model was released; load it again to use its gradient.')
      opened ??= load()
      return opened
    },
    async release() {
      released = true
      // Whoever opened it has heard why it failed.
      const session = await opened?.catch(() => undefined)
      await session?.release()
    },
  }
}
