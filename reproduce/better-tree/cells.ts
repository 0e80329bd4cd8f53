/** Results of finished cells in a file, so that an interrupted run goes on where it was. */

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What one run of a method gave. */
export interface Outcome {
  readonly nfe: number
  readonly rewardEvaluations: number
  /** Total variation between the masses of the modes and the target's. */
  readonly distance: number
  /** Estimated Z over the true one; null where the method gives none. */
  readonly z: number | null
  /** How far the best reward found is below the largest there is. */
  readonly gap: number
  /** Number of distinct samples. */
  readonly distinct: number
}

export interface CellFile {
  get(cell: string): readonly Outcome[] | undefined
  set(cell: string, outcomes: readonly Outcome[]): void
  remove(): void
}

/** @param name of the protocol: another one begins anew */
export function cellFile(name: string, folder = join('runs', 'better-tree')): CellFile {
  const path = join(folder, `${name}.jsonl`)
  const known = new Map<string, readonly Outcome[]>()
  if (existsSync(path)) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      // The last line may be cut off by whatever ended the run before.
      if (!line.endsWith(']}')) continue
      const { cell, outcomes } = JSON.parse(line) as { cell: string; outcomes: Outcome[] }
      known.set(cell, outcomes)
    }
  }
  return {
    get: (cell) => known.get(cell),
    set(cell, outcomes) {
      known.set(cell, outcomes)
      mkdirSync(folder, { recursive: true })
      appendFileSync(path, `\n${JSON.stringify({ cell, outcomes })}`)
    },
    remove: () => rmSync(path, { force: true }),
  }
}
