import { GaussianMixture } from 'espalier/process'
import { dts, importanceResampling } from 'espalier/search'
import { fold, key, purpose, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { gmmWorld, lineWorld, process, world as solvable } from '../../../../reproduce/dts/worlds.ts'

/** Mean and variance of the first coordinate under the candidates' weights. */
function moments(candidates: readonly { sample: Tensor; weight: number }[]) {
  const mean = candidates.reduce((sum, { sample, weight }) => sum + weight * sample.data[0], 0)
  const variance = candidates.reduce((sum, { sample, weight }) => sum + weight * (sample.data[0] - mean) ** 2, 0)
  return { mean, variance }
}

const skewed = () => new GaussianMixture({ means: [[-2], [1]], stds: [0.4, 0.7], weights: [0.7, 0.3] })

describe('closed forms that the searches are held to', () => {
  it('N(0, 1) with a quadratic reward: value, evidence and target in closed form', () => {
    const { tilted } = lineWorld()
    const [m, s2] = [1.5, 0.25]
    for (const t of [0.2, 0.6, 1]) {
      const a = process.a(t)
      const left = 1 - a * a
      for (const x of [-1.3, 0.4, 2]) {
        const expected = -0.5 * Math.log1p(left / s2) - (m - a * x) ** 2 / (2 * (s2 + left))
        expect(tilted.value(process, [x], t)).toBeCloseTo(expected, 10)
      }
    }
    expect(tilted.law.means[0][0]).toBeCloseTo(1.2, 12)
    expect(tilted.law.stds[0] ** 2).toBeCloseTo(0.2, 12)
    expect(tilted.logZ).toBeCloseTo(-0.5 * Math.log(5) - 1.5 ** 2 / 2.5, 12)
  })

  it('a step down the chain keeps E[exp(V)]: the soft Bellman equation, by simulation', async () => {
    for (const { chain, tilted } of [gmmWorld(), solvable(skewed(), { type: 'linear', gradient: [0.8] })]) {
      const n = 4000
      const keys = Array.from({ length: n }, (_, i) => fold(purpose(key(5), 'bellman'), i))
      for (const level of [1, 2, 3]) {
        // One state of that level, and many steps from it.
        let state = await chain.start([key(17)])
        for (let l = 0; l < level; l++) state = await chain.step(state, l, [key(17)])
        const next = await chain.step(new Array(n).fill(state[0]), level, keys)
        const [t, s] = [1 - level / 5, 1 - (level + 1) / 5]
        const values = next.map((x) => Math.exp(tilted.value(process, x, s)))
        const mean = values.reduce((a, b) => a + b) / n
        const error = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n / n)
        expect(Math.abs(mean - Math.exp(tilted.value(process, state[0], t)))).toBeLessThan(4 * error + 1e-9)
      }
    }
  })
})

describe('the searches against the closed forms', () => {
  it('a full tree of fixed branching is unbiased for Z in the Gaussian world', async () => {
    const { chain, reward, tilted } = lineWorld()
    const rules = { c: 2, alpha: 0, selection: 'boltzmann-mixed', epsilon: 1, maxIterations: 1000 } as const
    const edges = [20, 20, 20, 20, 20]
    const budget = edges.reduce((sum, cost, i) => sum + cost * 2 ** (i + 1), 0)
    const repeats = 800
    const estimates: number[] = []
    for (let seed = 0; seed < repeats; seed++) {
      const full = await dts({ chain, reward, seed, budget, ...rules })
      expect(full.tree.leaves.length).toBe(32)
      estimates.push(Math.exp(full.logZ as number))
    }
    const mean = estimates.reduce((a, b) => a + b) / repeats
    const error = Math.sqrt(estimates.reduce((sum, z) => sum + (z - mean) ** 2, 0) / repeats / repeats)
    expect(Math.abs(mean - Math.exp(tilted.logZ))).toBeLessThan(4 * error)
    expect(error).toBeLessThan(0.03 * mean)
  })

  it.each([
    { name: 'quadratic reward on N(0, 1)', world: lineWorld, lambda: 1 },
    {
      name: 'linear reward on N(0, 1), lambda = 2',
      world: () => solvable(new GaussianMixture({ means: [[0]], stds: [1] }), { type: 'linear', gradient: [0.4] }, 2),
      lambda: 2,
    },
    {
      name: 'linear reward on a mixture',
      world: () => solvable(skewed(), { type: 'linear', gradient: [0.5] }),
      lambda: 1,
    },
  ])('the tilted law of a $name', async ({ world, lambda }) => {
    const { chain, reward, tilted } = world()
    const { law, logZ } = tilted
    const mean = law.means.reduce((sum, m, k) => sum + law.weights[k] * m[0], 0)
    const square = law.means.reduce((sum, m, k) => sum + law.weights[k] * (m[0] ** 2 + law.stds[k] ** 2), 0)
    const repeats = 4
    const average = { is: 0, isZ: 0, tree: 0, treeZ: 0, spread: 0 }
    for (let seed = 0; seed < repeats; seed++) {
      const plain = await importanceResampling({ chain, reward, lambda, seed, budget: 400_000 })
      const tree = await dts({
        ...{ chain, reward, lambda, seed, budget: 200_000 },
        ...{ selection: 'boltzmann-mixed', epsilon: 1 },
      })
      average.is += moments(plain.candidates).mean / repeats
      average.isZ += (plain.logZ as number) / repeats
      average.tree += moments(tree.candidates).mean / repeats
      average.treeZ += (tree.logZ as number) / repeats
      average.spread += moments(tree.candidates).variance / repeats
    }
    expect(Math.abs(average.is - mean)).toBeLessThan(0.04)
    expect(Math.abs(average.isZ - logZ)).toBeLessThan(0.04)
    expect(Math.abs(average.tree - mean)).toBeLessThan(0.05)
    expect(Math.abs(average.treeZ - logZ)).toBeLessThan(0.05)
    expect(Math.abs(average.spread - (square - mean ** 2))).toBeLessThan(0.05 * (1 + square))
  })

  it('the mode masses of the eight-mode world, which the prior has all equal', async () => {
    const { chain, reward, tilted, mixture } = gmmWorld()
    const nearest = ({ data }: Tensor) => {
      const gaps = mixture.means.map((m) => (m[0] - data[0]) ** 2 + (m[1] - data[1]) ** 2)
      return gaps.indexOf(Math.min(...gaps))
    }
    const distance = (candidates: readonly { sample: Tensor; weight: number }[]) => {
      const masses = new Float64Array(8)
      for (const { sample, weight } of candidates) masses[nearest(sample)] += weight
      return masses.reduce((sum, mass, k) => sum + Math.abs(mass - tilted.masses[k]) / 2, 0)
    }
    const plain = await importanceResampling({ chain, reward, seed: 1, budget: 100_000 })
    expect(distance(plain.candidates)).toBeLessThan(0.05)
    const tree = await dts({ chain, reward, seed: 1, budget: 100_000, alpha: 0.5, selection: 'boltzmann-mixed' })
    expect(distance(tree.candidates)).toBeLessThan(0.08)
    expect(tilted.masses[7]).toBeCloseTo(0.777, 3)
    expect(tilted.logZ).toBeCloseTo(-2.52, 2)
  })
})
