import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/**
 * A sheet from below, on phones. What is above it stays in use, so that another node can be chosen; Escape and a button
 * close it, and the focus goes back to where it came from.
 */
export function Sheet({ label, onClose, children }: { label: string; onClose(): void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const close = useRef(onClose)
  close.current = onClose
  useEffect(() => {
    const element = dialog.current as HTMLDialogElement
    const before = document.activeElement
    // A page that is opened with a node chosen keeps its focus where it is.
    const chosenHere = before instanceof HTMLElement && before !== document.body && before.tagName !== 'H1'
    element.show()
    if (!chosenHere) (document.activeElement as HTMLElement | null)?.blur()
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented) return
      event.preventDefault()
      event.stopPropagation()
      close.current()
    }
    addEventListener('keydown', onKey, true)
    return () => {
      removeEventListener('keydown', onKey, true)
      if (before instanceof HTMLElement && before.isConnected) before.focus()
    }
  }, [])
  return (
    <dialog ref={dialog} class="sheet-below" aria-label={label}>
      <button type="button" class="close" onClick={onClose} aria-label="Close">
        ×
      </button>
      {children}
    </dialog>
  )
}
