/** Runs that are started to be compared with one that is there. */

import { address, go } from '../../route.ts'
import { engineAt, type PlacedRun, readRuns, runs } from '../../studio.ts'
import { keyOf, moreSeeds } from './groups.ts'

/** Runs of a method, the first one among them, that a mean is taken of. */
export const SEEDS = 5

/**
 * Starts the same run with other seeds until there are {@link SEEDS}, and shows all of them as one.
 * @throws one line where an engine refuses
 */
export async function runSeeds(run: PlacedRun): Promise<void> {
  const key = keyOf(run.config)
  const all = (runs.peek() ?? [run]).filter((other) => other.place === run.place && keyOf(other.config) === key)
  const ids = all.map(({ id }) => id)
  const engine = engineAt(run.place)
  for (const seed of moreSeeds(run.config, all, Math.max(0, SEEDS - all.length))) {
    ids.push(await engine.start({ ...run.config, seed }))
  }
  await readRuns()
  go(address(['compare', ids.join()]))
}

/**
 * Starts best-of-N with the NFE that a run has spent, on the same seed, and shows both.
 * @throws one line where an engine refuses
 */
export async function runBestOfN({ id, config, nfe, place }: PlacedRun): Promise<void> {
  const { origin: _, ...same } = config
  const other = await engineAt(place).start({ ...same, method: 'best-of-n', budget: nfe })
  await readRuns()
  go(address(['compare', [id, other].join()]))
}
