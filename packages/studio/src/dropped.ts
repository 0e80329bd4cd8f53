import { signal } from '@preact/signals'
import type { SolverSheet } from './engine/analysis.ts'

/** Files of a model that were dropped on the window, until the view of own models has taken them. */
export const dropped = signal<readonly File[]>([])

/** The table that was last read from a file, and the file's name. */
export const droppedPlan = signal<{ readonly name: string; readonly sheet: SolverSheet } | undefined>(undefined)
