import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** An IDX file of bytes. */
export function idx(shape: readonly number[], value: (i: number) => number): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.writeUInt32BE(0x0800 + shape.length)
  shape.forEach((n, i) => void header.writeUInt32BE(n, 4 + 4 * i))
  const size = shape.reduce((a, n) => a * n, 1)
  return Buffer.concat([header, Buffer.from(Array.from({ length: size }, (_, i) => value(i) % 256))])
}

/** A temporary folder with a small stand-in for Fashion-MNIST: 40 training and 40 test images of 28x28. */
export function smallFashion(): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-fashion-'))
  for (const stem of ['train', 't10k']) {
    const images = idx([40, 28, 28], (i) => 37 * (i % 784) + 11 * Math.floor(i / 784) * ((i % 28) + 1))
    writeFileSync(join(folder, `${stem}-images-idx3-ubyte.gz`), gzipSync(images))
    writeFileSync(join(folder, `${stem}-labels-idx1-ubyte.gz`), gzipSync(idx([40], (i) => i % 10)))
  }
  return folder
}
