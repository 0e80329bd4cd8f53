import { mixtureChain } from 'espalier/chain'
import {
  bestRewardMetric,
  compareSearches,
  drawnSamples,
  heldOutMetric,
  meanRewardMetric,
  Results,
  type SearchTask,
  topSamples,
} from 'espalier/measure'
import { GaussianMixture, linearBetas, vpTable } from 'espalier/process'
import { importanceResampling } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const mixture = new GaussianMixture({ means: [[0]], stds: [1] })
const process = vpTable(linearBetas(20, 0.01, 0.5))
const grid = Array.from({ length: 21 }, (_, i) => (20 - i) / 20)
const chain = mixtureChain({ mixture, process, grid })
const linear = { name: 'x', evaluate: async (samples: readonly Tensor[]) => samples.map(({ data }) => data[0]) }
const task: SearchTask<Float32Array, Tensor> = { name: 'to the right', reward: linear, chain: () => chain }

describe('searches compared', () => {
  it('a sample that weighs nothing does not count in the mean reward, were it -Infinity', async () => {
    const half = {
      name: 'half',
      evaluate: async (xs: readonly Tensor[]) => xs.map(({ data }) => (data[0] > 0 ? 2 : -Infinity)),
    }
    const found = await importanceResampling({ chain, reward: half, seed: 1, budget: 400 })
    expect(found.candidates.some(({ reward }) => reward === -Infinity)).toBe(true)
    expect((await meanRewardMetric.values([found], 'half'))[0]).toBeCloseTo(2, 12)
  })

  it('are run on the same seeds at every budget, and their costs stand in the table', async () => {
    const results = new Results([0, 1, 2, 3, 4])
    const square = { name: 'x^2', evaluate: async (xs: readonly Tensor[]) => xs.map(({ data }) => data[0] ** 2) }
    const shown: number[] = []
    await compareSearches(
      {
        tasks: [task],
        methods: ['best-of-n', 'svdd(candidates=4)'],
        budgets: [200, 800],
        metrics: [bestRewardMetric, meanRewardMetric, heldOutMetric('held-out', square)],
        together: 2,
      },
      results,
      (done) => shown.push(done),
    )
    const rows = results.rows()
    expect(rows.length).toBe(2 * 2 * 3)
    expect(shown).toEqual([0, 0.1, 0.5, 0.6])
    for (const { n, nfe, rewardEvaluations, metric, method } of rows) {
      expect(n).toBe(5)
      expect(nfe === 200 || nfe === 800 || method.startsWith('svdd')).toBe(true)
      expect(nfe).toBeLessThanOrEqual(800)
      expect(rewardEvaluations).toBeGreaterThan(0)
      expect(['best reward', 'mean reward', 'held-out']).toContain(metric)
    }
    const best = (method: string, budget: number) =>
      results.at(method, { setting: 'to the right', metric: 'best reward', budget }).mean
    // The expected maximum of 10 and of 40 normals.
    expect(Math.abs(best('best-of-n', 200) - 1.539)).toBeLessThan(0.8)
    expect(best('best-of-n', 800)).toBeGreaterThan(best('best-of-n', 200))
    expect(best('svdd(candidates=4)', 800)).toBeGreaterThan(best('best-of-n', 800))
  })

  it('gives the same numbers however many seeds run side by side', async () => {
    const of = async (together: number) => {
      const results = new Results([3, 4, 5])
      const comparison = { tasks: [task], budgets: [160], metrics: [bestRewardMetric], together }
      await compareSearches({ ...comparison, methods: ['dts-star(alpha=0.5)', 'smc(particles=4)'] }, results)
      return results.rows()
    }
    expect(await of(1)).toEqual(await of(3))
  })

  it('draws by weight with as few repetitions as the weights allow, and ranks by reward', async () => {
    const result = await importanceResampling({ chain, reward: linear, seed: 1, budget: 20 * 500, lambda: 2 })
    const drawn = drawnSamples(result, 400).map(({ data }) => data[0])
    // The tilt of N(0, 1) by exp(2 x) is N(2, 1).
    expect(Math.abs(drawn.reduce((a, b) => a + b) / 400 - 2)).toBeLessThan(0.5)
    const top = topSamples(result, 3).map(({ data }) => data[0])
    expect(top).toEqual(
      result.candidates
        .map(({ reward }) => reward)
        .sort((a, b) => b - a)
        .slice(0, 3),
    )
  })
})
