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
  #values = new Float64Array(256)
  #valuesAt = ''
  #best = new Int32Array(0)
  #bestAt = -1

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
    if (Number.isNaN(this.reward[leaf])) this.leaves.push(leaf)
    this.reward[leaf] = reward
    this.iterations.push(leaf)
    if (this.bestLeaf < 0 || reward > this.reward[this.bestLeaf]) this.bestLeaf = leaf
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

  isLeaf(node: number): boolean {
    return !Number.isNaN(this.reward[node])
  }

  /** Nodes from the root (included) to a node. */
  path(node: number): number[] {
    const path: number[] = []
    for (let i = node; i >= 0; i = this.parent[i]) path.push(i)
    return path.reverse()
  }

  childrenOf(node: number): number[] {
    const found: number[] = []
    for (let i = node + 1; i < this.size && found.length < this.children[node]; i++) {
      if (this.parent[i] === node) found.push(i)
    }
    return found
  }

  /**
   * Soft values `v = (1/lambda) log mean exp(lambda v_child)` over finished children, or their maximum; a leaf's is its
   * reward. NaN where nothing is known yet. One pass from the youngest up: children stand behind their parents.
   *
   * @param lambda inverse temperature from 0 (the plain mean) to Infinity (the maximum)
   */
  values(lambda: number): Float64Array {
    const state = `${lambda} ${this.size} ${this.iterations.length}`
    if (state === this.#valuesAt) return this.#values
    this.#valuesAt = state
    if (this.#values.length < this.size) this.#values = new Float64Array(this.parent.length)
    const { parent, reward, size } = this
    const values = this.#values
    // log sum exp around the largest child, which needs one pass for the maxima and one for the sums.
    const top = new Float64Array(size).fill(Number.NEGATIVE_INFINITY)
    const sum = new Float64Array(size)
    const count = new Int32Array(size)
    // Depth by depth: a value is needed before the maximum of its parent is.
    const order = byDepth(this)
    for (let d = this.maxDepth; d >= 0; d--) {
      const nodes = order[d] ?? []
      for (const node of nodes) {
        if (!Number.isNaN(reward[node])) values[node] = reward[node]
        else if (count[node] === 0) values[node] = Number.NaN
        else if (lambda === Infinity || top[node] === Number.NEGATIVE_INFINITY) values[node] = top[node]
        else if (lambda === 0) values[node] = sum[node] / count[node]
        else values[node] = top[node] + Math.log(sum[node] / count[node]) / lambda
      }
      for (const node of nodes) {
        const above = parent[node]
        if (above >= 0 && values[node] > top[above]) top[above] = values[node]
      }
      for (const node of nodes) {
        const above = parent[node]
        const value = values[node]
        if (above < 0 || Number.isNaN(value)) continue
        count[above]++
        if (lambda === 0) sum[above] += value
        else if (top[above] > Number.NEGATIVE_INFINITY) sum[above] += Math.exp(lambda * (value - top[above]))
      }
    }
    return values
  }

  /** The leaf of the largest reward below each node, itself for a leaf; -1 where there is none yet. */
  bestBelow(): Int32Array {
    const { parent, reward, size } = this
    if (this.#bestAt === this.iterations.length && this.#best.length >= size) return this.#best
    this.#bestAt = this.iterations.length
    this.#best = new Int32Array(parent.length).fill(-1)
    const best = this.#best
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
    for (let i = 1; i < size; i++) sum[parent[i]] += weight(i)
    out[ROOT] = 1
    for (let i = 1; i < size; i++) out[i] = sum[parent[i]] > 0 ? (out[parent[i]] * weight(i)) / sum[parent[i]] : 0
    return out
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

function byDepth(tree: GrowingTree): number[][] {
  const order: number[][] = Array.from({ length: tree.maxDepth + 1 }, () => [])
  for (let node = 0; node < tree.size; node++) order[tree.depth[node]].push(node)
  return order
}
