/**
 * The children of one node as a complete binary tree over their order of birth: a child's value changes, and sums,
 * draws and the maximum follow, in O(log n).
 *
 * A segment of children keeps its largest value `m`, its weight `sum exp(lambda (v - m))`, and the same sum of
 * `expm1`, which keeps its digits where lambda is small. Relative to its own maximum no weight overflows, and a weight
 * that underflows does not count. Every number is a function of the values alone: a tree that is read from a file has
 * the very same ones.
 */
export class ChildSums {
  readonly #lambda: number
  #count = 0
  /** Leaves of the binary tree, a power of two. Segment 1 is all; 2i and 2i + 1 are the halves of i. */
  #capacity: number
  #ids: Int32Array
  #max: Float64Array
  #weight: Float64Array
  #excess: Float64Array

  /** @param expected children, to begin with */
  constructor(lambda: number, expected = 64) {
    this.#lambda = lambda
    this.#capacity = 2 ** Math.ceil(Math.log2(Math.max(2, expected)))
    this.#ids = new Int32Array(this.#capacity)
    this.#max = new Float64Array(2 * this.#capacity).fill(-Infinity)
    this.#weight = new Float64Array(2 * this.#capacity)
    this.#excess = new Float64Array(2 * this.#capacity)
  }

  get count(): number {
    return this.#count
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#ids.byteLength + 3 * this.#max.byteLength
  }

  id(i: number): number {
    return this.#ids[i]
  }

  value(i: number): number {
    return this.#max[this.#capacity + i]
  }

  /** Sets the value of child i, the next child included (`i = count`). */
  set(i: number, id: number, value: number): void {
    if (i === this.#capacity) this.#grow()
    if (i === this.#count) {
      this.#count++
      this.#ids[i] = id
      this.#weight[this.#capacity + i] = 1
    }
    this.#max[this.#capacity + i] = value
    let size = 1
    for (let s = (this.#capacity + i) >> 1; s >= 1; s >>= 1) {
      size *= 2
      this.#combine(s, size)
    }
  }

  /** `(1/lambda) log mean exp(lambda v)`; the mean at lambda = 0; the maximum if all are `-Infinity`. */
  softMean(): number {
    const max = this.#max[1]
    if (max === -Infinity) return max
    const excess = this.#excess[1] / this.#count
    if (this.#lambda === 0) return max + excess
    const share = this.#weight[1] / this.#count
    // Each form where it is the accurate one.
    return max + (excess > -0.5 ? Math.log1p(excess) : Math.log(share)) / this.#lambda
  }

  /** The child of the largest value, the first of equals. */
  argmax(): number {
    let s = 1
    while (s < this.#capacity) s = this.#max[2 * s] === this.#max[s] ? 2 * s : 2 * s + 1
    return s - this.#capacity
  }

  get max(): number {
    return this.#max[1]
  }

  /** Probability of child i under `softmax(lambda v)`; uniform where all are `-Infinity`. */
  share(i: number): number {
    return this.#factor(this.#capacity + i, 1) / this.#weight[1]
  }

  /**
   * A child from `softmax(lambda v)` by inverse CDF in order of birth.
   * @param u a uniform in [0, 1)
   */
  draw(u: number): number {
    let s = 1
    let size = this.#capacity
    let begin = 0
    let target = u * this.#weight[1]
    while (s < this.#capacity) {
      size /= 2
      const [left, right] = [2 * s, 2 * s + 1]
      const [leftFactor, rightFactor] = [this.#factor(left, s), begin + size < this.#count ? this.#factor(right, s) : 0]
      const leftWeight = leftFactor * this.#weight[left]
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
    return s - this.#capacity
  }

  /** What a weight of segment `part` counts in units of segment `whole`. */
  #factor(part: number, whole: number): number {
    const max = this.#max[whole]
    if (this.#max[part] === max || this.#lambda === 0) return 1
    return Math.exp(this.#lambda * (this.#max[part] - max))
  }

  #combine(s: number, size: number): void {
    const left = 2 * s
    const right = left + 1
    const [max, weight, excess] = [this.#max, this.#weight, this.#excess]
    const begin = s * size - this.#capacity
    const leftCount = size / 2
    const rightCount = Math.min(leftCount, this.#count - begin - leftCount)
    if (rightCount <= 0) {
      max[s] = max[left]
      weight[s] = weight[left]
      excess[s] = excess[left]
      return
    }
    const top = Math.max(max[left], max[right])
    max[s] = top
    weight[s] = weight[left] * this.#factor(left, s) + weight[right] * this.#factor(right, s)
    excess[s] = this.#rebased(left, leftCount, top) + this.#rebased(right, rightCount, top)
  }

  /**
   * The excess of a segment of n children below another maximum: `sum expm1(lambda (v - top))`; at lambda = 0 `sum v -
   * top`.
   */
  #rebased(part: number, n: number, top: number): number {
    const below = this.#max[part] - top
    // Also where both are -Infinity.
    if (this.#max[part] === top) return this.#excess[part]
    if (this.#lambda === 0) return this.#excess[part] + n * below
    const d = this.#lambda * below
    return this.#excess[part] * Math.exp(d) + n * Math.expm1(d)
  }

  #grow(): void {
    const [ids, max, count] = [this.#ids, this.#max, this.#count]
    const old = this.#capacity
    this.#capacity *= 2
    this.#ids = new Int32Array(this.#capacity)
    this.#max = new Float64Array(2 * this.#capacity).fill(-Infinity)
    this.#weight = new Float64Array(2 * this.#capacity)
    this.#excess = new Float64Array(2 * this.#capacity)
    this.#ids.set(ids)
    this.#max.set(max.subarray(old), this.#capacity)
    this.#weight.fill(1, this.#capacity, this.#capacity + count)
    for (let size = 2, first = this.#capacity / 2; first >= 1; size *= 2, first /= 2) {
      for (let s = first; s < 2 * first && s * size - this.#capacity < count; s++) this.#combine(s, size)
    }
  }
}
