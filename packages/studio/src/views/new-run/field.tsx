import type { ComponentChildren } from 'preact'
import type { Draft, DraftField } from './draft.ts'

/** What the parts of the form share. */
export interface FormState {
  readonly draft: Draft
  /** The field that is wrong. */
  readonly wrong: DraftField | undefined
  set(changes: Partial<Draft>): void
}

/** Attributes of the control of a field. */
export function bound({ draft, wrong, set }: FormState, name: DraftField) {
  return {
    id: `field-${name}`,
    name,
    value: draft[name],
    'aria-invalid': wrong === name,
    'aria-describedby': wrong === name ? 'form-error' : undefined,
    onInput: (event: Event) => set({ [name]: (event.currentTarget as HTMLInputElement).value }),
  }
}

export interface TextFieldProps {
  readonly form: FormState
  readonly name: DraftField
  readonly label: string
  readonly inputMode?: 'numeric' | 'decimal'
  readonly placeholder?: string
  readonly children?: ComponentChildren
}

/** A label, what is typed, and what is said below. */
export function TextField({ form, name, label, inputMode, placeholder, children }: TextFieldProps) {
  return (
    <>
      <label for={`field-${name}`}>{label}</label>
      <input {...bound(form, name)} {...{ inputMode, placeholder }} autocomplete="off" spellcheck={false} />
      {children}
    </>
  )
}
