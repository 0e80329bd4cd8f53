import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { fashionData, readFashion } from '@espalier/zoo'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'

const root = mkdtempSync(join(tmpdir(), 'espalier-fashion-'))
afterAll(() => rmSync(root, { recursive: true }))
afterEach(() => void vi.unstubAllEnvs())

/** An IDX file of bytes `0, 7, 14, ...`. */
function idx(...shape: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length)
  header.writeUInt32BE(0x0800 + shape.length)
  shape.forEach((n, i) => void header.writeUInt32BE(n, 4 + 4 * i))
  const size = shape.reduce((a, n) => a * n, 1)
  return Buffer.concat([header, Buffer.from(Array.from({ length: size }, (_, i) => (7 * i) % 256))])
}

let folders = 0
function folderWith(images: Buffer, labels: Buffer, ending = '.gz'): string {
  const folder = join(root, String(folders++))
  mkdirSync(folder)
  writeFileSync(join(folder, `t10k-images-idx3-ubyte${ending}`), images)
  writeFileSync(join(folder, `t10k-labels-idx1-ubyte${ending}`), labels)
  return folder
}

describe('Fashion-MNIST', () => {
  it('is read from gzipped IDX files, in a folder that is given or named in the environment', () => {
    const folder = folderWith(gzipSync(idx(3, 4, 5)), gzipSync(idx(3)))
    const set = readFashion('test', folder)
    expect(set).toMatchObject({ count: 3, height: 4, width: 5 })
    expect([...set.pixels]).toEqual(Array.from({ length: 60 }, (_, i) => (7 * i) % 256))
    expect([...set.labels]).toEqual([0, 7, 14])
    vi.stubEnv('ESPALIER_FASHION_MNIST', folder)
    expect(readFashion('test')).toEqual(set)
    expect(fashionData.read('test')).toEqual(set)
  })

  it('is read unpacked too', () => {
    expect(readFashion('test', folderWith(idx(2, 3, 3), idx(2), '')).count).toBe(2)
  })

  it('says what to install where it is absent', () => {
    vi.stubEnv('ESPALIER_FASHION_MNIST', join(root, 'nowhere'))
    expect(() => readFashion('train')).toThrow(
      /^Fashion-MNIST is not installed: there is no .*nowhere.train-images-idx3-ubyte\[\.gz\]; run "apt-get install dataset-fashion-mnist"/,
    )
  })

  it.each([
    ['not gzip', idx(2, 3, 3), gzipSync(idx(2))],
    ['a wrong magic number', gzipSync(idx(2, 3)), gzipSync(idx(2))],
    ['too few bytes', gzipSync(idx(2, 3, 3).subarray(0, 20)), gzipSync(idx(2))],
    ['no header', gzipSync(Buffer.from([0, 0])), gzipSync(idx(2))],
    ['fewer labels than images', gzipSync(idx(2, 3, 3)), gzipSync(idx(1))],
  ])('says that it is damaged: %s', (_, images, labels) => {
    expect(() => readFashion('test', folderWith(images, labels))).toThrow(/^Fashion-MNIST is damaged: .*; run "apt-get/)
  })
})
