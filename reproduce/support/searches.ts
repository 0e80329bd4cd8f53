/** Comparisons of searches: what each cost in all three counts, and which is higher. */

import { type Cell, Results as Comparisons, mean } from 'espalier/measure'
import type { ReproductionRow } from '../result.ts'
import type { Results, Where } from './results.ts'
import { type Finding, show } from './verdict.ts'

/** What searches report of their work. */
export interface Work {
  readonly nfe: number
  readonly gradientEvaluations: number
  readonly rewardEvaluations: number
}

/** Results of searches, whose rows count gradient and reward evaluations too. */
export class SearchTable extends Comparisons {
  readonly #work: Work[] = []

  /** Values of one metric, one a seed, at an allowance of so many NFE, and what the searches spent on average. */
  measured(cell: Omit<Cell, 'nfe'>, spent: readonly Work[]): void {
    const average = (of: (work: Work) => number) => Math.round(mean(spent.map(of)))
    const nfe = average((work) => work.nfe)
    this.add({ ...cell, nfe })
    this.#work.push({
      nfe,
      gradientEvaluations: average((work) => work.gradientEvaluations),
      rewardEvaluations: average((work) => work.rewardEvaluations),
    })
  }

  override rows(): ReproductionRow[] {
    return super.rows().map((row, i) => ({ ...row, ...this.#work[i] }))
  }
}

/** Whether method a is higher than b, seed by seed, beyond doubt. */
export function higher(
  results: SearchTable | Results,
  a: string,
  b: string,
  where: Where,
  budget = where.budget,
): Finding {
  const there = { ...where, budget }
  const [left, right] = [results.at(a, where), results.at(b, there)]
  const { low, high } = results.lead(b, a, there, where)
  const told = low > 0 ? 'is higher than' : high < 0 ? 'is lower than' : 'is not told apart from'
  const more = budget === where.budget ? '' : ` at ${budget} NFE`
  return {
    holds: low > 0,
    about: `${where.setting}, ${where.metric} at ${where.budget} NFE`,
    text: `${a} (${show(left.mean)}) ${told} ${b}${more} (${show(right.mean)})`,
  }
}

/** Runs searches side by side, at most `width` at a time, so that they share the network's batches. In order. */
export async function sideBySide<T>(count: number, width: number, run: (i: number) => Promise<T>): Promise<T[]> {
  const out = new Array<T>(count)
  let next = 0
  const work = async () => {
    while (next < count) {
      const i = next++
      out[i] = await run(i)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, work))
  return out
}
