import type { RunState } from '@espalier/engine'
import { signal } from '@preact/signals'
import type { RunsEngine } from '../studio.ts'
import { theme } from '../theme.ts'

export type Place = { readonly node: number } | { readonly sample: number }

/** Asked for at the same time. */
const AT_ONCE = 8
/** Kept at the same time; the longest unused goes first. */
const KEPT = 1024

/** States of a run, fetched when somebody looks at them. */
export class Thumbnails {
  /** Counts arrivals. */
  readonly arrived = signal(0)
  /** Whether states are texts: they are read, and have no pictures. */
  readonly text = signal(false)
  readonly #engine: RunsEngine
  readonly #id: string
  readonly #states = new Map<string, RunState | null>()
  #pictures = new WeakMap<RunState, HTMLCanvasElement>()
  readonly #wanted: { readonly key: string; readonly place: Place }[] = []
  readonly #draw: (state: RunState) => HTMLCanvasElement
  readonly #unfollow: () => void
  #busy = 0
  #closed = false

  constructor(engine: RunsEngine, id: string, draw: (state: RunState) => HTMLCanvasElement) {
    this.#engine = engine
    this.#id = id
    this.#draw = draw
    // Dots and bars have the colours of the theme.
    this.#unfollow = theme.subscribe(() => {
      this.#pictures = new WeakMap()
      this.arrived.value++
    })
  }

  /** The state, or undefined while it is on its way; {@link arrived} says when to look again. */
  state(place: Place): RunState | undefined {
    const key = 'node' in place ? `n${place.node}` : `s${place.sample}`
    const known = this.#states.get(key)
    if (known) {
      this.#states.delete(key)
      this.#states.set(key, known)
      return known
    }
    if (known === undefined) {
      this.#states.set(key, null)
      this.#wanted.push({ key, place })
      this.#next()
    }
    return undefined
  }

  picture(place: Place): HTMLCanvasElement | undefined {
    const state = this.state(place)
    if (!state || state.text !== undefined) return undefined
    let picture = this.#pictures.get(state)
    if (!picture) {
      picture = this.#draw(state)
      this.#pictures.set(state, picture)
    }
    return picture
  }

  close(): void {
    this.#closed = true
    this.#unfollow()
    this.#wanted.length = 0
  }

  #next(): void {
    // What was asked for last is what is looked at now.
    while (this.#busy < AT_ONCE && this.#wanted.length > 0 && !this.#closed) {
      const { key, place } = this.#wanted.pop() as { key: string; place: Place }
      this.#busy++
      this.#engine
        .state(this.#id, place)
        .then((state) => {
          this.#states.set(key, state)
          if (state.text !== undefined) this.text.value = true
          if (this.#states.size > KEPT) {
            for (const [old, value] of this.#states) {
              if (this.#states.size <= KEPT) break
              if (value) this.#states.delete(old)
            }
          }
          this.arrived.value++
        })
        // A state that is not kept (yet) is asked for again when it is next looked at.
        .catch(() => this.#states.delete(key))
        .finally(() => {
          this.#busy--
          this.#next()
        })
    }
  }
}
