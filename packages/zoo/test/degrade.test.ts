import {
  type AxisMap,
  areaDownMap,
  bicubicUpMap,
  blur,
  degradation,
  downUp,
  gaussianMap,
  mask,
  oneOf,
  resample,
} from '@espalier/zoo'
import { fold, key, normal, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const apply = ({ to, from, weights }: AxisMap, x: ArrayLike<number>) =>
  Array.from({ length: to }, (_, i) => {
    let sum = 0
    for (let j = 0; j < from; j++) sum += weights[i * from + j] * x[j]
    return sum
  })

const rowsOf = (n: number, seed = 1) => Array.from({ length: n }, (_, i) => fold(key(seed), i))

function images(n: number, size = 28): Tensor {
  const data = new Float32Array(n * size * size)
  normal(key(9), data)
  return { shape: [n, 1, size, size], data: data.map((v) => Math.tanh(v)) }
}

/** The rows of a batch. */
const rowData = ({ data, shape }: Tensor, i: number) => {
  const size = data.length / shape[0]
  return data.slice(i * size, (i + 1) * size)
}

describe('maps of one axis', () => {
  it.each([
    ['blur', gaussianMap(12, 1.5)],
    ['area', areaDownMap(12, 4)],
    ['bicubic', bicubicUpMap(7, 4)],
  ])('%s keeps constants: every row sums to one', (_, map) => {
    for (const value of apply(map, new Float64Array(map.from).fill(1))) expect(value).toBeCloseTo(1, 12)
  })

  it('area: means of blocks', () => {
    expect(apply(areaDownMap(6, 3), [1, 2, 6, -1, 0, 4])).toEqual([3, 1].map((v) => expect.closeTo(v, 12)))
  })

  it('blur: the variance of a point grows by sigma squared, and its weight stays one', () => {
    const point = new Float64Array(41)
    point[20] = 1
    const spread = apply(gaussianMap(41, 1.5), point)
    const sum = spread.reduce((total, w) => total + w, 0)
    const variance = spread.reduce((total, w, i) => total + w * (i - 20) ** 2, 0)
    expect(sum).toBeCloseTo(1, 12)
    // The tail beyond 4 sigma is cut off: 1e-3 of the variance.
    expect(variance / 1.5 ** 2).toBeCloseTo(1, 2)
    expect(spread[21] / spread[20]).toBeCloseTo(Math.exp(-1 / (2 * 1.5 ** 2)), 12)
  })

  it('bicubic: exact on quadratics away from the edge, at half-pixel centres', () => {
    const n = 9
    const quadratic = (x: number) => 0.3 * x * x - 1.1 * x + 2
    const up = apply(
      bicubicUpMap(n, 4),
      Array.from({ length: n }, (_, i) => quadratic(i + 0.5)),
    )
    for (let i = 8; i < 4 * n - 8; i++) expect(up[i]).toBeCloseTo(quadratic((i + 0.5) / 4), 10)
  })

  it('bicubic by 1 is the identity, and the weights at a quarter are those of the kernel of Keys', () => {
    expect(apply(bicubicUpMap(5, 1), [3, 1, 4, 1, 5])).toEqual([3, 1, 4, 1, 5].map((v) => expect.closeTo(v, 12)))
    const { weights } = bicubicUpMap(7, 2)
    // Output 7 sits at 3.25: distances 1.25, 0.25, 0.75, 1.75.
    const expected = [-9, 111, 29, -3].map((v) => v / 128)
    expect([...weights.subarray(7 * 7 + 2, 7 * 7 + 6)]).toEqual(expected.map((v) => expect.closeTo(v, 12)))
  })

  it('refuse what they cannot do', () => {
    expect(() => gaussianMap(28, 0)).toThrow('a blur needs sigma > 0 pixels, got 0')
    expect(() => areaDownMap(28, 3)).toThrow('28 pixels cannot be made smaller by 3')
    expect(() => resample(images(1), areaDownMap(14, 2), areaDownMap(28, 2))).toThrow('do not fit maps of 14x28')
  })
})

describe('degradations', () => {
  it('resample is the product with both maps', () => {
    const x = images(2, 8)
    const rows = areaDownMap(8, 4)
    const columns = gaussianMap(8, 1)
    const y = resample(x, rows, columns)
    expect(y.shape).toEqual([2, 1, 2, 8])
    for (let image = 0; image < 2; image++)
      for (let i = 0; i < 2; i++)
        for (let j = 0; j < 8; j++) {
          let sum = 0
          for (let p = 0; p < 8; p++)
            for (let q = 0; q < 8; q++)
              sum += rows.weights[i * 8 + p] * columns.weights[j * 8 + q] * x.data[(image * 8 + p) * 8 + q]
          expect(y.data[(image * 2 + i) * 8 + j]).toBeCloseTo(sum, 6)
        }
  })

  it('down-up without noise, down again, is the small image: nothing that it knew is lost', () => {
    const x = images(3)
    const down = (t: Tensor) => resample(t, areaDownMap(28, 4), areaDownMap(28, 4))
    const coarse = downUp(4)(x, rowsOf(3))
    expect(coarse.shape).toEqual(x.shape)
    const constant = { shape: [1, 1, 28, 28], data: new Float32Array(784).fill(-0.7) }
    for (const value of downUp(4)(constant, rowsOf(1)).data) expect(value).toBeCloseTo(-0.7, 6)
    // Bicubic interpolation does not keep block means exactly, but nearly.
    const [small, again] = [down(x).data, down(coarse).data]
    const power = (v: Float32Array) => v.reduce((sum, a) => sum + a * a, 0)
    expect(power(again.map((v, i) => v - small[i])) / power(small)).toBeLessThan(0.1)
  })

  it('noise is on the small image, of the deviation that is asked for', () => {
    const zero = { shape: [200, 1, 28, 28], data: new Float32Array(200 * 784) }
    const noisy = downUp(4, { noise: 0.5 })(zero, rowsOf(200))
    // Variance of an interpolated pixel: 0.25 times the sum of the squared weights of its row and column.
    const { weights } = bicubicUpMap(7, 4)
    const squares = (i: number) => weights.subarray(i * 7, i * 7 + 7).reduce((sum, w) => sum + w * w, 0)
    let sum = 0
    for (let i = 0; i < 200; i++) sum += noisy.data[i * 784 + 13 * 28 + 14] ** 2
    const expected = 0.25 * squares(13) * squares(14)
    // 200 squares: relative deviation sqrt(2 / 200) = 0.1.
    expect(Math.abs(sum / 200 / expected - 1)).toBeLessThan(0.4)
  })

  it('mask loses the share that is asked for, and keeps the other pixels', () => {
    const x = images(20)
    const lost = mask(0.4)(x, rowsOf(20)).data
    let zeros = 0
    lost.forEach((v, i) => {
      if (v === 0) zeros++
      else expect(v).toBe(x.data[i])
    })
    // 15680 draws of probability 0.4: within 4 standard deviations.
    expect(Math.abs(zeros - 0.4 * 15680)).toBeLessThan(4 * Math.sqrt(15680 * 0.24))
  })

  it.each([
    ['noise', downUp(4, { noise: 0.03 })],
    ['mask', mask(0.4)],
    ['one of', oneOf([blur(1.5), downUp(4), mask(0.4)])],
  ])('%s: a row depends on its image and key alone', (_, degrade) => {
    const x = images(4)
    const keys = rowsOf(4)
    const all = degrade(x, keys)
    const third = degrade({ shape: [1, 1, 28, 28], data: rowData(x, 2) }, [keys[2]])
    expect(third.data).toEqual(rowData(all, 2))
    expect(degrade(x, rowsOf(4, 2)).data).not.toEqual(all.data)
  })

  it('one of: each row meets one of them, all of them about equally often', () => {
    const x = images(300, 8)
    const marks = [10, 20, 30].map((value) => mask(1, value))
    const seen = [0, 0, 0]
    const { data } = oneOf(marks)(x, rowsOf(300))
    for (let i = 0; i < 300; i++) {
      const values = new Set(data.slice(i * 64, (i + 1) * 64))
      expect(values.size).toBe(1)
      seen[[10, 20, 30].indexOf([...values][0])]++
    }
    for (const n of seen) expect(Math.abs(n - 100)).toBeLessThan(35)
  })

  it('are made from JSON', () => {
    const x = images(2)
    const keys = rowsOf(2)
    expect(degradation({ type: 'blur', sigma: 1.5 })(x, keys)).toEqual(blur(1.5)(x, keys))
    expect(degradation({ type: 'down-up', factor: 4, noise: 0.1 })(x, keys)).toEqual(downUp(4, { noise: 0.1 })(x, keys))
    expect(degradation({ type: 'mask', share: 0.4 })(x, keys)).toEqual(mask(0.4)(x, keys))
    expect(() => degradation({ type: 'rain' } as never)).toThrow('there is no degradation {"type":"rain"}')
    expect(() => mask(2)).toThrow('mask needs a share from 0 to 1, got 2')
    expect(() => downUp(4, { noise: -1 })).toThrow('downUp needs noise >= 0, got -1')
  })
})
