import {
  ancestral,
  cosine,
  type DistilOptions,
  distilSampler,
  evenTimes,
  geometric,
  maskedProcess,
  parseSamplerProfile,
  profiledSampler,
  sampleTokens,
  scaledKernel,
  type TokenProcess,
  thetaTrapezoidal,
  tokenEuler,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { Ratio } from '../../src/text/distil-pairs.ts'
import { chain, farPlain, farProfile } from './lsd-world.ts'
import { kernelLaw } from './worlds.ts'

const law = chain(4)
const linear = maskedProcess(3)
const bent = maskedProcess(3, cosine())
const uniform = uniformProcess(3, geometric(1e-3, 20))

const fit = (process: TokenProcess, options: Partial<DistilOptions> = {}) =>
  distilSampler({ denoiser: law.denoiser(process), steps: 4, seed: 1, pairs: 400, teacherSteps: 128, ...options })
const far = async (process: TokenProcess, options: Partial<DistilOptions> = {}) =>
  farProfile(law, process, await fit(process, options))
const plain = (process: TokenProcess, steps: number, kernel: 'euler' | 'tweedie' = 'euler') =>
  farPlain(law, process, evenTimes(steps), kernel)

describe('the closed form', () => {
  const wanted = [0.2, 1.5, 0, 0.7]
  const own = Float64Array.of(0.5, 1.1, 0.3, 0)
  /** Gradient descent from 1. */
  const descend = (gradient: (f: number) => number) => {
    let f = 1
    for (let i = 0; i < 4000; i++) f -= 0.05 * gradient(f)
    return f
  }
  test('is the limit of gradient descent', () => {
    const squares = new Ratio()
    squares.add(wanted, own)
    const slope = (f: number) => own.reduce((sum, b, i) => sum + 2 * b * (f * b - wanted[i]), 0)
    expect(squares.value).toBeCloseTo(descend(slope), 10)
    // sum f b - a log(f b)
    const entropy = new Ratio('entropy')
    entropy.add(wanted, own)
    const slopeOfEntropy = (f: number) => own.reduce((sum, b, i) => sum + b - wanted[i] / f, 0)
    expect(entropy.value).toBeCloseTo(descend(slopeOfEntropy), 10)
    expect(new Ratio().value).toBeUndefined()
  })
})

describe('factors', () => {
  test.each([
    ['masked', bent],
    ['uniform', uniform],
  ] as const)('are 1 where the teacher is the student, on a %s process', async (_, process) => {
    for (const variant of ['lsd-score', 'lsd-log'] as const) {
      for (const [kernel, teacher] of [
        ['euler', tokenEuler],
        ['tweedie', ancestral],
      ] as const) {
        const { factors } = await fit(process, { teacherSteps: 4, teacher, kernel, variant, pairs: 30 })
        expect(factors).toEqual([1, 1, 1, 1])
      }
    }
  })

  test('are 1 at the first step, unless the start is relaxed', async () => {
    for (const [process, variant] of [
      [linear, 'lsd-score'],
      [bent, 'lsd-log'],
      [uniform, 'lsd-score'],
    ] as const) {
      const { factors } = await fit(process, { pairs: 30, variant, teacherSteps: 16 })
      expect(factors[0]).toBe(1)
      expect(factors[3]).not.toBe(1)
    }
    // A position that is known to the student alone counts as a zero of it: its other scores are peaked by what it knows.
    const relaxed = await fit(linear, { pairs: 200, relax: 0.25, teacherSteps: 16 })
    expect(relaxed.factors[0]).toBeGreaterThan(0.75)
    expect(relaxed.factors[0]).toBeLessThan(0.9)
    await expect(fit(linear, { relax: 2 })).rejects.toThrow('relax is 2')
  })

  /*
   * Total variation distance to the true law of chains of 6 tokens of 3, exact model, teacher of 256 steps, 600 pairs, last
   * fill counted in for all. "Apart" is without coupling, in [0, 2].
   *
   *   M   Euler   apart   its factors             0.8 for all   coupled   its factors          lsd-log apart   lsd-log
   *   2   0.401   0.346   1 .31                   0.338         0.388     1 .93                0.586           0.408
   *   3   0.278   0.253   1 .46 .20               0.242         0.267     1 .96 .89            0.535           0.292
   *   4   0.212   0.217   1 .54 .32 .14           0.188         0.204     1 .97 .95 .87        0.523           0.226
   *   8   0.109   0.177   1 .73 .56 .44 ... .07   0.100         0.107     1 .99 .98 ... .86    0.481           0.120
   *
   * So apart they shrink, whatever the model; at 2 and 3 steps even that helps, as does the constant 0.8, more: tokens are
   * left to the last fill, which on this schedule is a call that Euler does not need. Together there is little to gain.
   */
  test('of streams that are not coupled shrink step by step, and lead away from the law', async () => {
    const options = { steps: 8, clip: [0, 2] as const, teacherSteps: 64 }
    const [together, apart] = [await fit(linear, options), await fit(linear, { ...options, coupled: false })]
    apart.factors.forEach((factor, k) => {
      if (k > 0) expect(factor).toBeLessThan(apart.factors[k - 1])
    })
    expect(apart.factors[7]).toBeLessThan(0.2)
    expect(farProfile(law, linear, apart)).toBeGreaterThan(1.2 * plain(linear, 8))
    expect(Math.min(...together.factors)).toBeGreaterThan(0.8)
    expect(farProfile(law, linear, together)).toBeLessThan(plain(linear, 8))
    // Kept in [0.5, 2] they do less harm.
    expect(Math.min(...(await fit(linear, { steps: 8, coupled: false, pairs: 100 })).factors)).toBe(0.5)
  })

  test('by score entropy do not shrink, coupled or not', async () => {
    const options = { steps: 8, clip: [0, 2] as const, teacherSteps: 64, metric: 'entropy' } as const
    for (const coupled of [true, false]) {
      const { factors } = await fit(linear, { ...options, coupled })
      factors.slice(0, 6).forEach((factor) => void expect(Math.abs(factor - 1)).toBeLessThan(0.2))
    }
    await expect(fit(linear, { metric: 'entropy', variant: 'lsd-log' })).rejects.toThrow('take the squared metric')
  })

  test('gain little on a linear schedule with an exact model, where Euler is exact in time; powers lose', async () => {
    const profile = await fit(linear)
    expect(Math.min(...profile.factors)).toBeGreaterThan(0.85)
    expect(farProfile(law, linear, profile)).toBeLessThan(plain(linear, 4))
    expect(farProfile(law, linear, profile)).toBeGreaterThan(0.93 * plain(linear, 4))
    expect(await far(linear, { variant: 'lsd-log' })).toBeGreaterThan(plain(linear, 4))
  })

  /*
   * On a cosine (4 tokens, 300 pairs): Euler 0.430, 0.207, 0.097 with 2, 4, 8 steps; with factors 0.320, 0.168, 0.087;
   * analytic steps without any 0.318, 0.172, 0.089, and those need no last fill.
   */
  test('gain on a schedule where Euler is not exact in time, about what analytic steps have for nothing', async () => {
    const profile = await fit(bent)
    const distance = farProfile(law, bent, profile)
    expect(distance).toBeLessThan(0.87 * plain(bent, 4))
    expect(distance).toBeGreaterThan(0.93 * plain(bent, 4, 'tweedie'))
    expect(profile.nfe).toBe(5)
    const analytic = await fit(bent, { kernel: 'tweedie' })
    expect(farProfile(law, bent, analytic)).toBeLessThan(plain(bent, 4, 'tweedie'))
    expect(farProfile(law, bent, analytic)).toBeGreaterThan(0.95 * plain(bent, 4, 'tweedie'))
  })

  /*
   * Positions drawn side by side have too much entropy: 8 Euler steps 3.44 nats of 3.17 (6 tokens: 5.05 of 4.60), so that
   * sharpening by 1.2 halves the distance, 0.081 to 0.035 (0.109 to 0.042), with entropy 3.20 (4.68); by 2 it doubles, 0.161
   * (0.178), with 2.69 (3.92), while the likelihood under the model still rises: 2.76 nats a sequence, from 3.46 (4.02, 5.10).
   */
  test('that sharpen make samples of less entropy, whatever they do to the law', async () => {
    const times = evenTimes(8)
    const entropyOf = (factor: number) => {
      const kernel = scaledKernel({ variant: 'lsd-log', factor: (t) => (t === 1 ? 1 : factor) })
      return kernelLaw(law, linear, kernel, times).reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0)
    }
    expect(entropyOf(1)).toBeGreaterThan(1.05 * law.entropy())
    expect(entropyOf(1.2)).toBeLessThan(0.95 * entropyOf(1))
    const sharper = { times, factors: times.slice(1).map((_, k) => (k === 0 ? 1 : 1.2)), variant: 'lsd-log' } as const
    expect(farProfile(law, linear, sharper)).toBeLessThan(0.5 * plain(linear, 8))
    expect(entropyOf(2)).toBeLessThan(0.9 * law.entropy())
  })
})

test('a fit says what it is, samples, and keeps to prompts', async () => {
  const profile = await fit(bent, { prompt: [0, 1], length: 4, pairs: 20, teacherSteps: 16 })
  expect(parseSamplerProfile(JSON.parse(JSON.stringify(profile)))).toEqual(profile)
  expect(profile.trainedOn).toMatchObject({ process: 'masked cosine', length: 4, teacherSteps: 16, pairs: 20, seed: 1 })
  // Teacher and student ask at the steps of the fit, and where something falls: two positions each.
  expect(profile.trainedOn.nfe).toBeLessThanOrEqual(20 * (2 + 2 + 4))
  expect(await fit(bent, { prompt: [0, 1], length: 4, pairs: 20, teacherSteps: 16 })).toEqual(profile)
  const sampler = profiledSampler(profile)
  const { tokens, nfe } = await sampleTokens({
    denoiser: law.denoiser(bent),
    sampler,
    count: 20,
    seed: 1,
    prompt: [0, 1],
    length: 4,
  })
  for (const row of tokens) expect([...row.subarray(0, 2)]).toEqual([0, 1])
  expect(nfe).toBeLessThanOrEqual(20 * profile.nfe)
})

test('what does not fit is refused', async () => {
  await expect(fit(linear, { teacherSteps: 6 })).rejects.toThrow(
    "a teacher of 6 steps, expected a multiple of the student's 4",
  )
  await expect(fit(linear, { teacher: thetaTrapezoidal() })).rejects.toThrow('expected steps of one call')
  await expect(fit(linear, { pairs: 0 })).rejects.toThrow('0 pairs')
  await expect(fit(linear, { clip: [2, 1] })).rejects.toThrow('0 <= low <= high')
  await expect(fit(linear, { end: 1 })).rejects.toThrow('the end time is 1')
  await expect(fit(linear, { times: [1, 0.5, 0] })).rejects.toThrow('expected 5 from 1 on')
})
