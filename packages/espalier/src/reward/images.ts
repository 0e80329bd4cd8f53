import type { Tensor } from '../tensor/tensor.ts'
import { formulaReward } from './formula.ts'
import type { DifferentiableReward } from './reward.ts'

/** Rewards of images `[channels, height, width]`, all on the scale where black is 0 and white is 1. */

export interface ImageOptions {
  /** Values of black and white, from the model card. Default [-1, 1]. */
  readonly valueRange?: readonly [number, number]
}

/** A part of the picture, in shares of its width and height: 0 is left and top, 1 is right and bottom. */
export interface Region {
  readonly left?: number
  readonly top?: number
  readonly right?: number
  readonly bottom?: number
}

export interface InkOptions extends ImageOptions {
  /** Where ink is counted: pixels whose centre lies within. Default: everywhere. */
  readonly region?: Region
  /** The wanted share of ink, 0 to 1: the reward is then `-|ink - target|`. Default: as much as possible. */
  readonly target?: number
  /** Whether the ink is black on white. Default false, as in MNIST: white on black. */
  readonly dark?: boolean
}

/** Mean over all values. Not clipped: what lies beyond white counts for more. The gradient is constant. */
export function brightness(options: ImageOptions = {}): DifferentiableReward<Tensor> {
  const { low, span } = scaleOf(options)
  return formulaReward({
    name: 'brightness',
    value(image) {
      sizes(image)
      const { data } = image
      let sum = 0
      for (let i = 0; i < data.length; i++) sum += data[i]
      return (sum / data.length - low) / span
    },
    gradient: ({ data }, out) => out.fill(1 / (data.length * span)),
  })
}

/**
 * The share of a region that ink covers, grey pixels in part: the mean of its values, clipped to [0, 1]; or minus the
 * distance of that share to a target. The gradient is 0 at clipped pixels.
 *
 * @throws Error where the region or the target is none, or (at evaluation) the region holds no pixel of an image
 */
export function ink(options: InkOptions = {}): DifferentiableReward<Tensor> {
  const { low, span } = scaleOf(options)
  const { target, dark = false } = options
  const region = regionOf(options.region)
  if (target !== undefined && !(target >= 0 && target <= 1)) {
    throw new Error(`the target of ink is ${target}, expected a share from 0 to 1`)
  }
  const share = (value: number) => (dark ? 1 - (value - low) / span : (value - low) / span)
  const amount = (image: Tensor): { mean: number; count: number } => {
    let sum = 0
    let count = 0
    eachPixel(image, region, (i) => {
      sum += Math.min(1, Math.max(0, share(image.data[i])))
      count++
    })
    if (count === 0) throw new Error(`the region of ink holds no pixel of an image [${image.shape}]`)
    return { mean: sum / count, count }
  }
  return formulaReward({
    name: target === undefined ? 'ink' : `ink near ${target}`,
    value(image) {
      const { mean } = amount(image)
      return target === undefined ? mean : -Math.abs(mean - target)
    },
    gradient(image, out) {
      const { mean, count } = amount(image)
      const outer = target === undefined ? 1 : Math.sign(target - mean)
      const slope = (outer * (dark ? -1 : 1)) / (count * span)
      eachPixel(image, region, (i) => {
        const value = share(image.data[i])
        if (value >= 0 && value <= 1) out[i] = slope
      })
    },
  })
}

/** Minus the mean squared difference between the image and its mirror image, left for right; 0 is symmetric. */
export function symmetry(options: ImageOptions = {}): DifferentiableReward<Tensor> {
  const { span } = scaleOf(options)
  return formulaReward({
    name: 'symmetry',
    value(image) {
      const { data } = image
      let sum = 0
      eachMirrored(image, (i, mirrored) => {
        sum += (data[i] - data[mirrored]) ** 2
      })
      return -sum / (data.length * span * span)
    },
    gradient(image, out) {
      const { data } = image
      // A pair of pixels stands in the mean twice, once from each side.
      eachMirrored(image, (i, mirrored) => {
        out[i] = (-4 * (data[i] - data[mirrored])) / (data.length * span * span)
      })
    },
  })
}

/** Minus the mean squared difference between neighbours, across and down; 0 is flat. */
export function smoothness(options: ImageOptions = {}): DifferentiableReward<Tensor> {
  const { span } = scaleOf(options)
  return formulaReward({
    name: 'smoothness',
    value(image) {
      let sum = 0
      const pairs = eachNeighbour(image, (i, j) => {
        sum += (image.data[i] - image.data[j]) ** 2
      })
      return pairs === 0 ? 0 : -sum / (pairs * span * span)
    },
    gradient(image, out) {
      const pairs = eachNeighbour(image, (i, j) => {
        const difference = image.data[i] - image.data[j]
        out[i] -= 2 * difference
        out[j] += 2 * difference
      })
      for (let i = 0; i < out.length; i++) out[i] /= Math.max(1, pairs) * span * span
    },
  })
}

function scaleOf({ valueRange = [-1, 1] }: ImageOptions): { low: number; span: number } {
  const [low, high] = valueRange
  if (!(high > low && Number.isFinite(high - low))) throw new Error(`a value range is [low, high], got [${valueRange}]`)
  return { low, span: high - low }
}

function regionOf({ left = 0, top = 0, right = 1, bottom = 1 }: Region = {}): Required<Region> {
  for (const [name, from, to] of [
    ['left and right', left, right],
    ['top and bottom', top, bottom],
  ] as const) {
    if (!(from >= 0 && from < to && to <= 1)) {
      throw new Error(
        `${name} of a region are ${from} and ${to}, expected shares with 0 <= ${name.replace(' and ', ' < ')} <= 1`,
      )
    }
  }
  return { left, top, right, bottom }
}

/** @throws where a sample is no image */
function sizes({ shape, data }: Tensor): readonly [channels: number, height: number, width: number] {
  if (shape.length !== 3 || data.length === 0) {
    throw new Error(`an image [channels, height, width] is needed; given [${shape.join(', ')}]`)
  }
  return [shape[0], shape[1], shape[2]]
}

/** Visits the elements of all channels whose pixel's centre lies in the region. */
function eachPixel(image: Tensor, { left, top, right, bottom }: Required<Region>, visit: (i: number) => void): void {
  const [channels, height, width] = sizes(image)
  const first = (share: number, n: number) => Math.ceil(share * n - 0.5)
  for (let c = 0; c < channels; c++) {
    for (let y = first(top, height); y < first(bottom, height); y++) {
      for (let x = first(left, width); x < first(right, width); x++) visit((c * height + y) * width + x)
    }
  }
}

function eachMirrored(image: Tensor, visit: (i: number, mirrored: number) => void): void {
  const [channels, height, width] = sizes(image)
  for (let line = 0; line < channels * height; line++) {
    for (let x = 0; x < width; x++) visit(line * width + x, line * width + width - 1 - x)
  }
}

/** Visits each pair of neighbours once. @returns how many there are */
function eachNeighbour(image: Tensor, visit: (i: number, j: number) => void): number {
  const [channels, height, width] = sizes(image)
  for (let line = 0; line < channels * height; line++) {
    for (let x = 0; x < width; x++) {
      const i = line * width + x
      if (x + 1 < width) visit(i, i + 1)
      if ((line % height) + 1 < height) visit(i, i + width)
    }
  }
  return channels * (height * (width - 1) + width * (height - 1))
}
