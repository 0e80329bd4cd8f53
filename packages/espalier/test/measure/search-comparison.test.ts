import { mixtureChain } from 'espalier/chain'
import {
  bestRewardMetric,
  compareSearches,
  drawnSamples,
  heldOutMetric,
  mean95,
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

  it('a search that finds nothing but -Infinity is no error: its seed is left out of the mean, and counted', async () => {
    const never = { name: 'never', evaluate: async (xs: readonly Tensor[]) => xs.map(() => -Infinity) }
    // Above 1 in about one of six samples: some of the seeds find one with three samples, others do not.
    const tail = {
      name: 'tail',
      evaluate: async (xs: readonly Tensor[]) => xs.map(({ data }) => (data[0] > 1 ? data[0] : -Infinity)),
    }
    const results = new Results([0, 1, 2, 3, 4, 5])
    const tasks = [never, tail].map((reward) => ({ name: reward.name, reward, chain: () => chain }))
    const methods = ['best-of-n', 'greedy', 'dts-star', 'importance', 'svdd(candidates=2)', 'smc(particles=3)']
    await compareSearches({ tasks, methods, budgets: [60], metrics: [bestRewardMetric, meanRewardMetric] }, results)
    const rows = results.rows()
    expect(rows).toHaveLength(2 * 6 * 2)
    for (const row of rows.filter(({ setting }) => setting === 'never')) {
      expect(row).toMatchObject({ mean: -Infinity, low: Number.NaN, high: Number.NaN, n: 0, never: 6 })
    }
    const where = { setting: 'tail', metric: 'best reward', budget: 60 }
    const values = results.values('best-of-n', where)
    const found = values.filter((value) => value > 1)
    expect([1, 2, 3, 4, 5]).toContain(found.length)
    expect(values.filter((value) => value === -Infinity)).toHaveLength(6 - found.length)
    const row = rows.find(({ method, setting }) => method === 'best-of-n' && setting === 'tail')
    expect(row).toMatchObject({ ...mean95(found), never: 6 - found.length })
    expect(results.at('best-of-n', where)).toEqual(mean95(found))
    expect(() => results.lead('best-of-n', 'greedy', where)).toThrow(/best reward of best-of-n or greedy is -Infinity/)
    const cell = { method: 'a', setting: 'b', metric: 'c', nfe: 1 }
    for (const odd of [Number.NaN, Infinity]) {
      expect(() => results.add({ ...cell, values: [odd, 1, 1, 1, 1, 1] })).toThrow(/c of a in b needs 6 finite values/)
    }
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
