import { categoricalFromLog } from '../tensor/random.ts'
import { logTilt, softMean, softmax } from './log-weights.ts'
import { VisitClasses } from './tree-classes.ts'
import type { TreeNodes } from './tree-nodes.ts'
import { ChildSums } from './tree-sums.ts'

/** From this many children on a node keeps sums over them; a scan over fewer is faster and needs no memory. */
const MANY = 32

/**
 * Choices among the children of one node, and what their values are together: by a scan over few children, by
 * {@link ChildSums} and {@link VisitClasses} over many, so that n children cost O(log n). Children go by their
 * positions in order of birth.
 */
export class TreeChildren {
  readonly #nodes: TreeNodes
  readonly #lambda: number
  /** Sums of the nodes with many children, and their classes where anybody asks for a bonus. */
  readonly #sums = new Map<number, ChildSums>()
  readonly #classes = new Map<number, VisitClasses>()
  /** Values of the children gathered last; scratch. */
  #values = new Float64Array(2 * MANY)

  constructor(nodes: TreeNodes, lambda: number) {
    this.#nodes = nodes
    this.#lambda = lambda
  }

  /** Bytes held. */
  get bytes(): number {
    let bytes = 0
    for (const sums of this.#sums.values()) bytes += sums.bytes
    for (const classes of this.#classes.values()) bytes += classes.bytes
    return bytes
  }

  /** Takes note that a child has another value or visits, or is new. */
  update(node: number, i: number): void {
    if (this.#nodes.childCount(node) <= MANY) return
    const sums = this.#sums.get(node)
    if (!sums) {
      this.#addSums(node)
      return
    }
    const value = this.#nodes.childValue(node, i)
    sums.set(i, value)
    this.#classes.get(node)?.set(i, this.#nodes.childVisits(node, i), value)
  }

  /** Takes note of all children of all nodes, which are just loaded. */
  updateAll(): void {
    for (let node = 0; node < this.#nodes.size; node++) if (this.#nodes.childCount(node) > MANY) this.#addSums(node)
  }

  /** The soft mean of the values, or the largest one. */
  together(node: number, backup: 'soft' | 'max'): number {
    const sums = this.#sumsOf(node)
    if (sums) return backup === 'max' ? sums.max : sums.softMean()
    return softMean(this.#values, backup === 'max' ? Infinity : this.#lambda, this.#gather(node))
  }

  /**
   * The largest value plus bonus; of equals that of the larger value, then the first born.
   * @param bonus by the child's visits. Where every value is `-Infinity` it decides alone
   */
  argmax(node: number, bonus?: (visits: number) => number): number {
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

  /** From `softmax(lambda v)`. @param u a uniform in [0, 1) */
  draw(node: number, u: number): number {
    const sums = this.#sumsOf(node)
    if (sums) return sums.draw(u)
    const n = this.#gatherTilts(node)
    return categoricalFromLog(u, this.#values, n)
  }

  /** Probability of a child under `softmax(lambda v)`. */
  share(node: number, i: number): number {
    return this.#sumsOf(node)?.share(i) ?? this.shares(node)[i]
  }

  /** The same for all children, by a scan. */
  shares(node: number): Float64Array {
    const n = this.#gatherTilts(node)
    return softmax(this.#values.subarray(0, n))
  }

  /** The sums of a node with many children; undefined for few, and before the first backup over many. */
  #sumsOf(node: number): ChildSums | undefined {
    return this.#nodes.childCount(node) > MANY ? this.#sums.get(node) : undefined
  }

  #addSums(node: number): void {
    const n = this.#gather(node)
    const sums = new ChildSums(this.#lambda, n)
    for (let i = 0; i < n; i++) sums.set(i, this.#values[i])
    this.#sums.set(node, sums)
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
    const n = this.#nodes.childCount(node)
    if (n > this.#values.length) this.#values = new Float64Array(2 * n)
    this.#nodes.childValues(node, this.#values)
    return n
  }

  /** The same with `lambda v` for values. */
  #gatherTilts(node: number): number {
    const n = this.#gather(node)
    for (let i = 0; i < n; i++) this.#values[i] = logTilt(this.#lambda, this.#values[i])
    return n
  }
}
