import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { bytes } from '../format.ts'
import { letterKeys } from '../settings.ts'
import { broken, facts } from '../studio.ts'

const keys: readonly (readonly [string, string])[] = [
  ['p', 'pause or resume'],
  ['.', 'one step, while paused: until something more was found'],
  ['b', 'the best sample'],
  ['Escape', 'one level up from the selected node'],
  ['Arrows, Home, End, *', 'in the list of nodes: move, open and close'],
  ['Ctrl + wheel, pinch', 'zoom the tree; drag moves it, a double click fits a node'],
]

export function About() {
  const space = useSignal('')
  useEffect(() => {
    navigator.storage?.estimate?.().then(({ usage = 0, quota = 0 }) => {
      space.value = `${bytes(usage)} of ${bytes(quota)}`
    })
  }, [])
  const found = facts.value
  const storage = {
    kept: 'kept in this browser',
    refused: 'refused by this browser',
    memory: 'none: runs last until the page is left',
    'other tab': 'held by another tab',
  }
  return (
    <>
      <h1 tabIndex={-1}>About</h1>
      <section class="panel">
        <h2>Engine</h2>
        {broken.value && (
          <p class="error" role="alert">
            {broken.value}
          </p>
        )}
        <dl>
          <div>
            <dt>Runs on</dt>
            <dd>{found?.name ?? '…'}</dd>
          </div>
          <div>
            <dt>Isolated page</dt>
            <dd>{found ? (found.isolated ? 'yes: threads are allowed' : 'no: one thread') : '…'}</dd>
          </div>
          <div>
            <dt>Runs are</dt>
            <dd>{found ? storage[found.storage] : '…'}</dd>
          </div>
          <div>
            <dt>Storage</dt>
            <dd>{space.value || 'unknown'}</dd>
          </div>
          <div>
            <dt>Browser</dt>
            <dd>{navigator.userAgent}</dd>
          </div>
        </dl>
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
        <dl>
          {keys.map(([key, about]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{about}</dd>
            </div>
          ))}
        </dl>
      </section>
    </>
  )
}
