import type { RunEvent } from '@espalier/engine'

/** The root of every tree: above the prior, without a state. */
export const ROOT = 0

/**
 * A tree as the page sees it grow: one slot a node, in order of birth, so that parents stand before their children and
 * every sum over the tree is one loop.
 */
export class GrowingTree {
  size = 1
  parent = new Int32Array(256).fill(-1)
  depth = new Uint16Array(256)
  /** Iterations whose path went through a node: exactly additive, as a pass goes on to exactly one child. */
  passes = new Int32Array(256)
  children = new Int32Array(256)
  /** A leaf's reward; NaN where there is none. */
  reward = new Float64Array(256).fill(Number.NaN)
  /** The last node of each iteration's path: what a replay needs. */
  readonly iterations: number[] = []
  readonly leaves: number[] = []
  bestLeaf = -1
  maxDepth = 0
  /** Whether this is how a tree once was: nodes that came later have numbers, but are not there. */
  #past = false
  #values = new Float64Array(0)
  #valuesAt = ''
  #top = new Float64Array(0)
  #sum = new Float64Array(0)
  #count = new Int32Array(0)
  #best = new Int32Array(0)
  #bestAt = ''
  #first = new Int32Array(0)
  #next = new Int32Array(0)
  #linkedAt = ''

  add(from: number, parents: readonly number[], depths: readonly number[]): void {
    for (let i = 0; i < parents.length; i++) {
      const node = from + i
      if (node === ROOT) continue
      if (node !== this.size) throw new Error(`node ${node} came where node ${this.size} was expected`)
      if (!(parents[i] >= 0 && parents[i] < node)) throw new Error(`node ${node} has parent ${parents[i]}`)
      if (node === this.parent.length) this.#grow()
      this.parent[node] = parents[i]
      this.depth[node] = depths[i]
      this.maxDepth = Math.max(this.maxDepth, depths[i])
      this.children[parents[i]]++
      this.size++
    }
  }

  /** One iteration that ended in a leaf. */
  pass(leaf: number, reward: number): void {
    if (!(leaf > ROOT && leaf < this.size)) throw new Error(`a leaf ${leaf} was told of a tree of ${this.size} nodes`)
    this.#found(leaf, reward)
    for (let node = leaf; node >= 0; node = this.parent[node]) this.passes[node]++
  }

  /** Takes what concerns the tree from an event; others are let pass. */
  take(event: RunEvent): void {
    if (event.type === 'nodes') this.add(event.from, event.parents, event.depths)
    else if (event.type === 'leaves') {
      event.nodes.forEach((leaf, i) => {
        this.pass(leaf, event.rewards[i] ?? Number.NEGATIVE_INFINITY)
      })
    }
  }

  /**
   * The tree as it was after so many of its iterations, with the same numbers for the same nodes. Passes are exactly
   * additive, so one loop over the iterations and one over the nodes tell them all.
   */
  until(iterations: number): GrowingTree {
    const past = new GrowingTree()
    past.#past = true
    const { size, parent } = this
    // What a node is does not change any more; what was found at it does.
    past.parent = parent
    past.depth = this.depth
    past.passes = new Int32Array(parent.length)
    past.children = new Int32Array(parent.length)
    past.reward = new Float64Array(parent.length).fill(Number.NaN)
    const { passes, children } = past
    const count = Math.min(iterations, this.iterations.length)
    for (let k = 0; k < count; k++) {
      const leaf = this.iterations[k]
      passes[leaf]++
      past.#found(leaf, this.reward[leaf])
    }
    for (let i = size - 1; i > ROOT; i--) {
      if (passes[i] === 0) continue
      passes[parent[i]] += passes[i]
      children[parent[i]]++
      if (past.size === 1) past.size = i + 1
      if (this.depth[i] > past.maxDepth) past.maxDepth = this.depth[i]
    }
    return past
  }

  /** Whether a node is there: in a tree of the past, later ones are not. */
  has(node: number): boolean {
    return node < this.size && (!this.#past || node === ROOT || this.passes[node] > 0)
  }

  isLeaf(node: number): boolean {
    return !Number.isNaN(this.reward[node])
  }

  /** Nodes from the root (included) to a node. */
  path(node: number): number[] {
    const path: number[] = []
    for (let i = node; i >= 0; i = this.parent[i]) path.push(i)
    return path.reverse()
  }

  /** In order of birth. */
  childrenOf(node: number): number[] {
    this.#link()
    const found: number[] = []
    for (let i = this.#first[node]; i > 0; i = this.#next[i]) found.push(i)
    return found
  }

  /**
   * Soft values `v = (1/lambda) log mean exp(lambda v_child)` over finished children, or their maximum; a leaf's is its
   * reward. NaN where nothing is known yet. One pass from the youngest up: children stand behind their parents.
   *
   * @param lambda inverse temperature from 0 (the plain mean) to Infinity (the maximum)
   */
  values(lambda: number): Float64Array {
    const state = `${lambda} ${this.#state()}`
    if (state === this.#valuesAt) return this.#values
    this.#valuesAt = state
    if (this.#values.length < this.size) {
      this.#values = new Float64Array(this.parent.length)
      this.#top = new Float64Array(this.parent.length)
      this.#sum = new Float64Array(this.parent.length)
      this.#count = new Int32Array(this.parent.length)
    }
    const { parent, reward, size } = this
    const values = this.#values
    // The log of a sum of exponentials around the largest child so far.
    const top = this.#top.fill(Number.NEGATIVE_INFINITY)
    const sum = this.#sum.fill(0)
    const count = this.#count.fill(0)
    for (let node = size - 1; node >= 0; node--) {
      let value = reward[node]
      if (Number.isNaN(value) && count[node] > 0) {
        if (lambda === 0) value = sum[node] / count[node]
        else if (lambda === Infinity || count[node] === 1 || top[node] === Number.NEGATIVE_INFINITY) value = top[node]
        else value = top[node] + Math.log(sum[node] / count[node]) / lambda
      }
      values[node] = value
      if (node === ROOT || Number.isNaN(value)) continue
      const above = parent[node]
      count[above]++
      if (lambda === 0) sum[above] += value
      else if (value > top[above]) {
        if (sum[above] > 0) sum[above] *= Math.exp(lambda * (top[above] - value))
        sum[above] += 1
        top[above] = value
      } else if (value > Number.NEGATIVE_INFINITY) sum[above] += Math.exp(lambda * (value - top[above]))
    }
    return values
  }

  /** The leaf of the largest reward below each node, itself for a leaf; -1 where there is none yet. */
  bestBelow(): Int32Array {
    const { parent, reward, size } = this
    const state = this.#state()
    if (this.#bestAt === state) return this.#best
    this.#bestAt = state
    if (this.#best.length < size) this.#best = new Int32Array(parent.length)
    const best = this.#best.fill(-1)
    for (let i = size - 1; i > 0; i--) {
      if (!Number.isNaN(reward[i])) best[i] = i
      const [mine, above] = [best[i], parent[i]]
      if (mine >= 0 && (best[above] < 0 || reward[mine] >= reward[best[above]])) best[above] = mine
    }
    return best
  }

  /**
   * The probability that a read-out (child ~ softmax(lambda v), down to a leaf) goes through each node.
   * @param out at least `size` long
   */
  mass(lambda: number, out: Float64Array): Float64Array {
    const values = this.values(lambda)
    const { parent, size } = this
    const top = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    const sum = new Float64Array(size)
    const weight = (node: number) => {
      if (Number.isNaN(values[node])) return 0
      const best = top[parent[node]]
      // Where all children are impossible they are equally so.
      if (best === Number.NEGATIVE_INFINITY) return 1
      if (lambda === Infinity) return values[node] === best ? 1 : 0
      return Math.exp(lambda * (values[node] - best))
    }
    for (let i = 1; i < size; i++) if (values[i] > top[parent[i]]) top[parent[i]] = values[i]
    // A weight stands in its node's slot until the parent's sum is known.
    for (let i = 1; i < size; i++) {
      out[i] = weight(i)
      sum[parent[i]] += out[i]
    }
    out[ROOT] = 1
    for (let i = 1; i < size; i++) out[i] = sum[parent[i]] > 0 ? (out[parent[i]] * out[i]) / sum[parent[i]] : 0
    return out
  }

  #found(leaf: number, reward: number): void {
    if (Number.isNaN(this.reward[leaf])) this.leaves.push(leaf)
    this.reward[leaf] = reward
    this.iterations.push(leaf)
    if (this.bestLeaf < 0 || reward > this.reward[this.bestLeaf]) this.bestLeaf = leaf
  }

  /** What changes with the tree. */
  #state(): string {
    return `${this.size} ${this.iterations.length}`
  }

  /** Each node's first child, and its next sibling; 0 is none. */
  #link(): void {
    const state = this.#state()
    if (this.#linkedAt === state) return
    this.#linkedAt = state
    if (this.#first.length < this.size) {
      this.#first = new Int32Array(this.parent.length)
      this.#next = new Int32Array(this.parent.length)
    }
    this.#first.fill(0)
    for (let i = this.size - 1; i > ROOT; i--) {
      if (!this.has(i)) continue
      this.#next[i] = this.#first[this.parent[i]]
      this.#first[this.parent[i]] = i
    }
  }

  #grow(): void {
    const capacity = 2 * this.parent.length
    const grown = <A extends Int32Array | Uint16Array | Float64Array>(old: A, fill: number): A => {
      const next = new (old.constructor as new (n: number) => A)(capacity)
      next.fill(fill)
      next.set(old)
      return next
    }
    this.parent = grown(this.parent, -1)
    this.depth = grown(this.depth, 0)
    this.passes = grown(this.passes, 0)
    this.children = grown(this.children, 0)
    this.reward = grown(this.reward, Number.NaN)
  }
}
