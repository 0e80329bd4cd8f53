import type { Chain } from '../chain/chain.ts'
import { fold, type Key } from '../tensor/random.ts'
import { costFrom, type Edge, walkEdge } from './edges.ts'

type Finishing<S, X> = Required<Pick<Chain<S, X>, 'finish' | 'finishCost'>>

/** A new child to be made, and the way to it from the nearest node whose state is kept. */
export interface Expansion<S> {
  /** Depth of that node, and its state (none at the root). */
  readonly from: number
  readonly state?: S
  /** Keys of the nodes below it, down to the new child. */
  readonly keys: readonly Key[]
}

/** What came of an expansion. */
export interface Grown<S> {
  /** States of the old nodes that were walked to again, from the top. */
  readonly regained: S[]
  /** States of the new nodes, from the new child to the leaf. */
  readonly fresh: S[]
}

/** EXPANSION and ROLLOUT of a tree search over a chain. */
export interface Expander<S> {
  /**
   * NFE of a new child below a node at `depth`, reward included, if the state of its ancestor at depth `from` is kept.
   */
  cost(depth: number, from: number): number
  /** The least that a new child costs. */
  readonly cheapest: number
  /**
   * Makes them together: all begin and end at the same depths.
   * @param onWork called with NFE as they are spent; returning false abandons the rest
   * @returns null if abandoned
   */
  expand(expansions: readonly Expansion<S>[], onWork: (nfe: number) => boolean): Promise<Grown<S>[] | null>
}

/**
 * @param settled a state as the tree keeps it: what follows is drawn from that
 * @param finish whether a new child goes to its end by the chain's short plan
 * @throws if the chain has none
 */
export function expander<S, X>(
  chain: Chain<S, X>,
  edges: readonly Edge[],
  settled: (state: S) => S,
  finish: boolean,
): Expander<S> {
  const short = finish ? finishing(chain) : undefined
  const last = edges.length - 1

  const cost = (depth: number, from: number) => {
    if (!short || depth === last) return costFrom(edges, from)
    return costFrom(edges, from) - costFrom(edges, depth + 1) + short.finishCost(edges[depth].to)
  }

  const expand = async (rows: readonly Expansion<S>[], onWork: (nfe: number) => boolean) => {
    const { from, keys: path } = rows[0]
    const depth = from + path.length - 1
    const grown = rows.map((): Grown<S> => ({ regained: [], fresh: [] }))
    let states = rows.map(({ state }) => state as S)
    let keys: Key[] = []
    for (let e = from; e <= last; e++) {
      const leave = short !== undefined && e > depth
      keys = rows.map((row, i) => row.keys[e - from] ?? fold(keys[i], 0))
      const reached = leave
        ? await short.finish(states, edges[e].from, keys)
        : await walkEdge(chain, edges, e, states, keys)
      states = reached.map(settled)
      states.forEach((state, i) => {
        grown[i][e < depth ? 'regained' : 'fresh'].push(state)
      })
      const nfe = leave ? short.finishCost(edges[e].from) : edges[e].cost
      const done = leave || e === last
      if (!onWork(nfe * rows.length) && !done) return null
      if (leave) break
    }
    return grown
  }

  return { cost, cheapest: Math.min(...edges.map((_, depth) => cost(depth, depth))), expand }
}

function finishing<S, X>(chain: Chain<S, X>): Finishing<S, X> {
  const { finish, finishCost } = chain
  if (finish && finishCost) return { finish: finish.bind(chain), finishCost: finishCost.bind(chain) }
  throw new Error(
    "rollout 'finish' needs a chain with a short plan to its end, and this one has none; give the chain its `finish`, or " +
      "take rollout 'full'",
  )
}
