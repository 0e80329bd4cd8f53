import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { fashionData, heldOut, readFashion } from '@espalier/zoo'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { idx } from './support/idx.ts'

const root = mkdtempSync(join(tmpdir(), 'espalier-fashion-'))
afterAll(() => rmSync(root, { recursive: true }))
afterEach(() => void vi.unstubAllEnvs())

/** Bytes `0, 7, 14, ...`. */
const sevens = (...shape: number[]) => idx(shape, (i) => 7 * i)

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
    const folder = folderWith(gzipSync(sevens(3, 4, 5)), gzipSync(sevens(3)))
    const set = readFashion('test', folder)
    expect(set).toMatchObject({ count: 3, height: 4, width: 5 })
    expect([...set.pixels]).toEqual(Array.from({ length: 60 }, (_, i) => (7 * i) % 256))
    expect([...set.labels]).toEqual([0, 7, 14])
    vi.stubEnv('ESPALIER_FASHION_MNIST', folder)
    expect(readFashion('test')).toEqual(set)
    expect(fashionData.read('test')).toEqual(set)
  })

  it('is read unpacked too', () => {
    expect(readFashion('test', folderWith(sevens(2, 3, 3), sevens(2), '')).count).toBe(2)
  })

  it('has test images to choose with and others to measure with', () => {
    vi.stubEnv('ESPALIER_FASHION_MNIST', folderWith(gzipSync(sevens(2003, 1, 2)), gzipSync(sevens(2003))))
    const all = fashionData.read('test')
    const { choose, measure } = heldOut(fashionData)
    expect([choose.count, measure.count]).toEqual([2000, 3])
    expect(Buffer.concat([choose.pixels, measure.pixels])).toEqual(Buffer.from(all.pixels))
    expect(Buffer.concat([choose.labels, measure.labels])).toEqual(Buffer.from(all.labels))
  })

  it('says what to install where it is absent', () => {
    vi.stubEnv('ESPALIER_FASHION_MNIST', join(root, 'nowhere'))
    expect(() => readFashion('train')).toThrow(
      /^Fashion-MNIST is not installed: there is no .*nowhere.train-images-idx3-ubyte\[\.gz\]; run "apt-get install dataset-fashion-mnist"/,
    )
  })

  it.each([
    ['not gzip', sevens(2, 3, 3), gzipSync(sevens(2))],
    ['a wrong magic number', gzipSync(sevens(2, 3)), gzipSync(sevens(2))],
    ['too few bytes', gzipSync(sevens(2, 3, 3).subarray(0, 20)), gzipSync(sevens(2))],
    ['no header', gzipSync(Buffer.from([0, 0])), gzipSync(sevens(2))],
    ['fewer labels than images', gzipSync(sevens(2, 3, 3)), gzipSync(sevens(1))],
  ])('says that it is damaged: %s', (_, images, labels) => {
    expect(() => readFashion('test', folderWith(images, labels))).toThrow(/^Fashion-MNIST is damaged: .*; run "apt-get/)
  })
})
