import encode, { init } from '@jsquash/jpeg/encode.js'
import type { Tensor } from '../tensor/tensor.ts'
import type { Reward } from './reward.ts'

export interface JpegOptions {
  /** Smallest and largest value of the images, from the model card. Default [-1, 1]. */
  readonly valueRange?: readonly [number, number]
  /** JPEG quality 1 to 100. Default 95, as in Black et al. 2023. */
  readonly quality?: number
  /** The encoder's WebAssembly file. Needed in Node (`jpegCodec()` of `espalier/node`); a browser fetches its own. */
  readonly codec?: Uint8Array
}

let ready: Promise<void> | undefined

/**
 * Size in bytes of an image `[1 or 3, height, width]` written as a baseline JPEG by MozJPEG (4:4:4, or grey for one
 * channel; Huffman tables made for the image; values outside the range are clipped).
 * @throws Error where the shape is another or a pixel is NaN
 */
export async function jpegBytes(image: Tensor, options: JpegOptions = {}): Promise<number> {
  const [low, high] = options.valueRange ?? [-1, 1]
  const { shape, data } = image
  const [channels, height, width] = shape
  if (shape.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw new Error(`A JPEG needs an image [1 or 3, height, width]; given [${shape.join(', ')}].`)
  }
  const pixels = height * width
  const rgba = new Uint8ClampedArray(4 * pixels).fill(255)
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) {
      const value = data[i + (channels === 3 ? c * pixels : 0)]
      if (Number.isNaN(value)) throw new Error(`Pixel ${i} of the image is NaN.`)
      rgba[4 * i + c] = Math.round((255 * (value - low)) / (high - low))
    }
  }
  if (options.codec) ready ??= init({ wasmBinary: options.codec })
  await ready
  const file = await encode(
    { data: rgba, width, height, colorSpace: 'srgb' },
    {
      quality: options.quality ?? 95,
      baseline: true,
      progressive: false,
      color_space: channels === 1 ? GREY : YCBCR,
      auto_subsample: false,
      chroma_subsample: 1,
    },
  )
  return file.byteLength
}

// The encoder's numbers of colour spaces.
const GREY = 1
const YCBCR = 3

/** `-bytes` of the image as JPEG: smooth pictures (the "compressibility" of Black et al. 2023, in bytes). */
export const compressibility = (options?: JpegOptions): Reward<Tensor> => ({
  name: 'compressibility',
  evaluate: async (images) => (await sizes(images, options)).map((size) => -size),
})

/** `+bytes` of the image as JPEG: busy pictures. */
export const incompressibility = (options?: JpegOptions): Reward<Tensor> => ({
  name: 'incompressibility',
  evaluate: (images) => sizes(images, options),
})

const sizes = (images: readonly Tensor[], options?: JpegOptions): Promise<number[]> =>
  Promise.all(images.map((image) => jpegBytes(image, options)))
