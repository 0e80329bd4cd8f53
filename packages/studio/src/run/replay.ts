import { signal } from '@preact/signals'
import { CALM_PERIOD, calm, type Watch } from './watch.ts'

/** Milliseconds of a whole replay, and between two of its pictures. */
const LASTS = 12_000
const PERIOD = 50

/** Shows the moments of a run one after the other. */
export class Replay {
  readonly playing = signal(false)
  readonly #watch: Watch
  readonly #onRest: (moment: number | undefined) => void
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param onRest told the moment where a replay or a choice came to rest */
  constructor(watch: Watch, onRest: (moment: number | undefined) => void) {
    this.#watch = watch
    this.#onRest = onRest
  }

  /** NFE so far. */
  get end(): number {
    return this.#watch.curve.found.at(-1) ?? 0
  }

  /** Plays from the moment that is shown, from the start where that is now; or pauses. */
  toggle(): void {
    if (this.playing.peek()) {
      this.#rest()
      return
    }
    if (this.end === 0) return
    this.#watch.show(this.#watch.moment.peek() ?? 0)
    this.playing.value = true
    this.#tick()
  }

  /** Shows a moment; from the end on, the run as it is now. */
  seek(nfe: number): void {
    this.#watch.show(nfe >= this.end ? undefined : Math.max(0, nfe))
    this.#rest()
  }

  /** To the next sample, or the one before; those that were found at one NFE come and go together. */
  step(by: 1 | -1): void {
    const { curve } = this.#watch
    const { found } = curve
    const moment = this.#watch.moment.peek()
    let there = moment === undefined ? found.length : curve.foundBy(moment)
    if (by === 1) there++
    else {
      const last = found[there - 1]
      while (there > 0 && found[there - 1] === last) there--
    }
    this.seek(there === 0 ? 0 : (found[there - 1] ?? this.end))
  }

  now(): void {
    this.#watch.show(undefined)
    this.#rest()
  }

  close(): void {
    clearTimeout(this.#timer)
  }

  #tick(): void {
    const period = calm() ? CALM_PERIOD : PERIOD
    this.#timer = setTimeout(() => {
      const next = (this.#watch.moment.peek() ?? 0) + (this.end * period) / LASTS
      if (next >= this.end) this.now()
      else {
        this.#watch.show(next)
        this.#tick()
      }
    }, period)
  }

  #rest(): void {
    clearTimeout(this.#timer)
    this.playing.value = false
    this.#onRest(this.#watch.moment.peek())
  }
}
