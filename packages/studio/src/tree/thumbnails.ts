import type { RunState } from '@espalier/engine'
import { signal } from '@preact/signals'
import { messageOf } from '../format.ts'
import { theme } from '../theme.ts'

export type Place = { readonly node: number } | { readonly sample: number }

/** Kept at the same time; the longest unused goes first. */
const KEPT = 1024
/** Milliseconds after which what was not to be had is worth another try. */
const AGAIN = 1000

/** States of a run, or what is made of them, fetched when somebody looks at them. */
export class Thumbnails {
  /** Counts arrivals, and what is told of those that do not come. */
  readonly arrived = signal(0)
  /** Whether states are texts: they are read, and have no pictures. */
  readonly text = signal(false)
  readonly #ask: (place: Place) => Promise<RunState>
  readonly #atOnce: number
  readonly #states = new Map<string, RunState | null>()
  #pictures = new WeakMap<RunState, HTMLCanvasElement>()
  readonly #failures = new Map<string, { readonly line: string; readonly at: number }>()
  #wanted: { readonly key: string; readonly place: Place }[] = []
  readonly #draw: (state: RunState) => HTMLCanvasElement
  readonly #unfollow: () => void
  #busy = 0
  #closed = false

  /** @param atOnce how many are asked for at the same time */
  constructor(
    ask: (place: Place) => Promise<RunState>,
    draw: (state: RunState) => HTMLCanvasElement,
    { atOnce }: { readonly atOnce: number },
  ) {
    this.#ask = ask
    this.#draw = draw
    this.#atOnce = atOnce
    // Dots and bars have the colours of the theme.
    this.#unfollow = theme.subscribe(() => {
      this.#pictures = new WeakMap()
      this.arrived.value++
    })
  }

  /** The state, or undefined while it is on its way; {@link arrived} says when to look again. */
  state(place: Place): RunState | undefined {
    const key = keyOf(place)
    const known = this.#states.get(key)
    if (known) {
      this.#states.delete(key)
      this.#states.set(key, known)
      return known
    }
    const failure = this.#failures.get(key)
    if (known === undefined && !(failure && performance.now() - failure.at < AGAIN)) {
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

  /** Why there was none when it was last asked for, in a line. */
  failure(place: Place): string | undefined {
    return this.#failures.get(keyOf(place))?.line
  }

  /** Takes back what waits to be asked for, but for these nodes. */
  only(nodes: ReadonlySet<number>): void {
    const left = this.#wanted.filter(({ place }) => 'node' in place && nodes.has(place.node))
    for (const { key } of this.#wanted) this.#states.delete(key)
    for (const { key } of left) this.#states.set(key, null)
    const fewer = left.length < this.#wanted.length
    this.#wanted = left
    // Whoever looks at one all the same asks again.
    if (fewer) this.arrived.value++
  }

  close(): void {
    this.#closed = true
    this.#unfollow()
    this.#wanted = []
  }

  #next(): void {
    // What was asked for last is what is looked at now.
    while (this.#busy < this.#atOnce && this.#wanted.length > 0 && !this.#closed) {
      const { key, place } = this.#wanted.pop() as { key: string; place: Place }
      this.#busy++
      this.#ask(place)
        .then((state) => {
          this.#states.set(key, state)
          this.#failures.delete(key)
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
        .catch((error: unknown) => {
          this.#states.delete(key)
          const line = messageOf(error)
          const told = this.#failures.get(key)?.line === line
          if (this.#failures.size >= KEPT) this.#failures.clear()
          this.#failures.set(key, { line, at: performance.now() })
          if (!told) this.arrived.value++
        })
        .finally(() => {
          this.#busy--
          this.#next()
        })
    }
  }
}

function keyOf(place: Place): string {
  return 'node' in place ? `n${place.node}` : `s${place.sample}`
}
