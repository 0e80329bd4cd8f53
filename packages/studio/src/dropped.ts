import { signal } from '@preact/signals'
import type { SolverSheet } from './engine/analysis.ts'
import { messageOf } from './format.ts'

/** Why the files that were last dropped were not taken. */
export const refused = signal<string | undefined>(undefined)

/** Takes files, and tells on the page what is wrong with them. */
export async function takeDropped(files: readonly File[]): Promise<void> {
  refused.value = undefined
  try {
    const { takeFiles } = await import('./take-files.ts')
    await takeFiles(files)
  } catch (cause) {
    refused.value = messageOf(cause)
  }
}

/** Files of a model that were dropped on the window, until the view of own models has taken them. */
export const dropped = signal<readonly File[]>([])

/** The table that was last read from a file, and the file's name. */
export const droppedPlan = signal<{ readonly name: string; readonly sheet: SolverSheet } | undefined>(undefined)
