import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { droppedPlan } from '../../dropped.ts'
import type { SolverSheet } from '../../engine/analysis.ts'
import type { Catalogue } from '../../engine/protocol.ts'
import { messageOf } from '../../format.ts'
import { address, go, note, route } from '../../route.ts'
import { workshop } from '../../studio.ts'
import { takeFiles } from '../../take-files.ts'
import { CallField } from '../new-run/call-field.tsx'
import { planLine } from '../texts.ts'
import { Sheet } from './sheet.tsx'

const processes = ['vp-cosine', 'vp-linear', 'vp-scaled-linear', 'sub-vp', 've', 'edm', 'flow']
/** Milliseconds for which nothing is typed before a table is made. */
const CALM = 250

/** A solver as a table, and what follows from the table; the table of a file at the address `file`. */
export function Solver({ text }: { text: string }) {
  const catalogue = useSignal<Catalogue | undefined>(undefined)
  const sheet = useSignal<SolverSheet | undefined>(undefined)
  const error = useSignal<string | undefined>(undefined)
  const { query } = route.value
  const process = query.get('process') ?? 'vp-cosine'
  const steps = query.get('steps') ?? '10'
  const grid = query.get('grid') ?? 'uniform'
  const file = text === 'file'
  const opened = droppedPlan.value

  useEffect(() => {
    workshop.catalogue().then(
      (found) => {
        catalogue.value = found
      },
      (cause: unknown) => {
        error.value = messageOf(cause)
      },
    )
  }, [])
  useEffect(() => {
    if (file) return
    let current = true
    const timer = setTimeout(
      () =>
        workshop.analyse(text, process, grid, Number(steps)).then(
          (found) => {
            if (!current) return
            sheet.value = found
            error.value = undefined
          },
          (cause: unknown) => {
            if (!current) return
            sheet.value = undefined
            error.value = messageOf(cause)
          },
        ),
      sheet.peek() ? CALM : 0,
    )
    return () => {
      current = false
      clearTimeout(timer)
    }
  }, [file, text, process, grid, steps])

  const show = (next: string) => go(address(['solver', next], Object.fromEntries(query)))
  const found = file ? opened?.sheet : sheet.value
  return (
    <>
      <h1 tabIndex={-1}>Solver {file ? (opened?.name ?? 'from a file') : text}</h1>
      <form class="panel fields" aria-label="Which solver" onSubmit={(event) => event.preventDefault()}>
        <div>
          <CallField
            name="solver"
            id="solver-name"
            label="Solver"
            value={file ? '' : text}
            entries={catalogue.value?.solvers}
            invalid={false}
            onChange={show}
          />
        </div>
        <div>
          <CallField
            name="grid"
            id="solver-grid"
            label="Times of the steps"
            value={grid}
            entries={catalogue.value?.grids}
            invalid={false}
            onChange={(next) => note({ grid: next })}
          />
        </div>
        <div>
          <label for="solver-process">Process</label>
          <select id="solver-process" value={process} onInput={(event) => note({ process: event.currentTarget.value })}>
            {processes.map((each) => (
              <option key={each} value={each}>
                {each}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="solver-steps">Steps</label>
          <input
            id="solver-steps"
            type="number"
            min="1"
            max="200"
            value={steps}
            onInput={(event) => note({ steps: event.currentTarget.value })}
          />
        </div>
        <div>
          <label for="solver-file">Or a table from a file</label>
          <input
            id="solver-file"
            type="file"
            accept=".json"
            onInput={(event) => {
              const files = [...(event.currentTarget.files ?? [])]
              takeFiles(files).catch((cause: unknown) => {
                error.value = messageOf(cause)
              })
            }}
          />
        </div>
      </form>
      {error.value && !file && (
        <p class="error" role="alert">
          {error.value}
        </p>
      )}
      {file && !opened && <p class="note">The table of a file is gone after a reload: open the file again.</p>}
      {!found && !error.value && !file && <p class="quiet">Working it out…</p>}
      {found && <Sheet sheet={found} />}
      {found && !file && (
        <p class="quiet">
          The same in a terminal: <code>{planLine(text, process, grid, steps)}</code>
        </p>
      )}
    </>
  )
}
