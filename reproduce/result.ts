/** What `reproduce/<slug>/result.json` holds: a claim, what was run, and what came out. */

import { mean95 } from 'espalier/measure'

export interface ReproductionRow {
  readonly method: string
  readonly setting: string
  readonly nfe: number
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  readonly metric: string
  /** Mean over the seeds, with its 95% interval. */
  readonly mean: number
  readonly low: number
  readonly high: number
  /** Number of seeds. */
  readonly n: number
}

export interface ReproductionResult {
  readonly paper: string
  readonly claim: string
  readonly verdict: 'holds' | 'holds in part' | 'does not hold here'
  readonly why: string
  readonly command: string
  readonly seeds: readonly number[]
  readonly versions: Readonly<Record<string, string>>
  readonly budget: string
  readonly table: readonly ReproductionRow[]
}

export interface ReproductionOptions {
  /** The direction in under two minutes: fewer seeds, smaller budgets. */
  readonly quick?: boolean
  readonly seeds?: readonly number[]
  /**
   * A finished result: its rows are taken as given, and only what it lacks is run. Only where a reproduction says so;
   * see `support/extend.ts`.
   */
  readonly known?: ReproductionResult
  /** Share of the work that is done, and what is being done. */
  readonly onProgress?: (done: number, what: string) => void
}

/** One row from the values of a metric, one per seed. */
export function row(
  what: Pick<ReproductionRow, 'method' | 'setting' | 'metric'>,
  spent: readonly { readonly nfe: number; readonly rewardEvaluations: number }[],
  values: readonly number[],
): ReproductionRow {
  const average = (of: readonly number[]) => Math.round(of.reduce((a, b) => a + b, 0) / of.length)
  return {
    ...what,
    nfe: average(spent.map(({ nfe }) => nfe)),
    gradientEvaluations: 0,
    rewardEvaluations: average(spent.map(({ rewardEvaluations }) => rewardEvaluations)),
    ...mean95(values),
  }
}

/** Contents by file name. */
export type Files = Readonly<Record<string, string | Uint8Array>>

/** What the index of each folder exports. */
export interface Reproduction {
  run(options?: ReproductionOptions): Promise<ReproductionResult>
  /** The figures that go beside `result.json`. */
  figures(result: ReproductionResult): Files
  /** The table and the verdict, for a terminal. */
  report(result: ReproductionResult): string
}
