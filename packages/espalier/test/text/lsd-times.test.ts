import {
  cosine,
  type DistilOptions,
  type DistilTimesOptions,
  distilSampler,
  distilTimes,
  evenTimes,
  geometric,
  jumpYourSteps,
  maskedProcess,
  TokenLaw,
  type TokenProcess,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { chain, farPlain, farProfile } from './lsd-world.ts'

const law = chain(4)
const linear = maskedProcess(3)
const bent = maskedProcess(3, cosine())
const uniform = uniformProcess(3, geometric(1e-3, 20))

const base = (process: TokenProcess) => ({
  denoiser: law.denoiser(process),
  steps: 4,
  seed: 1,
  pairs: 200,
  teacherSteps: 64,
})
const learn = (process: TokenProcess, options: Partial<DistilTimesOptions> = {}) =>
  distilTimes({ ...base(process), ...options })

describe('learned times', () => {
  test('as the paper prints them are of the length of a teacher step: the student stops on its way', async () => {
    const { times, kappa } = await learn(linear, { term: 'first', renormalise: false })
    for (const length of kappa) expect(Math.abs(length * 64 - 1)).toBeLessThan(0.15)
    expect(times[4]).toBeCloseTo(1 - 4 / 64, 2)
    const distance = farPlain(law, linear, times)
    // Little is known there, and one last call fills in the rest.
    expect(distance).toBeGreaterThan(2 * farPlain(law, linear, evenTimes(4)))
    expect(distance).toBeGreaterThan(0.8 * farPlain(law, linear, evenTimes(1)))
  })

  test.each(['sum', 'first'] as const)('that are scaled fall from 1 to the end, for both terms (%s)', async (term) => {
    for (const [process, end] of [
      [linear, 0],
      [bent, 0.01],
      [uniform, 1e-5],
    ] as const) {
      const { times, nfe } = await learn(process, { term, end, pairs: 20 })
      expect(times[0]).toBe(1)
      expect(times[4]).toBe(end)
      for (let k = 0; k < 4; k++) expect(times[k + 1]).toBeLessThan(times[k])
      expect(nfe).toBeGreaterThan(0)
    }
  })

  test('are even on a linear schedule, where least squares finds the steps as they are', async () => {
    const { times, kappa } = await learn(linear, { pairs: 600 })
    evenTimes(4).forEach((t, k) => void expect(Math.abs(times[k] - t)).toBeLessThan(0.02))
    for (const length of kappa) expect(Math.abs(length - 0.25)).toBeLessThan(0.02)
  })

  test('come closer to the law on a schedule that is bent', async () => {
    const { times } = await learn(bent, { kernel: 'tweedie' })
    expect(farPlain(law, bent, times, 'tweedie')).toBeLessThan(0.95 * farPlain(law, bent, evenTimes(4), 'tweedie'))
    const plus = await distilSampler({ ...base(bent), times: 'learned' })
    expect(farProfile(law, bent, plus)).toBeLessThan(0.85 * farPlain(law, bent, evenTimes(4)))
    expect(plus.times[0]).toBe(1)
    expect(plus.times[4]).toBe(0)
    expect(plus.trainedOn.nfe).toBeGreaterThan((await distilSampler(base(bent))).trainedOn.nfe)
  })

  test('need rates, and steps that lead somewhere', async () => {
    const noise = uniformProcess(3, cosine())
    await expect(learn(noise, { pairs: 2 })).rejects.toThrow('rates are infinite at time 1')
    await expect(learn(bent, { renormalise: false, pairs: 2 })).rejects.toThrow('past 0')
    await expect(learn(linear, { rounds: 0 })).rejects.toThrow('0 rounds')
  })
})

describe('Jump Your Steps', () => {
  const jump = (steps: number, process: TokenProcess = uniform, options = {}) =>
    jumpYourSteps({ ...base(process), steps, teacherSteps: 32, pairs: 60, ...options })

  test('splits level by level on the fine grid', async () => {
    const [two, four] = [await jump(2), await jump(4)]
    const fine = evenTimes(32)
    for (const t of four.times) expect(fine).toContain(t)
    for (const t of two.times) expect(four.times).toContain(t)
    // Fine runs ask for all they need.
    expect(four.nfe).toBe(32 * 60)
    const three = await jumpYourSteps({ ...base(uniform), steps: 3, teacherSteps: 33, pairs: 10 })
    expect(three.times.length).toBe(4)
    expect(three.times.at(-1)).toBe(0)
  })

  test('halves where the network has nothing to learn', async () => {
    const coins = new TokenLaw(2, 3, [1, 2, 1, 2, 1, 2, 1, 2])
    const process = maskedProcess(2)
    const { times } = await jumpYourSteps({
      denoiser: coins.denoiser(process),
      steps: 4,
      teacherSteps: 16,
      pairs: 20,
      seed: 1,
    })
    expect(times).toEqual([1, 0.75, 0.5, 0.25, 0])
  })
})

/*
 * Chains of 4 tokens of 3, uniform rates, geometric schedule (1e-3 to 20), exact model, teacher of 64 steps, 200 pairs, clip
 * [0.5, 2], last fill counted in for all. Total variation distance to the true law, by enumeration:
 *
 *                        plain   LSD     apart   log     entropy   LSD+: times   and factors   jump    and factors
 *   Euler,    2 steps    0.414   0.257   0.257   0.447   0.280     0.266         0.390         0.702   0.608
 *             4          0.163   0.256   0.256   0.399   0.252     0.479         0.489         0.253   0.140
 *             8          0.063   0.209   0.207   0.367   0.118     0.209         0.245         0.077   0.056
 *   analytic, 2          0.312   0.428   0.428   0.483   0.417     0.444         0.504         0.305   0.408
 *             4          0.262   0.349   0.350   0.472   0.372     0.351         0.382         0.133   0.289
 *             8          0.132   0.273   0.278   0.336   0.182     0.179         0.303         0.062   0.215
 *
 * Factors of LSD with 8 Euler steps: 1 .77 .69 .5 .5 ..., apart 1 .67 .65 .5 .5 ..., by score entropy 1 1 .99 .87 .75 .62
 * .59 .59. They help where Euler moves far too much, at two steps, and on times that jump. Otherwise they do harm.
 */
describe('few steps on a uniform process', () => {
  const far = async (options: Partial<DistilOptions>) =>
    farProfile(law, uniform, await distilSampler({ ...base(uniform), pairs: 100, teacherSteps: 32, ...options }))
  const plain = (steps: number, kernel: 'euler' | 'tweedie' = 'euler') =>
    farPlain(law, uniform, evenTimes(steps), kernel)

  test('factors help Euler at two of them, and do harm at more', async () => {
    expect(await far({ steps: 2 })).toBeLessThan(0.8 * plain(2))
    for (const steps of [4, 8]) expect(await far({ steps })).toBeGreaterThan(1.3 * plain(steps))
  })

  test('times that jump help analytic steps more than anything learned', async () => {
    for (const steps of [4, 8]) {
      const { times } = await jumpYourSteps({ ...base(uniform), steps, teacherSteps: 32, pairs: 60 })
      expect(farPlain(law, uniform, times, 'tweedie')).toBeLessThan(0.75 * plain(steps, 'tweedie'))
    }
  })
})
