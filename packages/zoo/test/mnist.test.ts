import { Epochs, oneHot, readMnist, writeAugmented, writeImage } from '@espalier/zoo'
import { key, stream } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const train = readMnist('train')
const test = readMnist('test')

describe('MNIST', () => {
  it('is read whole: the published counts and first labels', () => {
    expect([train.count, train.height, train.width]).toEqual([60_000, 28, 28])
    expect([test.count, test.height, test.width]).toEqual([10_000, 28, 28])
    expect([...train.labels.slice(0, 10)]).toEqual([5, 0, 4, 1, 9, 2, 1, 3, 1, 4])
    expect([...test.labels.slice(0, 5)]).toEqual([7, 2, 1, 0, 4])
    const counts = new Array<number>(10).fill(0)
    for (const label of train.labels) counts[label]++
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949])
  })

  it('has the published mean and deviation of its pixels', () => {
    const { pixels } = train
    let [sum, squares] = [0, 0]
    for (let i = 0; i < pixels.length; i++) {
      sum += pixels[i] / 255
      squares += (pixels[i] / 255) ** 2
    }
    const mean = sum / pixels.length
    expect(mean).toBeCloseTo(0.1307, 4)
    expect(Math.sqrt(squares / pixels.length - mean ** 2)).toBeCloseTo(0.3081, 4)
  })

  it('is written as values from -1 to 1, at the place that is asked for', () => {
    const out = new Float32Array(2 * 784).fill(9)
    writeImage(train, 3, out, 784)
    expect(out.slice(0, 784).every((v) => v === 9)).toBe(true)
    const values = out.slice(784)
    expect(Math.min(...values)).toBe(-1)
    expect(Math.max(...values)).toBe(1)
    expect(values.map((v) => Math.round((v + 1) * 127.5))).toEqual(
      Float32Array.from(train.pixels.slice(3 * 784, 4 * 784)),
    )
  })

  it('labels become rows of 0 and 1, and no class a row of zeros', () => {
    expect([...oneHot([2, -1, 0], 3)]).toEqual([0, 0, 1, 0, 0, 0, 1, 0, 0])
  })
})

describe('epochs', () => {
  it('visit every index once, each in an order of its own, wherever one starts', () => {
    const epochs = new Epochs(50, key(4))
    const order = (epoch: number) => Array.from({ length: 50 }, (_, i) => epochs.index(epoch * 50 + i))
    const [first, second] = [order(0), order(1)]
    for (const visited of [first, second])
      expect([...visited].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i))
    expect(second).not.toEqual(first)
    const resumed = new Epochs(50, key(4))
    expect(resumed.index(73)).toBe(second[23])
    expect(resumed.index(10)).toBe(first[10])
  })
})

describe('augmentation', () => {
  const augmented = (shift: number, rotation: number, scale: number, seed: number) => {
    const out = new Float32Array(784)
    writeAugmented(train, 0, { shift, rotation, scale }, stream(key(seed)), out, 0)
    return out
  }
  const plain = new Float32Array(784)
  writeImage(train, 0, plain, 0)

  it('of nothing is the image', () => {
    augmented(0, 0, 0, 1).forEach((value, i) => {
      expect(value).toBeCloseTo(plain[i], 5)
    })
  })

  it('moves the centre of the ink by less than the largest shift, and keeps the amount of ink', () => {
    const ink = (image: Float32Array) => {
      let [total, x, y] = [0, 0, 0]
      image.forEach((value, i) => {
        total += value + 1
        x += (value + 1) * (i % 28)
        y += (value + 1) * Math.floor(i / 28)
      })
      return { total, x: x / total, y: y / total }
    }
    const was = ink(plain)
    const moves = Array.from({ length: 40 }, (_, seed) => ink(augmented(2, 0, 0, seed)))
    for (const { total, x, y } of moves) {
      expect(total / was.total).toBeCloseTo(1, 2)
      expect(Math.abs(x - was.x)).toBeLessThan(2.01)
      expect(Math.abs(y - was.y)).toBeLessThan(2.01)
    }
    expect(Math.max(...moves.map(({ x }) => x - was.x))).toBeGreaterThan(1)
    expect(Math.min(...moves.map(({ x }) => x - was.x))).toBeLessThan(-1)
  })
})
