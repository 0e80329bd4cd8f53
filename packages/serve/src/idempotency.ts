import { problem } from './problem.ts'

/** Keys that are remembered; the oldest are forgotten first. */
const KEPT = 1000

/** A request that is sent again with the same key has the answer of the first: a client may retry what it is unsure of. */
export class IdempotencyKeys {
  readonly #known = new Map<string, { readonly body: string; readonly id: Promise<string> }>()

  /** @throws ProblemError 422 where the key came with another body */
  async once(key: string | undefined, body: string, start: () => Promise<string>): Promise<string> {
    if (key === undefined) return start()
    const earlier = this.#known.get(key)
    if (earlier) {
      if (earlier.body === body) return earlier.id
      throw problem(422, 'this Idempotency-Key came with another body before; take a new one')
    }
    const id = start()
    this.#known.set(key, { body, id })
    if (this.#known.size > KEPT) this.#known.delete(this.#known.keys().next().value as string)
    try {
      return await id
    } catch (error) {
      // What failed may be tried again.
      this.#known.delete(key)
      throw error
    }
  }
}
