/**
 * A rooted tree of Butcher's theory. It stands for one term of the Taylor series of the solution of `y' = f(y)`, and for
 * the condition that a method takes this term right.
 */
export interface RootedTree {
  /** Number of vertices. */
  readonly order: number
  /** The density: the term is `h^order / gamma` in the exact solution. */
  readonly gamma: number
  /** The subtrees at the root, as indices into the list of trees. */
  readonly children: readonly number[]
  /** In brackets: `.` is the single vertex, `[..]` two of them on a root. */
  readonly name: string
}

/** All rooted trees of up to `order` vertices (1, 2, 4, 8, 17, 37 of them), smaller ones first. */
export function rootedTrees(order: number): RootedTree[] {
  const trees: RootedTree[] = []
  for (let n = 1; n <= order; n++) {
    for (const children of forests(trees, n - 1, trees.length - 1)) {
      const gamma = children.reduce((product, i) => product * trees[i].gamma, n)
      const name = n === 1 ? '.' : `[${children.map((i) => trees[i].name).join('')}]`
      trees.push({ order: n, gamma, children, name })
    }
  }
  return trees
}

/** The multisets of trees with `size` vertices in all, the largest index first, none above `highest`. */
function forests(trees: readonly RootedTree[], size: number, highest: number): number[][] {
  if (size === 0) return [[]]
  const all: number[][] = []
  for (let i = highest; i >= 0; i--) {
    if (trees[i].order > size) continue
    for (const rest of forests(trees, size - trees[i].order, i)) all.push([i, ...rest])
  }
  return all
}
