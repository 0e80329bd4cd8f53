import type { RunConfig, RunState } from './engine.ts'
import { EngineError, lineOf } from './engine-error.ts'
import { Gate } from './gate.ts'
import { gatedRuntime } from './gated-runtime.ts'
import { checkLimits, type Limits } from './limits.ts'
import type { Origin } from './origin.ts'
import { prepareWalk } from './prepare.ts'
import type { LookAhead, Place } from './set-up.ts'
import type { SavedState } from './view.ts'

/** A run whose states are looked ahead from. */
export interface LookedAt {
  readonly id: string
  readonly config: RunConfig
  /** Where it began, where that was not noise. */
  readonly origin?: Origin
}

/**
 * Looks ahead of runs, by a chain of their own: what a search under way remembers, batches and books is left alone. One
 * look is taken at a time. The network of the run that was looked at last stays open, so that the next look costs one
 * network call.
 */
export class LookAheads {
  readonly #place: Place
  readonly #limits: Limits
  #open: { readonly id: string; readonly look: LookAhead; close(): Promise<void> } | undefined
  #tail: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(place: Place, limits: Limits) {
    this.#place = place
    this.#limits = limits
  }

  /** @throws EngineError where model, config and state do not go together here, or the engine is about to end */
  look(run: LookedAt, state: SavedState): Promise<RunState> {
    return this.#inTurn(async () => {
      if (this.#closed) throw new EngineError('closed', 'the engine is about to end and looks no further')
      try {
        const look = this.#open?.id === run.id ? this.#open.look : await this.#begin(run)
        return await look(state)
      } catch (error) {
        // Another try is with another session: this one may be gone.
        await this.#end()
        throw new EngineError('absent', lineOf(error), { cause: error })
      }
    })
  }

  /** Lets go of what is open, or of what is open for one run. */
  forget(id?: string): Promise<void> {
    return this.#inTurn(async () => {
      if (id === undefined || this.#open?.id === id) await this.#end()
    })
  }

  /** Takes no more looks, and lets go of what is open. */
  close(): Promise<void> {
    this.#closed = true
    return this.#inTurn(() => this.#end())
  }

  async #begin({ id, config, origin }: LookedAt): Promise<LookAhead> {
    await this.#end()
    const walk = await prepareWalk(config, this.#place)
    // It may have come as a file, from where more is allowed; one row is all that is asked for.
    checkLimits({ ...config, budget: 1, width: 1 }, walk, this.#limits)
    const runtime = gatedRuntime(this.#place.runtime, new Gate())
    try {
      const look = await walk.openLookAhead(runtime, origin)
      this.#open = { id, look, close: () => runtime.close() }
      return look
    } catch (error) {
      await runtime.close()
      throw error
    }
  }

  async #end(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await open?.close()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(work)
    this.#tail = done.catch(() => {})
    return done
  }
}
