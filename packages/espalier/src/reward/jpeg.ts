import type { Tensor } from '../tensor/tensor.ts'
import { jpegSize } from './jpeg-size.ts'
import type { Reward } from './reward.ts'

export interface JpegOptions {
  /** Smallest and largest value of the images, from the model card. Default [-1, 1]. */
  readonly valueRange?: readonly [number, number]
  /** JPEG quality 1 to 100. Default 95, as in Black et al. 2023. */
  readonly quality?: number
}

/** Size in bytes of an image `[1 or 3, height, width]` written as JPEG (4:4:4; values outside the range are clipped). */
export function jpegBytes(image: Tensor, options: JpegOptions = {}): number {
  const [low, high] = options.valueRange ?? [-1, 1]
  const { shape, data } = image
  const [channels, height, width] = shape
  if (shape.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw new Error(`A JPEG needs an image [1 or 3, height, width]; given [${shape.join(', ')}].`)
  }
  const pixels = height * width
  const rgb = new Uint8Array(3 * pixels)
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const value = data[i + (channels === 3 ? c * pixels : 0)]
      if (Number.isNaN(value)) throw new Error(`Pixel ${i} of the image is NaN.`)
      rgb[3 * i + c] = Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low))))
    }
  }
  return jpegSize(rgb, width, height, options.quality ?? 95)
}

/** `-bytes` of the image as JPEG: smooth pictures (the "compressibility" of Black et al. 2023, in bytes). */
export const compressibility = (options?: JpegOptions): Reward<Tensor> => ({
  name: 'compressibility',
  evaluate: async (images) => images.map((image) => -jpegBytes(image, options)),
})

/** `+bytes` of the image as JPEG: busy pictures. */
export const incompressibility = (options?: JpegOptions): Reward<Tensor> => ({
  name: 'incompressibility',
  evaluate: async (images) => images.map((image) => jpegBytes(image, options)),
})
