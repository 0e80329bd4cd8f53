import { dts, dtsStar, importanceResampling, type TreeSearchOptions } from 'espalier/search'
import { describe, expect, it } from 'vitest'
import { lineWorld } from '../../../../reproduce/dts/worlds.ts'
import { finiteWorld } from './finite-chain.ts'

/** Mean of `exp(logZ - true logZ)` over seeds, and its standard error. */
async function ratios(runs: number, logZ: number, run: (seed: number) => Promise<number>) {
  let sum = 0
  let squares = 0
  for (let seed = 0; seed < runs; seed++) {
    const ratio = Math.exp((await run(seed)) - logZ)
    sum += ratio
    squares += ratio * ratio
  }
  const mean = sum / runs
  return { mean, error: Math.sqrt((squares / runs - mean ** 2) / runs) }
}

describe('exact weights', () => {
  it('make the estimate of Z unbiased on a Gaussian, where the value of the root of the published tree is far below', async () => {
    const { chain, reward, tilted } = lineWorld()
    const options = { chain, reward, budget: 10_000 }
    const z = async (seed: number) => (await dts({ ...options, seed, readOut: 'weighted' })).logZ as number
    const published = async (seed: number) => (await dts({ ...options, seed, alpha: 0.8 })).logZ as number
    const exact = await ratios(200, tilted.logZ, z)
    const biased = await ratios(60, tilted.logZ, published)
    expect(Math.abs(exact.mean - 1)).toBeLessThan(4 * exact.error)
    expect(exact.error).toBeLessThan(0.04)
    expect(biased.mean + 4 * biased.error).toBeLessThan(0.9)
  })

  it.each([1, 4])('are exact for every final state of a world with finite sums, at width %i', async (width) => {
    const world = finiteWorld(11, 3, 3, [1.5, 0, -1.5])
    const { chain, reward } = world
    const runs = 1500
    const target = world.target(1)
    const sums = [0, 0, 0]
    const squares = [0, 0, 0]
    for (let seed = 0; seed < runs; seed++) {
      const { candidates, logZ } = await dts({ chain, reward, seed, budget: 120, readOut: 'weighted', width })
      const mass = [0, 0, 0]
      for (const { sample, weight } of candidates) mass[sample] += weight * Math.exp((logZ as number) - world.logZ(1))
      mass.forEach((m, x) => {
        sums[x] += m
        squares[x] += m * m
      })
    }
    target.forEach((p, x) => {
      const mean = sums[x] / runs
      const error = Math.sqrt((squares[x] / runs - mean ** 2) / runs)
      expect(Math.abs(mean - p)).toBeLessThan(4 * error)
      expect(error).toBeLessThan(0.04 * p)
    })
  })

  it('count iterations that cost nothing, and sum to one', async () => {
    const { chain, reward } = finiteWorld(3)
    const found = await dts({
      chain,
      reward,
      seed: 0,
      budget: 60,
      readOut: 'weighted',
      c: 2,
      alpha: 0,
      maxIterations: 200,
    })
    expect(found.iterations).toBe(200)
    expect(found.tree.leaves.length).toBe(8)
    const { gains } = found.save()
    // E[g] = 1: over 200 iterations the gains sum to about 200, most of it from iterations without a network.
    const total = gains.reduce((sum, g) => sum + Math.exp(g), 0)
    expect(total).toBeGreaterThan(120)
    expect(total).toBeLessThan(300)
    expect(found.candidates.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
    const z = gains.reduce((sum, g, i) => sum + Math.exp(g + found.candidates[i].reward), 0) / 200
    expect(found.logZ).toBeCloseTo(Math.log(z), 12)
    const counts = new Array(8).fill(0)
    for (const i of found.draw(20_000, 4)) counts[i]++
    found.candidates.forEach(({ weight }, i) => {
      expect(Math.abs(counts[i] / 20_000 - weight)).toBeLessThan(5 * Math.sqrt(weight / 20_000) + 1e-9)
    })
  })

  it('are those of importance resampling as long as nothing branches', async () => {
    const { chain, reward } = finiteWorld(5)
    const options = { chain, reward, seed: 2, budget: 15, lambda: 1.7 }
    const [tree, plain] = [
      await dts({ ...options, readOut: 'weighted', alpha: 1 }),
      await importanceResampling(options),
    ]
    expect(tree.candidates.length).toBe(5)
    expect(tree.logZ).toBeCloseTo(plain.logZ as number, 12)
    tree.candidates.forEach(({ weight }, i) => void expect(weight).toBeCloseTo(plain.candidates[i].weight, 12))
  })

  it('live with rewards of -Infinity and with lambda = 0', async () => {
    const { chain } = finiteWorld(7)
    const some = { name: 'some', evaluate: async (x: readonly number[]) => x.map((y) => (y === 0 ? 0 : -Infinity)) }
    const options = { chain, reward: some, seed: 1, budget: 600, readOut: 'weighted' } as const
    const found = await dts(options)
    expect(found.candidates.every(({ sample, weight }) => sample === 0 || weight === 0)).toBe(true)
    const flat = await dts({ ...options, lambda: 0 })
    expect(Math.exp(flat.logZ as number)).toBeGreaterThan(0.7)
    expect(Math.exp(flat.logZ as number)).toBeLessThan(1.4)
  })

  it('refuse a selection that leaves children out', async () => {
    const { chain, reward } = finiteWorld(7)
    const wrong: Partial<TreeSearchOptions<number, number>>[] = [
      { selection: 'uct' },
      { selection: 'boltzmann' },
      { epsilon: 0 },
    ]
    for (const rule of wrong) {
      const run = dts({ chain, reward, seed: 1, budget: 60, readOut: 'weighted', ...rule })
      await expect(run).rejects.toThrow("readOut 'weighted' needs selection 'boltzmann-mixed' with an epsilon above 0")
    }
    await expect(dtsStar({ chain, reward, seed: 1, budget: 60, readOut: 'heavy' as 'values' })).rejects.toThrow(
      "readOut is 'heavy', expected one of values, argmax, weighted",
    )
  })
})
