import type { Tensor } from 'espalier/tensor'

/** Grey images with labels. Pixels are bytes, row-major, 0 is the background. */
export interface LabelledImages {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly pixels: Uint8Array
  readonly labels: Uint8Array
}

/** Writes an image with values from [-1, 1]: -1 is the background. */
export function writeImage(images: LabelledImages, index: number, out: Float32Array, offset: number): void {
  const size = images.height * images.width
  for (let i = 0; i < size; i++) out[offset + i] = images.pixels[index * size + i] / 127.5 - 1
}

/** Images as one tensor `[count, 1, height, width]` with values from [-1, 1]. */
export function imagesTensor(images: LabelledImages, from = 0, to = images.count): Tensor {
  const size = images.height * images.width
  const data = new Float32Array((to - from) * size)
  for (let i = from; i < to; i++) writeImage(images, i, data, (i - from) * size)
  return { shape: [to - from, 1, images.height, images.width], data }
}

/** Labels as rows of 0 and 1; a label outside the classes gives a row of zeros. */
export function oneHot(labels: ArrayLike<number>, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes)
  for (let i = 0; i < labels.length; i++) if (labels[i] >= 0 && labels[i] < classes) out[i * classes + labels[i]] = 1
  return out
}

/** The images from one index up to another, which share their memory with the set. */
export function slice(images: LabelledImages, from: number, to: number): LabelledImages {
  const { height, width, pixels, labels } = images
  const size = height * width
  return {
    count: to - from,
    height,
    width,
    pixels: pixels.subarray(from * size, to * size),
    labels: labels.subarray(from, to),
  }
}
