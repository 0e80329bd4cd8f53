import { type Key, normal, purpose, type Tensor, uniform } from 'espalier/tensor'

/** A degradation as JSON: what the cards of the restoration networks say they were trained on. */
export type DegradationSpecification =
  | { readonly type: 'blur'; readonly sigma: number }
  | { readonly type: 'down-up'; readonly factor: number; readonly noise?: number }
  | { readonly type: 'mask'; readonly share: number }

/**
 * What happened to a picture: degraded images of the same shape `[n, c, h, w]`, values in [-1, 1] before the noise.
 * Row i draws from `keys[i]` alone, so it comes out the same in every batch.
 */
export type Degradation = (images: Tensor, keys: readonly Key[]) => Tensor

/** A linear map of one axis, row-major `[to, from]`, float64. */
export interface AxisMap {
  readonly to: number
  readonly from: number
  readonly weights: Float64Array
}

/** Fills a map of one axis: `write(i, add)` calls `add(j, w)` for each weight of output i. */
function axisMap(to: number, from: number, write: (i: number, add: (j: number, w: number) => void) => void): AxisMap {
  const weights = new Float64Array(to * from)
  for (let i = 0; i < to; i++) {
    write(i, (j, w) => {
      weights[i * from + j] += w
    })
  }
  return { to, from, weights }
}

const clamp = (j: number, n: number) => Math.min(n - 1, Math.max(0, j))

/**
 * Gaussian blur of one axis: weights `exp(-d^2 / (2 sigma^2))` out to 4 sigma, to sum one; the edge pixel is repeated
 * outside.
 */
export function gaussianMap(n: number, sigma: number): AxisMap {
  if (!(sigma > 0 && sigma < Infinity)) throw new Error(`a blur needs sigma > 0 pixels, got ${sigma}`)
  const reach = Math.ceil(4 * sigma)
  const kernel = Array.from({ length: 2 * reach + 1 }, (_, k) => Math.exp(-((k - reach) ** 2) / (2 * sigma * sigma)))
  const sum = kernel.reduce((total, w) => total + w, 0)
  return axisMap(n, n, (i, add) => {
    kernel.forEach((w, k) => void add(clamp(i + k - reach, n), w / sum))
  })
}

/** Means of blocks of `factor` values: `n` to `n / factor`. */
export function areaDownMap(n: number, factor: number): AxisMap {
  checkFactor(n, factor)
  return axisMap(n / factor, n, (i, add) => {
    for (let k = 0; k < factor; k++) add(i * factor + k, 1 / factor)
  })
}

/**
 * Bicubic interpolation: `n` values to `n factor`, with half-pixel centres and the cubic convolution kernel of Keys
 * (1981, "Cubic convolution interpolation for digital image processing", eq. 15; a = -1/2), which is exact on
 * quadratics. The edge value is repeated outside.
 */
export function bicubicUpMap(n: number, factor: number): AxisMap {
  checkFactor(n * factor, factor)
  return axisMap(n * factor, n, (i, add) => {
    const at = (i + 0.5) / factor - 0.5
    const left = Math.floor(at)
    for (let j = left - 1; j <= left + 2; j++) add(clamp(j, n), keys(Math.abs(at - j)))
  })
}

/** Keys' kernel at a distance. */
function keys(d: number): number {
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0
}

function checkFactor(n: number, factor: number): void {
  if (!(Number.isInteger(factor) && factor >= 1 && n % factor === 0))
    throw new Error(`${n} pixels cannot be made smaller by ${factor}: give a whole factor that divides them`)
}

/** Maps both axes of images `[n, c, h, w]`, rows with the first map, columns with the second. */
export function resample({ shape, data }: Tensor, rows: AxisMap, columns: AxisMap): Tensor {
  const [n, c, h, w] = shape
  if (shape.length !== 4 || h !== rows.from || w !== columns.from)
    throw new Error(`images of shape [${shape}] do not fit maps of ${rows.from}x${columns.from} pixels`)
  const out = new Float32Array(n * c * rows.to * columns.to)
  const half = new Float64Array(h * columns.to)
  const across = nonZero(columns)
  const down = nonZero(rows)
  for (let image = 0; image < n * c; image++) {
    for (let y = 0; y < h; y++) {
      for (let i = 0; i < columns.to; i++) {
        let sum = 0
        for (let j = across.first[i]; j < across.last[i]; j++)
          sum += columns.weights[i * w + j] * data[(image * h + y) * w + j]
        half[y * columns.to + i] = sum
      }
    }
    for (let i = 0; i < rows.to; i++) {
      for (let x = 0; x < columns.to; x++) {
        let sum = 0
        for (let j = down.first[i]; j < down.last[i]; j++) sum += rows.weights[i * h + j] * half[j * columns.to + x]
        out[(image * rows.to + i) * columns.to + x] = sum
      }
    }
  }
  return { shape: [n, c, rows.to, columns.to], data: out }
}

/** The range of the weights that are not zero, for each output: the maps are bands. */
function nonZero({ to, from, weights }: AxisMap): { readonly first: Int32Array; readonly last: Int32Array } {
  const first = new Int32Array(to)
  const last = new Int32Array(to)
  for (let i = 0; i < to; i++) {
    const row = weights.subarray(i * from, (i + 1) * from)
    first[i] = row.findIndex((w) => w !== 0)
    last[i] = row.findLastIndex((w) => w !== 0) + 1
  }
  return { first, last }
}

/** The degradation that a JSON value describes. */
export function degradation(spec: DegradationSpecification): Degradation {
  switch (spec.type) {
    case 'blur':
      return blur(spec.sigma)
    case 'down-up':
      return downUp(spec.factor, spec)
    case 'mask':
      return mask(spec.share)
    default:
      throw new Error(`there is no degradation ${JSON.stringify(spec)}; there are blur, down-up, mask`)
  }
}

/** Gaussian blur; sigma in pixels. Draws nothing. */
export function blur(sigma: number): Degradation {
  return (images) => {
    const [, , h, w] = images.shape
    return resample(images, gaussianMap(h, sigma), gaussianMap(w, sigma))
  }
}

/**
 * Down-sampling by area means, noise of standard deviation `noise` on the small image (default 0), and bicubic
 * interpolation back to the size it had: the low-resolution image as a super-resolution network is given it.
 */
export function downUp(factor: number, { noise = 0 }: { readonly noise?: number } = {}): Degradation {
  if (!(noise >= 0 && noise < Infinity)) throw new Error(`downUp needs noise >= 0, got ${noise}`)
  return (images, rows) => {
    const [, , h, w] = images.shape
    const small = resample(images, areaDownMap(h, factor), areaDownMap(w, factor))
    if (noise > 0) {
      const size = small.data.length / rows.length
      const draws = new Float32Array(size)
      rows.forEach((row, i) => {
        normal(purpose(row, 'noise'), draws)
        for (let j = 0; j < size; j++) small.data[i * size + j] += noise * draws[j]
      })
    }
    return resample(small, bicubicUpMap(h / factor, factor), bicubicUpMap(w / factor, factor))
  }
}

/** Loses each pixel with probability `share`, to `value` (default 0, the grey that no byte image has). */
export function mask(share: number, value = 0): Degradation {
  if (!(share >= 0 && share <= 1)) throw new Error(`mask needs a share from 0 to 1, got ${share}`)
  return ({ shape, data }, rows) => {
    const [, c, h, w] = shape
    const out = Float32Array.from(data)
    const draws = new Float32Array(h * w)
    rows.forEach((row, i) => {
      uniform(purpose(row, 'mask'), draws)
      for (let k = 0; k < c * h * w; k++) if (draws[k % (h * w)] < share) out[i * c * h * w + k] = value
    })
    return { shape, data: out }
  }
}

/** Each row meets one of several degradations, evenly drawn from its key. */
export function oneOf(degradations: readonly Degradation[]): Degradation {
  return (images, rows) => {
    const event = images.shape.slice(1)
    const size = event.reduce((product, n) => product * n, 1)
    const out = new Float32Array(images.data.length)
    const u = new Float64Array(1)
    rows.forEach((row, i) => {
      uniform(purpose(row, 'choice'), u)
      const image = { shape: [1, ...event], data: images.data.subarray(i * size, (i + 1) * size) }
      out.set(degradations[Math.floor(u[0] * degradations.length)](image, [row]).data, i * size)
    })
    return { shape: images.shape, data: out }
  }
}
