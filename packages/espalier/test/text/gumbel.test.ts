import { fold, key, stream } from 'espalier/tensor'
import {
  ancestral,
  evenTimes,
  type GumbelNoise,
  gumbelDraw,
  kernelSampler,
  largestGumbel,
  maskedProcess,
  sampleTokens,
  type TokenDenoiser,
  truncatedGumbelLaw,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'

const entropy = (p: ArrayLike<number>) => Array.from(p).reduce((sum, q) => (q > 0 ? sum - q * Math.log(q) : sum), 0)
const zipf = (n: number) => {
  const weights = Array.from({ length: n }, (_, i) => 1 / (i + 1))
  const sum = weights.reduce((a, b) => a + b)
  return weights.map((w) => w / sum)
}

describe('the law of truncated Gumbels', () => {
  const p = [0.05, 0.5, 0.15, 0.3]

  test.each([0.5, 2, 5])('is that of draws whose Gumbels are at most %d', (largest) => {
    const law = truncatedGumbelLaw(p, largest)
    expect(law.reduce((a, b) => a + b)).toBeCloseTo(1, 12)
    const n = 40_000
    const counts = new Float64Array(4)
    const top = Math.exp(-Math.exp(-largest))
    const draws = stream(key(1))
    for (let i = 0; i < n; i++) {
      const scores = p.map((q) => q / -Math.log(top * draws.uniform()))
      counts[scores.indexOf(Math.max(...scores))] += 1 / n
    }
    law.forEach((q, i) => void expect(Math.abs(counts[i] - q)).toBeLessThan(5 * Math.sqrt((q * (1 - q)) / n)))
  })

  test('tends to the weights themselves, and loses entropy the lower the bound is', () => {
    truncatedGumbelLaw(p, 40).forEach((q, i) => void expect(q).toBeCloseTo(p[i], 14))
    const at = [8, 4, 2, 0].map((largest) => entropy(truncatedGumbelLaw(p, largest)))
    expect(at).toEqual([...at].sort((a, b) => b - a))
    expect(Array.from(truncatedGumbelLaw([0, 2, 0], 1))).toEqual([0, 1, 0])
  })

  test('its largest Gumbels: 16.64 of float32, 36.7 of float64', () => {
    expect(largestGumbel(24)).toBeCloseTo(16.6355, 4)
    expect(largestGumbel(53)).toBeCloseTo(36.7368, 4)
  })

  test('foretells the numbers of a float32 sampler at V = 50257 in 1024 steps, with flat Zipf predictions', () => {
    // Halfway down the trajectory, one of 1024 linear steps: a mask is lifted with probability 1/512.
    const values = zipf(50257)
    const lift = 1 / 512
    const law = truncatedGumbelLaw([...values.map((q) => lift * q), 1 - lift], largestGumbel(24))
    const lifted = law.subarray(0, 50257)
    const share = lifted.reduce((a, b) => a + b)
    expect(share / lift).toBeCloseTo(0.7, 2)
    expect(entropy(values)).toBeCloseTo(7.57, 2)
    expect(entropy(lifted.map((q) => q / share))).toBeCloseTo(5.72, 2)
    // A float32 grid does less harm than the truncation.
    const grid = values.map((q) => {
      const x = (2 ** -24 * (1 - lift)) / (lift * q)
      return (q * x) / Math.expm1(x)
    })
    const left = grid.reduce((a, b) => a + b)
    expect(left).toBeCloseTo(0.75, 2)
    expect(entropy(grid.map((q) => q / left))).toBeCloseTo(6.04, 2)
  })
})

describe('draws by Gumbels of few bits', () => {
  const weights = Float64Array.of(0.9, 0.06, 0.03, 0.006, 0.004)
  const n = 60_000
  const shares = (noise: GumbelNoise) => {
    const counts = new Float64Array(5)
    for (let i = 0; i < n; i++) counts[gumbelDraw(weights, fold(key(2), i), noise)] += 1 / n
    return counts
  }
  const close = (counts: Float64Array, law: ArrayLike<number>) =>
    counts.forEach((share, i) => {
      expect(Math.abs(share - law[i])).toBeLessThan(5 * Math.sqrt((law[i] * (1 - law[i])) / n))
    })

  /** By all values of the grid: value i has the clock -log(k / 2^bits) / p_i, and of equals the first wins. */
  const griddedLaw = (bits: number) => {
    const size = 2 ** bits
    const beats = (j: number, i: number, score: number) => {
      // Share of clocks of j that leave i the winner.
      let share = 0
      for (let k = 0; k < size; k++) {
        const other = weights[j] / -Math.log(k / size)
        if (other < score || (other === score && i < j)) share += 1 / size
      }
      return share
    }
    return Array.from(weights, (p, i) => {
      let sum = 0
      for (let k = 0; k < size; k++) {
        const score = p / -Math.log(k / size)
        let product = 1 / size
        for (let j = 0; j < 5; j++) if (j !== i) product *= beats(j, i, score)
        sum += product
      }
      return sum
    })
  }

  test('follow the law of their grid, which lies between the weights and the truncation', () => {
    const [gridded, truncated] = [griddedLaw(8), truncatedGumbelLaw(weights, largestGumbel(8))]
    close(shares({ bits: 8 }), gridded)
    close(shares({ largest: largestGumbel(8) }), truncated)
    expect(truncated[4]).toBeLessThan(0.6 * weights[4])
    expect(gridded[4]).toBeGreaterThan(1.2 * truncated[4])
    expect(gridded[4]).toBeLessThan(0.8 * weights[4])
  })

  test('so coarse that clocks tie or stand still, follow it too', () => {
    close(shares({ bits: 2 }), griddedLaw(2))
    close(shares({ bits: 1 }), griddedLaw(1))
    // The first clock stands still half of the time, and the other, however slow, wins then, if it does not.
    const slow = Float64Array.of(1, 1e-300)
    let others = 0
    for (let i = 0; i < 4000; i++) others += gumbelDraw(slow, fold(key(3), i), { bits: 1 })
    expect(Math.abs(others / 4000 - 0.25)).toBeLessThan(0.035)
  })

  test('of 52 bits follow the weights', () => {
    close(shares({ bits: 52 }), weights)
  })
})

describe('a sampler with truncated noise', () => {
  // One position whose clean law is Zipf, whatever is around it: the law of the output can be computed step by step.
  const V = 30
  const values = zipf(V)
  const process = maskedProcess(V)
  const denoiser: TokenDenoiser = {
    process,
    context: 8,
    timeFree: true,
    predict: async ({ shape: [n, length] }) => ({
      shape: [n, length, V],
      data: Float32Array.from({ length: n * length * V }, (_, i) => Math.log(values[i % V])),
    }),
  }
  const run = async (steps: number, gumbels?: GumbelNoise) => {
    const sampler = kernelSampler(ancestral, { steps, gumbels })
    const { tokens } = await sampleTokens({ denoiser, sampler, count: 800, seed: 4 })
    const shares = new Float64Array(V)
    for (const row of tokens) for (const token of row) shares[token] += 1 / (8 * 800)
    return shares
  }
  /** Survives every step as a mask or becomes a value, by the truncated law of all of them together. */
  const foretold = (steps: number, bits: number) => {
    const times = evenTimes(steps)
    const out = new Float64Array(V)
    let left = 1
    for (let k = 0; k < steps; k++) {
      const lift = (times[k] - times[k + 1]) / times[k]
      const law = truncatedGumbelLaw([...values.map((q) => lift * q), 1 - lift], largestGumbel(bits))
      for (let v = 0; v < V; v++) out[v] += left * law[v]
      left *= law[V]
    }
    return out
  }

  test('has the law that the closed form foretells, colder the more steps it takes; the cure has none of it', async () => {
    const n = 8 * 800
    for (const steps of [4, 16]) {
      const law = foretold(steps, 8)
      const shares = await run(steps, { largest: largestGumbel(8) })
      const chi = law.reduce((sum, q, v) => sum + (n * (shares[v] - q) ** 2) / q, 0)
      expect(chi).toBeLessThan(V - 1 + 5 * Math.sqrt(2 * (V - 1)))
      const exact = await run(steps)
      expect(values.reduce((sum, q, v) => sum + (n * (exact[v] - q) ** 2) / q, 0)).toBeLessThan(
        V - 1 + 5 * Math.sqrt(2 * (V - 1)),
      )
    }
    const [whole, few, many] = [entropy(values), entropy(foretold(4, 8)), entropy(foretold(16, 8))]
    expect(few).toBeLessThan(whole - 0.05)
    expect(many).toBeLessThan(few - 0.15)
  })
})
