import type { RunSummary } from '@espalier/engine'
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { number } from '../format.ts'
import { note } from '../route.ts'
import { type PlacedRun, type RunsEngine, readRuns, runs } from '../studio.ts'
import { Curve } from './curve.ts'
import type { Series } from './lines.ts'
import { Menu } from './menu.tsx'

/** As many as there are lines that can be told apart beside those of the run itself. */
const MOST = 2
/** The first style that the run's own lines leave free. */
const FIRST_STYLE = 2
/** Events between two looks at a curve. */
const BETWEEN = 500

/** Curves of other runs, beside that of the one that is shown. */
export class EarlierRuns {
  readonly series = signal<readonly Series[]>([])
  readonly #engine: RunsEngine
  #stop = new AbortController()

  constructor(engine: RunsEngine) {
    this.#engine = engine
  }

  /** Shows these runs and no others. */
  choose(chosen: readonly Pick<RunSummary, 'id' | 'config'>[]): void {
    this.close()
    this.#stop = new AbortController()
    this.series.value = chosen.map((run, i) => ({ ...emptyOf(run), style: FIRST_STYLE + i }))
    chosen.forEach((run, i) => {
      void this.#read(run.id, i, this.#stop.signal)
    })
  }

  close(): void {
    this.#stop.abort()
  }

  async #read(id: string, place: number, stop: AbortSignal): Promise<void> {
    const curve = new Curve()
    const tell = () => {
      if (stop.aborted) return
      this.series.value = this.series.peek().map((line, i) => {
        return i === place ? { ...line, nfe: [...curve.nfe], value: [...curve.best] } : line
      })
    }
    try {
      let count = 0
      for await (const { event } of this.#engine.events(id, 0, stop)) {
        curve.take(event)
        if (++count % BETWEEN === 0) tell()
      }
    } catch {
      // A run that cannot be read has no line.
    }
    tell()
  }
}

function emptyOf({ config }: Pick<RunSummary, 'config'>): Omit<Series, 'style'> {
  return { label: `${config.method}, seed ${config.seed}`, nfe: [], value: [] }
}

/** Runs whose rewards mean the same. */
function likeness(all: readonly PlacedRun[] | undefined, { id, config }: RunSummary): readonly PlacedRun[] {
  return (all ?? []).filter(
    (run) => run.id !== id && run.config.model === config.model && run.config.reward === config.reward,
  )
}

/** Chooses earlier runs of the same model and reward; which ones stands in the address. */
export function EarlierPicker({
  of,
  earlier,
  chosen,
}: {
  of: RunSummary
  earlier: EarlierRuns
  chosen: readonly string[]
}) {
  useEffect(() => {
    void readRuns()
  }, [])
  const others = likeness(runs.value, of)
  const shown = others.filter(({ id }) => chosen.includes(id)).slice(0, MOST)
  const ids = shown.map(({ id }) => id).join()
  useEffect(() => earlier.choose(shown), [ids])
  if (others.length === 0) return null
  const toggle = (id: string) => {
    const next = chosen.includes(id) ? chosen.filter((other) => other !== id) : [...chosen, id].slice(-MOST)
    note({ with: next.length > 0 ? next.join() : undefined })
  }
  return (
    <Menu label="Earlier runs">
      <p class="quiet">Of the same model and reward; {MOST} at most.</p>
      <ul class="checks">
        {others.map((run) => (
          <li key={run.id}>
            <label class="check">
              <input type="checkbox" checked={chosen.includes(run.id)} onInput={() => toggle(run.id)} />
              {run.config.method}, seed {run.config.seed}: {number(run.best)}
            </label>
          </li>
        ))}
      </ul>
    </Menu>
  )
}
