/** A finished result to which methods are added: what it has is taken as given, and only what it lacks is run. */

import type { ReproductionResult, ReproductionRow } from '../result.ts'

type Place = Pick<ReproductionRow, 'method' | 'setting'>

/**
 * What is still to be run: everything, or what a finished result lacks.
 *
 * @param beside whether the verdict says nothing about a method, so that its rows can be added to a finished result:
 *   that one keeps means and intervals, and verdicts compare seed by seed
 * @throws Error where it lacks something else
 */
export function lacking<P extends Place>(
  known: ReproductionResult | undefined,
  places: readonly P[],
  beside: (place: P) => boolean,
): readonly P[] {
  if (!known) return places
  const missing = places.filter(
    ({ method, setting }) => !known.table.some((row) => row.method === method && row.setting === setting),
  )
  const other = missing.find((place) => !beside(place))
  if (other) {
    throw new Error(
      `the finished result has no rows of ${other.method} in ${other.setting}, which the verdict is about; run it all`,
    )
  }
  return missing
}

/**
 * A finished result with the rows that it lacked behind its own.
 * @throws Error where it was run with other seeds, versions, or settings (its `budget` must begin the new one)
 */
export function extended(known: ReproductionResult, added: ReproductionResult): ReproductionResult {
  const same = (name: string, before: unknown, now: unknown) => {
    const [a, b] = [JSON.stringify(before), JSON.stringify(now)]
    if (a !== b) throw new Error(`the finished result was run with ${name} ${a}, and what it lacks with ${b}`)
  }
  same('seeds', known.seeds, added.seeds)
  same('versions', known.versions, added.versions)
  same('settings', known.budget, added.budget.slice(0, known.budget.length))
  return { ...added, table: [...known.table, ...added.table] }
}
