import { odeChain, pixelChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import {
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  GaussianMixture,
  residualShifting,
  uniformGrid,
} from 'espalier/process'
import type { DifferentiableReward, Reward } from 'espalier/reward'
import { bestOfN, selectStart } from 'espalier/search'
import { ddim, resShift } from 'espalier/solve'
import { gather, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { estimate, keysOf } from './worlds.ts'

// Restoration of two numbers: degraded y, truth x = y + r with r a mixture whose sign the network is told by y_0.
const process = residualShifting()
const grid = uniformGrid(process, 15)
const residual = new GaussianMixture({ means: [[0.5, 0.2]], stds: [0.1] })
const inner = residual.denoiser(process)
const told: Condition[] = []
const network: Denoiser = {
  ...inner,
  predict: (x, t, target, condition) => {
    told.push(condition as Condition)
    return inner.predict(x, t, target)
  },
}
const one = { degraded: { shape: [1, 2], data: Float32Array.of(3, -1) } }
const three = { degraded: { shape: [3, 2], data: Float32Array.of(0, 0, 10, 20, -30, -40) } }
const nearTo = (truth: readonly number[]): Reward<Tensor> => ({
  name: 'near',
  evaluate: async (samples) => samples.map(({ data }) => -truth.reduce((sum, v, j) => sum + (data[j] - v) ** 2, 0)),
})

describe('a chain on residuals', () => {
  it('adds the mean to samples and look-aheads, and states stay residuals', async () => {
    for (const chain of [
      pixelChain({ denoiser: network, plan: resShift()(process, grid), condition: one, mean: 'degraded' }),
      odeChain({ denoiser: network, plan: ddim()(process, grid), condition: one, mean: 'degraded' }),
    ]) {
      let states = await chain.start(keysOf(1, 500))
      const [plain] = await chain.lookahead(states.slice(0, 1), 0)
      const x: Tensor = { shape: [1, 2], data: states[0] }
      const clean = await inner.predict(x, Float64Array.of(1), 'data')
      expect([...plain.data]).toEqual([...Float32Array.of(clean.data[0] + 3, clean.data[1] - 1)])
      for (let level = 0; level < chain.depth; level++) states = await chain.step(states, level, keysOf(1, 500))
      const samples = await chain.decode(states)
      expect(samples[7].data).toEqual(Float32Array.of(states[7][0] + 3, states[7][1] - 1))
      const { mean, error } = estimate(samples.map(({ data }) => data[0]))
      expect(Math.abs(mean - 3.5)).toBeLessThan(4 * error + 0.01)
      expect(told.at(-1)!.degraded.data.subarray(0, 4)).toEqual(Float32Array.of(3, -1, 3, -1))
    }
  })

  it('adds to each state the mean that it drew, before it clamps', async () => {
    const plan = ddim()(process, grid)
    const chain = odeChain({ denoiser: network, plan, condition: three, mean: 'degraded', range: [-35, 15] })
    const starts = await chain.start(keysOf(2, 30))
    const ends = await chain.step(starts, 0, [])
    const seen = await chain.decode(ends)
    const looked = await chain.lookahead(starts, 0)
    const clean = await inner.predict(
      { shape: [30, 2], data: Float32Array.from(starts.flatMap((state) => [...state.subarray(0, 2)])) },
      new Float64Array(30).fill(1),
      'data',
    )
    const choices = new Set<number>()
    const clamp = (v: number) => Math.min(15, Math.max(-35, v))
    starts.forEach((state, i) => {
      const choice = state[2]
      choices.add(choice)
      for (const j of [0, 1]) {
        const mean = three.degraded.data[choice * 2 + j]
        expect(seen[i].data[j]).toBe(Math.fround(clamp(ends[i][j] + mean)))
        expect(looked[i].data[j]).toBe(Math.fround(clamp(clean.data[i * 2 + j] + mean)))
      }
    })
    expect(choices.size).toBe(3)
  })

  it('is steered and its starts are chosen by rewards of the restored sample', async () => {
    const truth = [3.55, -0.75]
    const chain = pixelChain({ denoiser: network, plan: resShift()(process, grid), condition: one, mean: 'degraded' })
    const { candidates, best } = await bestOfN({ chain, reward: nearTo(truth), seed: 1, budget: 15 * 40 })
    expect(Math.hypot(...truth.map((v, j) => candidates[best].sample.data[j] - v))).toBeLessThan(0.06)

    const plan = ddim()(process, grid)
    const chains = [0, 1, 2].map((i) => {
      const data = three.degraded.data.slice(2 * i, 2 * i + 2)
      return odeChain({ denoiser: network, plan, condition: { degraded: { shape: [1, 2], data } }, mean: 'degraded' })
    })
    const rewards = [0, 1, 2].map((i) =>
      nearTo([0.5 + three.degraded.data[2 * i], 0.2 + three.degraded.data[2 * i + 1]]),
    )
    const { scores, selected } = await selectStart({ chains, rewards, candidates: 20, seed: 3 })
    expect(scores[selected]).toBe(Math.max(...scores))
    expect(scores[selected]).toBeGreaterThan(-0.01)
  })

  it('is guided by rewards of the restored sample, and stays exact', async () => {
    // The reward is -|x - truth|^2 of the restored sample, so its gradient depends on which degraded one the state has.
    const told = { ...network, pullback: inner.pullback } satisfies DifferentiableDenoiser
    const truth = [2, 1]
    const reward: DifferentiableReward<Tensor> = {
      ...nearTo(truth),
      differentiate: async (samples) => ({
        values: await nearTo(truth).evaluate(samples),
        gradients: samples.map(({ shape, data }) => ({ shape, data: data.map((v, j) => 2 * (truth[j] - v)) })),
      }),
    }
    const plan = resShift()(process, grid)
    const gradient = cleanGradient(told, reward, { mean: 'degraded' })
    const degraded = { shape: [2, 2], data: Float32Array.of(1, 0, -1, 2) }
    const options = { denoiser: told, plan, condition: { degraded }, mean: 'degraded', branchAt: [15, 6, 5] }
    const chain = pixelChain({ ...options, gradient })
    const starts = await chain.start(keysOf(5, 8))
    const states = await chain.step(starts, 0, keysOf(6, 8))
    const looked = await chain.lookahead(states, 1)
    const t = new Float64Array(8).fill(grid[9])
    const found = await gradient(
      { shape: [8, 2], data: Float32Array.from(states.flatMap((state) => [...state.subarray(0, 2)])) },
      t,
      {
        degraded: gather(
          degraded,
          states.map((state) => state[2]),
        ),
      },
    )
    const values = await nearTo(truth).evaluate(looked)
    found.values.forEach((v, i) => {
      expect(v).toBeCloseTo(values[i], 5)
    })
    // One component: J = a S^2 / (a^2 S^2 + s^2) I, and the gradient points from the restored sample to the truth.
    const [a, s] = [process.a(grid[9]), process.s(grid[9])]
    const J = (a * 0.01) / (a * a * 0.01 + s * s)
    looked.forEach(({ data }, i) => {
      for (const j of [0, 1]) expect(found.gradient.data[2 * i + j]).toBeCloseTo(J * 2 * (truth[j] - data[j]), 4)
    })
    const n = 4000
    const same = new Array<Float32Array>(n).fill(states[0])
    const p = estimate((await chain.step(same, 1, keysOf(7, n))).map(([v]) => v))
    const { states: moved, logRatio } = await chain.propose(same, 1, keysOf(8, n), () => 3)
    const q = estimate(moved.map(([v], i) => v * Math.exp(logRatio[i])))
    expect(Math.abs(p.mean - q.mean)).toBeLessThan(4 * Math.hypot(p.error, q.error))

    await expect(
      pixelChain({ ...options, condition: undefined, mean: undefined, gradient }).propose(
        starts,
        0,
        keysOf(6, 8),
        () => 1,
      ),
    ).rejects.toThrow('"degraded", which the samples of the reward are measured from, was not given')
  })

  it('refuses a mean that is not there or has another shape', () => {
    const plan = ddim()(process, grid)
    expect(() => odeChain({ denoiser: network, plan, mean: 'degraded' })).toThrow('"degraded" is not one of the chain')
    const wide = { degraded: { shape: [1, 3], data: new Float32Array(3) } }
    expect(() => odeChain({ denoiser: network, plan, condition: wide, mean: 'degraded' })).toThrow(
      'the mean "degraded" is [1, 3], expected 2 values a row',
    )
  })
})
