import type { Stream } from '../tensor/random.ts'
import { TreeChildren } from './tree-children.ts'
import { TreeNodes } from './tree-nodes.ts'
import { type StateArrays, type StateCodec, type StateKeeping, TreeStates } from './tree-states.ts'

/** How values are backed up: the soft mean `(1/lambda) log mean exp(lambda v)`, or the maximum (lambda -> infinity). */
export type Backup = 'soft' | 'max'

/** The root: above the prior, without a state. */
export const ROOT = 0

/** What a tree is made for. */
export interface TreeShape {
  /** Edges from the root to a final state, at most. */
  readonly leafDepth: number
  readonly lambda: number
  readonly backup: Backup
  readonly states: StateKeeping
  /** Whether leaves may hang higher than `leafDepth`. */
  readonly shortLeaves: boolean
}

/** A tree as plain arrays, one entry per node in the order of birth; node 0 is the root. */
export interface TreeArrays extends StateArrays {
  /** Parent of each node; -1 for the root. */
  readonly parent: Int32Array
  readonly value: Float64Array
  readonly visits: Int32Array
}

/**
 * The persistent tree of denoising trajectories of Diffusion Tree Sampling (Jain et al. 2025, arXiv 2506.20701,
 * Algorithm 1). A node has a state, a soft value, a visit count and children in order of birth.
 * A final node is a leaf; its value is its reward.
 *
 * One pass of selection and backup costs O(depth log n) for n children a node: see {@link TreeChildren}.
 */
export class Tree<S> {
  readonly shape: TreeShape
  /** The final nodes, in the order found. */
  readonly leaves: number[] = []
  readonly states: TreeStates<S>

  readonly #nodes = new TreeNodes()
  readonly #children: TreeChildren

  constructor(shape: TreeShape, codec: StateCodec<S>) {
    this.shape = shape
    this.#children = new TreeChildren(this.#nodes, shape.lambda)
    this.states = new TreeStates(shape.states, codec)
  }

  /** Nodes so far, the root included. */
  get size(): number {
    return this.#nodes.size
  }

  /** The node above; -1 for the root. */
  parent(node: number): number {
    return this.#nodes.parent(node)
  }

  /** Number of edges between the root and the node. */
  depth(node: number): number {
    return this.#nodes.depth(node)
  }

  /** The node's value estimate; a leaf's is its reward. */
  value(node: number): number {
    return this.#nodes.value(node)
  }

  /** `N`: one more than the number of iterations that passed through the node (a leaf's stays 1). */
  visits(node: number): number {
    return this.#nodes.visits(node)
  }

  childCount(node: number): number {
    return this.#nodes.childCount(node)
  }

  /** Position of the node among its siblings, in order of birth: its number in `fold(parent's key, index)`. */
  indexOf(node: number): number {
    return this.#nodes.indexOf(node)
  }

  isLeaf(node: number): boolean {
    return this.#nodes.isFinal(node)
  }

  /** The number of a leaf in {@link leaves}. */
  leafIndex(leaf: number): number {
    let low = 0
    let high = this.leaves.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.leaves[middle] < leaf) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The node's state. @throws for the root, and where states are not kept */
  state(node: number): S {
    return this.states.get(node)
  }

  /** Bytes of the nodes (their sums included), and of their states. */
  get bytes(): { readonly nodes: number; readonly states: number } {
    const nodes = this.#nodes.bytes + this.#children.bytes + 8 * this.leaves.length
    return { nodes, states: this.states.bytes }
  }

  children(node: number): number[] {
    return Array.from({ length: this.childCount(node) }, (_, i) => this.#nodes.child(node, i))
  }

  /** Node ids from the root (included) to the node. */
  path(node: number): number[] {
    const path = []
    for (let i = node; i >= 0; i = this.parent(i)) path.push(i)
    return path.reverse()
  }

  /** Adds a child with N = 1 and the placeholder value 0, to be overwritten by the backup of the same iteration. */
  add(parent: number, state: S, final: boolean): number {
    const node = this.#addNode(parent, final)
    this.states.add(node, state, final)
    return node
  }

  /**
   * BACKUP of one iteration that ended in `leaf`: every node above it takes the soft mean over its children and one
   * more visit. The mean over children is unweighted, because they are independent draws of the same kernel.
   */
  backup(leaf: number, reward: number): void {
    const nodes = this.#nodes
    nodes.setValue(leaf, reward)
    for (let child = leaf, node = nodes.parent(leaf); node >= 0; child = node, node = nodes.parent(node)) {
      this.#children.update(node, nodes.indexOf(child))
      nodes.setValue(node, this.#children.together(node, this.shape.backup))
      nodes.setVisits(node, nodes.visits(node) + 1)
    }
  }

  /**
   * The child of `node` with the largest value plus bonus; of equals that of the larger value, then the first born.
   * @param bonus by the child's visits. Where every value is `-Infinity` it decides alone
   */
  argmaxChild(node: number, bonus?: (visits: number) => number): number {
    return this.#nodes.child(node, this.#children.argmax(node, bonus))
  }

  /** A child drawn from `softmax(lambda v)` over the children of `node`. */
  drawChild(node: number, draws: Stream): number {
    return this.#nodes.child(node, this.#children.draw(node, draws.uniform()))
  }

  /** Probability of `child` under `softmax(lambda v)` over the children of its parent. */
  share(child: number): number {
    return this.#children.share(this.parent(child), this.indexOf(child))
  }

  /** A uniform child of `node`. */
  uniformChild(node: number, draws: Stream): number {
    return this.#nodes.child(node, draws.integer(this.childCount(node)))
  }

  /** READ-OUT of Diffusion Tree Sampling: from the root, child ~ softmax(lambda v), down to a leaf. */
  drawLeaf(draws: Stream): number {
    let node = ROOT
    while (!this.isLeaf(node)) node = this.drawChild(node, draws)
    return node
  }

  /** READ-OUT of Diffusion Tree Search: from the root, the child of the largest value (the marginal-MAP leaf). */
  argmaxLeaf(): number {
    let node = ROOT
    while (!this.isLeaf(node)) node = this.argmaxChild(node)
    return node
  }

  /** Probability of each leaf (in the order of {@link leaves}) under the read-out of Diffusion Tree Sampling. */
  leafProbabilities(): Float64Array {
    const probability = new Float64Array(this.size)
    probability[ROOT] = 1
    // Parents are born before their children, so one pass in order of birth goes from the top down.
    for (let node = 0; node < this.size; node++) {
      if (this.childCount(node) === 0) continue
      this.#children.shares(node).forEach((share, i) => {
        probability[this.#nodes.child(node, i)] = probability[node] * share
      })
    }
    return Float64Array.from(this.leaves, (leaf) => probability[leaf])
  }

  save(): TreeArrays {
    return { ...this.#nodes.save(), ...this.states.save(this.size) }
  }

  /** The tree that was saved. Its states are not copied. @throws if the arrays do not describe a tree of this shape */
  static load<S>(arrays: TreeArrays, shape: TreeShape, codec: StateCodec<S>): Tree<S> {
    const { parent, value, visits, spans } = arrays
    const n = parent.length
    if (n < 1 || value.length !== n || visits.length !== n || spans.length !== 2 * n || parent[0] !== -1) {
      throw new Error(
        `a saved tree needs a root and one entry per node in each array; got ${n} parents, ${value.length} values, ` +
          `${visits.length} visits, ${spans.length / 2} states`,
      )
    }
    const inner = new Uint8Array(n)
    const depth = new Int32Array(n)
    for (let i = 1; i < n; i++) {
      const above = parent[i] >= 0 && parent[i] < i ? depth[parent[i]] : shape.leafDepth
      if (above >= shape.leafDepth) {
        throw new Error(
          `node ${i} of the saved tree has parent ${parent[i]}, expected an earlier node above depth ${shape.leafDepth}`,
        )
      }
      depth[i] = above + 1
      inner[parent[i]] = 1
    }
    const tree = new Tree<S>(shape, codec)
    for (let i = 1; i < n; i++) {
      if (!inner[i] && depth[i] < shape.leafDepth && !shape.shortLeaves) {
        throw new Error(`node ${i} of the saved tree ends at depth ${depth[i]} of ${shape.leafDepth}`)
      }
      if (!(value[i] < Infinity)) throw new Error(`node ${i} of the saved tree has the value ${value[i]}`)
      if (!(visits[i] >= 1)) throw new Error(`node ${i} of the saved tree has ${visits[i]} visits`)
      tree.#addNode(parent[i], inner[i] === 0)
    }
    tree.states.adopt(arrays, (node) => node === ROOT || inner[node] === 1)
    for (const leaf of tree.leaves) {
      if (!tree.states.has(leaf)) throw new Error(`leaf ${leaf} of the saved tree has no state`)
    }
    for (let node = 0; node < n; node++) {
      tree.#nodes.setValue(node, value[node])
      tree.#nodes.setVisits(node, visits[node])
    }
    tree.#children.updateAll()
    return tree
  }

  #addNode(parent: number, final: boolean): number {
    const node = this.#nodes.add(parent, final)
    if (final) this.leaves.push(node)
    return node
  }
}
