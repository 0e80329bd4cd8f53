import type { Chain } from '../chain/chain.ts'
import { fold, type Key, key, purpose } from '../tensor/random.ts'

/**
 * A piece of the chain that is walked without a choice: from one level where it may branch to the next. The first edge
 * begins with a draw from the prior, which costs nothing; the last one ends at a final state.
 */
export interface Edge {
  readonly from: number
  readonly to: number
  /** NFE of one row along the edge. */
  readonly cost: number
}

/**
 * The edges of a chain. A level whose step draws no noise has one continuation only, so it lies inside an edge: a
 * wholly deterministic chain is a single edge, and a search over it chooses among starts alone.
 */
export function edgesOf<S, X>(chain: Chain<S, X>): Edge[] {
  if (!(Number.isInteger(chain.depth) && chain.depth >= 1)) {
    throw new Error(`a search needs a chain of at least one level, this one has ${chain.depth}`)
  }
  const edges: Edge[] = []
  let from = 0
  let cost = 0
  for (let level = 0; level < chain.depth; level++) {
    cost += chain.cost(level)
    const to = level + 1
    if (to < chain.depth && !chain.stochastic(to)) continue
    edges.push({ from, to, cost })
    from = to
    cost = 0
  }
  return edges
}

/** NFE of one row along all the edges from the `first` on. */
export function costFrom(edges: readonly Edge[], first: number): number {
  let cost = 0
  for (let e = first; e < edges.length; e++) cost += edges[e].cost
  return cost
}

/** NFE of one row from the start to its end. */
export function rolloutCost<S, X>(chain: Chain<S, X>): number {
  return costFrom(edgesOf(chain), 0)
}

/** Key of the root, above the prior: every path of every search with this seed hangs below it. */
export function rootKey(seed: number): Key {
  return purpose(key(seed), 'path')
}

/** Rows that walk together, and what their walk needs. */
export interface Walk<S> {
  /** Index of the first edge to walk. */
  readonly first: number
  /** States at the head of that edge; ignored for edge 0, which draws from the prior. */
  readonly states: readonly S[]
  /** Keys of the nodes at the END of the first edge; the nodes after it are first children (`fold(key, 0)`). */
  readonly keys: readonly Key[]
}

/**
 * Walks rows along their remaining edges to final states.
 *
 * Every node has a key, `fold(parent's key, child's index)`, and all the draws on the edge into a node come from that
 * key: a rollout depends on its path alone, whatever is computed beside it.
 *
 * @param onEdge called after each edge with the NFE it took; returning false abandons the walk at that point
 * @returns the states at the end of each edge walked, `[edge][row]`, or null if abandoned
 */
export async function walk<S, X>(
  chain: Chain<S, X>,
  edges: readonly Edge[],
  { first, states, keys }: Walk<S>,
  onEdge: (nfe: number) => boolean,
): Promise<S[][] | null> {
  const ends: S[][] = []
  let current: readonly S[] = states
  let rowKeys = keys
  for (let e = first; e < edges.length; e++) {
    if (e > first) rowKeys = rowKeys.map((rowKey) => fold(rowKey, 0))
    const reached = await walkEdge(chain, edges, e, current, rowKeys)
    ends.push(reached)
    current = reached
    if (!onEdge(edges[e].cost * rowKeys.length) && e + 1 < edges.length) return null
  }
  return ends
}

/** What a chain answers for rows, if it is one for each. @throws Error otherwise */
export function oneEach<T>(answers: T[], rows: number, member: string): T[] {
  if (answers.length === rows) return answers
  throw new Error(`the chain's ${member} was given ${rows} rows and returned ${answers.length}`)
}

/** The samples of final states, one for each. */
export async function decodeAll<S, X>(chain: Chain<S, X>, states: readonly S[]): Promise<X[]> {
  return oneEach(await chain.decode(states), states.length, 'decode')
}

/** Walks rows along one edge. @param states at its head; ignored for edge 0, which draws from the prior */
export async function walkEdge<S, X>(
  chain: Chain<S, X>,
  edges: readonly Edge[],
  e: number,
  states: readonly S[],
  keys: readonly Key[],
): Promise<S[]> {
  let current: readonly S[] = e === 0 ? oneEach(await chain.start(keys), keys.length, 'start') : states
  for (let level = edges[e].from; level < edges[e].to; level++) {
    current = oneEach(await chain.step(current, level, keys), keys.length, `step at level ${level}`)
  }
  return current as S[]
}
