/** A run of `steps` solver steps cut into blocks: block l takes the steps `from[l] .. to[l] - 1`. */
export interface Block {
  readonly from: number
  readonly to: number
}

/**
 * Cuts a run into the blocks between branch points (Jain et al. 2025, "branching schedule"): between them a state has
 * one continuation only.
 *
 * @param steps number of solver steps T
 * @param branching remaining-step counts at which a search may branch, decreasing from T, such as 50, 40, 30, 20, 10 for
 *   T = 50, or a named schedule. Default: five blocks as even as they come
 * @throws where it is neither
 */
export function blocksOf(steps: number, branching: readonly number[] | Branching = 'even'): Block[] {
  const branchAt = typeof branching === 'string' ? branchPoints(branching, steps) : branching
  const valid =
    branchAt[0] === steps && branchAt.every((b, i) => Number.isInteger(b) && b >= 1 && (i === 0 || b < branchAt[i - 1]))
  if (!valid) {
    throw new Error(
      `branchAt is [${branchAt.join(', ')}], expected remaining-step counts that decrease from ${steps} (all the steps) ` +
        'and stay above 0',
    )
  }
  return branchAt.map((b, i) => ({ from: steps - b, to: steps - (branchAt[i + 1] ?? 0) }))
}

/** Five blocks as even as they come; one per step where there are fewer. */
export function evenBranches(steps: number): number[] {
  const blocks = Math.min(5, steps)
  return Array.from({ length: blocks }, (_, i) => Math.round((steps * (blocks - i)) / blocks))
}

/** Remaining steps of 100 at which the tempered forest branches: a tenth at a time, and ever less from 40 on. */
const ofHundred = [100, 90, 80, 70, 60, 50, 40, 35, 30, 25, 20, 16, 12, 9, 6, 4, 2]

/**
 * Branch points for methods that look ahead at each: even at first, ever closer towards the clean end, where a reward
 * is told apart finely. Six blocks for the first 60 % of the steps, eleven for the rest (fewer where there are not so
 * many steps).
 */
export function forestBranches(steps: number): number[] {
  const points = ofHundred.map((of) => Math.round((steps * of) / 100)).filter((left) => left >= 1)
  return [...new Set([steps, ...points])]
}

/**
 * Where a chain may be branched, by a name: at the start alone; five even blocks (Jain et al. 2025); ever closer
 * towards the clean end ({@link forestBranches}); after every solver step.
 */
export type Branching = (typeof branchings)[number]

export const branchings = ['one', 'even', 'fine', 'every'] as const

/** The remaining-step counts of a named schedule. @throws where there is none of this name */
export function branchPoints(branching: Branching, steps: number): number[] {
  switch (branching) {
    case 'one':
      return [steps]
    case 'even':
      return evenBranches(steps)
    case 'fine':
      return forestBranches(steps)
    case 'every':
      return Array.from({ length: steps }, (_, i) => steps - i)
    default:
      throw new Error(`branchAt is '${branching}', expected one of ${branchings.join(', ')}, or remaining-step counts`)
  }
}
