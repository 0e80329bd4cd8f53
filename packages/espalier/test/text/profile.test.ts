import {
  cosine,
  distilSampler,
  kernelSampler,
  maskedProcess,
  profiledSampler,
  type SamplerProfile,
  sampleTokens,
  scaledEuler,
  TokenLaw,
  thetaTrapezoidal,
  tokenEuler,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { kernelLaw } from './worlds.ts'

/** Markov chains of 4 tokens of 3 that mostly repeat the last one. */
const law = new TokenLaw(
  3,
  4,
  Float64Array.from({ length: 81 }, (_, i) => {
    const digits = [27, 9, 3, 1].map((unit) => Math.floor(i / unit) % 3)
    const start = [0.5, 0.3, 0.2][digits[0]]
    return digits.slice(1).reduce((p, v, k) => p * [0.75, 0.175, 0.075][(v - digits[k] + 3) % 3], start)
  }),
)
const linear = maskedProcess(3)
const bent = maskedProcess(3, cosine())

/** Distance of the profile's law from the model's, by enumeration. */
const far = ({ times, factors }: SamplerProfile, process = linear) =>
  law.distance(
    kernelLaw(
      law,
      process,
      scaledEuler((t) => factors[times.indexOf(t)]),
      times,
    ),
  )
const plain = ({ times }: SamplerProfile, process = linear) => law.distance(kernelLaw(law, process, tokenEuler, times))
const fit = (options: Partial<Parameters<typeof distilSampler>[0]> = {}) =>
  distilSampler({ denoiser: law.denoiser(linear), steps: 4, seed: 1, pairs: 800, ...options })

describe('learned factors of few Euler steps', () => {
  test('of 1 are Euler itself, draw by draw', async () => {
    const times = [1, 0.75, 0.5, 0.25, 0]
    for (const process of [linear, bent]) {
      const denoiser = law.denoiser(process)
      const run = (sampler: ReturnType<typeof profiledSampler>) =>
        sampleTokens({ denoiser, sampler, count: 50, seed: 2 })
      const ones = await run(profiledSampler({ times, factors: [1, 1, 1, 1] }))
      expect(ones).toEqual(await run(kernelSampler(tokenEuler, { times })))
    }
  })

  test('are 1 at the first step, and at all of them where the teacher is the student', async () => {
    const same = await fit({ teacherSteps: 4, teacher: tokenEuler, pairs: 100 })
    same.factors.forEach((factor) => void expect(factor).toBeCloseTo(1, 12))
    const other = await fit({ pairs: 100 })
    expect(other.factors[0]).toBeCloseTo(1, 12)
    expect(other.factors[3]).toBeLessThan(0.99)
  })

  test('gain little on a linear schedule with an exact model, where Euler is exact in time', async () => {
    const profile = await fit()
    expect(Math.min(...profile.factors)).toBeGreaterThan(0.85)
    expect(far(profile)).toBeLessThan(plain(profile))
    expect(far(profile)).toBeGreaterThan(0.93 * plain(profile))
  })

  test('gain on a schedule where Euler is not exact in time, in as many calls', async () => {
    const profile = await fit({ denoiser: law.denoiser(bent) })
    expect(far(profile, bent)).toBeLessThan(0.87 * plain(profile, bent))
    // Both leave masks to the last call.
    const task = { process: bent, timeFree: true, prompt: new Int32Array(4).fill(3) }
    expect(profiledSampler(profile)(task).steps).toBe(kernelSampler(tokenEuler, { times: profile.times })(task).steps)
  })

  test('of streams that are not coupled shrink, and lead away from the law', async () => {
    const options = { steps: 8, clip: [0, 2] as const }
    const [together, apart] = [await fit(options), await fit({ ...options, coupled: false })]
    apart.factors.forEach((factor, k) => {
      if (k > 0) expect(factor).toBeLessThan(apart.factors[k - 1])
    })
    expect(apart.factors[7]).toBeLessThan(0.2)
    expect(far(apart)).toBeGreaterThan(1.2 * plain(apart))
    expect(far(together)).toBeLessThan(plain(together))
    // Kept in [0.5, 2] they do less harm.
    expect(Math.min(...(await fit({ steps: 8, coupled: false, pairs: 100 })).factors)).toBe(0.5)
  })

  test('keep to prompts, and what does not fit is refused', async () => {
    const { factors, nfe } = await fit({ prompt: [0, 1], length: 4, pairs: 50 })
    expect(factors.length).toBe(4)
    // Teacher and student ask at the steps of the fit, and where something falls: two positions each.
    expect(nfe).toBeLessThanOrEqual(50 * (2 + 2 + 4))
    await expect(fit({ teacherSteps: 6 })).rejects.toThrow(
      "a teacher of 6 steps, expected a multiple of the student's 4",
    )
    await expect(fit({ denoiser: law.denoiser(uniformProcess(3)) })).rejects.toThrow('on masked processes here')
    await expect(fit({ teacher: thetaTrapezoidal() })).rejects.toThrow('cannot teach')
    await expect(fit({ pairs: 0 })).rejects.toThrow('0 pairs')
    expect(() => profiledSampler({ times: [1, 0], factors: [1, 1] })).toThrow('2 factors for 1 steps')
    expect(() => profiledSampler({ times: [1, 0], factors: [-1] })).toThrow('factor 0 is -1')
  })
})
