import type { RunConfig } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { download } from '../download.ts'
import { bytes, duration, messageOf, number, whole } from '../format.ts'
import { address } from '../route.ts'
import { ended } from '../run/watch.ts'
import { engine, facts, type PlacedRun, readRuns, runs, runsError } from '../studio.ts'
import { runBestOfN, runSeeds, SEEDS } from './compare/again.ts'

/** Milliseconds in which a deletion can be undone. */
const GRACE = 6000
/** Rows that stand for runs which are still being read. */
const BLANKS = 3

const orders = {
  name: (run: PlacedRun) => nameOf(run.config),
  model: (run: PlacedRun) => run.config.model,
  status: (run: PlacedRun) => run.status,
  nfe: (run: PlacedRun) => run.nfe,
  best: (run: PlacedRun) => run.best ?? Number.NEGATIVE_INFINITY,
  created: (run: PlacedRun) => run.created,
  seed: (run: PlacedRun) => run.config.seed,
  size: (run: PlacedRun) => run.bytes ?? -1,
} as const

type Order = keyof typeof orders

/** What a run is called in lists. */
export function nameOf({ method, reward }: RunConfig): string {
  return `${method}, ${reward}`
}

/** All runs, wherever they happened. */
export function RunList({ onError }: { onError(message: string): void }) {
  const by = useSignal<{ readonly order: Order; readonly down: boolean }>({ order: 'created', down: true })
  /** Runs that are about to be deleted, until the time to undo it is over. */
  const leaving = useSignal<ReadonlyMap<string, ReturnType<typeof setTimeout>>>(new Map())
  const { order, down } = by.value
  const shown = (runs.value ?? [])
    .filter(({ id }) => !leaving.value.has(id))
    .sort((a, b) => compared(a, b, order, down))
  const sort = (to: Order) => {
    by.value = { order: to, down: to === order ? !down : typeof orders[to](shown[0] ?? blank) === 'number' }
  }
  const act = (what: Promise<unknown>) => {
    what.catch((cause: unknown) => onError(messageOf(cause)))
  }
  const undo = (id: string) => {
    clearTimeout(leaving.value.get(id))
    leaving.value = new Map([...leaving.value].filter(([other]) => other !== id))
  }
  const remove = (id: string) => {
    const timer = setTimeout(() => {
      act(
        engine
          .remove(id)
          .finally(readRuns)
          .finally(() => undo(id)),
      )
    }, GRACE)
    leaving.value = new Map([...leaving.value, [id, timer]])
  }
  const column = (is: Order, label: string) => (
    <th scope="col" aria-sort={order === is ? (down ? 'descending' : 'ascending') : 'none'}>
      <button type="button" class="link" onClick={() => sort(is)}>
        {label}
        <span aria-hidden="true">{order === is ? (down ? ' ▾' : ' ▴') : ' '}</span>
      </button>
    </th>
  )
  return (
    <section aria-labelledby="runs" class="list">
      <div class="bar">
        <h2 id="runs">Runs</h2>
        <span class="quiet">{roomOf(shown)}</span>
      </div>
      {facts.value?.storage === 'refused' && (
        <p class="note">This browser gives the page no storage: runs will not survive a reload.</p>
      )}
      {facts.value?.storage === 'other tab' && (
        <p class="note">
          Another tab of Studio holds the stored runs. Runs of this tab are not kept; close the other and reload to see
          them.
        </p>
      )}
      {facts.value && facts.value.unread.length > 0 && (
        <p class="note">
          {whole(facts.value.unread.length)} of the stored runs cannot be read, and are left as they are (
          {facts.value.unread[0]}).
        </p>
      )}
      {runsError.value && (
        <p class="error" role="alert">
          Stored runs cannot be read ({runsError.value}). New runs still work.
        </p>
      )}
      {[...leaving.value.keys()].map((id) => (
        <p key={id} class="note" role="status">
          The run was deleted.{' '}
          <button type="button" onClick={() => undo(id)}>
            Undo
          </button>
        </p>
      ))}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <section class="scroll" tabIndex={0} aria-label="Table of runs">
        <table class="runs">
          <thead>
            <tr>
              {column('name', 'Run')}
              {column('model', 'Model')}
              {column('status', 'Status')}
              {column('nfe', 'NFE')}
              {column('best', 'Best')}
              {column('created', 'Started')}
              {column('seed', 'Seed')}
              <th scope="col">Work</th>
              {column('size', 'Size')}
              <th scope="col">Where</th>
              <th scope="col">
                <span class="hidden">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody aria-busy={runs.value === undefined}>
            {runs.value === undefined &&
              Array.from({ length: BLANKS }, (_, i) => (
                <tr key={i} class="blank">
                  <td colSpan={11}>{i === 0 ? 'Reading the stored runs…' : ' '}</td>
                </tr>
              ))}
            {runs.value && shown.length === 0 && (
              <tr class="blank">
                <td colSpan={11}>No runs yet. Each run that you start is listed here.</td>
              </tr>
            )}
            {shown.map((run) => (
              <Row key={run.id} run={run} act={act} onDelete={() => remove(run.id)} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  )
}

const blank = {
  config: { method: '', reward: '', model: '', seed: 0 },
  status: 'queued',
  nfe: 0,
  best: 0,
  created: 0,
} as PlacedRun

function compared(a: PlacedRun, b: PlacedRun, order: Order, down: boolean): number {
  const [p, q] = [orders[order](a), orders[order](b)]
  const sign = typeof p === 'string' ? p.localeCompare(q as string) : p === q ? 0 : p < (q as number) ? -1 : 1
  return (down ? -sign : sign) || b.created - a.created
}

interface RowProps {
  readonly run: PlacedRun
  act(what: Promise<unknown>): void
  onDelete(): void
}

function Row({ run, act, onDelete }: RowProps) {
  const { id, config, status, place } = run
  const name = nameOf(config)
  const still = !ended(status) && status !== 'paused'
  const searched = config.method !== 'best-of-n'
  return (
    <tr>
      <th scope="row">
        <a href={address(['run', id])} title={name}>
          {name}
        </a>
      </th>
      <td>{config.model}</td>
      <td>{status}</td>
      <td data-name="NFE">
        {whole(run.nfe)} / {whole(config.budget)}
      </td>
      <td data-name="Best">{number(run.best)}</td>
      <td data-name="Started" title={new Date(run.created).toLocaleString()}>
        {when(run.created)}
      </td>
      <td data-name="Seed">{config.seed}</td>
      <td data-name="Work">{duration(run.seconds)}</td>
      <td data-name="Size">{run.bytes === undefined ? '–' : bytes(run.bytes)}</td>
      <td title={run.engine}>{place}</td>
      <td class="actions">
        <a href={address(['run', id])} aria-label={`Reopen ${name}`}>
          Reopen
        </a>
        <a href={address(['new'], { from: id })} aria-label={`Duplicate ${name}`}>
          Duplicate
        </a>
        <button
          type="button"
          class="link"
          aria-label={`Run ${name} with ${SEEDS} seeds`}
          onClick={() => act(runSeeds([run]))}
        >
          {SEEDS} seeds
        </button>
        {searched && (
          <button
            type="button"
            class="link"
            disabled={run.nfe === 0}
            aria-label={`${name} vs best-of-N at the same NFE`}
            onClick={() => act(runBestOfN([run]))}
          >
            vs best-of-N
          </button>
        )}
        <button
          type="button"
          class="link"
          disabled={!ended(status)}
          aria-label={`Download ${name}`}
          onClick={() => act(engine.archive(id).then((archive) => download(`${id}.zip`, archive)))}
        >
          Download
        </button>
        <button type="button" class="link" aria-label={`Delete ${name}`} disabled={still} onClick={onDelete}>
          Delete
        </button>
      </td>
    </tr>
  )
}

/** How much all runs together take, by where they are. */
function roomOf(runs: readonly PlacedRun[]): string {
  const taken = (where: PlacedRun['place']) => {
    const sizes = runs.flatMap(({ place, bytes: size }) => (place === where && size !== undefined ? [size] : []))
    return sizes.length > 0 ? bytes(sizes.reduce((sum, size) => sum + size, 0)) : undefined
  }
  const here = taken('page')
  const there = taken('server')
  if (there === undefined) return here === undefined ? '' : `${here} in all`
  return [...(here ? [`${here} in this page`] : []), `${there} on the server`].join(', ')
}

/** The time of today, the date before. */
function when(created: number): string {
  const date = new Date(created)
  const today = date.toDateString() === new Date().toDateString()
  return today ? date.toLocaleTimeString(undefined, { timeStyle: 'short' }) : date.toLocaleDateString()
}
