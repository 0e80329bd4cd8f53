import { energyDistance, mean95, slicedWasserstein2 } from 'espalier/measure'
import { fold, key, normal, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const normals = (seed: number, n: number, d: number, shift = 0): Tensor => {
  const data = new Float32Array(n * d)
  normal(key(seed), data)
  for (let i = 0; i < data.length; i++) data[i] += shift
  return { shape: [n, d], data }
}

const set = (...rows: number[][]): Tensor => ({
  shape: [rows.length, rows[0].length],
  data: Float32Array.from(rows.flat()),
})

describe('the sliced 2-Wasserstein distance', () => {
  it('of a shift is |m| / sqrt(d), whatever the set', () => {
    const p = normals(1, 500, 8)
    const q: Tensor = { shape: p.shape, data: p.data.map((v, i) => v + (i % 8 === 3 ? 1 : 0)) }
    expect(slicedWasserstein2(p, q, { key: key(2) })).toBeCloseTo(Math.sqrt(1 / 8), 6)
    expect(slicedWasserstein2(p, p, { key: key(2) })).toBe(0)
  })

  it('of N(0, I) and N(m, I) tends to |m| / sqrt(d)', () => {
    const [p, q] = [normals(3, 20_000, 8), normals(4, 20_000, 8, Math.sqrt(1 / 8))]
    const distance = slicedWasserstein2(p, q, { key: key(5) })
    expect(distance ** 2).toBeGreaterThan(0.115)
    expect(distance ** 2).toBeLessThan(0.135)
  })

  it('of sets that differ by a scale on the line is |s - 1| times the root of the second moment', () => {
    const p = normals(6, 400, 1)
    const q: Tensor = { shape: p.shape, data: p.data.map((v) => 3 * v) }
    const second = p.data.reduce((sum, v) => sum + v * v, 0) / 400
    expect(slicedWasserstein2(p, q, { key: key(7) })).toBeCloseTo(2 * Math.sqrt(second), 5)
  })

  it('integrates quantile functions where the counts differ', () => {
    // {0, 3} against {0, 1, 2}: thirds and halves overlap as 1/3, 1/6, 1/6, 1/3.
    const distance = slicedWasserstein2(set([3], [0]), set([1], [0], [2]), { key: key(1), directions: 1 })
    expect(distance ** 2).toBeCloseTo(0 / 3 + 1 / 6 + 4 / 6 + 1 / 3, 12)
    // Repeating every sample of a set changes nothing.
    const [p, q] = [normals(8, 30, 3), normals(9, 45, 3)]
    const twice: Tensor = { shape: [60, 3], data: Float32Array.from([...p.data, ...p.data]) }
    const options = { key: key(10), directions: 20 }
    expect(slicedWasserstein2(twice, q, options)).toBeCloseTo(slicedWasserstein2(p, q, options), 10)
  })

  it('sees every direction alike: a rotation of both sets changes little, another seed too', () => {
    const p = normals(11, 300, 2)
    const q: Tensor = { shape: [300, 2], data: p.data.map((v, i) => (i % 2 ? v : 2 * v)) }
    const turned = ({ shape, data }: Tensor): Tensor => ({
      shape,
      data: data.map((v, i) => (i % 2 ? 0.6 * v - 0.8 * data[i - 1] : 0.6 * v + 0.8 * data[i + 1])),
    })
    const all = [1, 2, 3, 4].map((seed) => slicedWasserstein2(p, q, { key: key(seed) }))
    const rotated = slicedWasserstein2(turned(p), turned(q), { key: key(1) })
    for (const value of [...all, rotated]) expect(Math.abs(value / all[0] - 1)).toBeLessThan(0.08)
  })

  it('refuses what cannot be compared', () => {
    expect(() => slicedWasserstein2(normals(1, 5, 2), normals(1, 5, 3), { key: key(1) })).toThrow('[5,2] and [5,3]')
    expect(() => slicedWasserstein2(set([1], [Number.NaN]), set([1]), { key: key(1) })).toThrow('sample 1 of the first')
    expect(() => slicedWasserstein2(set([1]), set([1]), { key: key(1), directions: 0 })).toThrow('got 0')
  })
})

describe('the energy distance', () => {
  it('of small sets is what the definition says', () => {
    // 2 E|x - y| = 2 (1 + 2 + 3 + 0) / 4, E|x - x'| = 4, E|y - y'| = 1.
    expect(energyDistance(set([0], [4]), set([1], [2]))).toBeCloseTo((2 * (1 + 2 + 3 + 2)) / 4 - 4 - 1, 12)
  })

  it('of N(0, 1) and N(m, 1) is the closed form, without bias', () => {
    // E|N(m, 2)| = 2 / sqrt(pi) exp(-m^2 / 4) + m erf(m / 2); with erf(0.5) = 0.5204998778.
    const expected = 2 * ((2 / Math.sqrt(Math.PI)) * Math.exp(-0.25) + 0.5204998778) - 4 / Math.sqrt(Math.PI)
    const root = key(12)
    const draw = (run: number, shift: number): Tensor => {
      const data = new Float32Array(60)
      normal(fold(fold(root, run), shift), data)
      return { shape: [60, 1], data: data.map((v) => v + shift) }
    }
    const runs = Array.from({ length: 200 }, (_, run) => run)
    const apart = mean95(runs.map((run) => energyDistance(draw(run, 0), draw(run, 1))))
    expect(Math.abs(apart.mean - expected)).toBeLessThan(1.5 * (apart.high - apart.mean))
    const equal = mean95(runs.map((run) => energyDistance(draw(run, 0), draw(run + 1000, 0))))
    expect(Math.abs(equal.mean)).toBeLessThan(1.5 * (equal.high - equal.mean))
    expect(equal.high - equal.mean).toBeLessThan(0.01)
  })

  it('needs two samples on each side', () => {
    expect(() => energyDistance(set([1]), set([1], [2]))).toThrow('got 1 and 2')
  })
})
