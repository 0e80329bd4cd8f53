import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mean, nearestNeighbours, RealSet } from '../../src/measure/index.ts'
import { key, normal, type Tensor } from '../../src/tensor/index.ts'

const line = (...values: number[]): Tensor => ({ shape: [values.length, 1], data: Float32Array.from(values) })

function normals(n: number, d: number, seed: number, shift = 0): Tensor {
  const data = new Float32Array(n * d)
  normal(key(seed), data)
  return { shape: [n, d], data: data.map((v) => v + shift) }
}

/** All distances, sorted: the definition. */
function literal(p: Tensor, q: Tensor, k: number, self: boolean): number[][] {
  const d = p.data.length / p.shape[0]
  return Array.from({ length: p.shape[0] }, (_, i) => {
    const all: number[] = []
    for (let j = 0; j < q.shape[0]; j++) {
      if (self && i === j) continue
      all.push(Math.hypot(...Array.from({ length: d }, (_, c) => p.data[i * d + c] - q.data[j * d + c])))
    }
    return all.sort((a, b) => a - b).slice(0, k)
  })
}

describe('nearest neighbours', () => {
  test('by hand, and of a set among itself without the point itself, but with its duplicates', () => {
    const reference = line(0, 1, 3, 7)
    const found = nearestNeighbours(line(2.5, 10), reference, 2)
    expect([...found.distances]).toEqual([0.5, 1.5, 3, 7])
    expect([...found.indices]).toEqual([2, 1, 3, 2])
    const own = nearestNeighbours(reference, reference, 1)
    expect([...own.distances]).toEqual([1, 1, 2, 4])
    const twins = line(5, 5, 9)
    expect([...nearestNeighbours(twins, twins, 1).distances]).toEqual([0, 0, 4])
    // Equal distances: the earlier point.
    expect([...nearestNeighbours(line(2), line(3, 1), 1).indices]).toEqual([0])
  })

  test('are those of the definition, in many dimensions and more points than one part holds', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 120 }), fc.integer({ min: 1, max: 9 }), fc.integer(), (d, k, seed) => {
        const [p, q] = [normals(7, d, seed), normals(30, d, seed + 1)]
        for (const [queries, reference] of [
          [p, q],
          [q, q],
        ]) {
          const { distances } = nearestNeighbours(queries, reference, k)
          const wanted = literal(queries, reference, k, queries === reference).flat()
          wanted.forEach((distance, i) => {
            expect(distances[i]).toBeCloseTo(distance, 9)
          })
        }
      }),
      { numRuns: 30 },
    )
    const [p, q] = [normals(5, 200, 1), normals(800, 200, 2)]
    const { distances } = nearestNeighbours(p, q, 3)
    literal(p, q, 3, false)
      .flat()
      .forEach((distance, i) => {
        expect(distances[i]).toBeCloseTo(distance, 9)
      })
  })

  test('refuses what has no neighbours', () => {
    const three = line(1, 2, 3)
    expect(() => nearestNeighbours(three, three, 3)).toThrow('3 nearest neighbours were asked for among 2 points')
    expect(() => nearestNeighbours(three, normals(3, 2, 1), 1)).toThrow('got [3,1] and [3,2]')
    expect(() => nearestNeighbours(line(1, Number.NaN), three, 1)).toThrow('point 1 holds NaN')
    expect(() => new RealSet(three).averageDistance(three, 5)).toThrow('k from 1 to 2')
  })
})

describe('a real set', () => {
  test('AvgkNN is the mean distance to k real points', () => {
    const real = new RealSet(line(0, 1, 3, 7))
    expect([...real.averageDistance(line(2, 100), 3)]).toEqual([(1 + 1 + 2) / 3, (93 + 97 + 99) / 3])
    expect([...real.averageDistance(real.features, 2)]).toEqual([2, 1.5, 2.5, 5])
  })

  test('LOF by hand, k = 2', () => {
    // Points 0, 1, 2, 10: k-distances 2, 1, 2, 9. Mean reaches: of 0 (1 at max(1, 1), 2 at max(2, 2)) 1.5, of 1 (0 at
    // max(2, 1), 2 at max(2, 1)) 2, of 2 (1 at 1, 0 at 2) 1.5, of 10 (2 at 8, 1 at 9) 8.5.
    const real = new RealSet(line(0, 1, 2, 10))
    const own = real.localOutlierFactor(real.features, 2)
    const reach = [1.5, 2, 1.5, 8.5]
    const wanted = [
      [1, 2],
      [0, 2],
      [0, 1],
      [2, 1],
    ].map((near, i) => mean(near.map((o) => reach[i] / reach[o])))
    own.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i], 12)
    })
    // A new point at 4: its neighbours 2 (at 2) and 1 (at 3).
    expect(real.localOutlierFactor(line(4), 2)[0]).toBeCloseTo(mean([2.5 / 1.5, 2.5 / 2]), 12)
  })

  test('LOF is 1 on an even grid and in a heap of duplicates, whatever the scale, and infinite beside the heap', () => {
    const circle = Array.from({ length: 40 }, (_, i) => [
      Math.cos((i * Math.PI) / 20),
      Math.sin((i * Math.PI) / 20),
    ]).flat()
    for (const scale of [1, 1e3]) {
      const ring: Tensor = { shape: [40, 2], data: Float32Array.from(circle, (v) => scale * v) }
      for (const value of new RealSet(ring).localOutlierFactor(ring, 4)) expect(value).toBeCloseTo(1, 4)
    }
    const heap = new RealSet(line(...new Array<number>(6).fill(2)))
    expect([...heap.localOutlierFactor(line(2, 3), 3)]).toEqual([1, Infinity])
  })

  test('LOF and AvgkNN rise with the distance from a Gaussian', () => {
    const real = new RealSet(normals(400, 3, 1))
    const along = { shape: [5, 3], data: Float32Array.from({ length: 15 }, (_, i) => 1.5 * Math.floor(i / 3)) }
    for (const values of [real.localOutlierFactor(along), real.averageDistance(along)]) {
      for (let i = 1; i < 5; i++) expect(values[i]).toBeGreaterThan(values[i - 1])
    }
    expect(mean(real.localOutlierFactor(real.features))).toBeLessThan(1.15)
  })

  test('rarity: the smallest ball that holds the sample, by hand', () => {
    // Points 0, 1, 3, 7 with k = 1: radii 1, 1, 2, 4, balls [-1, 1], [0, 2], [1, 5], [3, 11].
    const real = new RealSet(line(0, 1, 3, 7))
    const { scores, outside } = real.rarity(line(0.5, 2.5, 4, 11, 11.5, -2), 1)
    expect([...scores]).toEqual([1, 2, 2, 4, Number.NaN, Number.NaN])
    expect(outside).toBeCloseTo(2 / 6, 12)
    // Among themselves a point does not count its own ball: 0 and 1 hold each other, 1 is in the ball of 3, 3 in that of 7.
    expect([...real.rarity(real.features, 1).scores]).toEqual([1, 1, 4, Number.NaN])
  })

  test('precision and recall by hand', () => {
    const real = new RealSet(line(0, 1, 3, 7))
    // Samples 0.5, 0.75, 20, with k = 1: radii 0.25, 0.25, 19.25.
    const { precision, recall } = real.precisionRecall(line(0.5, 0.75, 20), 1)
    expect(precision).toBeCloseTo(2 / 3, 12)
    // The ball of 20 begins at 0.75 and holds 1, 3, 7.
    expect(recall).toBeCloseTo(3 / 4, 12)
  })

  test('precision and recall of the law itself are high; a collapsed sample loses recall, a wide one precision', () => {
    const real = new RealSet(normals(300, 2, 1))
    const scaled = (factor: number) => {
      const { shape, data } = normals(300, 2, 2)
      return { shape, data: data.map((v) => factor * v) }
    }
    const [same, narrow, wide] = [1, 0.1, 4].map((factor) => real.precisionRecall(scaled(factor)))
    expect(same.precision).toBeGreaterThan(0.9)
    expect(same.recall).toBeGreaterThan(0.9)
    expect(narrow.precision).toBeGreaterThan(0.99)
    expect(narrow.recall).toBeLessThan(0.2)
    expect(wide.precision).toBeLessThan(0.5)
  })
})
