import { hierarchy, tree as tidyTree } from 'd3-hierarchy'
import { type GrowingTree, ROOT } from './growing-tree.ts'

/** Children that are shown of the node in focus, of its children, and so on; the last holds for all deeper ones. */
const FANS = [6, 3, 2, 1] as const
/** Siblings of a node on the way to the one in focus. */
const BESIDE = 2
const MOST = 500

/** A node of the picture, in the middle of its box. */
export interface Placed {
  readonly node: number
  readonly x: number
  readonly y: number
  /** Children that are not shown. */
  readonly hidden: number
}

export interface FocusPicture {
  readonly nodes: readonly Placed[]
  readonly links: readonly { readonly from: Placed; readonly to: Placed }[]
  readonly width: number
  readonly height: number
}

/** Distance between the columns, one a level, and between the rows. */
export interface Pitch {
  readonly column: number
  readonly row: number
}

interface Kept {
  readonly node: number
  readonly kept: Kept[]
}

/**
 * The neighbourhood of a node as a tidy tree (Reingold and Tilford; in linear time by Buchheim, Jünger and Leipert 2002),
 * roots left: the way down to it with the best beside it, and the best of what is below. At most 500 nodes.
 *
 * @param values by node, see {@link GrowingTree.values}
 */
export function focusLayout(tree: GrowingTree, values: ArrayLike<number>, focus: number, pitch: Pitch): FocusPicture {
  const top = neighbourhood(tree, values, focus)
  const root = tidyTree<Kept>()
    .nodeSize([pitch.row, pitch.column])
    .separation((a, b) => (a.parent === b.parent ? 1 : 1.2))(hierarchy(top, ({ kept }) => kept))
  const all = root.descendants()
  const low = Math.min(...all.map(({ x }) => x))
  const high = Math.max(...all.map(({ x }) => x))
  const placed = new Map(
    all.map((point) => [
      point,
      {
        node: point.data.node,
        // Rows are d3's x: its trees grow downwards.
        x: point.y + pitch.column / 2,
        y: point.x - low + pitch.row / 2,
        hidden: tree.children[point.data.node] - point.data.kept.length,
      },
    ]),
  )
  return {
    nodes: [...placed.values()],
    links: root.links().map(({ source, target }) => ({
      from: placed.get(source) as Placed,
      to: placed.get(target) as Placed,
    })),
    width: (root.height + 1) * pitch.column,
    height: high - low + pitch.row,
  }
}

function neighbourhood(tree: GrowingTree, values: ArrayLike<number>, focus: number): Kept {
  const lit = tree.bestLeaf >= 0 ? new Set(tree.path(tree.bestLeaf)) : new Set<number>()
  const order = (node: number) => (Number.isNaN(values[node]) ? Number.NEGATIVE_INFINITY : values[node])
  /** The best children, and `always`, in order of birth. */
  const best = (node: number, count: number, always: (child: number) => boolean) => {
    const ranked = tree.childrenOf(node).sort((a, b) => order(b) - order(a) || a - b)
    const wanted = ranked.filter((child, i) => i < count || always(child))
    return wanted.sort((a, b) => a - b)
  }
  const root: Kept = { node: ROOT, kept: [] }
  let count = 1
  const keep = (above: Kept, node: number): Kept => {
    const child: Kept = { node, kept: [] }
    above.kept.push(child)
    count++
    return child
  }
  let here = root
  for (const next of tree.path(focus).slice(1)) {
    let way: Kept | undefined
    for (const child of best(here.node, BESIDE, (c) => c === next || lit.has(c))) {
      const kept = keep(here, child)
      if (child === next) way = kept
    }
    here = way as Kept
  }
  // Level by level, so that what does not fit is far from the focus.
  let level = [here]
  for (let d = 0; level.length > 0; d++) {
    const below: Kept[] = []
    for (const parent of level) {
      for (const child of best(parent.node, FANS[Math.min(d, FANS.length - 1)], (c) => lit.has(c))) {
        if (count < MOST) below.push(keep(parent, child))
      }
    }
    level = below
  }
  return root
}
