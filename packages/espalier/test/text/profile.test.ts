import {
  cosine,
  geometric,
  maskedProcess,
  parseSamplerProfile,
  profiledSampler,
  type SamplerProfile,
  sampleTokens,
  scaledKernel,
  type TokenProcess,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { chain } from './lsd-world.ts'
import { chiSquare, chiSquareBound, histogram, kernelLaw } from './worlds.ts'

const law = chain(3)
const linear = maskedProcess(3)
const bent = maskedProcess(3, cosine())
const uniform = uniformProcess(3, geometric(1e-2, 6))
const profile: SamplerProfile = { times: [1, 0.6, 0.2, 0], factors: [1, 0.7, 1.2] }
const task = (process: TokenProcess) => ({
  process,
  timeFree: process.kind === 'masked',
  prompt: new Int32Array(3).fill(3),
})
const calls = (given: SamplerProfile, process: TokenProcess) => {
  const sampler = profiledSampler(given)(task(process))
  return Array.from({ length: sampler.steps }, (_, step) => sampler.cost(step)).reduce((a, b) => a + b)
}

describe('a sampler profile', () => {
  test.each([
    ['masked, Euler', bent, {}],
    ['masked, analytic', bent, { kernel: 'tweedie' }],
    ['masked, powers', bent, { variant: 'lsd-log' }],
    ['uniform, Euler', uniform, {}],
    ['uniform, analytic', uniform, { kernel: 'tweedie' }],
    ['uniform, powers', uniform, { kernel: 'tweedie', variant: 'lsd-log' }],
  ] as const)('draws follow the enumerated law: %s', async (_, process, more) => {
    const given = { ...profile, ...more }
    const family = scaledKernel({ ...more, factor: (t) => given.factors[given.times.indexOf(t)] })
    const expected = kernelLaw(law, process, family, given.times)
    const denoiser = law.denoiser(process)
    const { tokens, nfe } = await sampleTokens({ denoiser, sampler: profiledSampler(given), count: 3000, seed: 3 })
    expect(chiSquare(expected, histogram(law, tokens), 3000)).toBeLessThan(chiSquareBound(27))
    expect(chiSquare(law.probabilities, histogram(law, tokens), 3000)).toBeGreaterThan(3 * chiSquareBound(27))
    expect(nfe).toBeLessThanOrEqual(3000 * calls(given, process))
  })

  test('counts the last fill', async () => {
    const times = [1, 0.5, 0]
    // A linear schedule ends with nothing masked; a factor below 1 leaves masks, a schedule that keeps noise leaves noise.
    expect(calls({ times, factors: [1, 1] }, linear)).toBe(2)
    expect(calls({ times, factors: [1, 1.1] }, linear)).toBe(2)
    expect(calls({ times, factors: [1, 0.9] }, linear)).toBe(3)
    expect(calls({ times, factors: [1, 1] }, bent)).toBe(3)
    expect(calls({ times, factors: [1, 1], kernel: 'tweedie' }, bent)).toBe(2)
    expect(calls({ times, factors: [1, 1] }, uniform)).toBe(3)
    const run = (sampler: ReturnType<typeof profiledSampler>) =>
      sampleTokens({ denoiser: law.denoiser(uniform), sampler, count: 20, seed: 1 })
    expect((await run(profiledSampler({ times, factors: [1, 1] }))).nfe).toBe(60)
    expect((await run(profiledSampler({ times, factors: [1, 1] }, { removal: 'none' }))).nfe).toBe(40)
  })

  test('is JSON, with defaults for what is not said', () => {
    const whole = parseSamplerProfile(JSON.parse(JSON.stringify(profile)))
    expect(whole).toEqual({ ...profile, variant: 'lsd-score', kernel: 'euler' })
    const trainedOn = {
      process: 'masked cosine',
      vocabulary: 3,
      length: 3,
      teacher: 'ancestral',
      teacherSteps: 9,
      pairs: 5,
      coupled: true,
      relax: 0.05,
      metric: 'squared',
      seed: -1,
      nfe: 10,
    } as const
    const full: SamplerProfile = { ...whole, variant: 'lsd-log', nfe: 4, trainedOn }
    expect(parseSamplerProfile(JSON.parse(JSON.stringify(full)))).toEqual(full)
  })

  test.each([
    [{ ...profile, factors: [1, 1] }, 'sampler profile.factors: 2 factors for 3 steps, expected one a step'],
    [{ ...profile, factors: [1, -1, 1] }, 'sampler profile.factors[1]: Too small: expected number to be >=0'],
    [{ ...profile, factors: [1, null, 1] }, 'sampler profile.factors[1]: Invalid input'],
    [
      { ...profile, times: [1, 0.6, 0.6, 0] },
      'sampler profile.times[2]: expected times that fall, 0.6 comes after 0.6',
    ],
    [{ ...profile, times: [1.1, 0.6, 0.2, 0] }, 'sampler profile.times[0]'],
    [{ ...profile, nfe: 5 }, 'sampler profile.nfe: 5 calls of 3 steps, expected 3, or 4 with the last fill'],
    [{ ...profile, kernel: 'heun' }, 'sampler profile.kernel'],
    [{ ...profile, phi: [1] }, 'sampler profile: Unrecognized key: "phi"'],
    [{ ...profile, trainedOn: { seed: 1 } }, 'sampler profile.trainedOn.process'],
    [null, 'sampler profile: '],
  ])('that is none is refused in one line (%#)', (json, message) => {
    const parse = () => parseSamplerProfile(json)
    expect(parse).toThrow(message)
    expect(parse).toThrow(/^[^\n]*$/)
    expect(() => profiledSampler(json as SamplerProfile)).toThrow(message)
  })
})
