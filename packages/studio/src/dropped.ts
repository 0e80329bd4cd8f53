import { signal } from '@preact/signals'

/** Files that were dropped on the window, until the view of own models has taken them. */
export const dropped = signal<readonly File[]>([])
