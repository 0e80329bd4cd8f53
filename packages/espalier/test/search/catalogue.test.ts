import { guidedChain, odeChain, pixelChain } from 'espalier/chain'
import { cleanGradient } from 'espalier/guide'
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import type { DifferentiableReward } from 'espalier/reward'
import { das, dps, searchCatalogue, searchFrom, tds } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { readSnapshot, type Tensor, writeSnapshot } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'

const denoiser = new GaussianMixture({
  means: [
    [-1, 0],
    [1, 1],
  ],
  stds: [0.3, 0.4],
}).denoiser(vpLinear())
const grid = uniformGrid(denoiser.process, 10)
const reward: DifferentiableReward<Tensor> = {
  name: 'sum',
  evaluate: async (samples) => samples.map(({ data }) => data[0] + data[1]),
  differentiate: async (samples) => ({
    values: samples.map(({ data }) => data[0] + data[1]),
    gradients: samples.map(({ shape }) => ({ shape, data: Float32Array.of(1, 1) })),
  }),
}
const gradient = cleanGradient({ ...denoiser, pullback: async (_x, _t, v) => v }, reward)
const stochastic = pixelChain({ denoiser, plan: ddim({ eta: 1 })(denoiser.process, grid), gradient })
const branchAt = Array.from({ length: 10 }, (_, i) => 10 - i)
const deterministic = odeChain({ denoiser, plan: ddim()(denoiser.process, grid), branchAt })
const chainOf = (kind: string) => (kind === 'deterministic' ? deterministic : stochastic)

describe('the catalogue of searches', () => {
  it.each(searchCatalogue.map(({ name }) => name))(
    '%s runs within its budget, and resumes from any checkpoint',
    async (name) => {
      const method = searchFrom(name)
      const saved: unknown[] = []
      const options = { chain: chainOf(method.chain), reward, seed: 3, budget: 300 }
      const whole = await method.run({
        ...options,
        onCheckpoint: (save) => {
          saved.push(readSnapshot('test-1', writeSnapshot('test-1', save())).value)
        },
      })
      expect(whole.nfe).toBeLessThanOrEqual(300)
      expect(whole.nfe).toBeGreaterThan(100)
      expect(whole.candidates.length).toBeGreaterThan(0)
      expect(whole.candidates[whole.best].reward).toBe(Math.max(...whole.candidates.map((c) => c.reward)))
      expect(whole.candidates.reduce((sum, c) => sum + c.weight, 0)).toBeCloseTo(1, 10)
      expect(saved.length).toBeGreaterThan(0)
      for (const resume of saved) {
        const again = await method.run({ ...options, resume })
        expect(again.candidates).toEqual(whole.candidates)
        expect([again.nfe, again.rewardEvaluations]).toEqual([whole.nfe, whole.rewardEvaluations])
      }
    },
  )

  it('takes options by name, and says in one line what it did not understand', async () => {
    const { candidates } = await searchFrom('svdd(candidates=3,samples=2)').run({
      ...{ chain: stochastic, reward, seed: 1, budget: 80 },
    })
    expect(candidates.length).toBe(2)
    expect(() => searchFrom('svd')).toThrow('there is no search "svd"; there are greedy')
    expect(() => searchFrom('svdd(candidates=0)')).toThrow('svdd.candidates: ')
    expect(() => searchFrom('svdd(m=3)')).toThrow('svdd')
  })

  it.each(['svdd', 'svdd(samples=20)', 'smc(particles=11)', 'tds(particles=11)', 'dps(particles=11)'])(
    '%s refuses a budget that pays for no population of it',
    async (name) => {
      const method = searchFrom(name)
      const options = { chain: chainOf(method.chain), reward, seed: 3 }
      const refused = await method.run({ ...options, budget: 10 }).catch((error: Error) => error.message)
      expect(refused).toMatch(/^a budget of 10 NFE is less than the smallest population of \w+ needs \((\d+) NFE\)$/)
      const least = Number(/\((\d+) NFE/.exec(refused as string)?.[1])
      await expect(async () => method.run({ ...options, budget: least - 1 })).rejects.toThrow('a budget of')
      const { nfe, candidates } = await method.run({ ...options, budget: least })
      expect(nfe).toBe(least)
      expect(candidates.length).toBeGreaterThan(0)
    },
  )

  it.each(searchCatalogue.filter(({ name }) => !['das', 'tds', 'dps'].includes(name)).map(({ name }) => name))(
    '%s with a tilt beyond all numbers says so, or needs none',
    async (name) => {
      const method = searchFrom(name)
      const large = { name: 'large', evaluate: async (xs: readonly Tensor[]) => xs.map(({ data }) => 1e10 + data[0]) }
      const options = { chain: chainOf(method.chain), reward: large, seed: 3, budget: 300, lambda: 1e300 }
      const found = await method.run(options).catch((error: Error) => error.message)
      if (typeof found === 'string')
        expect(found).toMatch(/lambda 1e\+300 times a reward of .* is beyond the largest number/)
      else for (const { weight } of found.candidates) expect(weight).toBeGreaterThanOrEqual(0)
    },
  )

  it.each(searchCatalogue.map(({ name }) => name))('%s tells a chain that loses rows', async (name) => {
    const method = searchFrom(name)
    const whole = chainOf(method.chain)
    const options = { reward, seed: 3, budget: 300 }
    const losing = { step: 'step at level 0', decode: 'decode', propose: 'proposal at level 0' }
    for (const [member, told] of Object.entries(losing)) {
      const given = whole[member as 'decode']
      if (!given || (method.chain === 'guided' ? member === 'step' : member === 'propose')) continue
      const fewer = async (...args: Parameters<typeof given>) => {
        const all: unknown = await given(...args)
        return Array.isArray(all) ? all.slice(1) : { ...(all as object), states: [] }
      }
      const chain = { ...whole, [member]: fewer } as typeof whole
      await expect(async () => method.run({ ...options, chain })).rejects.toThrow(`the chain's ${told} was given`)
    }
  })

  it('says which chain a method needs', async () => {
    const run = (name: string, chain: typeof stochastic | typeof deterministic) =>
      searchFrom(name).run({ chain, reward, seed: 1, budget: 100 })
    const plain = pixelChain({ denoiser, plan: ddim({ eta: 1 })(denoiser.process, grid) })
    expect(() => run('smc', deterministic)).toThrow('draws no noise on its way')
    expect(() => run('tds', plain)).toThrow('give it a differentiable reward')
    for (const search of [tds, das, dps]) {
      const chain = guidedChain(stochastic)
      const { propose: _, ...without } = chain
      expect(() => search({ chain: without as typeof chain, reward, seed: 1, budget: 100 })).toThrow(
        /^this chain cannot move/,
      )
    }
    expect(() => run('paths', stochastic)).toThrow('take a deterministic solver')
  })
})
