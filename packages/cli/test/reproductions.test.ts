import { describe, expect, it } from 'vitest'
import { addGaussian, error, gaussian as spectrum } from '../../../reproduce/boundary-conditions/gaussian.ts'
import { random, rank, selectedOf, zero } from '../../../reproduce/boundary-conditions/names.ts'
import { spearman } from '../../../reproduce/boundary-conditions/spearman.ts'
import { naivePosterior, posterior, second } from '../../../reproduce/mr-sampler/methods.ts'
import { drawWorld, exactDraws, exactQuantiles, wasserstein1 } from '../../../reproduce/mr-sampler/world.ts'
import { varianceTable } from '../../../reproduce/resshift/gaussian.ts'
import { spreadOf } from '../../../reproduce/resshift/pictures.ts'
import { Results } from '../../../reproduce/support/results.ts'

describe('reproduce mr-sampler: the closed-form world', () => {
  const n = 4000
  const exact = exactQuantiles(n)

  it('measures the 1-Wasserstein distance: a shift is its own, exact draws have little', () => {
    expect(
      wasserstein1(
        exact.map((x) => x + 0.25),
        exact,
      ),
    ).toBeCloseTo(0.25, 12)
    expect(wasserstein1(exactDraws(3, n), exact)).toBeLessThan(0.03)
  })

  it('shows the mistake of the released baseline, what its repair wins, and what the second order adds', async () => {
    const [naive, fair, mr] = await Promise.all(
      [naivePosterior, posterior, second].map(async (m) => wasserstein1((await drawWorld(m, 5, 3, n)).data, exact)),
    )
    expect(naive).toBeGreaterThan(0.25)
    expect(fair).toBeLessThan(0.12)
    expect(mr).toBeLessThan(0.6 * fair)
  })
})

describe('reproduce resshift', () => {
  it('few steps keep little of the variance: the known values of the chain, with m = 0.5, v = 0.09, y = -0.2', () => {
    const kept = varianceTable().filter(({ method }) => method === 'ResShift')
    expect(kept.map(({ steps }) => steps)).toEqual([4, 5, 10, 15, 20, 50, 100, 1000])
    const known = new Map([
      [4, 0.0232],
      [15, 0.0468],
      [100, 0.0749],
      [1000, 0.0856],
    ])
    for (const { steps, value } of kept) {
      if (known.has(steps)) expect(0.09 * value).toBeCloseTo(known.get(steps) as number, 4)
    }
    kept.slice(1).forEach(({ value }, i) => {
      expect(value).toBeGreaterThan(kept[i].value)
    })
  })

  it('the spread of pairs of restorations is the root of their mean variance', () => {
    expect(spreadOf({ shape: [4, 2], data: Float32Array.of(1, 0, 3, 0, 5, 1, 5, 1) })).toBeCloseTo(Math.sqrt(2 / 4), 12)
  })
})

describe('reproduce boundary-conditions', () => {
  it('ranks: -1 for the reverse, 1 for any increasing map, the textbook value between', () => {
    const x = [3, 1, 4, 1.5, 9]
    expect(spearman(x, x.map(Math.exp))).toBeCloseTo(1, 12)
    expect(
      spearman(
        x,
        x.map((v) => -v),
      ),
    ).toBeCloseTo(-1, 12)
    expect(spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])).toBeCloseTo(0.8, 12)
  })

  it('the Gaussian case: a selected start beats random ones by 1 to 2.5 dB, x = 0 beats all; pictures agree', () => {
    const results = new Results([0, 1])
    // Enough steps for the exact map, whose random starts are off by 2 tr C = 9.49 and x = 0 by half of it.
    addGaussian(results, 250)
    const of = (method: string, metric = error) => results.at(method, { setting: spectrum, metric, budget: 250 }).mean
    expect(of(zero)).toBeCloseTo(4.744, 3)
    expect(of(random)).toBeGreaterThan(9.2)
    expect(of(random)).toBeLessThan(9.6)
    const gain = 10 * Math.log10(of(random) / of(selectedOf(1000)))
    expect(gain).toBeGreaterThan(1)
    expect(gain).toBeLessThan(2.5)
    expect(of(selectedOf(1000), rank)).toBeGreaterThan(0.8)
  })
})
