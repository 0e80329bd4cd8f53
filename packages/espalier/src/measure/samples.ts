/** Distances between two sets of samples that need no fit: for worlds and for any features. */

import { fold, type Key, normal } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'

export interface SlicedWassersteinOptions {
  /** Which directions are drawn; the same for every method that is compared. */
  readonly key: Key
  /** Number of directions. Default 200. */
  readonly directions?: number
}

/**
 * Sliced 2-Wasserstein distance (Rabin, Peyre, Delon, Bernot 2011): the root of the mean over unit directions of the
 * squared 1-D Wasserstein distance of the projections, in the unit of the samples.
 *
 * The directions come in orthogonal blocks (as Rowland et al. 2019): each is uniform on the sphere, and together they
 * see a shift from all sides, so that of two sets that differ by a shift m the result is exactly `|m| / sqrt(d)` when
 * the directions are a multiple of d.
 *
 * @param p `[n, ...event]`
 * @param q `[m, ...event]`
 * @throws where the events differ, a set is empty or a value is not finite
 */
export function slicedWasserstein2(p: Tensor, q: Tensor, options: SlicedWassersteinOptions): number {
  const { key, directions = 200 } = options
  const d = checkSets(p, q)
  if (!(Number.isInteger(directions) && directions >= 1))
    throw new Error(`slicedWasserstein2 needs a positive whole number of directions, got ${directions}`)
  const [x, y] = [new Float64Array(p.shape[0]), new Float64Array(q.shape[0])]
  let sum = 0
  for (let at = 0; at < directions; at += d) {
    for (const direction of orthonormal(fold(key, at), Math.min(d, directions - at), d)) {
      sum += wasserstein2Squared(project(p, direction, x).sort(), project(q, direction, y).sort())
    }
  }
  return Math.sqrt(sum / directions)
}

/**
 * Squared 2-Wasserstein distance of two empirical laws on the line, the integral of the squared difference of their
 * quantile functions; for equal counts the mean of `(x_(i) - y_(i))^2`.
 * @param x sorted
 * @param y sorted, of any length
 */
function wasserstein2Squared(x: Float64Array, y: Float64Array): number {
  let sum = 0
  let [i, j, from] = [0, 0, 0]
  while (i < x.length && j < y.length) {
    const [endX, endY] = [(i + 1) / x.length, (j + 1) / y.length]
    const to = Math.min(endX, endY)
    sum += (to - from) * (x[i] - y[j]) ** 2
    from = to
    if (endX <= to) i++
    if (endY <= to) j++
  }
  return sum
}

/** Rows `x` projected on a direction, written to `out`. */
function project({ data }: Tensor, direction: Float64Array, out: Float64Array): Float64Array {
  const d = direction.length
  for (let row = 0; row < out.length; row++) {
    let dot = 0
    for (let i = 0; i < d; i++) dot += data[row * d + i] * direction[i]
    out[row] = dot
  }
  return out
}

/** `count` orthonormal directions, uniform: Gram-Schmidt on Gaussian vectors. */
function orthonormal(key: Key, count: number, d: number): Float64Array[] {
  const basis: Float64Array[] = []
  for (let k = 0; k < count; k++) {
    const v = new Float64Array(d)
    normal(fold(key, k), v)
    // Twice, so that rounding in the first pass does not remain.
    for (const u of [...basis, ...basis]) {
      let dot = 0
      for (let i = 0; i < d; i++) dot += u[i] * v[i]
      for (let i = 0; i < d; i++) v[i] -= dot * u[i]
    }
    const length = Math.hypot(...v)
    basis.push(v.map((value) => value / length))
  }
  return basis
}

/**
 * Energy distance `2 E|x - y| - E|x - x'| - E|y - y'|` (Szekely and Rizzo 2004), which is 0 only for equal laws and has
 * no parameter. Unbiased: pairs of a sample with itself are left out, so that it may come out below 0.
 *
 * Costs n m distances.
 * @param p `[n, ...event]`, n >= 2
 * @param q `[m, ...event]`, m >= 2
 * @throws where the events differ, a set is too small or a value is not finite
 */
export function energyDistance(p: Tensor, q: Tensor): number {
  const d = checkSets(p, q)
  const [n, m] = [p.shape[0], q.shape[0]]
  if (n < 2 || m < 2) throw new Error(`energyDistance needs two samples on each side, got ${n} and ${m}`)
  const total = (a: Tensor, b: Tensor) => {
    let sum = 0
    for (let i = 0; i < a.data.length; i += d) {
      for (let j = 0; j < b.data.length; j += d) {
        let square = 0
        for (let k = 0; k < d; k++) square += (a.data[i + k] - b.data[j + k]) ** 2
        sum += Math.sqrt(square)
      }
    }
    return sum
  }
  return (2 * total(p, q)) / (n * m) - total(p, p) / (n * (n - 1)) - total(q, q) / (m * (m - 1))
}

/** Elements per sample. @throws unless both are sets of finite samples of one event */
function checkSets(p: Tensor, q: Tensor): number {
  const [n, ...event] = p.shape
  const [m, ...other] = q.shape
  if (!(n >= 1 && m >= 1) || `${event}` !== `${other}`)
    throw new Error(`two sets of samples [n, ...event] are compared, got [${p.shape}] and [${q.shape}]`)
  for (const [name, { data, shape }] of [
    ['first', p],
    ['second', q],
  ] as const) {
    const bad = data.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0)
      throw new Error(`sample ${Math.floor(bad / (data.length / shape[0]))} of the ${name} set holds ${data[bad]}`)
  }
  return p.data.length / n
}
