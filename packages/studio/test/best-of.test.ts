import fc from 'fast-check'
import { expect, it } from 'vitest'
import { expectedBest } from '../src/run/best-of.ts'

it('is the mean of the largest over all subsets', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 1, maxLength: 8 }), (rewards) => {
      const sums = new Float64Array(rewards.length)
      const counts = new Int32Array(rewards.length)
      for (let mask = 1; mask < 1 << rewards.length; mask++) {
        const chosen = rewards.filter((_, i) => mask & (1 << i))
        sums[chosen.length - 1] += Math.max(...chosen)
        counts[chosen.length - 1]++
      }
      expectedBest(rewards).forEach((value, k) => {
        expect(value).toBeCloseTo(sums[k] / counts[k], 9)
      })
    }),
    { numRuns: 50 },
  )
})
