import type { RunConfig, RunSummary } from '@espalier/engine'
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { examples } from '../examples.ts'
import { duration, messageOf, number, whole } from '../format.ts'
import { address } from '../route.ts'
import { ended } from '../run/watch.ts'
import { engine, facts, readRuns, runs, runsError, startRun } from '../studio.ts'

export function Home() {
  const error = useSignal<string | undefined>(undefined)
  const starting = useSignal<string | undefined>(undefined)
  useEffect(() => {
    void readRuns()
    const timer = setInterval(readRuns, 2000)
    return () => clearInterval(timer)
  }, [])
  const start = async (title: string, config: RunConfig) => {
    if (starting.value) return
    starting.value = title
    error.value = undefined
    try {
      await startRun(config)
    } catch (cause) {
      error.value = messageOf(cause)
    }
    starting.value = undefined
  }
  return (
    <>
      <h1 tabIndex={-1}>Watch a search grow</h1>
      <p class="lead">
        A diffusion model makes samples; a reward says which are wanted; a search spends network evaluations to find
        them. All of it runs in this page.
      </p>
      <section aria-labelledby="examples">
        <h2 id="examples">Start with an example</h2>
        <ul class="cards">
          {examples.map(({ title, about, config }) => (
            <li key={title}>
              <button
                type="button"
                class="card"
                disabled={starting.value !== undefined}
                onClick={() => start(title, config)}
              >
                <strong>{starting.value === title ? 'Starting…' : title}</strong>
                <span>{about}</span>
                <span class="quiet">{whole(config.budget)} NFE</span>
              </button>
            </li>
          ))}
        </ul>
        {error.value && (
          <p class="error" role="alert">
            {error.value}
          </p>
        )}
        <p>
          <a class="button" href={address(['new'])}>
            Choose model, search and reward
          </a>
        </p>
      </section>
      <RunList onError={(message) => (error.value = message)} />
    </>
  )
}

type Order = 'created' | 'best' | 'nfe'

function RunList({ onError }: { onError(message: string): void }) {
  const by = useSignal<Order>('created')
  /** Runs that are about to be deleted, until the time to undo it is over. */
  const leaving = useSignal<ReadonlyMap<string, ReturnType<typeof setTimeout>>>(new Map())
  if (runsError.value) {
    return (
      <section aria-labelledby="runs">
        <h2 id="runs">Runs</h2>
        <p class="error" role="alert">
          Stored runs cannot be read ({runsError.value}). New runs still work.
        </p>
      </section>
    )
  }
  const all = runs.value
  const value = (run: RunSummary) => (by.value === 'best' ? (run.best ?? Number.NEGATIVE_INFINITY) : run[by.value])
  const shown = [...(all ?? [])].filter(({ id }) => !leaving.value.has(id)).sort((a, b) => value(b) - value(a))
  const remove = (id: string) => {
    const timer = setTimeout(async () => {
      try {
        await engine.remove(id)
      } catch (cause) {
        onError(messageOf(cause))
      }
      await readRuns()
      undo(id)
    }, 6000)
    leaving.value = new Map([...leaving.value, [id, timer]])
  }
  const undo = (id: string) => {
    clearTimeout(leaving.value.get(id))
    leaving.value = new Map([...leaving.value].filter(([other]) => other !== id))
  }
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">Runs</h2>
      {facts.value?.storage === 'refused' && (
        <p class="note">This browser gives the page no storage: runs will not survive a reload.</p>
      )}
      {facts.value?.storage === 'other tab' && (
        <p class="note">
          Another tab of Studio holds the stored runs. Runs of this tab are not kept; close the other and reload to see
          them.
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
      {all === undefined ? (
        <p class="quiet">Reading the stored runs…</p>
      ) : shown.length === 0 ? (
        <p class="quiet">No runs yet. Each run that you start is listed here.</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        <section class="scroll" tabIndex={0} aria-label="Table of runs">
          <table class="runs">
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">Status</th>
                <Sortable by={by.value} is="nfe" onSort={(to) => (by.value = to)}>
                  NFE
                </Sortable>
                <Sortable by={by.value} is="best" onSort={(to) => (by.value = to)}>
                  Best
                </Sortable>
                <Sortable by={by.value} is="created" onSort={(to) => (by.value = to)}>
                  Started
                </Sortable>
                <th scope="col">Work</th>
                <th scope="col">
                  <span class="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((run) => (
                <tr key={run.id}>
                  <th scope="row">
                    <a href={address(['run', run.id])}>
                      {run.config.method}, {run.config.reward}
                    </a>
                    <span class="quiet"> {run.config.model}</span>
                  </th>
                  <td>{run.status}</td>
                  <td>
                    {whole(run.nfe)} / {whole(run.config.budget)}
                  </td>
                  <td>{number(run.best)}</td>
                  <td>{new Date(run.created).toLocaleString()}</td>
                  <td>{duration(run.seconds)}</td>
                  <td class="actions">
                    <a href={address(['new'], { from: run.id })}>Duplicate</a>{' '}
                    <button
                      type="button"
                      class="link"
                      aria-label={`Delete the run ${run.config.method}, ${run.config.reward}`}
                      disabled={!ended(run.status) && run.status !== 'paused'}
                      onClick={() => remove(run.id)}
                    >
                      Delete
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </section>
  )
}

interface SortableProps {
  readonly by: Order
  readonly is: Order
  readonly children: string
  onSort(to: Order): void
}

function Sortable({ by, is, children, onSort }: SortableProps) {
  return (
    <th scope="col" aria-sort={by === is ? 'descending' : 'none'}>
      <button type="button" class="link" onClick={() => onSort(is)}>
        {children}
        {by === is ? ' ▾' : ''}
      </button>
    </th>
  )
}
