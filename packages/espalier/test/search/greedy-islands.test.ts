import { forestBranches, mixtureChain } from 'espalier/chain'
import { GaussianMixture, linearBetas, rewardOf, type SolvableReward, vpTable } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import { bestOfN, greedyIslands, type SavedIslands } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { countedChain, finiteWorld } from './finite-chain.ts'

// Four clusters in the plane, and a peak much narrower than one of them.
const steps = 40
const process = vpTable(linearBetas(steps, 0.002, 0.15))
const grid = Array.from({ length: steps + 1 }, (_, i) => (steps - i) / steps)
const mixture = new GaussianMixture({ means: [[3, 0], [0, 3], [-3, 0], [0, -3]], stds: [0.3, 0.3, 0.3, 0.3] }) // biome-ignore format: one line a cluster is no clearer
const peak: SolvableReward = { type: 'modes', centers: [[0.1, 2.9]], weights: [1], scale: 0.01 }
const reward: Reward<Tensor> = { name: 'peak', evaluate: async (x) => x.map(({ data }) => rewardOf(peak, data)) }
const chain = mixtureChain({ mixture, process, grid, branchAt: forestBranches(steps) })
const options = { chain, reward, seed: 1, budget: 120 * steps }

describe('greedy islands', () => {
  it('find a narrow peak that best-of-N does not, whatever the scale of the reward', async () => {
    const scaled: Reward<Tensor> = {
      name: 'x 1000',
      evaluate: async (x) => Array.from(await reward.evaluate(x), (r) => 1000 * r),
    }
    let [greedy, plain] = [0, 0]
    for (let seed = 0; seed < 3; seed++) {
      const one = await greedyIslands({ ...options, seed })
      const other = await greedyIslands({ ...options, seed, reward: scaled })
      expect(other.candidates.map(({ sample }) => sample)).toEqual(one.candidates.map(({ sample }) => sample))
      expect(one.selected).toBe(one.best)
      expect(one.logZ).toBeUndefined()
      greedy -= one.candidates[one.best].reward
      const rollouts = await bestOfN({ ...options, seed })
      plain -= rollouts.candidates[rollouts.best].reward
    }
    expect(greedy).toBeLessThan(plain / 10)
  })

  it('about half of the evaluations go on from the best path, along a path that holds together', async () => {
    const { islands, nfe } = await greedyIslands(options)
    const local = islands.filter(({ plan }) => plan.from)
    const spent = local.reduce((sum, island) => sum + island.spent.nfe, 0)
    expect(spent / nfe).toBeGreaterThan(0.35)
    expect(spent / nfe).toBeLessThan(0.65)
    const states = new Set(islands.flatMap(({ populations }) => populations.flatMap((p) => p.states)))
    for (const island of local) {
      expect(states.has(island.plan.from?.state as Float32Array)).toBe(true)
      expect(island.populations[0].stop).toBe(island.plan.from?.stop)
      expect(island.plan.from?.stop).toBeGreaterThan(0)
      expect(island.path(0)[0].stop).toBe(island.plan.from?.stop)
    }
  })

  it('without re-branching all islands are fresh', async () => {
    const { islands } = await greedyIslands({ ...options, local: 0 })
    expect(islands.every(({ plan }) => plan.from === undefined)).toBe(true)
  })

  it('every row of the network is counted, also of islands that begin inside, whose look is not paid twice', async () => {
    for (const remembers of [false, true]) {
      const { chain, reward } = finiteWorld(3, 5, 4)
      const counted = countedChain(chain, remembers)
      const { nfe, islands } = await greedyIslands({ chain: counted.chain, reward, seed: 2, budget: 900, particles: 6 })
      expect(islands.filter(({ plan }) => plan.from).length).toBeGreaterThan(2)
      expect(nfe).toBeLessThanOrEqual(900)
      // Copies of a row share its look, which the count does not know: it may only be too high.
      if (remembers) expect(nfe).toBeGreaterThanOrEqual(counted.rows())
      else expect(nfe).toBe(counted.rows())
    }
  })

  it('a budget of fewer than three islands is hedged: half of it goes to plain rollouts', async () => {
    const { islands, nfe } = await greedyIslands({ ...options, budget: 40 * steps })
    expect(islands.map(({ leaves }) => leaves?.length)).toEqual([20, 16, expect.any(Number)])
    expect(
      islands[0].populations.every(({ scores }, i, all) => i === all.length - 1 || scores.every(Number.isNaN)),
    ).toBe(true)
    expect(islands.map(({ plan }) => plan.from === undefined)).toEqual([true, true, false])
    expect(nfe).toBeGreaterThan(39 * steps)
    const bold = await greedyIslands({ ...options, budget: 40 * steps, hedge: false })
    expect(bold.islands[0].leaves?.length).toBe(16)
  })

  it('stopped anywhere and resumed, they end as if they had never stopped', async () => {
    const snapshots: SavedIslands[] = []
    const small = { ...options, budget: 90 * steps }
    const whole = await greedyIslands({
      ...small,
      onCheckpoint: (save) => void snapshots.push(structuredClone(save())),
    })
    for (const resume of snapshots.filter((_, i) => i % 9 === 4)) {
      const again = await greedyIslands({ ...small, resume })
      expect(again.candidates).toEqual(whole.candidates)
      expect(again.trace).toEqual(whole.trace)
      expect(again.nfe).toBe(whole.nfe)
    }
  })

  it('an island that was cut short by the budget keeps its size under a larger one', async () => {
    const snapshots: SavedIslands[] = []
    const onCheckpoint = (save: () => SavedIslands) => void snapshots.push(structuredClone(save()))
    await greedyIslands({ ...options, budget: 60 * steps, hedge: false, onCheckpoint })
    const cut = snapshots.find(
      ({ islands }) => islands.length > 0 && islands.at(-1)!.populations[0].parents.length < 16,
    )
    const { islands } = await greedyIslands({ ...options, budget: 100 * steps, hedge: false, resume: cut })
    for (const { populations } of islands) {
      expect(new Set(populations.map(({ parents }) => parents.length)).size).toBe(1)
    }
  })

  it('small islands are not narrowed to their best row', async () => {
    const { islands } = await greedyIslands({ ...options, particles: 4, hedge: false })
    const kept = islands.flatMap(({ populations }) => populations.map(({ parents }) => new Set(parents).size))
    expect(kept.filter((families) => families === 2).length).toBeGreaterThan(20)
  })

  it.each([
    [{ particles: 1 }, 'an island of 1 rows'],
    [{ ess: 0 }, 'ess is 0'],
    [{ local: 1.5 }, 'local is 1.5'],
    [{ chain: { ...chain, cost: () => 0 } }, 'costs no NFE'],
  ])('%j is refused', async (wrong, message) => {
    await expect(async () => greedyIslands({ ...options, ...wrong })).rejects.toThrow(message)
  })
})
