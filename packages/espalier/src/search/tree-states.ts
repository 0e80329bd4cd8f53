import { fromHalf, LARGEST_HALF, toHalf } from '../tensor/half.ts'

/**
 * How a tree keeps its states: memory against network evaluations.
 *
 * - `float32`: as they are.
 * - `float16`: rounded to half floats as soon as they are reached, in half the memory. The rounded state is the state:
 *   what comes after it (its children, its sample) is drawn from it, so that a tree that was saved and read goes on the
 *   same.
 * - `recompute`: final states are kept (they are the samples), and those of a few often visited nodes; any other state
 *   is walked to again from its nearest ancestor with a state, by the keys of its path, when a child of it is wanted.
 *   The same tree as `float32` if the budget is not in NFE; the way there costs NFE, which are counted.
 */
export type StateKeeping = 'float32' | 'float16' | 'recompute'

export const stateKeepings = ['float32', 'float16', 'recompute'] as const

/** States as they lie in memory and in files. */
export interface StateArrays {
  /** Where each node's state begins and ends in `data` (2 numbers a node); an empty range is no state. */
  readonly spans: Float64Array
  /** All states one after the other, in pieces: float32, or half floats as bits. */
  readonly data: readonly (Float32Array | Uint16Array)[]
}

/** Numbers of the first and of the largest piece. */
const FIRST_PIECE = 1 << 14
const LARGEST_PIECE = 1 << 23

/** Bytes of a state and back, as a chain has them. */
export interface StateCodec<S> {
  save(state: S): Float32Array
  load(data: Float32Array): S
}

/** The states of a tree's nodes: appended, never moved, in a few large pieces. */
export class TreeStates<S> {
  readonly keeping: StateKeeping
  readonly #codec: StateCodec<S>
  #spans = new Float64Array(128)
  readonly #pieces: { readonly begin: number; readonly data: Float32Array | Uint16Array; used: number }[] = []
  #total = 0
  /** Inner states of `recompute`, by node. */
  readonly #cache = new Map<number, Float32Array>()
  readonly #cacheSize: number

  /** @param cacheSize inner states that `recompute` keeps */
  constructor(keeping: StateKeeping, codec: StateCodec<S>, cacheSize = 64) {
    this.keeping = keeping
    this.#codec = codec
    this.#cacheSize = cacheSize
  }

  /** Bytes held. */
  get bytes(): number {
    let bytes = this.#spans.byteLength
    for (const { data } of this.#pieces) bytes += data.byteLength
    for (const data of this.#cache.values()) bytes += data.byteLength
    return bytes
  }

  /** A state as a child would find it. @throws if it has a number that half floats do not reach */
  settled(state: S): S {
    if (this.keeping !== 'float16') return state
    return this.#codec.load(fromHalf(halves(this.#codec.save(state))))
  }

  /** Keeps the state of a new node. */
  add(node: number, state: S, final: boolean): void {
    if (2 * node + 2 > this.#spans.length) {
      const grown = new Float64Array(2 * this.#spans.length)
      grown.set(this.#spans)
      this.#spans = grown
    }
    if (this.keeping === 'recompute' && !final) return
    const data = this.#codec.save(state)
    this.#append(node, this.keeping === 'float16' ? halves(data) : data)
  }

  has(node: number): boolean {
    return this.#spans[2 * node + 1] > this.#spans[2 * node] || this.#cache.has(node)
  }

  get(node: number): S {
    return this.#codec.load(this.numbers(node))
  }

  /** The state as a copy of its numbers. @throws if it is not kept */
  numbers(node: number): Float32Array {
    const cached = this.#cache.get(node)
    if (cached) return cached.slice()
    const [from, to] = [this.#spans[2 * node], this.#spans[2 * node + 1]]
    if (from === to) throw new Error(`the tree does not keep the state of node ${node}`)
    const { begin, data } = this.#pieces[this.#pieceOf(from)]
    const stored = data.subarray(from - begin, to - begin)
    return stored instanceof Uint16Array ? fromHalf(stored) : stored.slice()
  }

  /**
   * Keeps an inner state of `recompute` if its node is visited more often than one that is kept; the older stays of
   * equals.
   */
  remember(node: number, state: S, visits: (node: number) => number): void {
    if (this.keeping !== 'recompute' || this.#cacheSize === 0 || this.#cache.has(node)) return
    if (this.#cache.size >= this.#cacheSize) {
      let least = -1
      for (const kept of this.#cache.keys()) {
        if (least < 0 || visits(kept) < visits(least) || (visits(kept) === visits(least) && kept > least)) least = kept
      }
      if (visits(node) <= visits(least)) return
      this.#cache.delete(least)
    }
    this.#cache.set(node, this.#codec.save(state).slice())
  }

  /** The states of the first `size` nodes. Pieces are views: what they show never changes. */
  save(size: number): StateArrays {
    const spans = this.#spans.slice(0, 2 * size)
    const data = this.#pieces.map((piece) => piece.data.subarray(0, piece.used))
    let end = this.#total
    for (const [node, state] of [...this.#cache].sort(([a], [b]) => a - b)) {
      spans[2 * node] = end
      spans[2 * node + 1] = end += state.length
      data.push(state)
    }
    return { spans, data }
  }

  /**
   * Takes over saved states (not copied).
   * @param inner whether a node has children: the states of those are the cache of `recompute`
   * @throws if they are of another kind, or a range lies outside
   */
  adopt({ spans, data }: StateArrays, inner: (node: number) => boolean): void {
    const wanted = this.keeping === 'float16' ? Uint16Array : Float32Array
    if (data.some((piece) => !(piece instanceof wanted))) {
      throw new Error(`the saved states are not ${this.keeping === 'float16' ? 'half floats' : 'float32'}`)
    }
    const total = data.reduce((sum, piece) => sum + piece.length, 0)
    const size = spans.length / 2
    let kept = 0
    for (let node = 0; node < size; node++) {
      const [from, to] = [spans[2 * node], spans[2 * node + 1]]
      if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= total)) {
        throw new Error(`the state of node ${node} is at ${from} to ${to} of ${total} numbers`)
      }
      if (!(this.keeping === 'recompute' && inner(node))) kept = Math.max(kept, to)
    }
    this.#spans = new Float64Array(Math.max(128, spans.length))
    this.#spans.set(spans)
    for (const piece of data) {
      const used = Math.min(piece.length, kept - this.#total)
      // Cut to what is used, so that nothing is ever written into it.
      if (used > 0) this.#pieces.push({ begin: this.#total, data: piece.subarray(0, used), used })
      this.#total += Math.max(0, used)
    }
    for (let node = 1; node < size; node++) {
      if (this.#piecesHold(spans[2 * node], spans[2 * node + 1])) continue
      this.#spans.fill(0, 2 * node, 2 * node + 2)
      this.#cache.set(node, gathered(data, spans[2 * node], spans[2 * node + 1]))
    }
  }

  /** Whether a range lies within one piece; an empty one does. */
  #piecesHold(from: number, to: number): boolean {
    if (from === to) return true
    if (to > this.#total) return false
    const { begin, used } = this.#pieces[this.#pieceOf(from)]
    if (to > begin + used) throw new Error(`a saved state, at ${from} to ${to}, lies in two pieces`)
    return true
  }

  #append(node: number, state: Float32Array | Uint16Array): void {
    let piece = this.#pieces[this.#pieces.length - 1]
    if (!piece || piece.data.length - piece.used < state.length) {
      const size = Math.max(state.length, Math.min(LARGEST_PIECE, Math.max(FIRST_PIECE, this.#total)))
      const data = state instanceof Uint16Array ? new Uint16Array(size) : new Float32Array(size)
      piece = { begin: this.#total, data, used: 0 }
      this.#pieces.push(piece)
    }
    piece.data.set(state, piece.used)
    piece.used += state.length
    this.#spans[2 * node] = this.#total
    this.#spans[2 * node + 1] = this.#total += state.length
  }

  /** The last piece that begins at `at` or before. */
  #pieceOf(at: number): number {
    let low = 0
    let high = this.#pieces.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#pieces[middle].begin <= at) low = middle
      else high = middle - 1
    }
    return low
  }
}

function halves(state: Float32Array): Uint16Array {
  for (const value of state) {
    if (Math.abs(value) >= LARGEST_HALF + 16) {
      throw new Error(
        `a state holds ${value}, and half floats end at ${LARGEST_HALF}; keep the states of this chain as float32`,
      )
    }
  }
  return toHalf(state)
}

function gathered(data: readonly (Float32Array | Uint16Array)[], from: number, to: number): Float32Array {
  const out = new Float32Array(to - from)
  let begin = 0
  for (const piece of data) {
    const [a, b] = [Math.max(from, begin), Math.min(to, begin + piece.length)]
    if (a < b) out.set(piece.subarray(a - begin, b - begin), a - from)
    begin += piece.length
  }
  return out
}
