import type { ComponentType } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from './format.ts'
import { focusHeading, nameByHeading } from './heading.ts'

/** A view whose code comes when it is first shown. */
export function Lazy<P extends object>({ load, given }: { load: () => Promise<ComponentType<P>>; given: P }) {
  const [View, setView] = useState<ComponentType<P> | undefined>(undefined)
  const [error, setError] = useState<string | undefined>(undefined)
  const loading = useRef<HTMLHeadingElement>(null)
  const focused = useRef(false)
  useEffect(() => {
    load().then(
      (view) => {
        focused.current = document.activeElement === loading.current
        setView(() => view)
      },
      (cause: unknown) => setError(messageOf(cause)),
    )
  }, [])
  // The heading that waited for the view hands on what it had.
  useEffect(() => {
    nameByHeading()
    if (View && focused.current) focusHeading()
  }, [View, error])
  if (View) return <View {...given} />
  return (
    <>
      <h1 ref={loading} tabIndex={-1}>
        {error ? 'This view cannot be loaded' : 'Loading…'}
      </h1>
      {error ? (
        <p class="error" role="alert">
          {error}
        </p>
      ) : (
        <div class="waiting" />
      )}
    </>
  )
}
