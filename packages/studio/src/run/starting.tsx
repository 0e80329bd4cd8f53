import { useSignal, useSignalEffect } from '@preact/signals'
import type { Loading } from '../engine/protocol.ts'
import { bytes } from '../format.ts'
import { loading } from '../studio.ts'
import { ended, type Watch } from './watch.ts'

/** A step on the way to the first network call, in a line. */
export function stepOf({ what, bytes: count }: Loading): string {
  return count === undefined ? what : `${what} ${bytes(count)}`
}

/** What is done before the first sample comes, where the tree will be. */
export function Starting({ watch }: { watch: Watch }) {
  const steps = useSignal<readonly Loading[]>([])
  useSignalEffect(() => {
    const step = loading.value
    if (!step) return
    const before = steps.peek()
    const known = before.findIndex(({ what }) => what === step.what)
    // A file that is through is told of once more, without its bytes.
    if (known < 0) steps.value = [...before, step]
    else steps.value = before.map((old, i) => (i === known ? { ...old, ...step } : old))
  })
  watch.calmVersion.value
  const status = watch.status.value
  if (watch.hasTree || ended(status)) return null
  const now = loading.value?.what
  return (
    <div class="starting" aria-hidden="true">
      {status === 'queued' ? <p>Waiting for its turn.</p> : <p>The tree appears with the first sample.</p>}
      <ul>
        {steps.value.map((step) => (
          <li key={step.what} class={step.what === now ? undefined : 'done'}>
            {stepOf(step)}
          </li>
        ))}
      </ul>
    </div>
  )
}
