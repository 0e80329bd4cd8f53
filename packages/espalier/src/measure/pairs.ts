/** Distances of samples to the samples that they should be: one number per pair of rows. */

import { rowSize, type Tensor } from '../tensor/tensor.ts'

/**
 * Root mean square difference of each pair of rows, in the unit of the samples.
 * @param p `[n, ...event]`
 * @param q `[n, ...event]`
 * @returns one per row
 * @throws where the shapes differ
 */
export function rmsDistance(p: Tensor, q: Tensor): Float64Array {
  const size = checkPairs(p, q)
  return perRow(p, (row) => Math.sqrt(squaredDistance(p, q, row, size) / size))
}

/**
 * Peak signal-to-noise ratio of each pair, `10 log10(range^2 / MSE)` in dB: Infinity where they are equal. Average it
 * over images (not the MSE).
 * @param range largest minus smallest value that an image may have: 2 for [-1, 1]
 */
export function psnr(images: Tensor, originals: Tensor, range: number): Float64Array {
  checkRange(range)
  return rmsDistance(images, originals).map((rms) => 20 * Math.log10(range / rms))
}

/** Taps of the window of Wang et al.: 11, with a standard deviation of 1.5 pixels. */
const window = (() => {
  const taps = Float64Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2)))
  const total = taps.reduce((sum, tap) => sum + tap, 0)
  return taps.map((tap) => tap / total)
})()

/**
 * Structural similarity of each pair (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13): Gaussian 11x11 window of standard
 * deviation 1.5, population moments, mean over the positions where the window lies inside, then over channels. At most
 * 1, which only equal images reach.
 * @param images `[n, channels, height, width]`, at least 11x11 (the window is large for pictures of 28x28)
 * @param originals of the same shape
 * @param range largest minus smallest value that an image may have: 2 for [-1, 1]
 * @throws where the shapes differ or are not those of images
 */
export function ssim(images: Tensor, originals: Tensor, range: number): Float64Array {
  checkRange(range)
  checkPairs(images, originals)
  const [, channels, height, width] = images.shape
  if (images.shape.length !== 4 || height < window.length || width < window.length)
    throw new Error(`ssim takes images [n, channels, height, width] of 11x11 or more, got [${images.shape}]`)
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2]
  const area = height * width
  const smooth = smoother(height, width)
  const [x, y] = [new Float64Array(area), new Float64Array(area)]
  const moment = (of: (i: number) => number) => smooth(Float64Array.from({ length: area }, (_, i) => of(i)))
  return perRow(images, (row) => {
    let sum = 0
    for (let c = 0; c < channels; c++) {
      const at = (row * channels + c) * area
      x.set(images.data.subarray(at, at + area))
      y.set(originals.data.subarray(at, at + area))
      const [mx, my] = [smooth(x), smooth(y)]
      const [xx, yy, xy] = [moment((i) => x[i] * x[i]), moment((i) => y[i] * y[i]), moment((i) => x[i] * y[i])]
      let similarity = 0
      for (let i = 0; i < mx.length; i++) {
        const [mean2, variances] = [mx[i] ** 2 + my[i] ** 2, xx[i] - mx[i] ** 2 + (yy[i] - my[i] ** 2)]
        const covariance = xy[i] - mx[i] * my[i]
        similarity += ((2 * mx[i] * my[i] + c1) * (2 * covariance + c2)) / ((mean2 + c1) * (variances + c2))
      }
      sum += similarity / mx.length
    }
    return sum / channels
  })
}

/** The window's weighted mean around every position where it fits: `[height - 10, width - 10]`. */
function smoother(height: number, width: number): (values: Float64Array) => Float64Array {
  const [rows, columns] = [height - window.length + 1, width - window.length + 1]
  const across = new Float64Array(height * columns)
  return (values) => {
    across.fill(0)
    for (let r = 0; r < height; r++)
      for (let c = 0; c < columns; c++)
        for (let k = 0; k < window.length; k++) across[r * columns + c] += window[k] * values[r * width + c + k]
    const out = new Float64Array(rows * columns)
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < columns; c++)
        for (let k = 0; k < window.length; k++) out[r * columns + c] += window[k] * across[(r + k) * columns + c]
    return out
  }
}

/**
 * Distance of each pair of feature vectors, each scaled to length 1: a stand-in for LPIPS (Zhang et al. 2018) with the
 * features of any classifier. Between 0 and 2.
 * @param p `[n, d]`
 * @param q `[n, d]`
 */
export function featureDistance(p: Tensor, q: Tensor): Float64Array {
  const size = checkPairs(p, q)
  return perRow(p, (row) => {
    const dot = (a: Tensor, b: Tensor) => {
      let sum = 0
      for (let i = row * size; i < (row + 1) * size; i++) sum += a.data[i] * b.data[i]
      return sum
    }
    const lengths = Math.sqrt(dot(p, p) * dot(q, q))
    // Features of length 0 have no direction: they differ from nothing else than such a vector.
    if (lengths === 0) return dot(p, p) === dot(q, q) ? 0 : Math.SQRT2
    return Math.sqrt(Math.max(0, 2 - (2 * dot(p, q)) / lengths))
  })
}

export interface MagnitudeScoreOptions {
  /** Mean of the data, one per channel. */
  readonly means: ArrayLike<number>
  /** Standard deviation of the data, one per channel. */
  readonly stds: ArrayLike<number>
  /** Side of the pooling window. Default 4. */
  readonly pool?: number
  /** Standard deviations from the mean below which a value counts as ordinary. Default 3. */
  readonly threshold?: number
}

/**
 * Magnitude score (Wizadwongsa et al. 2024, "Diffusion sampling with momentum", section 5.1), for any images: how much
 * of an image is blobs of values that data never takes. Values are standardised per channel, the largest size over
 * channels and over pooling windows is taken, what is below the threshold counts 0, and the rest is averaged.
 * Real data has about 0.
 * @param images `[n, channels, height, width]`
 * @returns one per image
 */
export function magnitudeScore(images: Tensor, options: MagnitudeScoreOptions): Float64Array {
  const { means, stds, pool = 4, threshold = 3 } = options
  const [, channels, height, width] = images.shape
  if (images.shape.length !== 4 || !(pool >= 1 && pool <= Math.min(height, width)))
    throw new Error(
      `magnitudeScore pools ${pool}x${pool} of images [n, channels, height, width], got [${images.shape}]`,
    )
  if (means.length !== channels || stds.length !== channels)
    throw new Error(`images of ${channels} channels need as many means and stds, got ${means.length}, ${stds.length}`)
  const [rows, columns] = [Math.floor(height / pool), Math.floor(width / pool)]
  return perRow(images, (image) => {
    const largest = new Float64Array(rows * columns)
    for (let c = 0; c < channels; c++) {
      for (let r = 0; r < rows * pool; r++) {
        const at = ((image * channels + c) * height + r) * width
        for (let k = 0; k < columns * pool; k++) {
          const cell = Math.floor(r / pool) * columns + Math.floor(k / pool)
          largest[cell] = Math.max(largest[cell], Math.abs((images.data[at + k] - means[c]) / stds[c]))
        }
      }
    }
    return largest.reduce((sum, value) => sum + (value >= threshold ? value : 0), 0) / largest.length
  })
}

function perRow({ shape }: Tensor, of: (row: number) => number): Float64Array {
  return Float64Array.from({ length: shape[0] }, (_, row) => of(row))
}

function squaredDistance(p: Tensor, q: Tensor, row: number, size: number): number {
  let sum = 0
  for (let i = row * size; i < (row + 1) * size; i++) sum += (p.data[i] - q.data[i]) ** 2
  return sum
}

/** Elements per row. @throws unless the shapes are equal */
function checkPairs(p: Tensor, q: Tensor): number {
  if (`${p.shape}` !== `${q.shape}`)
    throw new Error(`pairs of samples are compared row by row, got shapes [${p.shape}] and [${q.shape}]`)
  return rowSize(p)
}

function checkRange(range: number): void {
  if (!(range > 0 && range < Infinity))
    throw new Error(`the range of values must be positive, such as 2 for [-1, 1], got ${range}`)
}
