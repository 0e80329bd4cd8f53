import { type GrowingTree, ROOT } from './growing-tree.ts'

/** What the width of a cell says: where the work went, or what the read-out would draw. */
export type Weighing = 'passes' | 'mass'

/**
 * The picture of a tree as an icicle: every node has an interval of [0, 1] inside that of its parent, as wide as its
 * share of the weight, children in order of birth. A pure function of the tree, and the order never changes; so a
 * border at `b` of `N` passes becomes `b` or `b + 1` of `N + 1`: it moves by at most `1 / (N + 1)` of the width.
 *
 * A path that has not reached its leaf yet weighs as much as the pass that it will be.
 */
export class Layout {
  /** Left borders and widths, in [0, 1]. */
  x = new Float64Array(256)
  width = new Float64Array(256)
  size = 0
  #cursor = new Float64Array(256)
  #weights = new Float64Array(256)

  update(tree: GrowingTree, by: Weighing, lambda: number): void {
    const { size, parent } = tree
    if (this.x.length < size) {
      const capacity = tree.parent.length
      this.x = new Float64Array(capacity)
      this.width = new Float64Array(capacity)
      this.#cursor = new Float64Array(capacity)
      this.#weights = new Float64Array(capacity)
    }
    const { x, width } = this
    const cursor = this.#cursor
    const weights = this.#weights
    if (by === 'mass') tree.mass(lambda, weights)
    else passesAndPathsUnderWay(tree, weights)
    const whole = weights[ROOT]
    this.size = size
    x[ROOT] = 0
    cursor[ROOT] = 0
    width[ROOT] = 1
    if (!(whole > 0)) {
      width.fill(0, 1, size)
      return
    }
    for (let i = 1; i < size; i++) {
      width[i] = weights[i] / whole
      x[i] = cursor[parent[i]]
      cursor[i] = x[i]
      cursor[parent[i]] += width[i]
    }
  }
}

function passesAndPathsUnderWay(tree: GrowingTree, out: Float64Array): void {
  const { size, parent, passes, children } = tree
  for (let i = 0; i < size; i++) out[i] = isUnfinished(tree, i) && children[i] === 0 ? 1 : 0
  for (let i = size - 1; i > ROOT; i--) out[parent[i]] += out[i]
  for (let i = 0; i < size; i++) out[i] += passes[i]
}

/** Whether no path through a node has reached a leaf yet. */
export function isUnfinished(tree: GrowingTree, node: number): boolean {
  return node !== ROOT && tree.passes[node] === 0 && tree.has(node)
}
