import { fold, key } from 'espalier/tensor'
import {
  autoregressiveTable,
  cosine,
  geometric,
  judged,
  likelihoodBound,
  maskedProcess,
  polynomial,
  shaped,
  type TokenDenoiser,
  uniformProcess,
  unigramEntropy,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { randomLaw } from './worlds.ts'

const law = randomLaw(8, 3, 4, 1)
const process = maskedProcess(3, cosine())
const data = (n: number) => Array.from({ length: n }, (_, i) => law.sample(fold(key(2), i)))
const stats = (values: Float64Array) => {
  const mean = values.reduce((a, b) => a + b) / values.length
  return { mean, error: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0)) / values.length }
}

describe('the likelihood bound', () => {
  test('of the exact denoiser is the entropy, on average over its data', async () => {
    const { mean, error } = stats(await likelihoodBound(law.denoiser(process), data(1500), { seed: 1, draws: 8 }))
    expect(Math.abs(mean - law.entropy())).toBeLessThan(4 * error)
    expect(error).toBeLessThan(0.02 * law.entropy())
  })

  test('of another denoiser lies above', async () => {
    const blunt = shaped(law.denoiser(process), { temperature: 2 })
    const { mean, error } = stats(await likelihoodBound(blunt, data(1500), { seed: 1, draws: 8 }))
    expect(mean).toBeGreaterThan(law.entropy() + 8 * error)
  })

  test('asks a network that knows the time at the times of its masks, in exact proportion', async () => {
    // It says p = exp(-noised(t)) of the true token 0: the bound of x = 0 is int_0^1 (1/m) L m m dm = L / 2.
    const clock: TokenDenoiser = {
      process,
      context: 5,
      timeFree: false,
      predict: async ({ shape: [n, length] }, t) => ({
        shape: [n, length, 3],
        data: Float32Array.from({ length: n * length * 3 }, (_, i) => {
          const m = process.schedule.noised(t[Math.floor(i / (3 * length))])
          return i % 3 === 0 ? -m : Math.log(-Math.expm1(-m) / 2)
        }),
      }),
    }
    const zeros = Array.from({ length: 800 }, () => new Int32Array(5))
    const { mean, error } = stats(await likelihoodBound(clock, zeros, { seed: 3, draws: 5 }))
    expect(Math.abs(mean - 2.5)).toBeLessThan(4 * error)
    expect(error).toBeLessThan(0.05)
  })

  test.each([geometric(1e-3, 20), geometric(0.1, 3), polynomial(2)])(
    'of uniform rates too is the entropy for the exact denoiser, and more for another: $name',
    async (schedule) => {
      const denoiser = law.denoiser(uniformProcess(3, schedule))
      const exact = stats(await likelihoodBound(denoiser, data(1500), { seed: 1, draws: 16 }))
      // A prior that is not quite uniform, or noise that is left at t = 0, costs a little more than the entropy.
      expect(exact.mean).toBeGreaterThan(law.entropy() - 4 * exact.error)
      if (schedule.noised(0) < 0.01 && schedule.noised(1) > 0.99) {
        expect(exact.mean).toBeLessThan(law.entropy() + 4 * exact.error + 0.01)
      }
      const blunt = stats(
        await likelihoodBound(shaped(denoiser, { temperature: 2 }), data(1500), { seed: 1, draws: 16 }),
      )
      expect(blunt.mean).toBeGreaterThan(exact.mean + 4 * exact.error)
    },
  )

  test('takes sequences of several lengths, and refuses what does not fit', async () => {
    const free: TokenDenoiser = {
      process,
      context: 4,
      timeFree: true,
      predict: async ({ shape: [n, length] }) => ({ shape: [n, length, 3], data: new Float32Array(3 * n * length) }),
    }
    const rows = [new Int32Array(2), new Int32Array(4), new Int32Array(4)]
    const bounds = await likelihoodBound(free, rows, { seed: 1, draws: 3, batch: 2 })
    rows.forEach((row, i) => void expect(bounds[i]).toBeCloseTo(row.length * Math.log(3), 6))
    await expect(likelihoodBound(free, [new Int32Array(5)], { seed: 1 })).rejects.toThrow(
      'sequence 0 has 5 tokens, the model takes 1 to 4',
    )
    await expect(likelihoodBound(free, rows, { seed: 1, draws: 0 })).rejects.toThrow('0 draws')
  })
})

describe('samples', () => {
  test('entropy of their tokens, and what a judge says of them', async () => {
    expect(unigramEntropy([5, 5, 5])).toBeCloseTo(0, 14)
    expect(unigramEntropy([0, 1, 2, 3])).toBeCloseTo(Math.log(4), 14)
    expect(unigramEntropy([0, 0, 1, 1])).toBeCloseTo(Math.LN2, 14)
    const rows = data(3)
    const said = await judged(autoregressiveTable(law), rows)
    rows.forEach((row, i) => void expect(said[i]).toBeCloseTo(-Math.log(law.probabilities[law.index(row)]) / 4, 12))
  })
})
