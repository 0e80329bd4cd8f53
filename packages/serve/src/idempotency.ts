import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RunStore } from '@espalier/engine'
import { writeFileAtomic } from 'espalier/node'
import { problem } from './problem.ts'

/** Keys that are remembered; the oldest are forgotten first. */
const KEPT = 10_000
/** What lies in the folder of a run that was asked for with a key. */
const fileName = 'idempotency.json'

/** A request as it is remembered. */
interface Asked {
  readonly key: string
  /** Digest of the body. */
  readonly body: string
}

/**
 * A request that is sent again with the same key has the answer of the first: a client may retry what it is unsure of.
 * Keys lie with the runs that they made, so that they outlive a restart.
 */
export class IdempotencyKeys {
  readonly #known = new Map<string, { readonly body: string; readonly id: Promise<string> }>()
  readonly #asking = new AsyncLocalStorage<Asked>()
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** @param folder with the folders of the runs of a store */
  static async open(folder: string, store: RunStore): Promise<IdempotencyKeys> {
    const keys = new IdempotencyKeys(folder)
    for (const id of [...(await store.ids())].sort()) {
      const file = join(folder, id, fileName)
      if (!existsSync(file)) continue
      const { key, body } = JSON.parse(readFileSync(file, 'utf8')) as Asked
      keys.#remember({ key, body }, Promise.resolve(id))
    }
    return keys
  }

  /** The store, which keeps the key of a new run before the run: no crash comes between. */
  keeping(store: RunStore): RunStore {
    return {
      ...store,
      putSummary: async (summary) => {
        const asked = this.#asking.getStore()
        const folder = join(this.#folder, summary.id)
        // What a request began goes on behind it, and so does what it knows; only a new run is its own.
        if (asked && !existsSync(folder)) {
          mkdirSync(folder)
          writeFileAtomic(join(folder, fileName), JSON.stringify(asked))
        }
        await store.putSummary(summary)
      },
    }
  }

  /** @throws ProblemError 422 where the key came with another body */
  async once(key: string | undefined, text: string, start: () => Promise<string>): Promise<string> {
    if (key === undefined) return start()
    const body = createHash('sha256').update(text).digest('hex')
    const earlier = this.#known.get(key)
    if (earlier) {
      if (earlier.body === body) return earlier.id
      throw problem(422, 'this Idempotency-Key came with another body before; take a new one')
    }
    const id = this.#asking.run({ key, body }, start)
    this.#remember({ key, body }, id)
    try {
      return await id
    } catch (error) {
      // What failed may be tried again.
      this.#known.delete(key)
      throw error
    }
  }

  #remember({ key, body }: Asked, id: Promise<string>): void {
    this.#known.set(key, { body, id })
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value as string)
  }
}
