import type { RunConfig } from '@espalier/engine'
import { mean95 } from 'espalier/measure'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bestAt, type Curve, groupsOf, keyOf, meanCurve, moreSeeds } from '../src/views/compare/groups.ts'

const config = (seed: number, method = 'dts'): RunConfig => ({
  ...{ model: 'mixture', reward: 'near:2,0', method, budget: 100, seed, lambda: 1, width: 4 },
  ...{ steps: 10, grid: 'uniform', solver: 'ddim(eta=1)', guidance: 1 },
})

/** Best rewards that rise where they change, as a run reports them. */
const curve = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.double({ min: -5, max: 5, noNaN: true })), {
    minLength: 1,
    maxLength: 30,
  })
  .map((points): Curve => {
    const nfe = [...new Set(points.map(([at]) => at))].sort((a, b) => a - b)
    const best = points
      .map(([, value]) => value)
      .sort((a, b) => a - b)
      .slice(0, nfe.length)
    return { nfe, best }
  })

describe('runs that differ in their seed alone', () => {
  it('are one group, whatever the order of their fields', () => {
    const turned = Object.fromEntries(Object.entries(config(3)).reverse()) as unknown as RunConfig
    const runs = [config(2), config(1, 'svdd'), config(1), turned].map((each) => ({ config: each }))
    const groups = groupsOf(runs)
    expect(groups.map((group) => group.runs.map(({ config: { method, seed } }) => `${method} ${seed}`))).toEqual([
      ['dts 1', 'dts 2', 'dts 3'],
      ['svdd 1'],
    ])
    expect(keyOf(config(1))).not.toBe(keyOf({ ...config(1), budget: 101 }))
  })

  it('get the next seeds that none of them has', () => {
    const runs = [config(1), config(2), config(4), config(3, 'svdd')].map((each) => ({ config: each }))
    expect(moreSeeds(config(1), runs, 3)).toEqual([3, 5, 6])
    expect(moreSeeds(config(1), runs, 0)).toEqual([])
  })
})

describe('the best reward so far', () => {
  it('is that of the last step at or before an NFE', () => {
    fc.assert(
      fc.property(curve, fc.integer({ min: 0, max: 1100 }), (line, at) => {
        const before = line.nfe.map((nfe, i) => [nfe, line.best[i]]).filter(([nfe]) => nfe <= at)
        expect(bestAt(line, at)).toBe(before.at(-1)?.[1])
      }),
    )
  })
})

describe('a mean over seeds', () => {
  it('is the mean with its interval at every point, from where all have a sample', () => {
    fc.assert(
      fc.property(fc.array(curve, { minLength: 2, maxLength: 5 }), fc.integer({ min: 1, max: 1100 }), (curves, at) => {
        const { nfe, mean, low, high } = meanCurve(curves, at, mean95)
        const from = Math.max(...curves.map((line) => line.nfe[0]))
        expect(nfe.length === 0).toBe(from > at)
        if (nfe.length === 0) return
        expect([nfe[0], nfe.at(-1)]).toEqual([from, at])
        nfe.forEach((point, i) => {
          const found = mean95(curves.map((line) => bestAt(line, point) as number))
          expect([mean[i], low[i], high[i]]).toEqual([found.mean, found.low, found.high])
        })
        // It rises, as each of its lines does.
        for (let i = 1; i < mean.length; i++) expect(mean[i]).toBeGreaterThanOrEqual(mean[i - 1] - 1e-12)
      }),
    )
  })

  it('leaves out runs without a sample', () => {
    const one = { nfe: [5], best: [2] }
    expect(meanCurve([one, { nfe: [], best: [] }], 10, mean95)).toEqual({
      ...{ nfe: [5, 10], mean: [2, 2], low: [2, 2], high: [2, 2] },
    })
    expect(meanCurve([], 10, mean95)).toEqual({ nfe: [], mean: [], low: [], high: [] })
  })
})
