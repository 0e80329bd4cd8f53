import { odeChain, pixelChain } from 'espalier/chain'
import { type Denoiser, flow, GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { searchFrom } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { fold, key, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { traced } from '../../../reproduce/inference-time-scaling/verifiers.ts'
import { greedy, noisy, tempered } from '../../../reproduce/minority-guidance/searches.ts'
import type { World } from '../../../reproduce/minority-guidance/world.ts'
import {
  boldName,
  greedyName,
  kernelNames,
  methodsOf,
  nameOf,
  sampled,
  stochastic,
  threeIslands,
} from '../../../reproduce/rbf/methods.ts'
import { type Digits, spread } from '../../../reproduce/support/digits.ts'
import { digitPairs } from '../../../reproduce/support/searches.ts'

const mixture = new GaussianMixture({ means: [[-1.5], [1]], stds: [0.4, 0.6], weights: [0.3, 0.7] })
const plane = new GaussianMixture({
  means: [
    [-1.5, 0],
    [1, 1],
  ],
  stds: [0.4, 0.6],
})

/** A world without a network, which counts its rows. */
function world(data = mixture): Digits & { rows: number } {
  const inner = data.denoiser(flow())
  const self = {
    denoiser: {
      ...inner,
      predict: (...args: Parameters<Denoiser['predict']>) => {
        self.rows += args[1].length
        return inner.predict(...args)
      },
    },
    range: [-9, 9] as const,
    rows: 0,
  }
  return self as unknown as Digits & { rows: number }
}

describe('reproduce rbf', () => {
  const reward = {
    name: 'x',
    evaluate: async (samples: readonly unknown[]) => (samples as Tensor[]).map((x) => x.data[0]),
  }

  it('every search counts what it asks of the network, and spends no more than it is given', async () => {
    const one = world(plane)
    for (const [name, search] of Object.entries(methodsOf(one))) {
      one.rows = 0
      const { nfe, candidates } = await search.run({ chain: undefined as never, reward, budget: 200, seed: 1 })
      expect([name, nfe]).toEqual([name, one.rows])
      expect(nfe, name).toBeLessThanOrEqual(200)
      expect(nfe, name).toBeGreaterThan(150)
      expect(candidates.length, name).toBeGreaterThan(0)
    }
  })

  it('greedy islands are run without their hedge as long as they hedge, and no longer', async () => {
    const searches = methodsOf(world(plane))
    const rewards = async (name: string, budget: number) => {
      const search = searches[nameOf(name, 'linear SDE')]
      const { candidates } = await search.run({ chain: undefined as never, reward, budget, seed: 2 })
      return candidates.map((candidate) => candidate.reward)
    }
    expect(await rewards(greedyName, threeIslands)).toEqual(await rewards(boldName, threeIslands))
    expect(await rewards(greedyName, threeIslands - 1)).not.toEqual(await rewards(boldName, threeIslands - 1))
  })

  it('kernels in ten steps end as estimates of the data from their last level, with its spread', async () => {
    /** Variance of `E[x_0 | x_t]` for x_t of the exact marginal on the linear flow, by the trapezoidal rule. */
    const varianceOfEstimate = (t: number) => {
      const [a, s] = [1 - t, t]
      let [sum, first, second] = [0, 0, 0]
      for (let x = -8; x <= 8; x += 0.01) {
        const density = Math.exp(mixture.logDensity([x], a, s))
        const estimate = mixture.predict([x], a, s, 'data', new Float64Array(1))[0]
        sum += density
        first += density * estimate
        second += density * estimate * estimate
      }
      return second / sum - (first / sum) ** 2
    }
    // Of the quarter circle the last level on the VP process has a noise of .71 on the linear flow: an early estimate.
    const vp = vpLinear()
    const last = [Math.sqrt(1 - 0.9 ** 2), 0.1].map((s) => 1 / (1 + Math.exp(vp.logSnr(s))))
    expect(last.map((t) => Number(t.toFixed(2)))).toEqual([0.71, 0.25])
    const exact = {
      'linear SDE': 0.1,
      'linear SDE at VP levels': last[0],
      'VP-SDE': last[0],
      'VP-SDE, even times': last[1],
      'DDIM, eta = 1': 0.1,
    }
    for (const kernel of kernelNames) {
      const keys = Array.from({ length: 2000 }, (_, i) => fold(key(3), i))
      const values = (await sampled(stochastic(world(), kernel), keys, keys)).map(({ data }) => data[0])
      const mean = values.reduce((a, b) => a + b, 0) / values.length
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length
      expect(Math.abs(mean - 0.25), kernel).toBeLessThan(0.15)
      expect(Math.abs(variance / varianceOfEstimate(exact[kernel]) - 1), kernel).toBeLessThan(0.3)
    }
  })
})

describe('reproduce inference-time-scaling', () => {
  it('a traced sample knows what was expected of it, at no cost', async () => {
    const one = world()
    const { process } = one.denoiser
    const plan = ddim()(process, uniformGrid(process, 6))
    const plain = odeChain({ denoiser: one.denoiser, plan, branchAt: [6, 5, 4, 3, 2, 1] })
    const chain = traced(plain, 3)
    const keys = [fold(key(1), 0), fold(key(1), 1)]
    let states = await plain.start(keys)
    const expected: Tensor[][] = []
    for (let level = 0; level < 6; level++) {
      expected.push(await plain.lookahead(states, level))
      states = await plain.step(states, level, keys)
    }
    const reward = {
      name: 'x',
      evaluate: async (all: readonly { sample: Tensor }[]) => all.map(({ sample }) => sample.data[0]),
    }
    one.rows = 0
    let own = await chain.start(keys)
    for (let level = 0; level < 6; level++) own = await chain.step(own, level, keys)
    expect(one.rows).toBe(12)
    const found = await chain.decode(own)
    expect(found.map(({ sample }) => sample)).toEqual(await plain.decode(states))
    expect(found.map(({ before }) => before)).toEqual(expected[3])
    one.rows = 0
    const { nfe } = await searchFrom('paths(level=4, back=3, forward=4)').run({ chain, reward, budget: 120, seed: 2 })
    expect(nfe).toBe(one.rows)
  })

  it('searches that branch on the way book all that they ask, traced or not, and no more than they are given', async () => {
    const one = world()
    const { process } = one.denoiser
    const plan = ddim({ eta: 1 })(process, uniformGrid(process, 6))
    const chain = traced(pixelChain({ denoiser: one.denoiser, plan, branchAt: 'every' }), 2)
    const settled = {
      name: 'settled',
      evaluate: async (all: readonly { sample: Tensor; before: Tensor }[]) =>
        all.map(({ sample, before }) => -Math.abs(sample.data[0] - before.data[0])),
    }
    for (const goes of ['best-of-n', 'forest', 'greedy', 'greedy(hedge=false)']) {
      one.rows = 0
      const found = await searchFrom(goes).run({ chain, reward: settled, lambda: 3, budget: 250, seed: 4 })
      // A path of plain samples that greedy islands branch from has been predicted for its trace, which they do not know.
      if (goes === 'greedy') expect(one.rows).toBeLessThan(found.nfe)
      else expect([goes, found.nfe]).toEqual([goes, one.rows])
      expect(found.nfe, goes).toBeLessThanOrEqual(250)
      expect(found.nfe, goes).toBeGreaterThan(200)
      for (const { sample, reward } of found.candidates) expect(reward).toBe((await settled.evaluate([sample]))[0])
    }
  })

  it('measures spread and the number of digits', () => {
    expect(
      spread([
        [0, 0],
        [3, 4],
        [0, 0],
      ]),
    ).toBeCloseTo(10 / 3, 12)
    // 4 digits, 20 times each: 60 of the 79 others are different
    const values = digitPairs({ digit: Array.from({ length: 80 }, (_, i) => i % 4) } as never)
    expect(values).toHaveLength(80)
    expect(values.reduce((a, b) => a + b, 0) / 80).toBeCloseTo(60 / 79, 12)
    expect(digitPairs({ digit: [7, 7, 7] } as never)).toEqual([0, 0, 0])
  })
})

describe('reproduce minority-guidance', () => {
  it('searches for rare samples book the NFE of their scores, and spend no more than they are given', async () => {
    const one = world(plane)
    const seen = one.denoiser
    const rival = {
      denoiser: seen,
      // As the score does it: four noises, each restored by the network.
      async scores(samples: Tensor) {
        const [n] = samples.shape
        for (let draw = 0; draw < 4; draw++) await seen.predict(samples, new Float64Array(n).fill(0.65), 'data')
        return Float64Array.from({ length: n }, (_, i) => samples.data[2 * i])
      },
    } as unknown as World
    const asked = async (search: typeof noisy, keep: number) => {
      one.rows = 0
      return search(rival, 10, 1000, 3, keep)
    }
    for (const [search, keep] of [
      [noisy, 20],
      [tempered, 20],
      [greedy, 5],
    ] as const) {
      const { samples, nfe, distinct } = await asked(search, keep)
      expect(nfe).toBe(one.rows)
      expect(nfe).toBeLessThanOrEqual(1000)
      expect(nfe).toBeGreaterThan(900)
      expect(samples.shape).toEqual([keep, 2])
      expect(distinct).toBeLessThanOrEqual(1)
    }
    const mean = ({ samples }: Awaited<ReturnType<typeof noisy>>) =>
      samples.data.reduce((sum, v, i) => sum + (i % 2 === 0 ? v : 0), 0) / samples.shape[0]
    // Samples end in [-1, 1], and greedy islands at its end.
    expect(mean(await asked(noisy, 100))).toBeLessThan(0.5)
    expect(mean(await asked(greedy, 5))).toBeGreaterThan(0.9)
  })
})
