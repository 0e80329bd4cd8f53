import { bytes } from './format.ts'
import { engines, facts, loading } from './studio.ts'

/** What the engine of the page is, and what it is loading. */
export function Foot() {
  const found = facts.value
  const step = loading.value
  const kept = found?.storage === 'kept' ? 'runs are kept in this browser' : 'runs are not kept'
  return (
    <footer>
      <span>
        {found ? found.name : 'starting the engine…'}
        {found && !found.isolated && ' (the page is not isolated, so one thread)'}
      </span>
      {found && <span>{kept}</span>}
      {engines.value.server && <span>a server runs searches too</span>}
      <span class="step">
        {step && `loading: ${step.what}${step.bytes === undefined ? '' : `, ${bytes(step.bytes)}`}`}
      </span>
    </footer>
  )
}
