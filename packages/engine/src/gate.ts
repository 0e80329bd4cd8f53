import { nextTurn } from 'espalier/runtime'

/** Milliseconds of work after which the event loop gets a turn, so that a Stop is heard. */
const BETWEEN_TURNS = 25

/** Thrown where work goes on behind a stop. */
export class Stopped extends Error {
  override readonly name = 'Stopped'
}

/**
 * Stands before every network call of a run: lets it through, holds it while the run is paused, and turns it back once
 * the run is stopped. Pausing delays calls and changes nothing else, so the result is that of a run left alone.
 */
export class Gate {
  readonly #controller = new AbortController()
  #closed: { readonly opened: Promise<void>; open(): void } | undefined
  #onPause: (() => void)[] = []
  #turn = 0
  #interrupted = false
  #worked = 0
  #since: number
  readonly #now: () => number

  /** @param now milliseconds that only grow */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now
    this.#since = now()
  }

  /** Aborted by {@link stop}. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get paused(): boolean {
    return this.#closed !== undefined
  }

  /** Milliseconds so far, pauses left out. */
  get worked(): number {
    return this.#worked + (this.paused ? 0 : this.#now() - this.#since)
  }

  /** Resolves when the way is free. @throws Stopped */
  async pass(): Promise<void> {
    if (this.#now() - this.#turn > BETWEEN_TURNS) {
      await new Promise<void>(nextTurn)
      this.#turn = this.#now()
    }
    while (this.#closed && !this.signal.aborted) await this.#closed.opened
    if (this.signal.aborted) throw new Stopped('the run was stopped')
  }

  /** Begins a piece of work when the way is free. Of several that waited together none begins behind a stop. @throws Stopped */
  async through<T>(work: () => T | Promise<T>): Promise<T> {
    await this.pass()
    if (this.signal.aborted) throw new Stopped('the run was stopped')
    return work()
  }

  /** What a piece of work gives, unless the run is stopped before; nobody waits for it then. @throws Stopped */
  async orStop<T>(work: Promise<T>): Promise<T> {
    let leave = () => {}
    const stopped = new Promise<never>((_, reject) => {
      leave = () => reject(new Stopped('the run was stopped'))
      this.signal.addEventListener('abort', leave)
      if (this.signal.aborted) leave()
    })
    try {
      return await Promise.race([work, stopped])
    } finally {
      this.signal.removeEventListener('abort', leave)
    }
  }

  pause(): void {
    if (this.#closed || this.signal.aborted) return
    let open = () => {}
    const opened = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#worked = this.worked
    this.#closed = { opened, open }
    for (const call of this.#onPause.splice(0)) call()
  }

  resume(): void {
    if (!this.#closed) return
    const { open } = this.#closed
    this.#closed = undefined
    this.#since = this.#now()
    open()
  }

  stop(): void {
    this.#controller.abort()
    this.resume()
  }

  /** A stop behind which the run is meant to go on one day. */
  interrupt(): void {
    this.#interrupted ||= !this.signal.aborted
    this.stop()
  }

  get interrupted(): boolean {
    return this.#interrupted
  }

  /** Resolves at the next pause, or at once where it is paused. */
  untilPaused(): Promise<void> {
    if (this.#closed) return Promise.resolve()
    return new Promise((resolve) => this.#onPause.push(resolve))
  }
}
