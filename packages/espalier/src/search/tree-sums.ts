/** Numbers of a segment's record. */
const RECORD = 5
/** The largest value `m` of its children. */
const MAX = 0
/** `sum exp(lambda (v - m))`. */
const WEIGHT = 1
/** `sum expm1(lambda (v - m))`; at lambda = 0 `sum v - m`. */
const EXCESS = 2
/** For the half with the smaller maximum `m'`: `exp(lambda (m' - m))`, what a weight in it counts in the whole; */
const FACTOR = 3
/** and `expm1(lambda (m' - m))`, at lambda = 0 `m' - m`: what each child of it adds to the excess. */
const LOSS = 4

/**
 * The children of one node as a complete binary tree over their order of birth: a child's value changes, and sums,
 * draws and the maximum follow, in O(log n).
 *
 * A segment of children keeps its largest value, its weight, and the same sum of `expm1`, which keeps its digits where
 * lambda is small. Relative to its own maximum no weight overflows, and a weight that underflows does not count. Every
 * number is a function of the values alone: a tree that is read from a file has the very same ones.
 *
 * The records of two halves lie side by side, so that a level costs a cache line or two.
 */
export class ChildSums {
  readonly #lambda: number
  #count = 0
  /** Leaves of the binary tree, a power of two. Segment 1 is all; 2i and 2i + 1 are the halves of i. */
  #capacity: number
  #segments: Float64Array

  /** @param expected children, to begin with */
  constructor(lambda: number, expected = 64) {
    this.#lambda = lambda
    this.#capacity = 2 ** Math.ceil(Math.log2(Math.max(2, expected)))
    this.#segments = new Float64Array(2 * this.#capacity * RECORD)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#segments.byteLength
  }

  value(i: number): number {
    return this.#max(this.#capacity + i)
  }

  /** Sets the value of child i, the next child included (`i = count`). */
  set(i: number, value: number): void {
    if (i === this.#capacity) this.#grow()
    const isNew = i === this.#count
    if (isNew) this.#count++
    this.#setLeaf(i, value)
    let moved = true
    let size = 1
    for (let s = (this.#capacity + i) >> 1; s >= 1; s >>= 1) {
      size *= 2
      const before = this.#max(s)
      this.#combine(s, size, moved)
      moved = isNew || this.#max(s) !== before
    }
  }

  /** `(1/lambda) log mean exp(lambda v)`; the mean at lambda = 0; the maximum if all are `-Infinity`. */
  softMean(): number {
    const { max } = this
    if (max === -Infinity) return max
    const excess = this.#segments[RECORD + EXCESS] / this.#count
    if (this.#lambda === 0) return max + excess
    const share = this.#segments[RECORD + WEIGHT] / this.#count
    // Each form where it is the accurate one.
    return max + (excess > -0.5 ? Math.log1p(excess) : Math.log(share)) / this.#lambda
  }

  /** The child of the largest value, the first of equals. */
  argmax(): number {
    let s = 1
    while (s < this.#capacity) s = this.#max(2 * s) === this.#max(s) ? 2 * s : 2 * s + 1
    return s - this.#capacity
  }

  get max(): number {
    return this.#max(1)
  }

  /** Probability of child i under `softmax(lambda v)`; uniform where all are `-Infinity`. */
  share(i: number): number {
    const [value, max] = [this.value(i), this.max]
    const weight = value === max || this.#lambda === 0 ? 1 : Math.exp(this.#lambda * (value - max))
    return weight / this.#segments[RECORD + WEIGHT]
  }

  /**
   * A child from `softmax(lambda v)` by inverse CDF in order of birth.
   * @param u a uniform in [0, 1)
   */
  draw(u: number): number {
    const segments = this.#segments
    let s = 1
    let size = this.#capacity
    let begin = 0
    let target = u * segments[RECORD + WEIGHT]
    while (s < this.#capacity) {
      size /= 2
      const [left, right] = [2 * s, 2 * s + 1]
      const max = this.#max(s)
      const factor = segments[s * RECORD + FACTOR]
      const leftFactor = this.#max(left) === max ? 1 : factor
      const rightFactor = begin + size >= this.#count ? 0 : this.#max(right) === max ? 1 : factor
      const leftWeight = leftFactor * segments[left * RECORD + WEIGHT]
      // Where rounding leaves more than there is, the last possible child is meant.
      if (rightFactor === 0 || (leftWeight > 0 && target < leftWeight)) {
        s = left
        target /= leftFactor
      } else {
        s = right
        target = (target - leftWeight) / rightFactor
        begin += size
      }
    }
    return begin
  }

  #max(s: number): number {
    return this.#segments[s * RECORD + MAX]
  }

  #setLeaf(i: number, value: number): void {
    const leaf = (this.#capacity + i) * RECORD
    this.#segments[leaf + MAX] = value
    this.#segments[leaf + WEIGHT] = 1
  }

  /**
   * The sums of a segment with room for `size` children, from those of its halves.
   * @param moved whether the largest value of a half may be another than before; if not, its exponentials are known
   */
  #combine(s: number, size: number, moved: boolean): void {
    const segments = this.#segments
    const whole = s * RECORD
    const left = 2 * whole
    const right = left + RECORD
    const leftCount = size / 2
    const rightCount = Math.min(leftCount, this.#count - (s * size - this.#capacity) - leftCount)
    if (rightCount <= 0) {
      for (let i = MAX; i <= EXCESS; i++) segments[whole + i] = segments[left + i]
      return
    }
    const leftIsLow = segments[left + MAX] < segments[right + MAX]
    const high = leftIsLow ? right : left
    const low = leftIsLow ? left : right
    const lowCount = leftIsLow ? leftCount : rightCount
    const max = segments[high + MAX]
    // Also where both are -Infinity.
    const below = segments[low + MAX] === max ? 0 : segments[low + MAX] - max
    if (moved) {
      segments[whole + MAX] = max
      segments[whole + FACTOR] = this.#lambda === 0 ? 1 : Math.exp(this.#lambda * below)
      segments[whole + LOSS] = this.#lambda === 0 ? below : Math.expm1(this.#lambda * below)
    }
    const factor = segments[whole + FACTOR]
    segments[whole + WEIGHT] = segments[high + WEIGHT] + segments[low + WEIGHT] * factor
    segments[whole + EXCESS] =
      segments[high + EXCESS] + (segments[low + EXCESS] * factor + lowCount * segments[whole + LOSS])
  }

  #grow(): void {
    const [segments, capacity] = [this.#segments, this.#capacity]
    this.#capacity *= 2
    this.#segments = new Float64Array(2 * segments.length)
    this.#segments.set(segments.subarray(capacity * RECORD), this.#capacity * RECORD)
    for (let size = 2, first = this.#capacity / 2; first >= 1; size *= 2, first /= 2) {
      for (let s = first; s < 2 * first && s * size - this.#capacity < this.#count; s++) this.#combine(s, size, true)
    }
  }
}
