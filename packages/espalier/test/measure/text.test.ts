import { distinctMetric, drawnMeanMetric, share95, tokenEntropyMetric } from 'espalier/measure'
import { threshold } from 'espalier/reward'
import type { SearchResult } from 'espalier/search'
import { patternReward, type TokenSample, textReward, unigramEntropy } from 'espalier/text'
import { describe, expect, it } from 'vitest'

/** A result with these sequences and weights. */
const found = (...list: (readonly [readonly number[], number])[]) =>
  ({
    candidates: list.map(([tokens, weight]) => ({ sample: { tokens: Int32Array.from(tokens) }, reward: 0, weight })),
  }) as unknown as SearchResult<TokenSample>

describe('what stands beside a reward of text', () => {
  it('counts copies of a sample as repetitions', async () => {
    const even = found([[1, 2, 3], 0.5], [[4, 5, 1], 0.5])
    const one = found([[1, 2, 3], 1], [[4, 5, 1], 0])
    expect(await distinctMetric(1, 2).values([even, one], '')).toEqual([5 / 6, 3 / 6])
    expect(await distinctMetric(2, 4).values([even, one], '')).toEqual([4 / 8, 2 / 8])
  })

  it('averages entropies and rewards over the weights', async () => {
    const result = found([[0, 0, 0, 0], 0.75], [[0, 1, 1, 2], 0.25])
    const [entropy] = await tokenEntropyMetric(4).values([result], '')
    expect(entropy).toBeCloseTo(unigramEntropy([0, 1, 1, 2]) / 4, 12)
    const decode = (tokens: ArrayLike<number>) => Array.from(tokens, (token) => 'abc'[token]).join('')
    const count = textReward({ decode }, patternReward(/a/, 'count'))
    expect(await drawnMeanMetric('as', count, 4).values([result], '')).toEqual([(3 * 4 + 1) / 4])
    expect(await drawnMeanMetric('met', threshold(count, 2), 4).values([result], '')).toEqual([3 / 4])
  })
})

describe('share95', () => {
  it('is the interval of Wilson', () => {
    // z = 1.959964: z^2 / (n + z^2), and 1/2 -+ z / (2 sqrt(n + z^2)).
    const z2 = 1.959963984540054 ** 2
    const none = share95(0, 10)
    expect(none.low).toBe(0)
    expect(none.high).toBeCloseTo(z2 / (10 + z2), 6)
    const all = share95(10, 10)
    expect(all.low).toBeCloseTo(10 / (10 + z2), 6)
    expect(all.high).toBe(1)
    const half = share95(5, 10)
    expect(half).toMatchObject({ mean: 0.5, n: 10 })
    expect(half.low).toBeCloseTo(0.5 - Math.sqrt(z2 / (10 + z2)) / 2, 6)
    expect(half.high).toBeCloseTo(0.5 + Math.sqrt(z2 / (10 + z2)) / 2, 6)
  })

  it('holds the share in about 95 of 100 draws, near the end of its range too', () => {
    // Exact coverage of a share of 0.05 by 60 draws, summed over the binomial law.
    const [p, n] = [0.05, 60]
    let coverage = 0
    let mass = (1 - p) ** n
    for (let k = 0; k <= n; k++) {
      const { low, high } = share95(k, n)
      if (low <= p && p <= high) coverage += mass
      mass *= ((n - k) / (k + 1)) * (p / (1 - p))
    }
    expect(coverage).toBeGreaterThan(0.92)
    expect(coverage).toBeLessThan(0.99)
  })

  it.each([
    [1, 0],
    [-1, 3],
    [4, 3],
    [Number.NaN, 3],
  ])('refuses %d of %d', (count, n) => {
    expect(() => share95(count, n)).toThrow('expected 0 to n')
  })
})
