import { describe, expect, test } from 'vitest'
import { type Chain, odeChain, pixelChain } from '../../src/chain/index.ts'
import { type Condition, type Denoiser, uniformGrid, vpLinear } from '../../src/process/index.ts'
import type { Reward } from '../../src/reward/index.ts'
import { batched } from '../../src/runtime/evaluator.ts'
import { counted } from '../../src/runtime/meter.ts'
import { bestOfN, type SelectStartOptions, selectStart } from '../../src/search/index.ts'
import { ddpm, dpmSolverPlusPlus, execute } from '../../src/solve/index.ts'
import { fold, type Key, key, normal, purpose, type Tensor } from '../../src/tensor/index.ts'

// z | y ~ N(m(y), C), one C = diag(1/f) for all y. With a_T -> 0 the flow takes a start x to m(y) + C^(1/2) x.
const d = 64
const c = Float64Array.from({ length: d }, (_, f) => 1 / (f + 1))
const trace = c.reduce((sum, v) => sum + v, 0)

/** A degraded image, as its mean, and a truth. */
function pair(i: number) {
  const [mean, truth] = [new Float64Array(d), new Float64Array(d)]
  normal(fold(key(100), i), mean)
  normal(fold(key(200), i), truth)
  return { mean, truth: truth.map((v, f) => mean[f] + Math.sqrt(c[f]) * v) }
}

const startOf = (own: Key) => {
  const x = new Float32Array(d)
  normal(purpose(own, 'start'), x)
  return x
}

/** The exact flow as a chain of one level. */
function flowChain(mean: Float64Array, calls: number[] = []): Chain<Float32Array, Float32Array> {
  return {
    depth: 1,
    cost: () => 7,
    stochastic: () => false,
    start: async (keys) => keys.map(startOf),
    step: async (states) => {
      calls.push(states.length)
      return states.map((x) => x.map((v, f) => mean[f] + Math.sqrt(c[f]) * v))
    },
    lookahead: async (states) => [...states],
    lookaheadCost: () => 0,
    decode: async (states) => [...states],
    save: (state) => state,
    load: (data) => data,
  }
}

/** Minus the squared error. */
function closeTo<X>(truth: Float64Array, values: (x: X) => Float32Array): Reward<X> {
  return {
    name: 'minus squared error',
    evaluate: async (samples) => samples.map((x) => -values(x).reduce((sum, v, f) => sum + (v - truth[f]) ** 2, 0)),
  }
}

function problem(references: number, first = 0) {
  const pairs = Array.from({ length: references }, (_, i) => pair(first + i))
  return {
    chains: pairs.map(({ mean }) => flowChain(mean)),
    rewards: pairs.map(({ truth }) => closeTo<Float32Array>(truth, (x) => x)),
  }
}

/** The expected squared error of a start, over all pairs: `tr C + x^T C x`. */
const expectedError = (own: Key) => trace + startOf(own).reduce((sum, v, f) => sum + c[f] * v * v, 0)
const decibel = (ratio: number) => 10 * Math.log10(ratio)

describe('selecting a start', () => {
  test('on the exact Gaussian problem it gains what the spectrum allows, and the winner is a short start', async () => {
    const {
      selected,
      key: own,
      scores,
      nfe,
      references,
    } = await selectStart({ ...problem(20), candidates: 1000, seed: 1 })
    expect(nfe).toBe(1000 * 20 * 7)
    expect([...references]).toEqual(new Array(1000).fill(20))
    expect(scores[selected]).toBe(Math.max(...scores))
    // A random start has 2 tr C = 9.49, the best possible (x = 0) tr C, 3 dB less.
    const gain = decibel((2 * trace) / expectedError(own))
    expect(2 * trace).toBeCloseTo(9.49, 2)
    expect(gain).toBeGreaterThan(1.2)
    expect(gain).toBeLessThan(decibel(2))
    const meanSquare = startOf(own).reduce((sum, v) => sum + v * v, 0) / d
    expect(meanSquare).toBeLessThan(0.8)
  })

  test('the ranking is shared: two disjoint reference sets agree', async () => {
    const rank = (values: Float64Array) => {
      const order = Array.from(values, (_, i) => i).sort((i, j) => values[i] - values[j])
      const ranks = new Float64Array(values.length)
      order.forEach((i, place) => {
        ranks[i] = place
      })
      return ranks
    }
    const [one, other] = await Promise.all(
      [0, 20].map(async (first) =>
        rank((await selectStart({ ...problem(20, first), candidates: 400, seed: 2 })).scores),
      ),
    )
    const middle = (400 - 1) / 2
    const correlation =
      one.reduce((sum, v, i) => sum + (v - middle) * (other[i] - middle), 0) /
      one.reduce((sum, v) => sum + (v - middle) ** 2, 0)
    expect(correlation).toBeGreaterThan(0.75)
  })

  test('more candidates never score worse, one candidate is that start, and a run is repeatable at any width', async () => {
    let before = Number.NEGATIVE_INFINITY
    for (const candidates of [1, 10, 100]) {
      const { selected, scores } = await selectStart({ ...problem(8), candidates, seed: 3 })
      expect(scores[selected]).toBeGreaterThanOrEqual(before)
      before = scores[selected]
    }
    const [narrow, wide] = await Promise.all(
      [3, 512].map((width) => selectStart({ ...problem(8), candidates: 50, seed: 3, width })),
    )
    expect(narrow).toEqual(wide)
  })

  test('halving spends a third and keeps the winner among its candidates', async () => {
    const whole = await selectStart({ ...problem(32), candidates: 200, seed: 4 })
    const halved = await selectStart({ ...problem(32), candidates: 200, seed: 4, halving: 4 })
    // 200 candidates at references 0-3, 100 at 4-7, 50 at 8-15, 25 at 16-31.
    expect(halved.nfe).toBe(7 * (200 * 4 + 100 * 4 + 50 * 8 + 25 * 16))
    expect(halved.nfe / whole.nfe).toBeLessThan(0.32)
    expect([...halved.references].sort((a, b) => a - b)).toEqual([
      ...new Array(100).fill(4),
      ...new Array(50).fill(8),
      ...new Array(25).fill(16),
      ...new Array(25).fill(32),
    ])
    expect(halved.references[halved.selected]).toBe(32)
    const loss = decibel(-halved.scores[halved.selected] / -whole.scores[whole.selected])
    expect(loss).toBeLessThan(0.3)
  })

  test('a small start wins by the mean square: the bound is no start at all', async () => {
    const error = async (x: number) =>
      (
        await Promise.all(
          Array.from({ length: 200 }, async (_, i) => {
            const { mean, truth } = pair(i)
            return mean.reduce((sum, m, f) => sum + (m + Math.sqrt(c[f]) * x - truth[f]) ** 2, 0)
          }),
        )
      ).reduce((sum, v) => sum + v, 0) / 200
    expect(await error(0)).toBeCloseTo(trace, 0)
    expect(decibel((2 * trace) / (await error(0)))).toBeGreaterThan(2.8)
  })

  test('best-of-N on one reference meets the same candidates', async () => {
    const { chains, rewards } = problem(1)
    const options = { chain: chains[0], reward: rewards[0], seed: 5, budget: 30 * 7 }
    const { candidates, best } = await bestOfN(options)
    const { scores, selected } = await selectStart({ chains, rewards, candidates: 30, seed: 5 })
    expect([...scores]).toEqual(candidates.map(({ reward }) => reward))
    expect(selected).toBe(best)
  })

  test('stopped, it hands over the best of what all have met', async () => {
    const controller = new AbortController()
    const seen: number[] = []
    const result = await selectStart({
      ...problem(8),
      candidates: 50,
      seed: 6,
      width: 20,
      signal: controller.signal,
      onProgress: ({ nfe, budget }) => {
        seen.push(nfe)
        expect(budget).toBe(8 * 50 * 7)
        if (nfe >= 140 * 7) controller.abort()
      },
    })
    expect(seen).toEqual([20, 40, 60, 80, 100, 120, 140].map((n) => 7 * n))
    expect([result.stopped, result.nfe]).toEqual(['signal', 140 * 7])
    const two = await selectStart({ ...problem(2), candidates: 50, seed: 6 })
    expect(result.selected).toBe(two.selected)
    const none = await selectStart({ ...problem(2), candidates: 5, seed: 6, signal: AbortSignal.abort() })
    expect([none.selected, none.nfe, Number.isNaN(none.scores[0])]).toEqual([0, 0, true])
  })

  test('refuses chains with noise, missing rewards and numbers that are none', async () => {
    const good = { ...problem(2), candidates: 3, seed: 1 }
    const refuses = (odd: Partial<SelectStartOptions<Float32Array, Float32Array>>, message: string) =>
      expect(selectStart({ ...good, ...odd })).rejects.toThrow(message)
    const noisy = { ...good.chains[1], stochastic: () => true }
    await refuses({ chains: [good.chains[0], noisy] }, 'chain 1 draws noise on its way')
    await refuses({ chains: [good.chains[0], { ...good.chains[1], cost: () => 8 }] }, 'chain 1 differs from chain 0')
    await refuses({ rewards: [] }, 'got 0 for 2 chains')
    await refuses({ candidates: 0 }, 'candidates is 0')
    await refuses({ halving: 1.5 }, 'halving is 1.5')
    await refuses({ seed: 0.5 }, 'the seed is 0.5')
    const broken = { name: 'broken', evaluate: async (x: readonly unknown[]) => x.map(() => Number.NaN) }
    await refuses({ rewards: [good.rewards[0], broken] }, 'candidate 0 at reference 1')
  })
})

describe('through a solver', () => {
  const process = vpLinear()
  const meter = { nfe: 0 }
  /** Exact: data N(y, C), y the condition `image`. */
  const denoiser: Denoiser = {
    process,
    event: [d],
    async predict(x, t, target, condition) {
      const image = (condition as Condition).image.data
      const data = x.data.map((v, i) => {
        const row = Math.floor(i / d)
        const [a, s] = [process.a(t[row]), process.s(t[row])]
        const r = v - a * image[i]
        const variance = a * a * c[i % d] + s * s
        return target === 'data' ? image[i] + ((a * c[i % d]) / variance) * r : (s / variance) * r
      })
      return { shape: x.shape, data }
    },
  }
  const pairs = Array.from({ length: 5 }, (_, i) => pair(i))
  const problemOn = (model: Denoiser, steps: number) => {
    const plan = dpmSolverPlusPlus()(process, uniformGrid(process, steps))
    const chains = pairs.map(({ mean }) =>
      odeChain({ denoiser: model, plan, condition: { image: { shape: [1, d], data: Float32Array.from(mean) } } }),
    )
    return { plan, chains, rewards: pairs.map(({ truth }) => closeTo<Tensor>(truth, ({ data }) => data)) }
  }

  test('few steps choose nearly as the exact flow does, in full batches, and the key serves other images', async () => {
    const model = batched(counted(denoiser, meter), { maxBatch: 64 })
    const { plan, chains, rewards } = problemOn(model, 20)
    const result = await selectStart({ chains, rewards, candidates: 64, seed: 1, halving: 2, width: 64 })
    expect(result.nfe).toBe(20 * (64 * 2 + 32 * 2 + 16))
    expect(meter.nfe).toBe(result.nfe)
    // 208 rows a step in batches of 64: the last wave has 16.
    expect(model.statistics.occupancy).toBeCloseTo(208 / 256, 12)
    const exact = await selectStart({ ...problem(5), candidates: 64, seed: 1 })
    const place = [...exact.scores].filter((v) => v > exact.scores[result.selected]).length
    expect(place).toBeLessThan(4)

    const [own] = await chains[0].start([result.key])
    expect([...own].map((v) => v / process.s(1))).toEqual([...startOf(result.key)].map((v) => expect.closeTo(v, 5)))
    const image = { shape: [1, d], data: Float32Array.from(pair(50).mean) }
    const end = await execute(plan, denoiser, { shape: [1, d], data: own }, { condition: { image } })
    end.data.forEach((v, f) => {
      expect(Math.abs(v - (image.data[f] + Math.sqrt(c[f]) * own[f]))).toBeLessThan(0.2)
    })
  })

  test('a stochastic solver is refused', async () => {
    const plan = ddpm()(process, uniformGrid(process, 5))
    const chain = pixelChain({ denoiser, plan, condition: { image: { shape: [1, d], data: new Float32Array(d) } } })
    const { rewards } = problemOn(denoiser, 5)
    await expect(
      selectStart({ chains: [chain], rewards: rewards.slice(0, 1), candidates: 2, seed: 1 }),
    ).rejects.toThrow('take a deterministic solver such as ddim')
  })
})
