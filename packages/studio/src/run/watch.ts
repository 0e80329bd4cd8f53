import type { Level, RunStatus, RunSummary } from '@espalier/engine'
import { signal } from '@preact/signals'
import { messageOf } from '../format.ts'
import type { RunsEngine } from '../studio.ts'
import { GrowingTree } from '../tree/growing-tree.ts'
import { pictureOf } from '../tree/picture.ts'
import { Thumbnails } from '../tree/thumbnails.ts'

export interface Counts {
  readonly nfe: number
  readonly rewardEvaluations: number
  readonly gradientEvaluations: number
  readonly best: number | null
  readonly seconds: number
}

const nothing: Counts = { nfe: 0, rewardEvaluations: 0, gradientEvaluations: 0, best: null, seconds: 0 }

/** How often the page looks at what came, in milliseconds. */
const PERIOD = 50
const CALM_PERIOD = 1000
const LIST_PERIOD = 500

/** A run as the page follows it: events folded into a tree, a curve, and the numbers of the top line. */
export class Watch {
  readonly id: string
  readonly engine: RunsEngine
  readonly tree = new GrowingTree()
  /** Rewards of the samples of a search without a tree. */
  readonly samples: number[] = []
  /** Best reward after so many NFE: a step where it improved. */
  readonly curve: { readonly nfe: number[]; readonly best: number[] } = { nfe: [], best: [] }
  levels: readonly Level[] = []
  event: readonly number[] = []
  readonly summary = signal<RunSummary | undefined>(undefined)
  readonly counts = signal<Counts>(nothing)
  readonly status = signal<RunStatus>('queued')
  /** Why there is nothing to be seen, or why the run broke off. */
  readonly error = signal<string | undefined>(undefined)
  /** Counts what came since the last look. */
  readonly version = signal(0)
  /** The same at most twice a second, for lists and tables. */
  readonly calmVersion = signal(0)
  readonly thumbnails: Thumbnails
  /** Events so far: the number of the next. */
  seen = 0
  readonly #abort = new AbortController()
  #following = false
  /** Rewards since the last report of NFE, and where that was. */
  readonly #found: (number | null)[] = []
  #reported = 0
  #pending: Counts | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #calmTimer: ReturnType<typeof setTimeout> | undefined

  constructor(engine: RunsEngine, id: string, dark: () => boolean) {
    this.engine = engine
    this.id = id
    this.thumbnails = new Thumbnails(engine, id, (state) => pictureOf(state, dark()))
    void this.#follow()
  }

  /** NFE of one rollout from the root to a sample. */
  get rolloutCost(): number {
    const config = this.summary.peek()?.config
    return config ? config.steps * (config.guidance === 1 ? 1 : 2) : Number.NaN
  }

  get hasTree(): boolean {
    return this.tree.size > 1
  }

  close(): void {
    this.#abort.abort()
    this.thumbnails.close()
    clearTimeout(this.#timer)
    clearTimeout(this.#calmTimer)
  }

  /** Lets the run go on, and follows it again where it had ended. */
  async resume(): Promise<void> {
    await this.engine.resume(this.id)
    if (!this.#following) void this.#follow()
  }

  async refresh(): Promise<void> {
    this.summary.value = await this.engine.run(this.id)
    this.status.value = this.summary.value.status
  }

  async #follow(): Promise<void> {
    this.#following = true
    try {
      // A stream that ends while the run goes on (it was resumed) is taken up again.
      for (;;) {
        await this.refresh()
        this.error.value = this.summary.peek()?.error
        for await (const { number, event } of this.engine.events(this.id, this.seen, this.#abort.signal)) {
          this.seen = number + 1
          this.tree.take(event)
          if (event.type === 'leaves') this.#found.push(...event.rewards)
          if (event.type === 'started') {
            this.levels = event.levels
            this.event = event.event
          } else if (event.type === 'progress') {
            this.#pending = event
            this.#curve(event.nfe, event.best)
          } else if (event.type === 'samples') {
            for (const reward of event.rewards) this.samples.push(reward ?? Number.NEGATIVE_INFINITY)
          } else if (event.type === 'status') {
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
      if (!this.#abort.signal.aborted) this.error.value = messageOf(error)
    } finally {
      this.#following = false
    }
  }

  /** Samples between two reports came at even distances of NFE, as near as the reports tell. */
  #curve(nfe: number, best: number | null): void {
    const found = this.#found.splice(0)
    const since = this.#reported
    this.#reported = nfe
    found.forEach((reward, i) => {
      if (reward === null || reward <= (this.curve.best.at(-1) ?? Number.NEGATIVE_INFINITY)) return
      this.#point(since + ((nfe - since) * (i + 1)) / found.length, reward)
    })
    if (best !== null) this.#point(nfe, best)
  }

  #point(nfe: number, best: number): void {
    const { nfe: at, best: values } = this.curve
    // Along a level stretch its ends are enough.
    const n = at.length
    if (n > 1 && values[n - 1] === best && values[n - 2] === best) at[n - 1] = nfe
    else {
      at.push(nfe)
      values.push(best)
    }
  }

  readonly #look = () => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pending) this.counts.value = this.#pending
    this.#pending = undefined
    this.version.value++
    this.#calmTimer ??= setTimeout(() => {
      this.#calmTimer = undefined
      this.calmVersion.value++
    }, LIST_PERIOD)
  }
}

export function ended(status: RunStatus): boolean {
  return status === 'finished' || status === 'stopped' || status === 'failed' || status === 'interrupted'
}

const motion = matchMedia('(prefers-reduced-motion: reduce)')

/** Whether the person asked for little motion. */
export function calm(): boolean {
  return motion.matches
}
