import { mixtureChain } from 'espalier/chain'
import { GaussianMixture, linearBetas, vpTable } from 'espalier/process'
import { forest, greedyIslands, regrow } from 'espalier/search'
import { describe, expect, it } from 'vitest'
import { finiteWorld } from './finite-chain.ts'

describe('further samples from a finished forest', () => {
  const world = finiteWorld(5, 5, 4)
  const { chain, reward } = world

  it('follow the tilted law, from wherever they are walked anew', async () => {
    const target = world.target(1)
    const { islands } = await forest({ chain, reward, seed: 1, budget: 20_000 })
    for (const share of [0.2, 0.4, 0.8]) {
      const count = 6000
      const { samples, accepted, nfe } = await regrow(islands, { chain, reward, count, seed: 2, share })
      const mass = new Float64Array(4)
      for (const x of samples) mass[x] += 1 / count
      expect(target.reduce((sum, p, x) => sum + Math.abs(p - mass[x]), 0) / 2).toBeLessThan(0.025)
      expect(nfe).toBe(count * share * 5)
      expect(accepted.some((is) => is) && accepted.some((is) => !is)).toBe(true)
    }
  })

  it('put right what a wrong lot of leaves has wrong: the step draws nearer to the target', async () => {
    // Leaves of the prior, all counted alike: lambda 0 forgets the reward, the step at lambda 1 knows it.
    const { islands } = await forest({ chain, reward, seed: 3, budget: 30_000, lambda: 0 })
    const target = world.target(1)
    const distance = async (lambda: number, tilt: number) => {
      const untilted = islands.map((island) => ({
        ...{ path: (row: number) => island.path(row) },
        leaves: island.leaves?.map((leaf) => ({ ...leaf, logWeight: -tilt * leaf.reward })),
      }))
      const { samples } = await regrow(untilted as never, { chain, reward, count: 6000, seed: 4, share: 0.8, lambda })
      const mass = new Float64Array(4)
      for (const x of samples as number[]) mass[x] += 1 / 6000
      return target.reduce((sum, p, x) => sum + Math.abs(p - mass[x]), 0) / 2
    }
    expect(await distance(1, 1)).toBeLessThan((await distance(0, 0)) - 0.03)
  })

  it('hardly two are the same, where a draw from few leaves repeats itself', async () => {
    const steps = 20
    const process = vpTable(linearBetas(steps, 0.01, 0.5))
    const grid = Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps)
    const mixture = new GaussianMixture({ means: [[0, 0]], stds: [1] })
    const plane = mixtureChain({ mixture, process, grid })
    const linear = {
      name: 'linear',
      evaluate: async (x: readonly { data: Float32Array }[]) => x.map(({ data }) => data[0]),
    }
    const result = await forest({ chain: plane, reward: linear, seed: 1, budget: 60 * steps })
    const drawn = new Set(result.draw(200, 1).map((i) => result.candidates[i].sample.data[0])).size
    const again = { chain: plane, reward: linear, count: 200, seed: 5, share: 0.2 }
    const { samples, rewards, accepted } = await regrow(result.islands, again)
    expect(drawn).toBeLessThan(60)
    expect(new Set(samples.map(({ data }) => data[0])).size).toBeGreaterThan(150)
    samples.forEach(({ data }, i) => {
      expect(rewards[i]).toBe(data[0])
    })
    expect(accepted.filter((is) => is).length).toBeGreaterThan(100)
    expect((await regrow(result.islands, again)).samples).toEqual(samples)
  })

  it('are refused where there is nothing to grow from', async () => {
    const options = { chain, reward, count: 3, seed: 1 }
    const block = finiteWorld(5, 1, 4).chain
    await expect(regrow([], { ...options, chain: block })).rejects.toThrow('single block')
    await expect(regrow([], options)).rejects.toThrow('no island has come to its end')
    const { islands } = await forest({ chain, reward, seed: 1, budget: 100 })
    await expect(regrow(islands, { ...options, share: 0 })).rejects.toThrow('share is 0')
    await expect(regrow(islands, { ...options, share: 0.1 })).rejects.toThrow('give a larger share')
    const local = await greedyIslands({ chain, reward, seed: 1, budget: 2000 })
    const inside = local.islands.filter(({ plan }) => (plan.from?.stop ?? 0) > 2)
    await expect(regrow(inside, { ...options, share: 0.8 })).rejects.toThrow('do not begin at the start')
  })
})
