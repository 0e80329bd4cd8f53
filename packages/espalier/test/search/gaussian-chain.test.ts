/** Population methods on the Gaussian chain, where the target, the values and the measured tables of others are known. */

import { mixtureChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { GaussianMixture, linearBetas, vpTable } from 'espalier/process'
import type { DifferentiableReward } from 'espalier/reward'
import { das, dps, type IslandResult, importanceResampling, smc, softmax, svdd, tds } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

// Data N(0, 1), r = -(x - 1.5)^2 / (2 0.25): the target is N(1.2, 0.2), log Z = -1.7047.
const steps = 20
const process = vpTable(linearBetas(steps, 0.01, 0.5))
const grid = Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps)
const mixture = new GaussianMixture({ means: [[0]], stds: [1] })
const reward: DifferentiableReward<Tensor> = {
  name: 'quadratic',
  evaluate: async (samples) => samples.map(({ data }) => -((data[0] - 1.5) ** 2) / 0.5),
  differentiate: async (samples) => ({
    values: samples.map(({ data }) => -((data[0] - 1.5) ** 2) / 0.5),
    gradients: samples.map(({ shape, data }) => ({ shape, data: Float32Array.of(-(data[0] - 1.5) / 0.25) })),
  }),
}
const gradient = cleanGradient(mixture.denoiser(process), reward)
const branchAt = Array.from({ length: steps }, (_, i) => steps - i)
const chain = mixtureChain({ mixture, process, grid, branchAt, gradient })

/** Weighted mean and variance over repeats, each population normalised on its own, and `log mean Z`. */
async function moments(run: (seed: number) => Promise<IslandResult<Float32Array, Tensor>>, repeats: number) {
  let [mean, square, z] = [0, 0, 0]
  for (let seed = 0; seed < repeats; seed++) {
    const { candidates, logZ = Number.NaN } = await run(seed)
    for (const { sample, weight } of candidates) {
      mean += (weight * sample.data[0]) / repeats
      square += (weight * sample.data[0] ** 2) / repeats
    }
    z += Math.exp(logZ) / repeats
  }
  return { mean, variance: square - mean ** 2, logZ: Math.log(z) }
}

const base = { chain, reward, budget: 1e9 }
const exact = {
  ...{ name: 'exact', cost: () => 0, rewardEvaluations: 0, looks: false },
  evaluate: async (states: readonly Float32Array[], level: number) => {
    const a = process.a(grid[level])
    const left = 1 - a * a
    return states.map(([x]) => -0.5 * Math.log1p(left / 0.25) - (1.5 - a * x) ** 2 / (2 * (0.25 + left)))
  },
}
/** One population of K rows. */
const once = (particles: number) => ({ ...base, particles, budget: particles * steps })

describe('the Gaussian chain', () => {
  it.each([
    ['SMC, exact values', (seed: number, k: number) => smc({ ...once(k), seed, values: exact }), [1.19, 0.2]],
    ['SMC', (seed: number, k: number) => smc({ ...once(k), seed }), [1.23, 0.2]],
    ['TDS', (seed: number, k: number) => tds({ ...once(k), seed }), [1.32, 0.17]],
    ['DAS', (seed: number, k: number) => das({ ...once(k), seed }), [1.23, 0.19]],
  ] as const)('%s: moments at K = 32 are those that others measured, and log Z is right', async (_, run, expected) => {
    const { mean, variance, logZ } = await moments((seed) => run(seed, 32), 150)
    expect(mean).toBeCloseTo(expected[0], 1)
    expect(Math.abs(variance - expected[1])).toBeLessThan(0.05)
    expect(Math.abs(logZ + 1.7047)).toBeLessThan(0.2)
  })

  it('TDS approaches the target as its population grows: the log-ratios are right', async () => {
    const small = await moments((seed) => tds({ ...once(4), seed }), 300)
    const large = await moments((seed) => tds({ ...once(600), seed }), 15)
    expect(small.mean).toBeGreaterThan(1.3)
    expect(Math.abs(large.mean - 1.2)).toBeLessThan(0.08)
    expect(Math.abs(large.variance - 0.2)).toBeLessThan(0.04)
  })

  it('DAS with all of gamma at once is TDS; TDS without a gradient is SMC', async () => {
    const seed = 4
    const tempered = await das({ ...once(8), seed, growth: 1e9, resampling: 'systematic' })
    const twisted = await tds({ ...once(8), seed })
    expect(tempered.candidates).toEqual(twisted.candidates)
    const flat = async (...[x]: Parameters<typeof gradient>) => ({
      ...{ clean: x, values: new Float64Array(x.shape[0]) },
      gradient: { shape: x.shape, data: new Float32Array(x.data.length) },
    })
    const still = mixtureChain({ mixture, process, grid, branchAt, gradient: flat })
    const plain = await smc({ ...once(8), seed })
    const untwisted = await tds({ ...once(8), chain: still, seed })
    untwisted.candidates.forEach(({ sample, weight }, i) => {
      expect(weight).toBeCloseTo(plain.candidates[i].weight, 6)
      expect(sample.data[0]).toBeCloseTo(plain.candidates[i].sample.data[0], 5)
    })
    expect(twisted.gradientEvaluations).toBe(8 * steps)
    expect(twisted.rewardEvaluations).toBe(2 * 8 * steps)
    expect([twisted.nfe, plain.nfe]).toEqual([8 * steps, 8 * steps])
    expect(plain.rewardEvaluations).toBe(8 * steps)
  })

  it('each method pulls as strongly as its paper says', async () => {
    const lambda = 1.7
    const strengths = async (run: (options: object) => Promise<unknown>) => {
      const pulls: ((done: number, steps: number) => number)[] = []
      const watched: typeof chain = {
        ...chain,
        propose: (states, level, keys, strength) => {
          pulls.push(strength)
          return chain.propose(states, level, keys, strength)
        },
      }
      await run({ ...once(4), chain: watched, seed: 1, lambda })
      expect(pulls).toHaveLength(steps)
      return [1, 10, 17, 18, 20].map((done) => pulls[0](done, steps))
    }
    const constant = (value: number) => new Array(5).fill(value)
    expect(await strengths((options) => tds(options as never))).toEqual(constant(lambda))
    expect(await strengths((options) => dps({ ...options, scale: 3 } as never))).toEqual(constant(3 * lambda))
    // 100 steps of growth 0.008 are the paper's: done of 20 steps is 5 done of those.
    const gamma = [5, 50, 85].map((i) => lambda * (1.008 ** i - 1))
    expect(await strengths((options) => das(options as never))).toEqual([...gamma, lambda, lambda])
  })

  it('DAS resamples under the tempered target of the stop', async () => {
    const { islands } = await das({ ...once(6), seed: 2, trigger: 1 })
    const { populations } = islands[0]
    for (const stop of [1, 9, 16, 19]) {
      const at = populations.findIndex((population) => population.stop === stop)
      const [before, after] = [populations[at], populations[at + 1]]
      const gamma = Math.min(1.008 ** (5 * stop) - 1, 1)
      const P = softmax(before.logWeights.map((weight, k) => weight + gamma * before.scores[k]))
      after.parents.forEach((k, i) => {
        expect(after.logWeights[i]).toBeCloseTo(before.logWeights[k] - Math.log(6 * P[k]), 10)
      })
    }
  })

  it.each([
    ['exact values', { values: exact, selection: 'softmax' }, { 2: [0.77, 0.48], 20: [1.17, 0.22] }],
    ['posterior means', { selection: 'softmax' }, { 2: [1.13, 0.34], 20: [1.45, 0.15] }],
    ['argmax', { selection: 'argmax' }, { 2: [1.44, 0.08], 20: [1.5, 0.0002] }],
  ] as const)('SVDD by %s tilts too little or too much, as measured elsewhere', async (_, rules, expected) => {
    for (const [m, [mean, variance]] of Object.entries(expected)) {
      const options = { ...base, ...rules, candidates: Number(m), samples: Number(m) === 2 ? 1500 : 400, seed: 7 }
      // One population: values that look at no state leave one prediction for all candidates.
      const cost = options.samples * ('values' in rules ? steps : 1 + Number(m) * (steps - 1))
      const found = await moments((seed) => svdd({ ...options, seed, budget: cost }), 1)
      expect(Math.abs(found.mean - mean)).toBeLessThan(0.09)
      expect(Math.abs(found.variance - variance)).toBeLessThan(0.05)
    }
  })

  it('SVDD costs one evaluation a candidate, and one for the first state', async () => {
    const { nfe, rewardEvaluations, candidates } = await svdd({
      ...base,
      candidates: 5,
      samples: 3,
      seed: 1,
      budget: 400,
    })
    expect(candidates.length).toBe(3)
    // The candidates of a state share its prediction: T M + 1, less the M look-aheads that final states do not need.
    expect(nfe).toBe(3 * (1 + 5 * (steps - 1)))
    expect(rewardEvaluations).toBe(3 * 5 * steps)
  })

  it('one particle, one candidate, no tilt: all are the model itself', async () => {
    const law = async (result: Promise<IslandResult<Float32Array, Tensor>>) => {
      const xs = (await result).candidates.map(({ sample }) => sample.data[0])
      const mean = xs.reduce((a, b) => a + b) / xs.length
      return [mean, xs.reduce((sum, x) => sum + (x - mean) ** 2, 0) / xs.length]
    }
    const n = 4000
    const options = { ...base, seed: 3, budget: n * (steps + 1) }
    const results = [
      smc({ ...options, lambda: 0 }),
      tds({ ...options, lambda: 0 }),
      svdd({ ...options, candidates: 1, samples: n }),
    ]
    for (const result of results) {
      const [mean, variance] = await law(result)
      expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(n))
      expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / n))
    }
  })

  it('importance resampling agrees with the closed form, as a check of the world', async () => {
    const { candidates, logZ } = await importanceResampling({ ...base, seed: 2, budget: 4000 * steps })
    const mean = candidates.reduce((sum, { sample, weight }) => sum + weight * sample.data[0], 0)
    expect(mean).toBeCloseTo(1.2, 1)
    expect(logZ).toBeCloseTo(-1.7047, 1)
  })
})
