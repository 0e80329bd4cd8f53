import { createHash } from 'node:crypto'
import type { Runtime, Session, SessionOptions } from 'espalier/runtime'

/** A session, and how many have it. */
interface Shared {
  readonly loading: Promise<Session>
  users: number
}

/**
 * A runtime that loads each graph once, whoever asks for it: runs of one model share its session. Sessions that nobody
 * has stay for the next, up to `most` of them; the one that was left the longest ago is released first. One that failed
 * is given to nobody else.
 */
export function sharedRuntime(runtime: Runtime, most: number): Runtime {
  /** What the next who asks is given. */
  const all = new Map<string, Shared>()
  /** Those of them that nobody has, the one left last at the end. */
  const idle = new Map<string, Shared>()

  const take = (name: string, load: () => Promise<Session>): Shared => {
    let shared = all.get(name)
    if (!shared) {
      shared = { loading: load(), users: 0 }
      all.set(name, shared)
    }
    shared.users++
    idle.delete(name)
    return shared
  }
  const forget = (name: string, shared: Shared) => {
    if (all.get(name) === shared) all.delete(name)
  }
  const leave = async (name: string, shared: Shared) => {
    if (--shared.users > 0) return
    const unused: Shared[] = []
    if (all.get(name) === shared) idle.set(name, shared)
    else unused.push(shared)
    for (const [oldest, other] of idle) {
      if (idle.size <= most) break
      idle.delete(oldest)
      all.delete(oldest)
      unused.push(other)
    }
    for (const { loading } of unused) await (await loading).release()
  }

  return {
    name: runtime.name,

    async load(model, options) {
      const name = nameOf(model, options)
      const shared = take(name, () => runtime.load(model, options))
      let session: Session
      try {
        session = await shared.loading
      } catch (error) {
        forget(name, shared)
        throw error
      }
      let left = false
      return {
        inputs: session.inputs,
        outputs: session.outputs,
        async run(feeds, fetches) {
          try {
            return await session.run(feeds, fetches)
          } catch (error) {
            // It may have been the feeds; it may be a worker that is gone.
            forget(name, shared)
            throw error
          }
        },
        async release() {
          if (left) return
          left = true
          await leave(name, shared)
        },
      }
    },

    async close() {
      const unused = [...idle.values()]
      all.clear()
      idle.clear()
      for (const { loading } of unused) await (await loading).release()
      await runtime.close()
    },
  }
}

function nameOf(model: Uint8Array, options: SessionOptions = {}): string {
  return `${createHash('sha256').update(model).digest('hex')} ${JSON.stringify(Object.entries(options).sort())}`
}
