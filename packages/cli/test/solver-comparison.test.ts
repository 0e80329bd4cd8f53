import {
  type Comparison,
  compareSolvers,
  comparisonNfe,
  distanceMetric,
  distanceName,
  drawSamples,
  exactSamples,
  frechetMetric,
  guidedWorld,
  planWithin,
  shareOutsideMetric,
  slicedWasserstein2,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { GaussianMixture, quadraticGrid, uniformGrid, vpLinear } from 'espalier/process'
import { ddim, deis, dpmSolverPlusPlus, rungeKutta, stepsOf } from 'espalier/solve'
import { key } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { eulerInTime, exponentialOfScore } from '../../../reproduce/deis/ablation.ts'
import { Results } from '../../../reproduce/support/results.ts'
import { lower, verdictOf } from '../../../reproduce/support/verdict.ts'

const process = vpLinear()
const mixture = new GaussianMixture({
  means: [
    [-1, 0],
    [1.5, 1],
  ],
  stds: [0.2, 0.4],
})
const subject = worldSubject('two clusters', mixture, process)
const setting = { subject, grid: quadraticGrid, gridOptions: { to: 1e-3 } }
const heun = rungeKutta({ method: 'heun', variable: 'rho', target: 'noise' })

const comparison: Comparison = {
  ...setting,
  samples: 200,
  methods: [
    { method: 'DDIM', solver: ddim(), budgets: [5, 10, 20] },
    { method: 'tAB2', solver: deis({ order: 3 }) },
    { method: 'rhoHeun', solver: heun },
  ],
  budgets: [5, 10],
  reference: { solver: ddim(), steps: 1000, samples: 20 },
  metrics: [worldW2(mixture, [0, 1, 2], 200), shareOutsideMetric('beyond 3', 3)],
}

describe('the comparison of solvers', () => {
  it('takes as many steps as the budget allows, guided steps at their price', () => {
    expect(stepsOf(planWithin({ ...setting, solver: ddim() }, 7)!)).toBe(7)
    expect(stepsOf(planWithin({ ...setting, solver: heun }, 7)!)).toBe(3)
    expect(planWithin({ ...setting, solver: heun }, 1)).toBeUndefined()
    const guided = guidedWorld('guided', mixture, mixture, 3, process)
    expect(stepsOf(planWithin({ ...setting, subject: guided, solver: ddim() }, 7)!)).toBe(3)
  })

  it('starts every method from the same noise, whatever the batches and the other seeds', async () => {
    const plan = planWithin({ ...setting, solver: ddim() }, 4)!
    const [whole] = await drawSamples({ subject }, plan, [3], 10)
    const parts = await drawSamples({ subject: { ...subject, batch: 3 } }, plan, [1, 3], 10)
    expect(parts[1]).toEqual(whole)
    expect(parts[0]).not.toEqual(whole)
  })

  it('measures distances that fall with the budget, and more NFE never count as less', async () => {
    const results = new Results([0, 1, 2])
    const progress: number[] = []
    await compareSolvers([comparison], results, (done) => progress.push(done))
    const at = (method: string, budget: number) =>
      results.at(method, { setting: 'two clusters', metric: distanceName, budget })
    expect(at('DDIM', 10).mean).toBeLessThan(0.7 * at('DDIM', 5).mean)
    expect(at('DDIM', 20).mean).toBeLessThan(0.7 * at('DDIM', 10).mean)
    expect(at('tAB2', 10).mean).toBeLessThan(0.5 * at('DDIM', 10).mean)
    // One value per seed, NFE as spent, and the floor of real samples.
    const rows = results.rows()
    expect(rows.filter((r) => r.method === 'rhoHeun').map(({ nfe }) => nfe)).toEqual([4, 4, 4, 10, 10, 10])
    expect(rows.every(({ n }) => n === 3)).toBe(true)
    const floor = rows.find((r) => r.method === 'exact samples')!
    expect(floor.nfe).toBe(0)
    expect(floor.mean).toBeLessThan(rows.find((r) => r.method === 'DDIM' && r.metric === floor.metric)!.mean)
    expect(progress[progress.length - 1]).toBeCloseTo(1, 12)
    expect(comparisonNfe(comparison, 3)).toBe(3 * 200 * (35 + 15 + 14))
  })

  it('stops at a signal and keeps what was finished', async () => {
    const results = new Results([0, 1])
    const stop = new AbortController()
    const small = { ...comparison, samples: 20, metrics: [] }
    const onProgress = (_: number, what: string) => what.endsWith('tAB2') && stop.abort(new Error('enough'))
    await expect(compareSolvers([small], results, onProgress, stop.signal)).rejects.toThrow('enough')
    expect(new Set(results.rows().map(({ method }) => method))).toEqual(new Set(['DDIM']))
  })

  it('is the same twice', async () => {
    const small = { ...comparison, samples: 20, methods: comparison.methods.slice(0, 1), metrics: [] }
    const run = async () => {
      const results = new Results([5])
      await compareSolvers([small], results)
      return results.rows()
    }
    expect(await run()).toEqual(await run())
  })

  it('tells which of two methods is lower, or that the seeds do not', async () => {
    const results = new Results([0, 1, 2, 3])
    const cell = { setting: 's', metric: 'm', budget: 5, nfe: 5 }
    results.add({ ...cell, method: 'a', values: [1, 2, 3, 4] })
    results.add({ ...cell, method: 'b', values: [1.5, 2.4, 3.5, 4.6] })
    results.add({ ...cell, method: 'c', values: [4, 1, 2, 3] })
    const where = { setting: 's', metric: 'm', budget: 5 }
    // Seed by seed the gap of a and b is plain, though their values overlap.
    expect(lower(results, 'a', 'b', where)).toEqual({
      ...{ holds: true, about: 's, m at 5 NFE', text: 'a (2.5) is lower than b (3)' },
    })
    expect(lower(results, 'b', 'a', where).text).toContain('is higher than')
    expect(lower(results, 'a', 'c', where)).toMatchObject({
      ...{ holds: false, text: expect.stringContaining('not told apart') },
    })
    const { verdict, why } = verdictOf([lower(results, 'a', 'b', where), lower(results, 'a', 'c', where)])
    expect(verdict).toBe('holds in part')
    expect(why).toBe('S, m at 5 NFE: a (2.5) is lower than b (3); a (2.5) is not told apart from c (2.5).')
    expect(() => results.add({ ...cell, method: 'e', values: [1, 2, Number.NaN, 4] })).toThrow(
      'm of e in s needs 4 finite',
    )
    expect(() => results.values('d', where)).toThrow('no result for d in s at 5 NFE: m')
  })
})

describe('metrics', () => {
  it('take the distance of the first samples where the reference has no more', () => {
    const [x, y] = [exactSamples(mixture, 1, 5), exactSamples(mixture, 2, 3)]
    const [value] = distanceMetric('d', [y]).values([x]) as number[]
    const first = { shape: [3, 2], data: x.data.slice(0, 6) }
    expect(value).toBe((distanceMetric('d', [y]).values([first]) as number[])[0])
    expect(() => distanceMetric('d', [x]).values([y])).toThrow('5 references for 3 samples')
  })

  it('measure a Frechet distance without bias: real samples get about 0, shifted ones the squared shift', async () => {
    const target = exactSamples(mixture, 9, 20_000)
    const parts = [1, 2, 3, 4, 5, 6].map((seed) => exactSamples(mixture, seed, 100))
    const metric = frechetMetric('F', async (images) => images, { target, floor: parts, floorName: 'real' })
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length
    expect(Math.abs(mean(await metric.floor!.values()))).toBeLessThan(0.02)
    const shifted = parts.map(({ shape, data }) => ({ shape, data: data.map((v) => v + 1) }))
    expect(Math.abs(mean(await metric.values(shifted)) - 2)).toBeLessThan(0.25)
  })
})

describe('the solvers that DEIS starts from', () => {
  const exact = { setting: 'two clusters', metric: distanceName }

  it('converge with order 1 to the same solution', async () => {
    const results = new Results([0, 1])
    await compareSolvers(
      [
        {
          ...{ ...setting, grid: uniformGrid, samples: 20, metrics: [], budgets: [500, 1000] },
          methods: [
            { method: 'Euler', solver: eulerInTime },
            { method: 'EI (score)', solver: exponentialOfScore },
          ],
          reference: { solver: dpmSolverPlusPlus(), steps: 10, samples: 20 },
        },
      ],
      results,
    )
    for (const method of ['Euler', 'EI (score)']) {
      const [coarse, fine] = [500, 1000].map((budget) => results.at(method, { ...exact, budget }).mean)
      expect(Math.log2(coarse / fine)).toBeGreaterThan(0.8)
      expect(Math.log2(coarse / fine)).toBeLessThan(1.3)
    }
  })
})

describe('a guided world', () => {
  it('is the class itself at w = 1, and leaves it beyond', async () => {
    const one = new GaussianMixture({ means: [[1.5, 1]], stds: [0.4] })
    const far = async (w: number) => {
      const guided = guidedWorld('guided', mixture, one, w, process)
      const plan = planWithin({ ...setting, subject: guided, solver: dpmSolverPlusPlus() }, 80)!
      const [samples] = await drawSamples({ subject: guided }, plan, [0], 500)
      return slicedWasserstein2(samples, exactSamples(one, 1, 5000), { key: key(1) })
    }
    const [plain, strong] = [await far(1), await far(6)]
    expect(plain).toBeLessThan(0.06)
    expect(strong).toBeGreaterThan(2 * plain)
  })
})
