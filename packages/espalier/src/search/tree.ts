import type { Stream } from '../tensor/random.ts'
import { categoricalFromLog } from '../tensor/random.ts'
import { logTilt, softMean, softmax } from './log-weights.ts'

/** How values are backed up: the soft mean `(1/lambda) log mean exp(lambda v)`, or the maximum (lambda -> infinity). */
export type Backup = 'soft' | 'max'

/** The root: above the prior, without a state. */
export const ROOT = 0

/** A tree as plain arrays, one entry per node in the order of birth; node 0 is the root. */
export interface TreeArrays {
  /** Parent of each node; -1 for the root. */
  readonly parent: Int32Array
  readonly value: Float64Array
  readonly visits: Int32Array
  /** All states, one after the other. */
  readonly states: Float32Array
  /** Node i's state is `states[offsets[i] .. offsets[i + 1])`; the root's is empty. */
  readonly offsets: Int32Array
}

/**
 * The persistent tree of denoising trajectories of Diffusion Tree Sampling (Jain et al. 2025, arXiv 2506.20701,
 * Algorithm 1), as a struct of arrays. A node has a state, a soft value, a visit count and children in order of birth.
 * Nodes at depth `leafDepth` are final; their value is their reward.
 */
export class Tree<S> {
  readonly leafDepth: number
  readonly lambda: number
  readonly backupRule: Backup
  /** Nodes so far, the root included. */
  size = 1
  /** The final nodes, in the order found. */
  readonly leaves: number[] = []
  /** State of each node; the root has none. */
  readonly states: (S | undefined)[] = [undefined]

  // One slot per node; the arrays are larger than `size` and are replaced when they grow.
  #parent = new Int32Array(64).fill(-1)
  #depth = new Int32Array(64)
  #value = new Float64Array(64)
  #visits = new Int32Array(64).fill(1)
  #children = new Int32Array(64)
  /** Position among the siblings. */
  #index = new Int32Array(64)
  #firstChild = new Int32Array(64).fill(-1)
  #lastChild = new Int32Array(64).fill(-1)
  #nextSibling = new Int32Array(64).fill(-1)

  /** Ids and values of the children gathered last; scratch. */
  #ids = new Int32Array(64)
  #values = new Float64Array(64)

  constructor(leafDepth: number, lambda: number, backupRule: Backup) {
    this.leafDepth = leafDepth
    this.lambda = lambda
    this.backupRule = backupRule
  }

  parent(node: number): number {
    return this.#parent[node]
  }

  /** Number of edges between the root and the node. */
  depth(node: number): number {
    return this.#depth[node]
  }

  /** The node's value estimate; a leaf's is its reward. */
  value(node: number): number {
    return this.#value[node]
  }

  /** `N`: one more than the number of iterations that passed through the node (a leaf's stays 1). */
  visits(node: number): number {
    return this.#visits[node]
  }

  childCount(node: number): number {
    return this.#children[node]
  }

  /** Position of the node among its siblings, in order of birth: its number in `fold(parent's key, index)`. */
  indexOf(node: number): number {
    return this.#index[node]
  }

  isLeaf(node: number): boolean {
    return this.#depth[node] === this.leafDepth
  }

  children(node: number): number[] {
    return Array.from(this.#ids.subarray(0, this.gather(node)))
  }

  /** Node ids from the root (included) to the node. */
  path(node: number): number[] {
    const path = []
    for (let i = node; i >= 0; i = this.#parent[i]) path.push(i)
    return path.reverse()
  }

  /** Adds a child with N = 1 and the placeholder value 0, to be overwritten by the backup of the same iteration. */
  add(parent: number, state: S): number {
    const node = this.size++
    if (node === this.#parent.length) this.#grow()
    this.#parent[node] = parent
    this.#depth[node] = this.#depth[parent] + 1
    this.#index[node] = this.#children[parent]++
    if (this.#lastChild[parent] < 0) this.#firstChild[parent] = node
    else this.#nextSibling[this.#lastChild[parent]] = node
    this.#lastChild[parent] = node
    this.states.push(state)
    if (this.isLeaf(node)) this.leaves.push(node)
    return node
  }

  /**
   * BACKUP of one iteration that ended in `leaf`: every node above it takes the soft mean over its children and one more
   * visit. The mean over children is unweighted, because they are independent draws of the same kernel.
   */
  backup(leaf: number, reward: number): void {
    this.#value[leaf] = reward
    for (let node = this.#parent[leaf]; node >= 0; node = this.#parent[node]) {
      const n = this.gather(node)
      this.#value[node] = softMean(this.#values, this.backupRule === 'max' ? Infinity : this.lambda, n)
      this.#visits[node]++
    }
  }

  /** The child of `node` with the largest value plus bonus; the first of equals. */
  argmaxChild(node: number, bonus: (child: number) => number = () => 0): number {
    const n = this.gather(node)
    let dead = true
    for (let i = 0; i < n; i++) dead &&= this.#values[i] === -Infinity
    let best = 0
    let bestScore = -Infinity
    for (let i = 0; i < n; i++) {
      // Where every value is -Infinity the bonus alone decides.
      const score = (dead ? 0 : this.#values[i]) + bonus(this.#ids[i])
      if (!(score > bestScore)) continue
      best = i
      bestScore = score
    }
    return this.#ids[best]
  }

  /** A child drawn from `softmax(lambda v)` over the children of `node`. */
  drawChild(node: number, draws: Stream): number {
    const n = this.gather(node)
    for (let i = 0; i < n; i++) this.#values[i] = logTilt(this.lambda, this.#values[i])
    return this.#ids[categoricalFromLog(draws.uniform(), this.#values.subarray(0, n))]
  }

  /** A uniform child of `node`. */
  uniformChild(node: number, draws: Stream): number {
    return this.#ids[draws.integer(this.gather(node))]
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
      const n = this.gather(node)
      if (n === 0) continue
      for (let i = 0; i < n; i++) this.#values[i] = logTilt(this.lambda, this.#values[i])
      const share = softmax(this.#values.subarray(0, n))
      for (let i = 0; i < n; i++) probability[this.#ids[i]] = probability[node] * share[i]
    }
    return Float64Array.from(this.leaves, (leaf) => probability[leaf])
  }

  save(saveState: (state: S) => Float32Array): TreeArrays {
    const chunks = this.states.slice(0, this.size).map((state) => (state === undefined ? undefined : saveState(state)))
    const offsets = new Int32Array(this.size + 1)
    for (let i = 0; i < this.size; i++) offsets[i + 1] = offsets[i] + (chunks[i]?.length ?? 0)
    const states = new Float32Array(offsets[this.size])
    for (let i = 0; i < this.size; i++) if (chunks[i]) states.set(chunks[i] as Float32Array, offsets[i])
    return {
      parent: this.#parent.slice(0, this.size),
      value: this.#value.slice(0, this.size),
      visits: this.#visits.slice(0, this.size),
      states,
      offsets,
    }
  }

  /** The tree that was saved. @throws if the arrays do not describe a tree of this depth */
  static load<S>(
    arrays: TreeArrays,
    leafDepth: number,
    lambda: number,
    backupRule: Backup,
    loadState: (data: Float32Array) => S,
  ): Tree<S> {
    const { parent, value, visits, states, offsets } = arrays
    const n = parent.length
    if (n < 1 || value.length !== n || visits.length !== n || offsets.length !== n + 1 || parent[0] !== -1) {
      throw new Error(
        `a saved tree needs a root and one entry per node in each array; got ${n} parents, ${value.length} values, ` +
          `${visits.length} visits, ${offsets.length} offsets`,
      )
    }
    if (offsets[n] !== states.length) {
      throw new Error(`the saved tree's states have ${states.length} numbers, its offsets expect ${offsets[n]}`)
    }
    const tree = new Tree<S>(leafDepth, lambda, backupRule)
    for (let i = 1; i < n; i++) {
      if (!(parent[i] >= 0 && parent[i] < i) || tree.isLeaf(parent[i])) {
        throw new Error(
          `node ${i} of the saved tree has parent ${parent[i]}, expected an earlier node above depth ${leafDepth}`,
        )
      }
      tree.add(parent[i], loadState(states.slice(offsets[i], offsets[i + 1])))
    }
    tree.#value.set(value)
    tree.#visits.set(visits)
    return tree
  }

  /** Copies ids and values of a node's children to scratch, in order of birth. @returns how many there are */
  private gather(node: number): number {
    const n = this.#children[node]
    if (n > this.#ids.length) {
      this.#ids = new Int32Array(2 * n)
      this.#values = new Float64Array(2 * n)
    }
    let child = this.#firstChild[node]
    for (let i = 0; i < n; i++) {
      this.#ids[i] = child
      this.#values[i] = this.#value[child]
      child = this.#nextSibling[child]
    }
    return n
  }

  #grow(): void {
    const capacity = 2 * this.size
    const grown = <A extends Int32Array | Float64Array>(old: A, fill: number): A => {
      const next = new (old.constructor as new (n: number) => A)(capacity)
      next.fill(fill)
      next.set(old)
      return next
    }
    this.#parent = grown(this.#parent, -1)
    this.#depth = grown(this.#depth, 0)
    this.#value = grown(this.#value, 0)
    this.#visits = grown(this.#visits, 1)
    this.#children = grown(this.#children, 0)
    this.#index = grown(this.#index, 0)
    this.#firstChild = grown(this.#firstChild, -1)
    this.#lastChild = grown(this.#lastChild, -1)
    this.#nextSibling = grown(this.#nextSibling, -1)
  }
}
