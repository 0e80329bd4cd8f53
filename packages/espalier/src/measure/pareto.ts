/** What is worth its cost. */

/** A result: what it cost (less is better) and what it is worth (more is better). */
export interface ValueAtCost {
  readonly cost: number
  readonly value: number
}

/**
 * The Pareto front: a point is on it where no other is worth at least as much for at most its cost, and better in one of
 * the two. Equal points share its place. What is not finite is not on it: a value of `-Infinity` or NaN was not found.
 *
 * @returns whether each point is on the front
 */
export function paretoFront(points: readonly ValueAtCost[]): boolean[] {
  const on = points.map(() => false)
  const found = [...points.keys()].filter((i) => Number.isFinite(points[i].cost) && Number.isFinite(points[i].value))
  found.sort((i, j) => points[i].cost - points[j].cost || points[j].value - points[i].value)
  /** Of those on the front the last one: all that come later cost as much or more. */
  let last: ValueAtCost | undefined
  for (const i of found) {
    const { cost, value } = points[i]
    on[i] = last === undefined || value > last.value || (value === last.value && cost === last.cost)
    if (on[i]) last = points[i]
  }
  return on
}
