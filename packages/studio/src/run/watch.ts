import { endings, type Level, type RunState, type RunStatus, type RunSummary } from '@espalier/engine'
import { signal } from '@preact/signals'
import { messageOf } from '../format.ts'
import type { RunsEngine } from '../studio.ts'
import { GrowingTree } from '../tree/growing-tree.ts'
import { pictureOf } from '../tree/picture.ts'
import { type Place, Thumbnails } from '../tree/thumbnails.ts'
import { Curve } from './curve.ts'

export interface Counts {
  readonly nfe: number
  readonly rewardEvaluations: number
  readonly gradientEvaluations: number
  readonly best: number | null
  readonly seconds: number
}

/** States that are asked for at the same time. */
const STATES = 8
/** Looks ahead, each of which costs a network evaluation. */
const LOOKS = 2

const nothing: Counts = { nfe: 0, rewardEvaluations: 0, gradientEvaluations: 0, best: null, seconds: 0 }

/** How often the page looks at what came, in milliseconds. */
const PERIOD = 50
/** The same where little motion is wanted. */
export const CALM_PERIOD = 1000
const LIST_PERIOD = 500
/** The same where the person chooses the moment. */
const MOMENT_PERIOD = 200

/** A run as the page follows it: events folded into a tree, a curve, and the numbers of the top line. */
export class Watch {
  readonly id: string
  readonly engine: RunsEngine
  readonly tree = new GrowingTree()
  /** Rewards of the samples of a search without a tree. */
  readonly samples: number[] = []
  readonly curve = new Curve()
  levels: readonly Level[] = []
  event: readonly number[] = []
  /** NFE of one sample; NaN as long as that is not told. */
  rolloutCost = Number.NaN
  readonly summary = signal<RunSummary | undefined>(undefined)
  readonly counts = signal<Counts>(nothing)
  readonly status = signal<RunStatus>('queued')
  /** Why there is nothing to be seen, or why the run broke off. */
  readonly error = signal<string | undefined>(undefined)
  /** Whether the run may go on, but nothing is heard of it any more; {@link Watch.follow} listens again. */
  readonly lost = signal(false)
  /** The run is shown as it was after so many NFE; undefined as it is now. */
  readonly moment = signal<number | undefined>(undefined)
  /** Counts what came since the last look. */
  readonly version = signal(0)
  /** The same at most twice a second, for lists and tables. */
  readonly calmVersion = signal(0)
  readonly thumbnails: Thumbnails
  /** What the network expects at nodes. */
  readonly lookAheads: Thumbnails
  /** Events so far: the number of the next. */
  seen = 0
  readonly #abort = new AbortController()
  #following = false
  /** The tree of an earlier moment, and how many of its iterations it has. */
  #past: { readonly tree: GrowingTree; readonly iterations: number } | undefined
  /** Events that the summary knows of: statuses among them are over. */
  #reckoned = 0
  #pending: Counts | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #calmTimer: ReturnType<typeof setTimeout> | undefined

  constructor(engine: RunsEngine, id: string, dark: () => boolean) {
    this.engine = engine
    this.id = id
    const draw = (state: RunState) => pictureOf(state, dark())
    this.thumbnails = new Thumbnails((place) => engine.state(id, place), draw, { atOnce: STATES })
    // A sample is what is expected of it.
    const ahead = (place: Place) => ('node' in place ? engine.lookahead(id, place) : engine.state(id, place))
    this.lookAheads = new Thumbnails(ahead, draw, { atOnce: LOOKS })
    void this.follow()
  }

  get hasTree(): boolean {
    return this.tree.size > 1
  }

  /** Whether its method grows a tree, be there one by now or not. */
  get growsTree(): boolean {
    return this.hasTree || (this.summary.peek()?.config.method.startsWith('dts') ?? false)
  }

  /** The tree at the moment that is shown. */
  get shown(): GrowingTree {
    const moment = this.moment.peek()
    if (moment === undefined) return this.tree
    const iterations = this.curve.foundBy(moment)
    if (this.#past?.iterations !== iterations) this.#past = { iterations, tree: this.tree.until(iterations) }
    return this.#past.tree
  }

  /** Shows the run as it was after so many NFE; undefined: as it is now. */
  show(moment: number | undefined): void {
    if (moment === this.moment.peek()) return
    if (moment === undefined) this.#past = undefined
    this.moment.value = moment
    this.#calm(MOMENT_PERIOD)
  }

  close(): void {
    this.#abort.abort()
    this.thumbnails.close()
    this.lookAheads.close()
    clearTimeout(this.#timer)
    clearTimeout(this.#calmTimer)
  }

  /** Lets the run go on, and follows it again where it had ended. */
  async resume(): Promise<void> {
    await this.engine.resume(this.id)
    void this.follow()
  }

  async refresh(): Promise<void> {
    const summary = await this.engine.run(this.id)
    this.summary.value = summary
    this.#reckoned = summary.events ?? this.seen
    // It may have been asked for before what came meanwhile.
    if (this.seen > this.#reckoned) return
    this.status.value = summary.status
    // Where nothing more could be kept there is no event that tells it.
    this.error.value = summary.error
  }

  /** Takes what comes, until the run has ended; does nothing where that is under way. */
  async follow(): Promise<void> {
    if (this.#following) return
    this.#following = true
    this.lost.value = false
    try {
      // A stream that ends while the run goes on (it was resumed) is taken up again.
      for (;;) {
        await this.refresh()
        for await (const { number, event } of this.engine.events(this.id, this.seen, this.#abort.signal)) {
          this.seen = number + 1
          this.tree.take(event)
          this.curve.take(event)
          if (event.type === 'started') {
            this.levels = event.levels
            this.event = event.event
            this.rolloutCost = event.rollout ?? Number.NaN
          } else if (event.type === 'progress') this.#pending = event
          else if (event.type === 'samples') {
            for (const reward of event.rewards) this.samples.push(reward ?? Number.NEGATIVE_INFINITY)
          } else if (event.type === 'status' && number >= this.#reckoned) {
            this.status.value = event.status
            this.error.value = event.error
          }
          this.#timer ??= setTimeout(this.#look, calm() ? CALM_PERIOD : PERIOD)
        }
        this.#look()
        if (this.#abort.signal.aborted) return
        await this.refresh()
        if (ended(this.status.peek())) return
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return
      this.error.value = messageOf(error)
      this.lost.value = this.summary.peek() !== undefined
    } finally {
      this.#following = false
    }
  }

  readonly #look = () => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pending) this.counts.value = this.#pending
    this.#pending = undefined
    this.version.value++
    this.#calm(LIST_PERIOD)
  }

  #calm(period: number): void {
    this.#calmTimer ??= setTimeout(() => {
      this.#calmTimer = undefined
      this.calmVersion.value++
    }, period)
  }
}

export function ended(status: RunStatus): boolean {
  return endings.has(status)
}

const motion = matchMedia('(prefers-reduced-motion: reduce)')

/** Whether the person asked for little motion. */
export function calm(): boolean {
  return motion.matches
}
