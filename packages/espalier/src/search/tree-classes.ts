/**
 * The children of one node by their visit counts. A bonus that depends on a child's visits alone is the same for all of
 * one class, so the best child is the best of the classes' best: one heap a class, and no scan over the children. There
 * are at most `sqrt(2 V)` classes for V visits, in practice a few dozen.
 */
export class VisitClasses {
  /** Children of each class as a binary heap: the largest value first, of equals the first born. */
  readonly #heaps = new Map<number, number[]>()
  readonly #value: (child: number) => number
  #visits = new Int32Array(64)
  /** Place of each child in its heap; -1 if it is in none. */
  #place = new Int32Array(64).fill(-1)

  /** @param value of child i; it may change only while the child is out */
  constructor(value: (child: number) => number) {
    this.#value = value
  }

  /** Bytes held. */
  get bytes(): number {
    let bytes = 2 * this.#place.byteLength
    for (const heap of this.#heaps.values()) bytes += 8 * heap.length
    return bytes
  }

  insert(child: number, visits: number): void {
    if (child >= this.#place.length) this.#grow(child)
    let heap = this.#heaps.get(visits)
    if (!heap) this.#heaps.set(visits, (heap = []))
    this.#visits[child] = visits
    heap.push(child)
    this.#up(heap, heap.length - 1)
  }

  remove(child: number): void {
    const place = child < this.#place.length ? this.#place[child] : -1
    if (place < 0) return
    const heap = this.#heaps.get(this.#visits[child]) as number[]
    const last = heap.pop() as number
    this.#place[child] = -1
    if (heap.length === 0) this.#heaps.delete(this.#visits[child])
    if (last === child) return
    heap[place] = last
    this.#up(heap, place)
    this.#down(heap, this.#place[last])
  }

  /**
   * The child of the largest score, of equals that of the larger value, then the first born. @param score of a class's
   * best
   */
  best(score: (value: number, visits: number) => number): number {
    let best = -1
    let bestScore = -Infinity
    for (const [visits, heap] of this.#heaps) {
      const own = score(this.#value(heap[0]), visits)
      if (best >= 0 && !(own > bestScore || (own === bestScore && this.#before(heap[0], best)))) continue
      best = heap[0]
      bestScore = own
    }
    return best
  }

  #before(a: number, b: number): boolean {
    const [va, vb] = [this.#value(a), this.#value(b)]
    return va > vb || (va === vb && a < b)
  }

  #up(heap: number[], at: number): void {
    const child = heap[at]
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!this.#before(child, heap[above])) break
      this.#put(heap, at, heap[above])
      at = above
    }
    this.#put(heap, at, child)
  }

  #down(heap: number[], at: number): void {
    const child = heap[at]
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && this.#before(heap[below + 1], heap[below])) below++
      if (!this.#before(heap[below], child)) break
      this.#put(heap, at, heap[below])
      at = below
    }
    this.#put(heap, at, child)
  }

  #put(heap: number[], at: number, child: number): void {
    heap[at] = child
    this.#place[child] = at
  }

  #grow(child: number): void {
    const [visits, place] = [this.#visits, this.#place]
    const size = Math.max(2 * place.length, child + 1)
    this.#visits = new Int32Array(size)
    this.#place = new Int32Array(size).fill(-1)
    this.#visits.set(visits)
    this.#place.set(place)
  }
}
