/**
 * How rare samples are, and whether they lie where real data lie: measures from nearest neighbours among real data, in
 * any feature space with Euclidean distances.
 */

import { rowSize, type Tensor } from '../tensor/tensor.ts'
import { mean } from './statistics.ts'

/** The nearest reference points of each query. */
export interface Neighbours {
  readonly k: number
  /** `[n, k]`, ascending in each row. */
  readonly distances: Float64Array
  /** `[n, k]`, rows of the reference; of equal distances the earlier comes first. */
  readonly indices: Int32Array
}

/**
 * The k nearest neighbours of each query by brute force: n m distances, summed in float64, and given up where they
 * exceed the k-th best so far. Where queries and reference are the very same tensor, no point is its own neighbour (its
 * duplicates are).
 *
 * @param queries `[n, ...event]`
 * @param reference `[m, ...event]`, m >= k (m > k against itself)
 * @throws where the events differ, a value is not finite, or there are fewer points than neighbours
 */
export function nearestNeighbours(queries: Tensor, reference: Tensor, k: number): Neighbours {
  const size = checkSets(queries, reference)
  const self = queries === reference
  const [n, m] = [queries.shape[0], reference.shape[0]]
  const most = self ? m - 1 : m
  if (!(Number.isInteger(k) && k >= 1 && k <= most))
    throw new Error(
      `${k} nearest neighbours were asked for among ${most} points; give a whole number from 1 to ${most}`,
    )
  const squares = new Float64Array(n * k).fill(Infinity)
  const indices = new Int32Array(n * k)
  // The reference in parts that stay in the cache while all queries go over them.
  const part = Math.max(1, Math.floor(PART / size))
  for (let from = 0; from < m; from += part) {
    const to = Math.min(m, from + part)
    for (let i = 0; i < n; i++) {
      const at = i * k
      for (let j = from; j < to; j++) {
        if (self && i === j) continue
        const worst = squares[at + k - 1]
        const square = squaredDistance(queries.data, i * size, reference.data, j * size, size, worst)
        if (!(square < worst)) continue
        let place = at + k - 1
        for (; place > at && squares[place - 1] > square; place--) {
          squares[place] = squares[place - 1]
          indices[place] = indices[place - 1]
        }
        squares[place] = square
        indices[place] = j
      }
    }
  }
  return { k, distances: squares.map(Math.sqrt), indices }
}

/** Values of the reference that fit into a second-level cache. */
const PART = 1 << 16

/** The squared distance of two rows, or something from `limit` on as soon as it is that far. */
function squaredDistance(
  p: Float32Array,
  pAt: number,
  q: Float32Array,
  qAt: number,
  size: number,
  limit: number,
): number {
  let sum = 0
  for (let from = 0; from < size && sum < limit; from += 32) {
    const to = Math.min(size, from + 32)
    for (let i = from; i < to; i++) {
      const difference = p[pAt + i] - q[qAt + i]
      sum += difference * difference
    }
  }
  return sum
}

/** Rarity scores, and who has none. */
export interface Rarity {
  /** One per sample, NaN where it lies in no ball. */
  readonly scores: Float64Array
  /** Share of the samples that lie in no ball: out of the manifold. */
  readonly outside: number
}

/**
 * Real data that samples are held against. Their own neighbours are found once, when they are first needed.
 *
 * Every measure of samples may be asked of the real data themselves, with the very tensor that the set was made of: then
 * no point counts as its own neighbour.
 */
export class RealSet {
  readonly features: Tensor
  readonly #most: number
  #own: Neighbours | undefined

  /**
   * @param features `[m, ...event]`, such as features of a classifier, all of them by the same one
   * @param most largest k that will be asked for. Default 20
   */
  constructor(features: Tensor, most = 20) {
    checkSets(features, features)
    this.features = features
    this.#most = Math.min(most, features.shape[0] - 1)
  }

  /** Neighbours of the real points among themselves. */
  get own(): Neighbours {
    this.#own ??= nearestNeighbours(this.features, this.features, this.#most)
    return this.#own
  }

  /** Distance of each real point to its k-th neighbour. */
  radii(k: number): Float64Array {
    const { own } = this
    this.#check(k)
    return Float64Array.from({ length: this.features.shape[0] }, (_, i) => own.distances[i * own.k + k - 1])
  }

  /**
   * AvgkNN (Sehwag et al. 2022; Um, Lee, Ye 2024): mean distance of each sample to its k nearest real points. Higher is
   * rarer.
   */
  averageDistance(samples: Tensor, k = 5): Float64Array {
    const { distances } = this.#near(samples, k)
    return perRow(samples, (i) => mean(distances.subarray(i * k, (i + 1) * k)))
  }

  /**
   * Local outlier factor (Breunig, Kriegel, Ng, Sander 2000) of each sample among the real points: how much less dense its
   * place is than the places of its k neighbours. About 1 for inliers, above for outliers. Of more points at the distance
   * of the k-th neighbour the earlier are taken.
   */
  localOutlierFactor(samples: Tensor, k = 20): Float64Array {
    const radii = this.radii(k)
    /** Mean of `max(k-distance of the neighbour, distance)`: the inverse of the local reachability density. */
    const reach = (distances: ArrayLike<number>, indices: ArrayLike<number>, at: number) => {
      let sum = 0
      for (let j = at; j < at + k; j++) sum += Math.max(radii[indices[j]], distances[j])
      return sum / k
    }
    const { own } = this
    const real = perRow(this.features, (i) => reach(own.distances, own.indices, i * own.k))
    const near = this.#near(samples, k)
    return perRow(samples, (i) => {
      const here = reach(near.distances, near.indices, i * k)
      let sum = 0
      // Among more than k duplicates both are 0: equal densities.
      for (let j = i * k; j < (i + 1) * k; j++)
        sum += here === 0 && real[near.indices[j]] === 0 ? 1 : here / real[near.indices[j]]
      return sum / k
    })
  }

  /**
   * Rarity score (Han, Choi, Choi, Kim, Ha, Choi 2023): the smallest radius of the balls of the real points, each up to
   * its k-th neighbour, that hold the sample. None where no ball does.
   */
  rarity(samples: Tensor, k = 5): Rarity {
    const { features } = this
    const size = checkSets(samples, features)
    const radii = this.radii(k)
    // From the smallest ball on, so that the first that holds a sample is the answer.
    const order = Int32Array.from(radii.keys()).sort((i, j) => radii[i] - radii[j] || i - j)
    const self = samples === features
    let outside = 0
    const scores = perRow(samples, (i) => {
      for (const j of order) {
        if (self && i === j) continue
        if (within(samples.data, i * size, features.data, j * size, size, radii[j])) return radii[j]
      }
      outside++
      return Number.NaN
    })
    return { scores, outside: outside / samples.shape[0] }
  }

  /**
   * Improved precision and recall (Kynkäänniemi, Karras, Laine, Lehtinen, Aila 2019, eq. 1, 2): the share of the samples
   * in a ball of a real point, and the share of the real points in a ball of a sample, balls reaching up to the k-th
   * neighbour. Both depend on the numbers of points: compare equal ones.
   */
  precisionRecall(samples: Tensor, k = 5): { readonly precision: number; readonly recall: number } {
    const { features } = this
    const size = checkSets(samples, features)
    const { distances } = nearestNeighbours(samples, samples, k)
    const [n, m] = [samples.shape[0], features.shape[0]]
    let found = 0
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < n; i++) {
        if (!within(samples.data, i * size, features.data, j * size, size, distances[i * k + k - 1])) continue
        found++
        break
      }
    }
    return { precision: 1 - this.rarity(samples, k).outside, recall: found / m }
  }

  /** The k nearest real points of samples; of the real points those that are known. */
  #near(samples: Tensor, k: number): Neighbours {
    this.#check(k)
    if (samples !== this.features) return nearestNeighbours(samples, this.features, k)
    const { own } = this
    const cut = <T extends Float64Array | Int32Array>(values: T, out: T): T => {
      for (let i = 0; i < out.length; i++) out[i] = values[Math.floor(i / k) * own.k + (i % k)]
      return out
    }
    const n = samples.shape[0]
    return {
      k,
      distances: cut(own.distances, new Float64Array(n * k)),
      indices: cut(own.indices, new Int32Array(n * k)),
    }
  }

  #check(k: number): void {
    if (!(Number.isInteger(k) && k >= 1 && k <= this.#most))
      throw new Error(`k is ${k}; this set of ${this.features.shape[0]} points was made for k from 1 to ${this.#most}`)
  }
}

/** Whether two rows are at most so far from each other. */
function within(p: Float32Array, pAt: number, q: Float32Array, qAt: number, size: number, radius: number): boolean {
  // By roots, as radii are: the k-th neighbour itself lies in the ball.
  const limit = radius * radius * (1 + 1e-12)
  const square = squaredDistance(p, pAt, q, qAt, size, limit)
  return square <= limit && Math.sqrt(square) <= radius
}

function perRow({ shape }: Tensor, of: (row: number) => number): Float64Array {
  return Float64Array.from({ length: shape[0] }, (_, row) => of(row))
}

/** Elements per point. @throws unless both are sets of finite points of one event */
function checkSets(p: Tensor, q: Tensor): number {
  const [n, ...event] = p.shape
  const [m, ...other] = q.shape
  if (!(n >= 1 && m >= 1) || `${event}` !== `${other}`)
    throw new Error(`two sets of points [n, ...event] are compared, got [${p.shape}] and [${q.shape}]`)
  for (const { data } of p === q ? [p] : [p, q]) {
    const bad = data.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0) throw new Error(`point ${Math.floor(bad / rowSize(p))} holds ${data[bad]}; give finite features`)
  }
  return rowSize(p)
}
