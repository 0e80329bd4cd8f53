import { type Chain, type GuidedChain, type NoiseChain, odeChain, pixelChain, thinned } from 'espalier/chain'
import { classifierFree, cleanGradient } from 'espalier/guide'
import { type DifferentiableDenoiser, GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import type { DifferentiableReward } from 'espalier/reward'
import { counted, type Meter } from 'espalier/runtime'
import {
  bestOfN,
  das,
  dps,
  dts,
  dtsStar,
  fkSteering,
  forest,
  greedyIslands,
  pathsSearch,
  rbf,
  type SearchResult,
  smc,
  svdd,
  tds,
  zeroOrderSearch,
} from 'espalier/search'
import { ddim, ddpm } from 'espalier/solve'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

// What a search says that it spent is what went through the network, with look-aheads whose predictions are used again.
const process = vpLinear()
const grid = uniformGrid(process, 12)
const mixture = new GaussianMixture({
  means: [
    [0.8, 0.1],
    [-0.9, 0.4],
  ],
  stds: [0.3, 0.5],
})
const meter: Meter & { rewards: number } = { nfe: 0, gradientEvaluations: 0, rewards: 0 }
const network = counted(mixture.denoiser(process), meter) as DifferentiableDenoiser
const none = { label: { shape: [1, 1], data: Float32Array.of(0) } }
const guided = classifierFree(network, { scale: 2, unconditional: none, interval: { low: 0.3, high: 0.8 } })
const condition = { label: { shape: [2, 1], data: Float32Array.of(0, 1) } }

const firstNumber: DifferentiableReward<Tensor> = {
  name: 'first number',
  evaluate: async (samples) => {
    meter.rewards += samples.length
    return samples.map(({ data }) => data[0])
  },
  differentiate: async (samples) => {
    meter.rewards += samples.length
    return {
      values: samples.map(({ data }) => data[0]),
      gradients: samples.map(({ shape }) => ({ shape, data: Float32Array.of(1, 0) })),
    }
  },
}

type Options<C> = { chain: C; reward: typeof firstNumber; budget: number; seed: number; lambda: number }
type States = Float32Array
const stochastic: Record<string, (o: Options<GuidedChain<States, Tensor>>) => Promise<SearchResult<Tensor>>> = {
  'best-of-n': bestOfN,
  smc: (options) => smc({ ...options, particles: 6 }),
  'fk-steering': (options) => fkSteering({ ...options, particles: 6 }),
  svdd: (options) => svdd({ ...options, candidates: 3 }),
  tds: (options) => tds({ ...options, particles: 6 }),
  das: (options) => das({ ...options, particles: 6 }),
  dps: (options) => dps({ ...options, particles: 6 }),
  dts,
  'dts-star': dtsStar,
  'dts, short rollouts': (options) => dts({ ...options, rollout: 'finish' }),
  forest: (options) => forest(options),
  'greedy islands': (options) => greedyIslands(options),
  rbf: (options) => rbf(options),
}
const deterministic: Record<string, (o: Options<NoiseChain<States, Tensor>>) => Promise<SearchResult<Tensor>>> = {
  'zero-order': (options) => zeroOrderSearch({ ...options, neighbours: 3 }),
  paths: (options) => pathsSearch({ ...options, level: 2, back: 1, forward: 2 }),
}

async function expectCounted<C extends Chain<States, Tensor>>(
  run: (options: Options<C>) => Promise<SearchResult<Tensor>>,
  chain: C,
) {
  Object.assign(meter, { nfe: 0, gradientEvaluations: 0, rewards: 0 })
  const { nfe, gradientEvaluations, rewardEvaluations } = await run({
    ...{ chain, reward: firstNumber, budget: 900, seed: 4, lambda: 1 },
  })
  expect({ nfe, gradientEvaluations, rewardEvaluations }).toEqual({
    nfe: meter.nfe,
    gradientEvaluations: meter.gradientEvaluations,
    rewardEvaluations: meter.rewards,
  })
  expect(nfe).toBeGreaterThan(300)
}

describe.each([
  { world: 'a network', model: network, of: {} },
  { world: 'a guided network', model: guided as DifferentiableDenoiser, of: { condition } },
])('the numbers of a search over $world', ({ model, of }) => {
  it.each(Object.keys(stochastic))('%s', async (method) => {
    const plan = ddpm()(process, grid)
    const finish = (rest: readonly number[]) => ddim()(process, thinned(rest, 2))
    for (const branchAt of [undefined, [12, 8, 7, 6, 3, 2]]) {
      const gradient = cleanGradient(model, firstNumber)
      await expectCounted(stochastic[method], pixelChain({ denoiser: model, plan, gradient, finish, branchAt, ...of }))
    }
  })

  it.each(Object.keys(deterministic))('%s', async (method) => {
    const plan = ddim()(process, grid)
    await expectCounted(deterministic[method], odeChain({ denoiser: model, plan, branchAt: [12, 8, 5, 2], ...of }))
  })
})
