/** Numbers of a node's record: what is asked of a node beside its value lies together. */
const RECORD = 5
const PARENT = 0
/** Position among the siblings. */
const INDEX = 1
/** First slot of the children. */
const BLOCK = 2
const CHILDREN = 3
/** Twice the depth, plus one for a final node. */
const DEPTH = 4

/** A slot in 4-byte numbers, and where its id and its visits are; its value is the first 8 bytes. */
const SLOT = 4
const ID = 2
const VISITS = 3

/**
 * The nodes of a tree as numbers. Memory is touched by the cache line, and a large tree fits no cache, so what is read
 * together lies together: the ids, values and visits of siblings are one block of slots in order of birth, with room
 * for a power of two; a full block is copied to one of twice the size. Blocks that were outgrown are not used again:
 * they are at most a slot for each child.
 *
 * Node 0 is the root; it has slot 0 and the parent -1.
 */
export class TreeNodes {
  /** Nodes so far, the root included. */
  size = 1
  #records = new Int32Array(64 * RECORD)
  /** Slots as integers and as doubles: the same bytes. */
  #integers = new Int32Array(64 * SLOT)
  #doubles = new Float64Array(this.#integers.buffer)
  /** Slots in use, or outgrown. */
  #slots = 1

  constructor() {
    this.#records[PARENT] = -1
    this.#integers[VISITS] = 1
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#records.byteLength + this.#integers.byteLength
  }

  parent(node: number): number {
    return this.#records[node * RECORD + PARENT]
  }

  depth(node: number): number {
    return this.#records[node * RECORD + DEPTH] >> 1
  }

  isFinal(node: number): boolean {
    return (this.#records[node * RECORD + DEPTH] & 1) === 1
  }

  childCount(node: number): number {
    return this.#records[node * RECORD + CHILDREN]
  }

  /** Position of the node among its siblings, in order of birth. */
  indexOf(node: number): number {
    return this.#records[node * RECORD + INDEX]
  }

  /** The child of `node` at a position. */
  child(node: number, index: number): number {
    return this.#integers[(this.#records[node * RECORD + BLOCK] + index) * SLOT + ID]
  }

  childValue(node: number, index: number): number {
    return this.#doubles[((this.#records[node * RECORD + BLOCK] + index) * SLOT) / 2]
  }

  /** The visits of the child of `node` at a position. */
  childVisits(node: number, index: number): number {
    return this.#integers[(this.#records[node * RECORD + BLOCK] + index) * SLOT + VISITS]
  }

  /** Copies the values of a node's children to `to`, in order of birth. */
  childValues(node: number, to: Float64Array): void {
    const count = this.childCount(node)
    let from = (this.#records[node * RECORD + BLOCK] * SLOT) / 2
    for (let i = 0; i < count; i++, from += SLOT / 2) to[i] = this.#doubles[from]
  }

  value(node: number): number {
    return this.#doubles[(this.#slotOf(node) * SLOT) / 2]
  }

  setValue(node: number, value: number): void {
    this.#doubles[(this.#slotOf(node) * SLOT) / 2] = value
  }

  visits(node: number): number {
    return this.#integers[this.#slotOf(node) * SLOT + VISITS]
  }

  setVisits(node: number, visits: number): void {
    this.#integers[this.#slotOf(node) * SLOT + VISITS] = visits
  }

  /** Parent, value and visits of every node. */
  save(): { readonly parent: Int32Array; readonly value: Float64Array; readonly visits: Int32Array } {
    const [parent, visits] = [new Int32Array(this.size), new Int32Array(this.size)]
    const value = new Float64Array(this.size)
    parent[0] = -1
    value[0] = this.value(0)
    visits[0] = this.visits(0)
    for (let node = 0; node < this.size; node++) {
      const count = this.childCount(node)
      let slot = this.#records[node * RECORD + BLOCK] * SLOT
      for (let i = 0; i < count; i++, slot += SLOT) {
        const child = this.#integers[slot + ID]
        parent[child] = node
        value[child] = this.#doubles[slot / 2]
        visits[child] = this.#integers[slot + VISITS]
      }
    }
    return { parent, value, visits }
  }

  /** Adds a child with one visit and the value 0. */
  add(parent: number, final: boolean): number {
    const node = this.size++
    const record = node * RECORD
    if (record === this.#records.length) {
      const records = this.#records
      this.#records = new Int32Array(2 * records.length)
      this.#records.set(records)
    }
    const above = parent * RECORD
    const index = this.#records[above + CHILDREN]
    // A block has room for a power of two, and is full where the children are one.
    if ((index & (index - 1)) === 0) this.#enlarge(above, index)
    this.#records[above + CHILDREN] = index + 1
    this.#records[record + PARENT] = parent
    this.#records[record + INDEX] = index
    this.#records[record + DEPTH] = (((this.#records[above + DEPTH] >> 1) + 1) << 1) | (final ? 1 : 0)
    const slot = (this.#records[above + BLOCK] + index) * SLOT
    this.#integers[slot + ID] = node
    this.#integers[slot + VISITS] = 1
    return node
  }

  #slotOf(node: number): number {
    if (node === 0) return 0
    const record = node * RECORD
    return this.#records[this.#records[record + PARENT] * RECORD + BLOCK] + this.#records[record + INDEX]
  }

  /** Gives the `count` children of a node a block with room for as many more, or for one. */
  #enlarge(record: number, count: number): void {
    const block = this.#slots
    this.#slots += Math.max(1, 2 * count)
    if (this.#slots * SLOT > this.#integers.length) {
      const integers = this.#integers
      this.#integers = new Int32Array(Math.max(2 * integers.length, this.#slots * SLOT))
      this.#integers.set(integers)
      this.#doubles = new Float64Array(this.#integers.buffer)
    }
    const old = this.#records[record + BLOCK]
    this.#integers.copyWithin(block * SLOT, old * SLOT, (old + count) * SLOT)
    this.#records[record + BLOCK] = block
  }
}
