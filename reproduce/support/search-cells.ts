/** Searches of a comparison, seed by seed: many under way at once, so that batches fill, and kept in a file as they end. */

import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Results } from './results.ts'

/** One method at one budget for one reward. */
export interface SearchCell {
  readonly method: string
  readonly setting: string
  /** NFE of a seed, at most. */
  readonly budget: number
  run(seed: number): Promise<Outcome>
}

/** What one seed brought. */
export interface Outcome {
  readonly nfe: number
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  /** By the name of the metric; every seed has the same. */
  readonly values: Readonly<Record<string, number>>
  /** Pictures for the contact sheets, as bytes in base64. */
  readonly pictures?: readonly string[]
  /** Texts for pages of samples. */
  readonly texts?: readonly string[]
}

export interface RunCellsOptions {
  /** File of the finished searches; another name begins anew. */
  readonly name: string
  readonly folder: string
  /** Searches under way at once. Default 16. */
  readonly atOnce?: number
  readonly onProgress?: (done: number, what: string) => void
}

export interface FinishedCells {
  /** Outcomes of a cell, one a seed. */
  outcomes(cell: Pick<SearchCell, 'method' | 'setting' | 'budget'>): readonly Outcome[]
  /** Budgets of a method, rising. */
  budgets(of: Pick<SearchCell, 'method' | 'setting'>): readonly number[]
  /** Deletes the file: the next run begins anew. */
  remove(): void
}

const nameOf = ({ method, setting, budget }: Pick<SearchCell, 'method' | 'setting' | 'budget'>) =>
  `${setting} | ${method} | ${budget}`

/**
 * Runs all cells on all seeds of the results, and adds one row a metric to them. Searches that the file has are not run
 * again, so an interrupted run goes on, and a run of more seeds runs only those.
 */
export async function runCells(
  cells: readonly SearchCell[],
  results: Results,
  { name, folder, atOnce = 16, onProgress }: RunCellsOptions,
): Promise<FinishedCells> {
  const file = keptOutcomes(join(folder, `${name}.jsonl`))
  const { seeds } = results
  const total = seeds.length * cells.reduce((sum, { budget }) => sum + budget, 0)
  let done = 0
  // Seed by seed: what is finished is a whole comparison, of fewer seeds.
  const waiting = seeds.flatMap((seed) => cells.map((cell) => ({ cell, seed })))
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      const { cell, seed } = job
      const id = `${nameOf(cell)} | ${seed}`
      if (!file.has(id)) {
        onProgress?.(done / total, nameOf(cell))
        file.set(id, await cell.run(seed))
      }
      done += cell.budget
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const outcomes: FinishedCells['outcomes'] = (cell) => seeds.map((seed) => file.get(`${nameOf(cell)} | ${seed}`))
  for (const cell of cells) {
    const own = outcomes(cell)
    const average = (of: (outcome: Outcome) => number) =>
      Math.round(own.reduce((sum, outcome) => sum + of(outcome), 0) / own.length)
    const { method, setting, budget } = cell
    for (const metric of Object.keys(own[0].values)) {
      results.add({
        ...{ method, setting, budget, metric },
        nfe: average((o) => o.nfe),
        gradientEvaluations: average((o) => o.gradientEvaluations),
        rewardEvaluations: average((o) => o.rewardEvaluations),
        values: own.map(({ values }) => values[metric]),
      })
    }
  }
  const budgets: FinishedCells['budgets'] = ({ method, setting }) =>
    cells
      .filter((cell) => cell.method === method && cell.setting === setting)
      .map(({ budget }) => budget)
      .sort((a, b) => a - b)
  return { outcomes, budgets, remove: file.remove }
}

function keptOutcomes(path: string) {
  const known = new Map<string, Outcome>()
  if (existsSync(path)) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      // The last line may be cut off by whatever ended the run before.
      if (!line.endsWith('}')) continue
      const { id, outcome } = JSON.parse(line) as { id: string; outcome: Outcome }
      known.set(id, outcome)
    }
  }
  return {
    has: (id: string) => known.has(id),
    get(id: string): Outcome {
      const outcome = known.get(id)
      if (!outcome) throw new Error(`${id} was not run`)
      return outcome
    },
    set(id: string, outcome: Outcome) {
      known.set(id, outcome)
      mkdirSync(join(path, '..'), { recursive: true })
      appendFileSync(path, `\n${JSON.stringify({ id, outcome })}`)
    },
    remove: () => rmSync(path, { force: true }),
  }
}
