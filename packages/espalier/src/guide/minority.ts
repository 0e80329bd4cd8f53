/** Minority guidance (Um, Lee, Ye 2024, arXiv 2301.12334): how rare a sample is in the eyes of a diffusion model. */

import { type Condition, type Denoiser, rowCostAt } from '../process/denoiser.ts'
import { fold, type Key, normalRows } from '../tensor/random.ts'
import { gather, rowSize, type Tensor } from '../tensor/tensor.ts'
import { conditionRows, repeated, rowsOf } from './conditioned.ts'

/** One distance per pair of rows, such as that of the features of a network; smaller is more alike. */
export type RowDistance = (restored: Tensor, originals: Tensor) => ArrayLike<number> | Promise<ArrayLike<number>>

export interface MinorityScoreOptions {
  /**
   * The one time at which samples are noised. Between the extremes: near 0 the score does not see how likely a mode is,
   * as modes do not overlap there, and at the noisy end it is the distance to the mean of all data. The paper takes
   * `a^2` of 0.02 to 0.03.
   */
  readonly t: number
  /** Noises of each sample. Default 5. */
  readonly draws?: number
  /** Default: squared Euclidean. The paper takes a perceptual distance (LPIPS). */
  readonly distance?: RowDistance
  /** Sample i has the noises of the streams `fold(fold(key, i), 0 .. draws - 1)`. */
  readonly key: Key
  /** Restored samples are clamped to it, as in the released code, such as `[-1, 1]`. Default: as they are. */
  readonly range?: readonly [low: number, high: number]
  /** Of the denoiser: one row for all samples, or one each. */
  readonly condition?: Condition
  /** Samples of one call. Default 64. */
  readonly batch?: number
  readonly onProgress?: (nfe: number) => void
  readonly signal?: AbortSignal
}

/**
 * Minority score (eq. 6): what is lost of a sample when it is noised and restored at once,
 * `l(x_0) = E_eps d(x_0, x_0hat(a x_0 + s eps))`, the mean over `draws` noises. A denoiser predicts a mean that common
 * samples dominate, so that rare ones come back changed. With the squared distance it is `(s / a)^2` times the sample's own
 * denoising loss `|eps_hat - eps|^2` (the paper's corollary).
 *
 * Costs `draws` NFE a sample.
 *
 * @param x0 clean samples `[n, ...event]`
 * @returns one score per sample, larger for rarer ones
 * @throws Error where the time has no noise or no signal, or a score is not a number (sample)
 */
export async function minorityScore(
  denoiser: Denoiser,
  x0: Tensor,
  options: MinorityScoreOptions,
): Promise<Float64Array> {
  const { t, draws = 5, distance = squaredDistances, key, range, batch = 64, onProgress, signal } = options
  const { process, event } = denoiser
  const [a, s] = [process.a(t), process.s(t)]
  if (!(a > 0 && s > 0)) throw new Error(`at t = ${t} there is no ${a > 0 ? 'noise' : 'signal'}: take a time between`)
  if (!(Number.isInteger(draws) && draws >= 1))
    throw new Error(`a score is a mean over ${draws} noises, expected 1 or more`)
  if (`${x0.shape.slice(1)}` !== `${event}`) {
    throw new Error(`the denoiser takes samples [n, ${event}], got [${x0.shape}]`)
  }
  const n = x0.shape[0]
  const condition =
    options.condition && rowsOf(options.condition) === 1 ? repeated(options.condition, n) : options.condition
  const scores = new Float64Array(n)
  for (let from = 0; from < n; from += batch) {
    const rows = Array.from({ length: Math.min(batch, n - from) }, (_, i) => from + i)
    const keys = rows.map((i) => fold(key, i))
    const clean = gather(x0, rows)
    const times = new Float64Array(rows.length).fill(t)
    const given = condition && conditionRows(condition, rows)
    for (let draw = 0; draw < draws; draw++) {
      signal?.throwIfAborted()
      const x: Tensor = { shape: clean.shape, data: new Float32Array(clean.data.length) }
      normalRows(keys, draw, x.data)
      for (let i = 0; i < x.data.length; i++) x.data[i] = a * clean.data[i] + s * x.data[i]
      const restored = await denoiser.predict(x, times, 'data', given)
      if (range) clamp(restored.data, range)
      const lost = await distance(restored, clean)
      rows.forEach((row, i) => {
        if (!Number.isFinite(lost[i]))
          throw new Error(`the minority score of sample ${row} is not a number at t = ${t}`)
        scores[row] += lost[i] / draws
      })
      onProgress?.((from * draws + rows.length * (draw + 1)) * rowCostAt(denoiser, t))
    }
  }
  return scores
}

function clamp(values: Float32Array, [low, high]: readonly [number, number]): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.min(high, Math.max(low, values[i]))
}

function squaredDistances(p: Tensor, q: Tensor): Float64Array {
  const size = rowSize(p)
  const out = new Float64Array(p.shape[0])
  for (let i = 0; i < p.data.length; i++) out[Math.floor(i / size)] += (p.data[i] - q.data[i]) ** 2
  return out
}

/** Classes of rarity, equally full. */
export interface MinorityClasses {
  /** One per score, from 0 (the commonest) to `classes - 1` (the rarest). */
  readonly labels: Int32Array
  /** Largest score of each class, ascending. */
  readonly quantiles: Float64Array
}

/**
 * Cuts scores into classes of equal counts (section 4.2 of the paper): label j where `q_(j-1) < l <= q_j`, `q_j` being the
 * smallest score that a share of at least `(j + 1) / classes` does not exceed. Every class has `n / classes` members to
 * within one where no scores are equal; equal scores share their class.
 *
 * For a network with classes of its own, call it for each of them.
 *
 * @throws Error where there are fewer scores than classes, or one is not a number
 */
export function quantileLabels(scores: ArrayLike<number>, classes: number): MinorityClasses {
  const n = scores.length
  if (!(Number.isInteger(classes) && classes >= 2 && classes <= n)) {
    throw new Error(`${n} scores are to be cut into ${classes} classes; give a whole number from 2 to ${n}`)
  }
  const sorted = Float64Array.from(scores).sort()
  if (Number.isNaN(sorted[n - 1])) throw new Error('a minority score is not a number')
  const quantiles = Float64Array.from({ length: classes }, (_, j) => sorted[Math.ceil(((j + 1) * n) / classes) - 1])
  return { labels: Int32Array.from(scores, (score) => minorityLabel(score, quantiles)), quantiles }
}

/** The class of a further score: the first whose largest score it does not exceed, or the rarest. */
export function minorityLabel(score: number, quantiles: ArrayLike<number>): number {
  let label = 0
  while (label < quantiles.length - 1 && score > quantiles[label]) label++
  return label
}
