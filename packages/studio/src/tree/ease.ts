import type { Layout } from './layout.ts'

/** Milliseconds that a border takes to its new place. */
const LASTS = 150

/** A layout on its way to the next one: what is drawn while borders move. */
export class Ease {
  /** What is drawn now. */
  readonly shown: Layout
  readonly #from: { x: Float64Array; width: Float64Array; size: number }
  #since = Number.NEGATIVE_INFINITY

  constructor(shown: Layout) {
    this.shown = shown
    this.#from = { x: new Float64Array(0), width: new Float64Array(0), size: 0 }
  }

  /** Begins at what is drawn now. */
  start(now: number): void {
    const { x, width, size } = this.shown
    if (this.#from.x.length < size) {
      this.#from.x = new Float64Array(x.length)
      this.#from.width = new Float64Array(x.length)
    }
    this.#from.x.set(x.subarray(0, size))
    this.#from.width.set(width.subarray(0, size))
    this.#from.size = size
    this.#since = now
  }

  /**
   * Moves the layout, which is at its end, back to where it is on its way. A node that is new opens where it will be.
   *
   * @returns whether it is still on its way
   */
  apply(now: number): boolean {
    const part = (now - this.#since) / LASTS
    if (!(part < 1)) return false
    // Fast at first, gently to its end.
    const share = 1 - (1 - Math.max(0, part)) ** 3
    const { x, width, size } = this.shown
    const from = this.#from
    for (let i = 0; i < size; i++) {
      const [before, wide] = i < from.size ? [from.x[i], from.width[i]] : [x[i], 0]
      x[i] = before + share * (x[i] - before)
      width[i] = wide + share * (width[i] - wide)
    }
    return true
  }
}
