import type { ComponentChildren, RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

export interface MenuProps {
  readonly label: string
  readonly children: ComponentChildren
  /** Told how the menu is closed. */
  readonly close?: RefObject<() => void>
}

/** A button that opens a small panel, which Escape and a press beside it close. */
export function Menu({ label, children, close }: MenuProps) {
  const details = useRef<HTMLDetailsElement>(null)
  if (close) {
    close.current = () => {
      if (details.current) details.current.open = false
    }
  }
  useEffect(() => {
    const onPointer = (event: PointerEvent) => {
      const element = details.current
      if (element?.open && !element.contains(event.target as Node)) element.open = false
    }
    const onKey = (event: KeyboardEvent) => {
      const element = details.current
      if (event.key !== 'Escape' || !element?.open) return
      // The menu alone closes.
      event.stopPropagation()
      event.preventDefault()
      if (element.contains(document.activeElement)) element.querySelector('summary')?.focus()
      element.open = false
    }
    addEventListener('pointerdown', onPointer)
    addEventListener('keydown', onKey, true)
    return () => {
      removeEventListener('pointerdown', onPointer)
      removeEventListener('keydown', onKey, true)
    }
  }, [])
  return (
    <details ref={details} class="menu">
      <summary class="button">{label}</summary>
      <div>{children}</div>
    </details>
  )
}
