/** Values by method, setting, metric and budget, one per seed; tables and paired comparisons come from them. */

import { type Interval, mean95, pairedDifference95 } from './statistics.ts'

export interface Cell {
  readonly method: string
  /** Model, guidance and what else is not the method's. */
  readonly setting: string
  readonly metric: string
  /** The NFE that were allowed, which `nfe` may fall short of. Undefined for real data. */
  readonly budget?: number
  /** NFE that were spent: a sample for samplers, a seed for searches. */
  readonly nfe: number
  /** Default 0, for samplers. */
  readonly gradientEvaluations?: number
  readonly rewardEvaluations?: number
  /** One per seed; `-Infinity` where a search found nothing that its reward allows. */
  readonly values: readonly number[]
}

/** A cell, summarised: the mean of the seeds that found something, or `-Infinity` where none did. */
export interface ComparisonRow extends Pick<Cell, 'method' | 'setting' | 'metric' | 'nfe'>, Interval {
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
  /** Seeds whose value is `-Infinity`, which are left out of the mean and of `n`. Only where there are some. */
  readonly never?: number
}

export type Where = Pick<Cell, 'setting' | 'metric'> & { readonly budget?: number }

/** The cells of a comparison, and the intervals and paired differences that follow from them. */
export class Results {
  readonly seeds: readonly number[]
  readonly #cells: Cell[] = []

  constructor(seeds: readonly number[]) {
    this.seeds = seeds
  }

  /** @throws where a value is neither a finite number nor `-Infinity`, or one seed's is missing */
  add(cell: Cell): void {
    const { method, setting, metric, values } = cell
    if (values.length !== this.seeds.length || !values.every((value) => value < Infinity))
      throw new Error(`${metric} of ${method} in ${setting} needs ${this.seeds.length} finite values, got ${values}`)
    this.#cells.push(cell)
  }

  #find(method: string, { setting, metric, budget }: Where): Cell | undefined {
    return this.#cells.find(
      (c) => c.method === method && c.setting === setting && c.metric === metric && c.budget === budget,
    )
  }

  has(method: string, where: Where): boolean {
    return this.#find(method, where) !== undefined
  }

  /** The values of a method. @throws where it was not run there */
  values(method: string, where: Where): readonly number[] {
    const cell = this.#find(method, where)
    if (!cell) throw new Error(`no result for ${method} in ${where.setting} at ${where.budget} NFE: ${where.metric}`)
    return cell.values
  }

  /** Mean and 95% interval of the seeds that found something. */
  at(method: string, where: Where): Interval {
    return meanOfFound(this.values(method, where))
  }

  /**
   * How much lower method a is than method b, seed by seed, with its interval: `b - a`.
   * @throws where a seed of either found nothing: a difference with `-Infinity` says nothing
   */
  lead(a: string, b: string, where: Where, other: Where = where): Interval {
    const [before, after] = [this.values(b, other), this.values(a, where)]
    if (![...before, ...after].every(Number.isFinite)) {
      throw new Error(`${where.metric} of ${a} or ${b} is -Infinity for some seed: there is no paired difference`)
    }
    return pairedDifference95(before, after)
  }

  /** Mean and 95% interval of every cell, in the order in which they were added. */
  rows(): ComparisonRow[] {
    return this.#cells.map(({ values, ...cell }) => {
      const { method, setting, metric, nfe, gradientEvaluations = 0, rewardEvaluations = 0 } = cell
      const found = meanOfFound(values)
      const never = values.length - found.n
      const row = { method, setting, nfe, gradientEvaluations, rewardEvaluations, metric, ...found }
      return never > 0 ? { ...row, never } : row
    })
  }
}

function meanOfFound(values: readonly number[]): Interval {
  const found = values.filter((value) => value > -Infinity)
  if (found.length > 0) return mean95(found)
  return { mean: -Infinity, low: Number.NaN, high: Number.NaN, n: 0 }
}
