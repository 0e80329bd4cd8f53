/** Runs that are started to be compared with one that is there. */

import { address, go } from '../../route.ts'
import { engineAt, type PlacedRun, readRuns, runs } from '../../studio.ts'
import { keyOf, moreSeeds } from './groups.ts'

/** Runs of a method, the first one among them, that a mean is taken of. */
export const SEEDS = 5

/**
 * Starts the same runs with other seeds until there are {@link SEEDS} of each, and shows them.
 *
 * @param given one run of each kind
 * @param others runs that are to be compared with them, by their ids
 * @throws one line where an engine refuses
 */
export async function runSeeds(given: readonly PlacedRun[], others: readonly string[] = []): Promise<void> {
  const ids = new Set(others)
  for (const run of given) {
    const all = alike(run)
    const engine = engineAt(run.place)
    for (const { id } of all) ids.add(id)
    for (const seed of moreSeeds(run.config, all, Math.max(0, SEEDS - all.length))) {
      ids.add(await engine.start({ ...run.config, seed }))
    }
  }
  await compare(ids)
}

/**
 * Starts best-of-N with the budget of a run, on the seeds of those that are like it, and shows both.
 *
 * @param seeds runs that differ from each other in their seed alone
 * @throws one line where an engine refuses
 */
export async function runBestOfN(seeds: readonly PlacedRun[], others: readonly string[] = []): Promise<void> {
  const ids = new Set([...seeds.map(({ id }) => id), ...others])
  for (const { config, nfe, status, place } of seeds) {
    const { origin: _, ...same } = config
    // One that was stopped has spent less than it was given.
    const budget = status === 'finished' ? config.budget : nfe
    ids.add(await engineAt(place).start({ ...same, method: 'best-of-n', budget }))
  }
  await compare(ids)
}

/** Runs in the same place that differ in their seed alone. */
function alike(run: PlacedRun): readonly PlacedRun[] {
  const key = keyOf(run.config)
  return (runs.peek() ?? [run]).filter((other) => other.place === run.place && keyOf(other.config) === key)
}

async function compare(ids: ReadonlySet<string>): Promise<void> {
  await readRuns()
  go(address(['compare', [...ids].join()]))
}
