import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type { LabelledImages } from './images.ts'

/** Something is missing on this machine; the message says how to get it. */
export class NotInstalledError extends Error {
  override readonly name = 'NotInstalledError'
}

/**
 * One part of a data set in the four files of MNIST: `{train,t10k}-{images-idx3,labels-idx1}-ubyte`, each as it is or
 * with `.gz`.
 *
 * @param what how errors name the data set, with what to install
 * @throws Error when a file is absent or damaged
 */
export function readImages(
  folder: string,
  part: 'train' | 'test',
  what: { readonly name: string; readonly install: string },
): LabelledImages {
  const stem = part === 'train' ? 'train' : 't10k'
  const read = (file: string, rank: number) => {
    const path = [file, `${file}.gz`].map((name) => join(folder, name)).find(existsSync)
    if (!path) {
      throw new NotInstalledError(
        `${what.name} is not installed: there is no ${join(folder, file)}[.gz]; ${what.install}`,
      )
    }
    try {
      return readIdx(path, rank)
    } catch (error) {
      throw new Error(`${what.name} is damaged: ${(error as Error).message}; ${what.install}`)
    }
  }
  const images = read(`${stem}-images-idx3-ubyte`, 3)
  const labels = read(`${stem}-labels-idx1-ubyte`, 1)
  const [count, height, width] = images.shape
  if (labels.shape[0] !== count)
    throw new Error(`${what.name} is damaged: ${count} images, ${labels.shape[0]} labels; ${what.install}`)
  return { count, height, width, pixels: images.data, labels: labels.data }
}

/** An IDX file of bytes, gzipped or not: magic `00 00 08 rank`, the sizes as big-endian 32-bit numbers, the data. */
function readIdx(path: string, rank: number): { readonly shape: readonly number[]; readonly data: Uint8Array } {
  const file = readFileSync(path)
  const bytes = path.endsWith('.gz') ? gunzipSync(file) : file
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const header = 4 + 4 * rank
  const broken = () => new Error(`${path} is not an IDX file of bytes with ${rank} axes`)
  if (bytes.length < header || view.getUint32(0) !== 0x0800 + rank) throw broken()
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const data = bytes.subarray(header)
  if (data.length !== shape.reduce((a, d) => a * d, 1)) throw broken()
  return { shape, data }
}
