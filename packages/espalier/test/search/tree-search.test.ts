import { bestOfN, dts, dtsStar, importanceResampling, type Tree, type TreeSearchOptions } from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gmmWorld } from '../../../../reproduce/dts/worlds.ts'
import { finiteWorld } from './finite-chain.ts'
import { type OracleNode, sequentialTree } from './sequential.ts'

const base = (seed = 0) => {
  const world = finiteWorld(7)
  return { chain: world.chain, reward: world.reward, seed, budget: 3000 }
}

/** The eight-mode world in two dimensions, its reward rescaled. */
const ring = (seed: number) => {
  const { chain, reward } = gmmWorld()
  const tenth = {
    name: 'tenth',
    evaluate: async (x: readonly Tensor[]) => (await reward.evaluate(x)).map((r) => r / 10),
  }
  return { chain, reward: tenth, seed, budget: 30_000 }
}

/** Every node as `depth state value visits` in pre-order, children in order of birth. */
function outline<S>(tree: Tree<S>, node = 0): string[] {
  const line = `${tree.depth(node)} ${node === 0 ? undefined : tree.state(node)} ${tree.value(node).toFixed(9)} ${tree.visits(node)}`
  return [line, ...tree.children(node).flatMap((child) => outline(tree, child))]
}

function oracleOutline<S>(node: OracleNode<S>): string[] {
  return [
    `${node.depth} ${node.state} ${node.value.toFixed(9)} ${node.visits}`,
    ...node.children.flatMap(oracleOutline),
  ]
}

describe('the tree', () => {
  it.each([
    { selection: 'boltzmann', backup: 'soft', c: 2, alpha: 0.8, lambda: 1 },
    { selection: 'boltzmann', backup: 'soft', c: 1, alpha: 0.5, lambda: 2.5 },
    { selection: 'uct', backup: 'soft', c: 1.5, alpha: 0.5, lambda: 0.7 },
    { selection: 'uct', backup: 'max', c: 2, alpha: 0.4, lambda: 1 },
  ] as const)('at width 1 is the sequential algorithm of the paper: %o', async (rules) => {
    // A continuous world: with real-valued rewards no two children tie.
    const options = { ...ring(3), ...rules, maxIterations: 300 }
    const found = await dts(options)
    const oracle = await sequentialTree({ ...options, iterations: 300 })
    expect(found.iterations).toBe(300)
    expect(outline(found.tree)).toEqual(oracleOutline(oracle))
  })

  it('is the same for the same seed at any width, and another for another seed', async () => {
    for (const width of [1, 5, 64]) {
      const [a, b] = [await dts({ ...base(), width }), await dts({ ...base(), width })]
      expect(outline(a.tree)).toEqual(outline(b.tree))
      expect(outline((await dts({ ...base(1), width })).tree)).not.toEqual(outline(a.tree))
    }
  })

  it('does not depend on when answers come', async () => {
    const { chain, ...rest } = base()
    let calls = 0
    const jittery = {
      ...chain,
      step: async (...args: Parameters<typeof chain.step>) => {
        for (let i = (calls++ * 7) % 5; i >= 0; i--) await new Promise((resolve) => setImmediate(resolve))
        return chain.step(...args)
      },
    }
    const options = { ...rest, width: 8, budget: 600 }
    const late = await dts({ ...options, chain: jittery })
    expect(outline(late.tree)).toEqual(outline((await dts({ ...options, chain })).tree))
  })

  it('keeps its invariants in any setting', async () => {
    const settings = fc.record({
      seed: fc.nat(1000),
      c: fc.double({ min: 0.5, max: 4, noNaN: true }),
      alpha: fc.double({ min: 0, max: 1, noNaN: true }),
      lambda: fc.constantFrom(0, 1e-3, 1, 5),
      epsilon: fc.double({ min: 0, max: 1, noNaN: true }),
      selection: fc.constantFrom('boltzmann', 'boltzmann-mixed', 'uct'),
      backup: fc.constantFrom('soft', 'max'),
      width: fc.constantFrom(1, 3, 16),
      budget: fc.integer({ min: 3, max: 250 }),
    }) as fc.Arbitrary<Partial<TreeSearchOptions<number, number>>>
    await fc.assert(
      fc.asyncProperty(settings, async (rules) => {
        const options = { ...base(), ...rules }
        let spent = 0
        const found = await dts({
          ...options,
          onProgress: ({ nfe }) => {
            spent = Math.max(spent, nfe)
          },
        })
        const { tree } = found
        const { c = 2, alpha = 0.8, lambda = 1, width = 1 } = options
        const passes = new Array(tree.size).fill(0)
        for (let node = tree.size - 1; node >= 0; node--) {
          const children = tree.children(node)
          if (tree.isLeaf(node)) {
            expect(tree.value(node)).toBe(options.reward && (await options.reward.evaluate([tree.state(node)]))[0])
            expect(tree.visits(node)).toBe(1)
            continue
          }
          // The tree's values, from another formula than its own.
          const values = children.map((child) => tree.value(child))
          const top = Math.max(...values)
          const mean = values.reduce((sum, v) => sum + Math.exp(lambda * (v - top)), 0) / values.length
          const average = values.reduce((a, b) => a + b, 0) / values.length
          const expected = options.backup === 'max' ? top : lambda === 0 ? average : top + Math.log(mean) / lambda
          expect(tree.value(node)).toBeCloseTo(expected, 9)
          passes[node] += tree.visits(node) - 1
          // Iterations that created a child, and those that passed through one: a leaf's own visits are not counted.
          const below = children.reduce((sum, child) => sum + (tree.isLeaf(child) ? 0 : tree.visits(child) - 1), 0)
          if (children.some((child) => tree.isLeaf(child))) expect(passes[node]).toBeGreaterThanOrEqual(children.length)
          else expect(passes[node]).toBe(below)
          expect(children.length).toBeLessThan(c * tree.visits(node) ** alpha + 1)
        }
        expect(tree.visits(0)).toBe(found.iterations + 1)
        // Every node but the root was expanded along one edge, of one NFE each.
        expect(found.nfe).toBe(tree.size - 1)
        expect(found.nfe).toBeLessThanOrEqual(options.budget)
        expect(spent).toBe(found.nfe)
        expect(found.rewardEvaluations).toBe(tree.leaves.length)
        expect(found.candidates.length).toBe(tree.leaves.length)
        expect(found.candidates.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9)
        expect(width).toBeGreaterThan(0)
      }),
      { numRuns: 60, seed: 1 },
    )
  })

  it.each([
    { alpha: 0.8, saturated: 36 },
    { alpha: 0.7, saturated: 13 },
    { alpha: 0.5, saturated: 5 },
  ])('at C = 2, alpha = $alpha expands the root $saturated times before it lets an iteration pass', async (rules) => {
    const { saturated, alpha } = rules
    for (const width of [1, 7]) {
      const first = await dts({ ...base(), alpha, width, maxIterations: saturated })
      expect(first.tree.childCount(0)).toBe(saturated)
      expect(first.nfe).toBe(3 * saturated)
      const next = await dts({ ...base(), alpha, width, maxIterations: saturated + 1 })
      expect(next.tree.childCount(0)).toBe(saturated)
      expect(next.nfe).toBeLessThan(3 * saturated + 3)
    }
  })

  it('before that, DTS is importance resampling and DTS* is best-of-N, on the same rollouts', async () => {
    const options = { ...base(5), budget: 3 * 36 }
    const tree = await dts(options)
    const star = await dtsStar({ ...options, width: 9 })
    const resampled = await importanceResampling(options)
    const best = await bestOfN({ ...options, width: 5 })
    const rewards = best.candidates.map(({ reward }) => reward)
    for (const result of [tree, star, resampled]) expect(result.candidates.map(({ reward }) => reward)).toEqual(rewards)
    expect(star.selected).toBe(best.selected)
    expect(tree.logZ).toBeCloseTo(resampled.logZ as number, 12)
    for (let i = 0; i < 36; i++) {
      expect(tree.candidates[i].weight).toBeCloseTo(resampled.candidates[i].weight, 12)
      expect(best.candidates[i].weight).toBe(1 / 36)
    }
  })

  it('with a constant reward has that value everywhere and reads out the model itself', async () => {
    const world = finiteWorld(7)
    const flat = { name: 'flat', evaluate: async (samples: readonly number[]) => samples.map(() => -3.25) }
    const found = await dts({ ...base(), reward: flat, lambda: 4, budget: 12_000, alpha: 0.5 })
    for (let node = 0; node < found.tree.size; node++) expect(found.tree.value(node)).toBeCloseTo(-3.25, 12)
    const mass = [0, 0, 0]
    for (const { sample, weight } of found.candidates) mass[sample] += weight
    world.prior().forEach((p, x) => {
      expect(Math.abs(mass[x] - p)).toBeLessThan(0.05)
    })
  })

  it('lives with rewards of -Infinity, and calls NaN by its name', async () => {
    const never = { name: 'never', evaluate: async (samples: readonly number[]) => samples.map(() => -Infinity) }
    const found = await dts({ ...base(), reward: never, budget: 300 })
    expect(found.logZ).toBe(-Infinity)
    expect(found.candidates.every(({ weight }) => weight > 0)).toBe(true)
    const some = {
      name: 'some',
      evaluate: async (samples: readonly number[]) => samples.map((x) => (x === 0 ? 0 : -Infinity)),
    }
    for (const search of [dts, dtsStar]) {
      const { candidates, selected } = await search({ ...base(), reward: some, budget: 600 })
      for (const { sample, weight } of candidates) if (sample !== 0) expect(weight).toBe(0)
      expect(candidates[selected].sample).toBe(0)
    }
  })
})

describe('in a world where every value is a finite sum', () => {
  const total = (a: readonly number[], b: readonly number[]) => a.reduce((s, x, i) => s + Math.abs(x - b[i]) / 2, 0)

  const gentle = (rewards = [1, 0, -0.5]) => {
    const { chain, reward, target, logZ, softValues } = finiteWorld(11, 3, 3, rewards)
    return { options: { chain, reward }, target: target(1), logZ: logZ(1), values: softValues(1) }
  }

  it('the tree converges to the tilted law, and with evened visits all the way', async () => {
    const world = gentle()
    const error = async (rules: Partial<TreeSearchOptions<number, number>>) => {
      const errors = { law: 0, root: 0 }
      for (let seed = 0; seed < 8; seed++) {
        const found = await dts({ ...world.options, seed, budget: 6000, ...rules })
        const mass = [0, 0, 0]
        for (const { sample, weight } of found.candidates) mass[sample] += weight
        errors.law += total(mass, world.target) / 8
        errors.root += ((found.logZ as number) - world.logZ) / 8
      }
      return errors
    }
    const start = await error({ budget: 60 })
    const paper = await error({})
    const mixed = await error({ selection: 'boltzmann-mixed', epsilon: 0.8 })
    const even = await error({ selection: 'boltzmann-mixed', epsilon: 1 })
    expect(start.law).toBeGreaterThan(0.1)
    expect(paper.law).toBeLessThan(0.09)
    expect(mixed.law).toBeLessThan(0.03)
    expect(even.law).toBeLessThan(0.02)
    // The bias of the paper's own selection is downward; uniform selection does not look at values and has none.
    expect(paper.root).toBeLessThan(-0.05)
    expect(mixed.root).toBeGreaterThan(paper.root / 2)
    expect(Math.abs(even.root)).toBeLessThan(0.02)
  })

  it('inner nodes are unbiased for exp(lambda V), at every depth', async () => {
    const world = gentle([1.5, 0, -1.5])
    const rules = { selection: 'boltzmann-mixed', epsilon: 1, c: 20, alpha: 0, maxIterations: 1e6 } as const
    const { tree } = await dts({ ...world.options, ...rules, seed: 0, budget: 20 + 20 ** 2 + 20 ** 3 })
    expect(tree.leaves.length).toBe(20 ** 3)
    for (const depth of [1, 2]) {
      for (const state of [0, 1, 2]) {
        const own: number[] = []
        for (let i = 1; i < tree.size; i++) {
          if (tree.depth(i) === depth && tree.state(i) === state) own.push(Math.exp(tree.value(i)))
        }
        const mean = own.reduce((a, b) => a + b) / own.length
        expect(Math.abs(mean / Math.exp(world.values[depth][state]) - 1)).toBeLessThan(0.1)
      }
    }
    // The three states are told apart by more than that.
    for (const values of world.values.slice(1, 3))
      expect(Math.max(...values) - Math.min(...values)).toBeGreaterThan(0.15)
  })

  it('a full tree of fixed branching is unbiased for Z', async () => {
    const world = finiteWorld(4)
    const lambda = 1
    const b = 2
    const repeats = 4000
    let sum = 0
    let squares = 0
    for (let seed = 0; seed < repeats; seed++) {
      const full = await dts({
        chain: world.chain,
        reward: world.reward,
        seed,
        lambda,
        c: b,
        alpha: 0,
        selection: 'boltzmann-mixed',
        epsilon: 1,
        budget: b + b ** 2 + b ** 3,
        maxIterations: 1000,
      })
      expect(full.tree.leaves.length).toBe(b ** 3)
      const z = Math.exp(full.logZ as number)
      sum += z
      squares += z * z
    }
    const mean = sum / repeats
    const standardError = Math.sqrt((squares / repeats - mean ** 2) / repeats)
    expect(Math.abs(mean - Math.exp(world.logZ(lambda)))).toBeLessThan(4 * standardError)
    // The spread is small enough for a wrong average (such as weighting by visits) to show.
    expect(standardError).toBeLessThan(0.02 * mean)
  })

  it('lambda to 0 gives the mean, continuously', async () => {
    const options = { ...base(2), budget: 300 }
    const [zero, tiny] = [await dts({ ...options, lambda: 0 }), await dts({ ...options, lambda: 1e-9 })]
    expect(outline(tiny.tree).map((line) => line.replace(/\.(\d{6})\d*/, '.$1'))).toEqual(
      outline(zero.tree).map((line) => line.replace(/\.(\d{6})\d*/, '.$1')),
    )
  })
})

describe('read-out', () => {
  it('draws candidates as often as their weights say', async () => {
    const found = await dts({ ...base(), budget: 300 })
    const counts = new Array(found.candidates.length).fill(0)
    for (const i of found.draw(40_000, 9)) counts[i]++
    found.candidates.forEach(({ weight }, i) => {
      expect(Math.abs(counts[i] / 40_000 - weight)).toBeLessThan(5 * Math.sqrt(weight / 40_000) + 1e-9)
    })
    expect(found.selected).toBe(found.draw(1)[0])
  })

  it('of DTS* follows the largest value, and reports the best leaf beside it', async () => {
    const found = await dtsStar({ ...base(4), budget: 900 })
    let node = 0
    while (!found.tree.isLeaf(node)) {
      node = found.tree.children(node).reduce((a, b) => (found.tree.value(b) > found.tree.value(a) ? b : a))
    }
    expect(found.tree.leaves[found.selected]).toBe(node)
    const rewards = found.candidates.map(({ reward }) => reward)
    expect(rewards[found.best]).toBe(Math.max(...rewards))
    expect(found.trace.at(-1)).toEqual({ nfe: found.nfe, best: rewards[found.best] })
  })
})
