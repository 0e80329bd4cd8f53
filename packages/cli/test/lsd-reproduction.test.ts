import {
  geometric,
  maskedProcess,
  profiledSampler,
  type SamplerProfile,
  sampleTokens,
  TokenLaw,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, it } from 'vitest'
import { arms } from '../../../reproduce/lsd/arms.ts'
import { drawnCountdowns, errorRate, posterior } from '../../../reproduce/lsd/countdown.ts'
import { chainLaw, profileLaw } from '../../../reproduce/lsd/exact.ts'
import { slopeOf } from '../../../reproduce/lsd/experiment.ts'
import { callsOf, fitCalls } from '../../../reproduce/lsd/fit.ts'

const law = chainLaw(3)
const profiles: readonly SamplerProfile[] = [
  { times: [1, 0.6, 0], factors: [1, 0.7] },
  { times: [1, 0.5, 0], factors: [1, 1.4], variant: 'lsd-log' },
  { times: [1, 0.4, 0], factors: [1, 0.9], kernel: 'tweedie' },
]

describe('reproduce lsd', () => {
  it.each([
    ['masked', maskedProcess(3)],
    ['uniform', uniformProcess(3)],
  ] as const)('laws that are summed over are those that are sampled: %s', async (_, process) => {
    const count = 3000
    for (const profile of profiles) {
      const denoiser = law.denoiser(process)
      const { tokens } = await sampleTokens({ denoiser, sampler: profiledSampler(profile), count, seed: 1 })
      const expected = profileLaw(law, process, { variant: 'lsd-score', kernel: 'euler', ...profile })
      expect(expected.reduce((a, b) => a + b)).toBeCloseTo(1, 9)
      const shares = new Float64Array(expected.length)
      for (const row of tokens) shares[law.index(row)] += 1 / count
      // Pearson's statistic of 26 degrees of freedom, 5 standard deviations above.
      const chi = expected.reduce((sum, p, i) => sum + (count * (shares[i] - p) ** 2) / p, 0)
      expect(chi).toBeLessThan(26 + 5 * Math.sqrt(52))
    }
  })

  it('every arm has the calls that it is given, the last fill among them', async () => {
    const denoiser = law.denoiser(maskedProcess(3))
    const options = { denoiser, teacher: 16, pairs: 30, seed: 1 }
    const stepsOf = async (arm: Parameters<typeof fitCalls>[0]) => {
      const { profile } = await fitCalls(arm, 4, options)
      expect(callsOf(profile, denoiser)).toBe(4)
      return profile.factors.length
    }
    // Euler ends on a linear schedule; what a factor below 1 leaves is a call.
    expect(await stepsOf(arms.plain('euler'))).toBe(4)
    expect(await stepsOf(arms.jump('euler'))).toBe(4)
    expect(await stepsOf(arms.times('euler', 1.2))).toBe(4)
    expect(await stepsOf(arms.times('euler', 0.8))).toBe(3)
    expect(await stepsOf(arms.lsd('euler'))).toBe(3)
    // Coupled masks are as many on both sides, so that the score entropy finds factors of 1.
    expect(await stepsOf(arms.entropy('euler'))).toBe(4)
  })

  it('posteriors of countdowns are those of the table of all of them', () => {
    const follows = (from: number, to: number) => (from === 0 ? 1 / 16 : 0.01 / 16 + (to === from - 1 ? 0.99 : 0))
    const law = new TokenLaw(
      16,
      3,
      Float64Array.from({ length: 16 ** 3 }, (_, i) => follows(i >> 8, (i >> 4) & 15) * follows((i >> 4) & 15, i & 15)),
    )
    const cases = [
      [maskedProcess(16), [16, 5, 16]],
      [maskedProcess(16), [3, 16, 9]],
      [uniformProcess(16, geometric()), [7, 2, 5]],
    ] as const
    for (const [process, tokens] of cases) {
      const wanted = law.posterior(process, tokens, 0.6)
      posterior(process, Int32Array.from(tokens), 0.6).forEach((p, i) => void expect(p).toBeCloseTo(wanted[i], 12))
    }
  })

  it('draws countdowns, counts what breaks the rule, and finds the slope of a line', () => {
    // A slip draws what the rule says in one of 16 cases.
    expect(errorRate(drawnCountdowns(1, 400))).toBeCloseTo((0.01 * 15) / 16, 2)
    expect(errorRate([Int32Array.of(2, 1, 0, 7, 5)])).toBe(1 / 3)
    expect(slopeOf([1, 2, 4].map((entropy) => ({ entropy, loss: 3 * entropy - 1 })))).toBeCloseTo(3, 12)
  })
})
