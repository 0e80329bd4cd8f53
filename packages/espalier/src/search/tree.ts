import { categoricalFromLog, type Stream } from '../tensor/random.ts'
import { logTilt, softMean, softmax } from './log-weights.ts'
import { VisitClasses } from './tree-classes.ts'
import { TreeNodes } from './tree-nodes.ts'
import { type StateArrays, type StateCodec, type StateKeeping, TreeStates } from './tree-states.ts'
import { ChildSums } from './tree-sums.ts'

/** How values are backed up: the soft mean `(1/lambda) log mean exp(lambda v)`, or the maximum (lambda -> infinity). */
export type Backup = 'soft' | 'max'

/** The root: above the prior, without a state. */
export const ROOT = 0

/** From this many children on a node keeps sums over them; a scan over fewer is faster and needs no memory. */
const MANY = 32

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
 * One pass of selection and backup costs O(depth log n) for n children a node: see {@link ChildSums},
 * {@link VisitClasses}.
 */
export class Tree<S> {
  readonly shape: TreeShape
  /** The final nodes, in the order found. */
  readonly leaves: number[] = []
  readonly states: TreeStates<S>

  readonly #nodes = new TreeNodes()
  /** Sums of the nodes with many children, and their classes where anybody asks for a bonus. */
  readonly #sums = new Map<number, ChildSums>()
  readonly #classes = new Map<number, VisitClasses>()

  /** Values of the children gathered last; scratch. */
  #values = new Float64Array(2 * MANY)

  constructor(shape: TreeShape, codec: StateCodec<S>) {
    this.shape = shape
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
    let nodes = this.#nodes.bytes + 8 * this.leaves.length
    for (const sums of this.#sums.values()) nodes += sums.bytes
    for (const classes of this.#classes.values()) nodes += classes.bytes
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
    const max = this.shape.backup === 'max'
    nodes.setValue(leaf, reward)
    for (let child = leaf, node = nodes.parent(leaf); node >= 0; child = node, node = nodes.parent(node)) {
      const sums = this.#sumsWith(node, child)
      if (sums) nodes.setValue(node, max ? sums.max : sums.softMean())
      else nodes.setValue(node, softMean(this.#values, max ? Infinity : this.shape.lambda, this.#gather(node)))
      nodes.setVisits(node, nodes.visits(node) + 1)
    }
  }

  /**
   * The child of `node` with the largest value plus bonus; of equals that of the larger value, then the first born.
   * @param bonus by the child's visits. Where every value is `-Infinity` it decides alone
   */
  argmaxChild(node: number, bonus?: (visits: number) => number): number {
    return this.#nodes.child(node, this.#argmax(node, bonus))
  }

  /** A child drawn from `softmax(lambda v)` over the children of `node`. */
  drawChild(node: number, draws: Stream): number {
    const sums = this.#sumsOf(node)
    const u = draws.uniform()
    const i = sums ? sums.draw(u) : categoricalFromLog(u, this.#values.subarray(0, this.#gatherTilts(node)))
    return this.#nodes.child(node, i)
  }

  /** Probability of `child` under `softmax(lambda v)` over the children of its parent. */
  share(child: number): number {
    const node = this.parent(child)
    const sums = this.#sumsOf(node)
    if (sums) return sums.share(this.indexOf(child))
    const n = this.#gatherTilts(node)
    return softmax(this.#values.subarray(0, n))[this.indexOf(child)]
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
      const n = this.#gatherTilts(node)
      if (n === 0) continue
      const share = softmax(this.#values.subarray(0, n))
      for (let i = 0; i < n; i++) probability[this.#nodes.child(node, i)] = probability[node] * share[i]
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
    for (let node = 0; node < n; node++) if (tree.childCount(node) > MANY) tree.#makeSums(node)
    return tree
  }

  #addNode(parent: number, final: boolean): number {
    const node = this.#nodes.add(parent, final)
    if (final) this.leaves.push(node)
    return node
  }

  /** {@link argmaxChild} by its position. */
  #argmax(node: number, bonus?: (visits: number) => number): number {
    const sums = this.#sumsOf(node)
    if (sums) {
      if (!bonus) return sums.argmax()
      const dead = sums.max === -Infinity
      return this.#classesOf(node, sums).best((value, visits) => (dead ? 0 : value) + bonus(visits))
    }
    const n = this.#gather(node)
    let dead = true
    for (let i = 0; i < n; i++) dead &&= this.#values[i] === -Infinity
    let best = 0
    let bestScore = -Infinity
    for (let i = 0; i < n; i++) {
      const score = (dead ? 0 : this.#values[i]) + (bonus ? bonus(this.#nodes.childVisits(node, i)) : 0)
      if (!(score > bestScore || (score === bestScore && this.#values[i] > this.#values[best]))) continue
      best = i
      bestScore = score
    }
    return best
  }

  /** The sums of a node with many children; undefined for few, and before the first backup over many. */
  #sumsOf(node: number): ChildSums | undefined {
    return this.childCount(node) > MANY ? this.#sums.get(node) : undefined
  }

  /** The sums of a node with many children, with the newest value and visits of one of them; undefined for few. */
  #sumsWith(node: number, child: number): ChildSums | undefined {
    if (this.childCount(node) <= MANY) return undefined
    const sums = this.#sums.get(node)
    if (!sums) return this.#makeSums(node)
    const i = this.indexOf(child)
    const value = this.value(child)
    sums.set(i, value)
    this.#classes.get(node)?.set(i, this.visits(child), value)
    return sums
  }

  #makeSums(node: number): ChildSums {
    const n = this.#gather(node)
    const sums = new ChildSums(this.shape.lambda, n)
    for (let i = 0; i < n; i++) sums.set(i, this.#values[i])
    this.#sums.set(node, sums)
    return sums
  }

  #classesOf(node: number, sums: ChildSums): VisitClasses {
    let classes = this.#classes.get(node)
    if (!classes) {
      classes = new VisitClasses()
      for (let i = 0; i < sums.count; i++) classes.set(i, this.#nodes.childVisits(node, i), sums.value(i))
      this.#classes.set(node, classes)
    }
    return classes
  }

  /** Copies the values of a node's children to scratch, in order of birth. @returns how many there are */
  #gather(node: number): number {
    const n = this.childCount(node)
    if (n > this.#values.length) this.#values = new Float64Array(2 * n)
    this.#nodes.childValues(node, this.#values)
    return n
  }

  /** The same with `lambda v` for values. */
  #gatherTilts(node: number): number {
    const n = this.#gather(node)
    for (let i = 0; i < n; i++) this.#values[i] = logTilt(this.shape.lambda, this.#values[i])
    return n
  }
}
