import { featureDistance, magnitudeScore, psnr, rmsDistance, ssim } from 'espalier/measure'
import { key, normal, type Tensor } from 'espalier/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

const images = (seed: number, shape: number[]): Tensor => {
  const data = new Float32Array(shape.reduce((a, b) => a * b))
  normal(key(seed), data)
  return { shape, data }
}
const map = ({ shape, data }: Tensor, f: (v: number, i: number) => number): Tensor => ({ shape, data: data.map(f) })
const constant = (value: number, shape: number[]): Tensor => map(images(0, shape), () => value)

describe('rms distance and PSNR', () => {
  it('are per row', () => {
    const p: Tensor = { shape: [2, 2], data: Float32Array.of(0, 0, 1, 1) }
    const q: Tensor = { shape: [2, 2], data: Float32Array.of(3, 1, 1, 1) }
    expect([...rmsDistance(p, q)]).toEqual([Math.sqrt(5), 0])
    expect(psnr(p, q, 2)[0]).toBeCloseTo(10 * Math.log10(4 / 5), 12)
    expect(psnr(p, q, 2)[1]).toBe(Infinity)
  })

  it('PSNR of an error of a tenth of the range is 20 dB', () => {
    const x = images(1, [3, 1, 4, 4])
    for (const value of psnr(
      map(x, (v) => v + 0.2),
      x,
      2,
    ))
      expect(value).toBeCloseTo(20, 5)
  })

  it('refuse sets of other shapes, and a range that is none', () => {
    expect(() => rmsDistance(images(1, [2, 3]), images(1, [3, 2]))).toThrow('[2,3] and [3,2]')
    expect(() => psnr(images(1, [2, 3]), images(1, [2, 3]), 0)).toThrow('got 0')
  })
})

/** The definition read literally: every window on its own, in two dimensions. */
function ssimByWindows(x: ArrayLike<number>, y: ArrayLike<number>, side: number, range: number): number {
  const weights: number[] = []
  for (let r = -5; r <= 5; r++) for (let c = -5; c <= 5; c++) weights.push(Math.exp(-(r * r + c * c) / (2 * 2.25)))
  const total = weights.reduce((a, b) => a + b)
  const [c1, c2] = [(0.01 * range) ** 2, (0.03 * range) ** 2]
  const values: number[] = []
  for (let top = 0; top + 11 <= side; top++)
    for (let left = 0; left + 11 <= side; left++) {
      const mean = (f: (i: number) => number) =>
        weights.reduce((sum, w, k) => sum + (w / total) * f((top + Math.floor(k / 11)) * side + left + (k % 11)), 0)
      const [mx, my] = [mean((i) => x[i]), mean((i) => y[i])]
      const vx = mean((i) => (x[i] - mx) ** 2)
      const vy = mean((i) => (y[i] - my) ** 2)
      const cov = mean((i) => (x[i] - mx) * (y[i] - my))
      values.push(((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2)))
    }
  return values.reduce((a, b) => a + b) / values.length
}

describe('SSIM', () => {
  it('of an image with itself is 1', () => {
    for (const value of ssim(images(2, [3, 2, 12, 15]), images(2, [3, 2, 12, 15]), 2)) expect(value).toBeCloseTo(1, 12)
  })

  it('of two constant images is the term of the means', () => {
    const c1 = (0.01 * 2) ** 2
    const [value] = ssim(constant(0.5, [1, 1, 11, 11]), constant(-0.25, [1, 1, 11, 11]), 2)
    expect(value).toBeCloseTo((2 * 0.5 * -0.25 + c1) / (0.25 + 0.0625 + c1), 10)
  })

  it('agrees with the definition, window by window', () => {
    const [x, y] = [images(3, [1, 1, 13, 13]), images(4, [1, 1, 13, 13])]
    expect(ssim(x, y, 2)[0]).toBeCloseTo(ssimByWindows(x.data, y.data, 13, 2), 12)
    const near = map(x, (v, i) => v + 0.3 * y.data[i])
    expect(ssim(x, near, 2)[0]).toBeCloseTo(ssimByWindows(x.data, near.data, 13, 2), 12)
  })

  it('averages over channels', () => {
    const [x, y] = [images(5, [1, 2, 11, 11]), images(6, [1, 2, 11, 11])]
    const channel = ({ data }: Tensor, c: number): Tensor => ({
      shape: [1, 1, 11, 11],
      data: data.slice(c * 121, (c + 1) * 121),
    })
    const apart = [0, 1].map((c) => ssim(channel(x, c), channel(y, c), 2)[0])
    expect(ssim(x, y, 2)[0]).toBeCloseTo((apart[0] + apart[1]) / 2, 12)
  })

  it('refuses images that its window does not fit in', () => {
    expect(() => ssim(images(1, [1, 1, 10, 20]), images(1, [1, 1, 10, 20]), 2)).toThrow('11x11')
  })
})

describe('the feature distance', () => {
  it('looks at directions alone', () => {
    const p: Tensor = { shape: [4, 2], data: Float32Array.of(1, 0, 1, 0, 1, 1, 0, 0) }
    const q: Tensor = { shape: [4, 2], data: Float32Array.of(5, 0, -2, 0, 0, 3, 1, 0) }
    const expected = [0, 2, Math.sqrt(2 - Math.SQRT2), Math.SQRT2]
    featureDistance(p, q).forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i], 10)
    })
  })
})

describe('the magnitude score', () => {
  const options = { means: [0, 1], stds: [1, 2] }

  it('counts the windows that hold a value beyond three standard deviations, by its size', () => {
    const x = constant(0, [2, 2, 8, 8])
    x.data[0] = 5 // first image, channel 0, first window: 5 deviations
    x.data[64 + 1] = -8 // same window, channel 1: (-8 - 1) / 2, smaller
    x.data[64 + 63] = -6 // last window, channel 1: 3.5 deviations
    x.data[32] = 2.9 // ordinary
    expect([...magnitudeScore(x, options)]).toEqual([(5 + 3.5) / 4, 0])
  })

  it('does not change when data and statistics are moved and scaled alike', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.1, max: 9, noNaN: true }), (seed, scale) => {
        const x = map(images(seed, [2, 2, 9, 8]), (v) => 2 * v)
        const moved = map(x, (v) => scale * v + 1)
        // Without a threshold: a value at it may fall on either side by rounding.
        const a = magnitudeScore(x, { ...options, threshold: 0 })
        const b = magnitudeScore(moved, { means: [1, scale + 1], stds: [scale, 2 * scale], threshold: 0 })
        a.forEach((value, i) => {
          expect(b[i]).toBeCloseTo(value, 4)
        })
      }),
      { numRuns: 30 },
    )
  })

  it('needs statistics for every channel', () => {
    expect(() => magnitudeScore(constant(0, [1, 3, 8, 8]), options)).toThrow('3 channels need as many')
    expect(() => magnitudeScore(constant(0, [1, 2, 3, 8]), options)).toThrow('pools 4x4')
  })
})
