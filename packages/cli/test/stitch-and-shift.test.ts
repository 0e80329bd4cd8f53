import { compareSolvers, distanceName, drawSamples, exactSamples } from 'espalier/measure'
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { Results } from '../../../reproduce/support/results.ts'
import { difference, differences, settingAt as levelOf } from '../../../reproduce/t-stitch/difference.ts'
import { largeAlone, nameOf, smallAlone, stepsAtEqualCost, stitched } from '../../../reproduce/t-stitch/stitched.ts'
import { clusters, energy, steps, toyComparisons, toyName, toyPair } from '../../../reproduce/t-stitch/toy.ts'
import { relativeSpread, settingAt } from '../../../reproduce/time-shift/exposure.ts'
import {
  dataVariance,
  gaussian,
  gaussianMethod,
  gaussianName,
  gaussianShift,
} from '../../../reproduce/time-shift/gaussian.ts'
import { attempt, bases, planOf } from '../../../reproduce/time-shift/variants.ts'

const process = vpLinear()

describe('reproduce t-stitch: the closed-form world', () => {
  it('small first is free up to half of the steps, has its knee near 0.6, and the order matters', async () => {
    const results = new Results([0, 1])
    await compareSolvers(toyComparisons(results.seeds, 300), results)
    const at = (method: string, metric = distanceName, budget = steps) =>
      results.at(method, { setting: toyName, metric, budget }).mean
    const base = at(largeAlone)
    const small = (r: number) => at(nameOf('small first', r)) / base
    expect(small(0.4)).toBeLessThan(1.02)
    expect(small(0.5)).toBeLessThan(1.1)
    expect(small(0.6)).toBeLessThan(1.6)
    expect(small(0.8)).toBeGreaterThan(5)
    expect(at(nameOf('large first', 0.4)) / base).toBeGreaterThan(20)
    expect(at(nameOf('large first', 0.4), energy)).toBeGreaterThan(0.1)
    expect(at(nameOf('small first', 0.6), energy)).toBeLessThan(0.02)
    expect(at(smallAlone)).toBeCloseTo(at(nameOf('large first', 0.9)), 3)
    // The control: at equal cost the large model alone is worse here.
    expect(at(largeAlone, distanceName, stepsAtEqualCost(steps, 0.4)) / base).toBeGreaterThan(1.3)
  })

  it('what the small model gets wrong vanishes with the signal', async () => {
    const results = new Results([0])
    await differences(toyName, toyPair, () => ({ images: exactSamples(clusters, 0, 200) }), results)
    const at = (t: number) =>
      results.at('small against large', { setting: levelOf(toyName, t), metric: difference }).mean
    expect(at(1)).toBeLessThan(1e-5)
    expect(at(0.7)).toBeLessThan(0.01)
    expect(at(0.3)).toBeGreaterThan(0.5)
  })

  it('takes turns when alternating, and knows what as many steps of the large model cost', async () => {
    const grid = uniformGrid(process, 4)
    const asked: string[] = []
    const named = (name: string) => ({
      ...toyPair.large,
      predict: async (x: Tensor) => {
        asked.push(name)
        return x
      },
    })
    const both = stitched('alternating', 0.5, { small: named('small'), large: named('large') }, grid)
    const x = { shape: [1, 2], data: new Float32Array(2) }
    for (const t of grid.slice(0, -1)) await both.predict(x, Float64Array.of(t), 'data')
    expect(asked).toEqual(['small', 'large', 'small', 'large'])
    expect([0, 0.4, 1].map((r) => stepsAtEqualCost(20, r))).toEqual([20, 13, 2])
  })
})

describe('reproduce time-shift', () => {
  it('a perfect network leaves states too narrow, as the formula of DDIM says; the raw rule widens them', async () => {
    const results = new Results([0, 1])
    await gaussian(process, 64, results)
    const at = (method: string, t: number) =>
      results.at(method, { setting: settingAt(gaussianName, t), metric: relativeSpread }).mean
    const rho = (t: number) => process.s(t) / process.a(t)
    let product = 1
    for (let k = 10; k > 1; k--) {
      const [from, to] = [rho(k / 10), rho((k - 1) / 10)]
      product *= (1 + ((to - from) * from) / (dataVariance + from ** 2)) ** 2
      product *= (dataVariance + from ** 2) / (dataVariance + to ** 2)
    }
    expect(at(gaussianMethod(10), 0.1)).toBeCloseTo(product, 9)
    expect(at(gaussianMethod(10), 0.1)).toBeLessThan(at(gaussianMethod(20), 0.1))
    expect(at(gaussianShift.raw, 0.2)).toBeGreaterThan(at(gaussianMethod(10), 0.2) + 0.01)
    // From the same noise. What is too narrow is told less noise, which makes it narrower.
    expect(at(gaussianShift.calibrated, 0.2)).toBeLessThan(at(gaussianShift.raw, 0.2) - 0.02)
  })

  it('shifts the calls between cutoff and start alone, those of a warm-up not', async () => {
    const world = new GaussianMixture({ means: [new Float64Array(64)], stds: [0.5] })
    const subject = { name: 'world', denoiser: world.denoiser(process) }
    const setting = { share: 0.4, cutoff: 0.25, scale: 1 }
    const counts: Record<string, number> = {}
    for (const base of bases) {
      const plan = planOf(base, process, 10)
      const tried = attempt('raw', setting, plan, base, dataVariance)
      await drawSamples({ ...tried, subject }, plan, [0], 3)
      counts[base.name] = tried.statistics()!.rows
      const none = attempt('raw', { ...setting, share: 0 }, plan, base, dataVariance)
      expect(await drawSamples({ ...none, subject }, plan, [0], 3)).toEqual(
        await drawSamples({ subject }, plan, [0], 3),
      )
    }
    expect(counts).toEqual({ DDPM: 21, DDIM: 21, 'F-PNDM': 12 })
  })
})
