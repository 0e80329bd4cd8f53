/**
 * The children of one node by their visit counts. A bonus that depends on a child's visits alone is the same for all of
 * one class, so the best child is the best of the classes' best: one heap a class, and no scan over the children. There
 * are at most `sqrt(2 V)` classes for V visits, in practice a few dozen.
 */
export class VisitClasses {
  /** Class of each visit count that occurs. */
  readonly #classOf = new Map<number, number>()
  /** Three numbers a class: its visits, the value of its best child, and that child. */
  readonly #tops: number[] = []
  /** Each class as a binary heap, two numbers a child, its value and itself: the best one first. */
  readonly #heaps: number[][] = []
  /** Two numbers a child: its visits, 0 for none yet, and its place in the heap. */
  #places = new Int32Array(2 * 64)

  /** Bytes held. */
  get bytes(): number {
    let bytes = this.#places.byteLength + 8 * this.#tops.length
    for (const heap of this.#heaps) bytes += 8 * heap.length
    return bytes
  }

  /** Sets the visits (from 1 on) and the value of a child, known or new. */
  set(child: number, visits: number, value: number): void {
    if (2 * child >= this.#places.length) this.#grow(child)
    if (this.#places[2 * child] > 0) this.#remove(child)
    this.#places[2 * child] = visits
    let own = this.#classOf.get(visits)
    if (own === undefined) {
      own = this.#heaps.push([]) - 1
      this.#classOf.set(visits, own)
      this.#tops.push(visits, 0, 0)
    }
    const heap = this.#heaps[own]
    heap.push(value, child)
    this.#up(heap, heap.length / 2 - 1, value, child)
    this.#settle(own)
  }

  /**
   * The child of the largest score, of equals that of the larger value, then the first born. @param score of a class's
   * best
   */
  best(score: (value: number, visits: number) => number): number {
    const tops = this.#tops
    let bestScore = -Infinity
    let bestValue = -Infinity
    let best = -1
    for (let at = 0; at < tops.length; at += 3) {
      const value = tops[at + 1]
      const child = tops[at + 2]
      const own = score(value, tops[at])
      if (best >= 0 && !(own > bestScore || (own === bestScore && before(value, child, bestValue, best)))) continue
      bestScore = own
      bestValue = value
      best = child
    }
    return best
  }

  #remove(child: number): void {
    const own = this.#classOf.get(this.#places[2 * child]) as number
    const at = this.#places[2 * child + 1]
    const heap = this.#heaps[own]
    const last = heap.pop() as number
    const value = heap.pop() as number
    if (last !== child) {
      const above = 2 * ((at - 1) >> 1)
      if (at > 0 && before(value, last, heap[above], heap[above + 1])) this.#up(heap, at, value, last)
      else this.#down(heap, at, value, last)
    }
    if (heap.length > 0) this.#settle(own)
    else this.#drop(own)
  }

  /** Brings the best child of a class up to date. */
  #settle(own: number): void {
    this.#tops[3 * own + 1] = this.#heaps[own][0]
    this.#tops[3 * own + 2] = this.#heaps[own][1]
  }

  /** Forgets an empty class; the last one takes its number. */
  #drop(own: number): void {
    this.#classOf.delete(this.#tops[3 * own])
    const child = this.#tops.pop() as number
    const value = this.#tops.pop() as number
    const visits = this.#tops.pop() as number
    const heap = this.#heaps.pop() as number[]
    if (own === this.#heaps.length) return
    this.#classOf.set(visits, own)
    this.#heaps[own] = heap
    this.#tops[3 * own] = visits
    this.#tops[3 * own + 1] = value
    this.#tops[3 * own + 2] = child
  }

  /** Puts a child at a place of a heap, or above it. */
  #up(heap: number[], from: number, value: number, child: number): void {
    let at = from
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!before(value, child, heap[2 * above], heap[2 * above + 1])) break
      this.#put(heap, at, heap[2 * above], heap[2 * above + 1])
      at = above
    }
    this.#put(heap, at, value, child)
  }

  /** Puts a child at a place of a heap, or below it. */
  #down(heap: number[], from: number, value: number, child: number): void {
    let at = from
    for (;;) {
      let below = 2 * (2 * at + 1)
      if (below >= heap.length) break
      if (below + 2 < heap.length && before(heap[below + 2], heap[below + 3], heap[below], heap[below + 1])) below += 2
      if (!before(heap[below], heap[below + 1], value, child)) break
      this.#put(heap, at, heap[below], heap[below + 1])
      at = below / 2
    }
    this.#put(heap, at, value, child)
  }

  #put(heap: number[], at: number, value: number, child: number): void {
    heap[2 * at] = value
    heap[2 * at + 1] = child
    this.#places[2 * child + 1] = at
  }

  #grow(child: number): void {
    const places = this.#places
    this.#places = new Int32Array(Math.max(2 * places.length, 2 * child + 2))
    this.#places.set(places)
  }
}

/** The order of a heap: the larger value first, of equals the first born. */
function before(value: number, child: number, otherValue: number, other: number): boolean {
  return value > otherValue || (value === otherValue && child < other)
}
