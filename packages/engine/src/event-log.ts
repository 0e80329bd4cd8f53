import type { RunEvent } from './engine.ts'
import type { RunStore } from './store.ts'

/** Events that are handed over at once, and that stay in memory for those who follow closely. */
const TOGETHER = 256

export interface Numbered {
  readonly number: number
  readonly event: RunEvent
}

/**
 * The events of one run: added here, kept by a store, read from any number on. A reader sees an event once it is kept,
 * so that nobody ever saw what a crash takes back.
 */
export class EventLog {
  readonly #id: string
  readonly #store: RunStore
  /** Events that are kept. */
  #count: number
  /** The last of them. */
  #recent: RunEvent[] = []
  #tail: Promise<void> = Promise.resolve()
  /** What is written when the store is free. */
  #next: { readonly events: RunEvent[]; readonly kept: Promise<void> } | undefined
  #waiting = new Set<() => void>()
  /** Whether events were lost: what comes behind them would tell of what nobody knows. */
  #gap = false

  private constructor(id: string, store: RunStore, count: number) {
    this.#id = id
    this.#store = store
    this.#count = count
  }

  static async open(id: string, store: RunStore): Promise<EventLog> {
    return new EventLog(id, store, await store.countEvents(id))
  }

  get count(): number {
    return this.#count
  }

  /**
   * Adds events behind those that are on their way; what comes while the store is busy is written together. Resolves
   * once they are kept. Behind events that could not be kept only how the run ended is added.
   */
  add(events: readonly RunEvent[]): Promise<void> {
    if (events.length === 0) return this.#tail
    if (!this.#next) {
      const written: RunEvent[] = []
      const kept = this.#tail.then(() => {
        this.#next = undefined
        return this.#write(written)
      })
      this.#next = { events: written, kept }
      this.#tail = kept.catch(() => {})
    }
    this.#next.events.push(...events)
    return this.#next.kept
  }

  async #write(events: readonly RunEvent[]): Promise<void> {
    const added = this.#gap ? events.filter(({ type }) => type === 'status') : events
    if (added.length === 0) return
    try {
      await this.#store.addEvents(this.#id, added)
    } catch (error) {
      this.#gap = true
      throw error
    }
    this.#count += added.length
    this.#recent = [...this.#recent, ...added].slice(-TOGETHER)
    this.wake()
  }

  /** Keeps nothing in memory: nobody follows closely any more. */
  rest(): void {
    this.#recent = []
  }

  /** Lets readers look again, at an event or at the end of the run. */
  wake(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const call of waiting) call()
  }

  /** Events from a number on, as they come, until the run has `ended`. */
  async *read(from: number, ended: () => boolean, signal: AbortSignal): AsyncGenerator<Numbered> {
    for (let next = from; !signal.aborted; ) {
      if (next < this.#count) {
        const first = this.#count - this.#recent.length
        const events =
          next >= first ? this.#recent.slice(next - first) : await this.#store.events(this.#id, next, TOGETHER)
        if (events.length === 0) throw new Error(`event ${next} of the run ${this.#id} is missing from its store`)
        for (const event of events) {
          if (signal.aborted) return
          yield { number: next++, event }
        }
      } else if (ended()) return
      else await this.#more(signal)
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }
}
