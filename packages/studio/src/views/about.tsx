import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { PageFacts } from '../engine/protocol.ts'
import { bytes } from '../format.ts'
import { KeyList } from '../run/keys-help.tsx'
import { engineSettings, letterKeys } from '../settings.ts'
import { broken, engines, facts, warning } from '../studio.ts'

const media = { files: 'in files of its own', database: 'in its database', memory: '' }
const storages = {
  refused: 'not kept: this browser refuses; they last until the page is left',
  memory: 'not kept: they last until the page is left',
  'other tab': 'not kept: another tab holds what is stored; these last until the page is left',
}

const storageOf = ({ storage, medium }: PageFacts) =>
  storage === 'kept' ? `kept in this browser, ${media[medium]}` : storages[storage]

export function About() {
  const space = useSignal('')
  const server = useSignal('')
  const copied = useSignal(false)
  useEffect(() => {
    navigator.storage?.estimate?.().then(({ usage = 0, quota = 0 }) => {
      space.value = `${bytes(usage)} of ${bytes(quota)}`
    })
  }, [])
  const served = engines.value.server
  useEffect(() => {
    served?.facts().then(
      ({ name, threads }) => {
        server.value = `${name}, ${threads} thread${threads === 1 ? '' : 's'}`
      },
      () => {
        server.value = 'there, and tells nothing'
      },
    )
  }, [served])
  const found = facts.value
  const rows: readonly (readonly [string, string])[] = [
    ['Runs on', found?.name ?? '…'],
    ['Isolated page', found ? (found.isolated ? 'yes: threads are allowed' : 'no: one thread') : '…'],
    ['Runs are', found ? storageOf(found) : '…'],
    ['Storage', space.value || 'unknown'],
    ['Server', served ? server.value || '…' : 'none: this page came from a folder of files'],
    ['Browser', navigator.userAgent],
  ]
  const copy = async () => {
    const report = [...rows, ['Warning', warning.value ?? broken.value ?? 'none']]
    await navigator.clipboard.writeText(report.map(([name, value]) => `${name}: ${value}`).join('\n'))
    copied.value = true
  }
  return (
    <>
      <h1 tabIndex={-1}>About</h1>
      <section class="panel">
        <h2>Engine</h2>
        {[broken.value, warning.value].map(
          (text) =>
            text && (
              <p class="error" role="alert" key={text}>
                {text}
              </p>
            ),
        )}
        <dl class="pairs">
          {rows.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
        </dl>
        <p>
          <button type="button" onClick={copy}>
            Copy for a bug report
          </button>{' '}
          <span role="status">{copied.value && 'Copied.'}</span>
        </p>
        {found?.isolated && <Threads now={found.threads} />}
      </section>
      <section class="panel">
        <h2>Keys</h2>
        <p>
          <label class="check">
            <input
              type="checkbox"
              checked={letterKeys.value}
              onInput={(event) => {
                letterKeys.value = event.currentTarget.checked
              }}
            />
            Single letters are commands
          </label>
        </p>
        <KeyList />
      </section>
    </>
  )
}

/** Threads of the engine are fixed for the life of the page, so another number loads it again. */
function Threads({ now }: { now: number }) {
  const most = Math.max(2, navigator.hardwareConcurrency)
  const choose = (threads: string) => {
    const query = new URLSearchParams(location.search)
    if (threads === '') query.delete('threads')
    else query.set('threads', threads)
    location.search = query.toString()
  }
  return (
    <p>
      <label for="threads">Threads </label>
      <select id="threads" onInput={(event) => choose(event.currentTarget.value)}>
        <option value="">{`half of the cores${engineSettings.threads ? '' : `: ${now}`}`}</option>
        {Array.from({ length: most }, (_, i) => i + 1).map((n) => (
          <option key={n} value={n} selected={engineSettings.threads === n}>
            {n}
          </option>
        ))}
      </select>{' '}
      Another number loads the page again; runs under way can be resumed.
    </p>
  )
}
