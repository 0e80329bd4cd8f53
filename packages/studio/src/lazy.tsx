import type { ComponentType } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { messageOf } from './format.ts'

/** A view whose code comes when it is first shown. */
export function Lazy<P extends object>({ load, given }: { load: () => Promise<ComponentType<P>>; given: P }) {
  const [View, setView] = useState<ComponentType<P> | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  useEffect(() => {
    load().then(
      (view) => setView(() => view),
      (cause: unknown) => setError(messageOf(cause)),
    )
  }, [])
  if (View) return <View {...given} />
  return (
    <>
      <h1 tabIndex={-1}>{error ? 'This view cannot be loaded' : 'Loading…'}</h1>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </>
  )
}
