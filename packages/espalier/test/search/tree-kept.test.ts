import { mixtureChain, pixelChain, type StochasticChain, stochasticChain } from 'espalier/chain'
import { uniformGrid } from 'espalier/process'
import { batched } from 'espalier/runtime'
import { dts, dtsStar, readTree, type SavedSearch, type TreeSearchOptions, writeTree } from 'espalier/search'
import { ddim } from 'espalier/solve'
import { fold, halfBits, halfValue, type Key, type Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { gmmWorld, process } from '../../../../reproduce/dts/worlds.ts'
import { rootKey } from '../../src/search/edges.ts'
import { finiteWorld } from './finite-chain.ts'

type Options = TreeSearchOptions<Float32Array, Tensor>

const base = (rules: Partial<Options> = {}): Options => {
  const { chain, reward } = gmmWorld()
  return { chain, reward, seed: 0, budget: 20_000, alpha: 0.5, ...rules }
}

/** The chain with a count of what its steps cost. */
function counted<S, X>(chain: StochasticChain<S, X>) {
  const seen = { nfe: 0 }
  const step: typeof chain.step = async (states, level, keys) => {
    seen.nfe += states.length * chain.cost(level)
    return chain.step(states, level, keys)
  }
  const finish: typeof chain.finish =
    chain.finish &&
    (async (states, level, keys) => {
      seen.nfe += states.length * (chain.finishCost?.(level) ?? 0)
      return chain.finish?.(states, level, keys) as Promise<S[]>
    })
  return { chain: { ...chain, step, finish }, seen }
}

const values = (saved: SavedSearch) => [saved.tree.parent, saved.tree.value, saved.tree.visits, saved.iterations]

describe('states of a tree', () => {
  it('in half floats are what children are drawn from', async () => {
    const rules = { states: 'float16', selection: 'boltzmann-mixed' } as const
    const { tree, candidates } = await dts(base(rules))
    const { chain, reward } = base()
    for (let node = 1; node < tree.size; node++) {
      for (const x of tree.state(node)) expect(halfValue(halfBits(x))).toBe(x)
    }
    const scored = await reward.evaluate(candidates.map(({ sample }) => sample))
    candidates.forEach((candidate, i) => void expect(candidate.reward).toBe(scored[i]))
    // A child from its parent's stored state by its own key, and no other.
    const keyOf = (node: number): Key => (node === 0 ? rootKey(0) : fold(keyOf(tree.parent(node)), tree.indexOf(node)))
    let deep = 0
    for (let node = 1; node < tree.size; node++) {
      if (tree.depth(node) < 2) continue
      deep++
      const parent = tree.parent(node)
      const [state] = await chain.step([tree.state(parent)], tree.depth(parent), [keyOf(node)])
      expect(tree.state(node)).toEqual(state.map((x) => halfValue(halfBits(x))))
    }
    expect(deep).toBeGreaterThan(100)
  })

  it('that half floats cannot hold stop the search, and say what to do', async () => {
    const { chain, ...rest } = base()
    const far = {
      ...chain,
      start: async (keys: Parameters<typeof chain.start>[0]) =>
        (await chain.start(keys)).map((x) => x.map((v) => 1e6 * v)),
    }
    await expect(dts({ ...rest, chain: far, states: 'float16' })).rejects.toThrow(
      'keep the states of this chain as float32',
    )
  })

  it('take half the memory in half floats, and next to none when they are walked to again', async () => {
    const bytes = async (states: Options['states']) => {
      const { tree } = await dts(base({ states, maxIterations: 400, budget: 100_000 }))
      let numbers = 0
      for (const piece of tree.save().data) numbers += piece.byteLength
      return { numbers, size: tree.size, leaves: tree.leaves.length }
    }
    const [single, half, none] = [await bytes('float32'), await bytes('float16'), await bytes('recompute')]
    expect(single.numbers).toBe(8 * (single.size - 1))
    expect(half.numbers).toBe(4 * (half.size - 1))
    expect(none.numbers).toBeLessThanOrEqual(8 * (none.leaves + 64))
  })

  it('that are walked to again give the same tree, and every step is counted', async () => {
    for (const rules of [{ selection: 'boltzmann-mixed' }, { selection: 'uct', width: 6 }] as const) {
      const options = base({ ...rules, maxIterations: 300, budget: 1e6 })
      const { chain, seen } = counted(options.chain)
      const again = await dts({ ...options, chain, states: 'recompute' })
      const whole = await dts(options)
      expect(again.candidates).toEqual(whole.candidates)
      const [a, b] = [again.save(), whole.save()]
      expect(values(a)).toEqual(values(b))
      expect(again.nfe).toBe(seen.nfe)
      expect(again.nfe).toBeGreaterThan(whole.nfe)
    }
  })

  it.each(['float32', 'float16', 'recompute'] as const)(
    'as %s go through a file in mid-search without a trace',
    async (states) => {
      for (const rules of [{ width: 1 }, { width: 5, readOut: 'weighted' }] as const) {
        const options = base({ ...rules, states })
        const whole = await dts(options)
        for (const stop of [1, 30]) {
          const abort = new AbortController()
          let bytes = new Uint8Array()
          let waves = 0
          await dts({
            ...options,
            signal: abort.signal,
            onCheckpoint(save) {
              if (++waves !== stop) return
              bytes = writeTree(save()) as Uint8Array<ArrayBuffer>
              abort.abort()
            },
          })
          const before = bytes.slice()
          const resumed = await dts({ ...options, resume: readTree(bytes).saved })
          expect(bytes).toEqual(before)
          expect(writeTree(resumed.save())).toEqual(writeTree(whole.save()))
          expect(resumed.candidates).toEqual(whole.candidates)
          expect([resumed.nfe, resumed.logZ, resumed.selected]).toEqual([whole.nfe, whole.logZ, whole.selected])
        }
      }
    },
  )
})

describe('the same seed', () => {
  it('grows the same tree through an evaluator of 1, 7 or 64 rows, bit for bit', async () => {
    const { mixture, reward } = gmmWorld()
    const plan = ddim({ eta: 1 })(process, uniformGrid(process, 12))
    const trees = []
    for (const maxBatch of [1, 7, 64]) {
      const chain = stochasticChain(pixelChain({ denoiser: batched(mixture.denoiser(process), { maxBatch }), plan }))
      const rules = { seed: 5, budget: 2500, alpha: 0.4, width: 9 }
      trees.push([dts, dtsStar].map((search) => search({ chain, reward, ...rules })))
    }
    const [one, ...others] = await Promise.all(
      trees.map(async (pair) => (await Promise.all(pair)).map((r) => writeTree(r.save()))),
    )
    for (const other of others) expect(other).toEqual(one)
    expect(one[0].length).toBeGreaterThan(5000)
  })
})

it('rollouts of different lengths keep the batch full', async () => {
  const { mixture, reward } = gmmWorld()
  const evaluator = batched(mixture.denoiser(process), { maxBatch: 16 })
  const plan = ddim({ eta: 1 })(process, uniformGrid(process, 10))
  const { tree } = await dts({
    ...base({ width: 16, budget: 8000 }),
    chain: pixelChain({ denoiser: evaluator, plan }),
    reward,
  })
  // Far from all rollouts begin at the root.
  expect(tree.childCount(0)).toBeLessThan(tree.leaves.length / 4)
  expect(evaluator.statistics.occupancy).toBeGreaterThan(0.9)
})

describe('rollouts that finish by a short plan', () => {
  const short = (rules: Partial<Options> = {}) => {
    const { mixture, reward } = gmmWorld()
    const grid = uniformGrid(process, 50)
    const finish = (remaining: readonly number[]) => ddim()(process, [remaining[0], remaining[0] / 3, 0])
    return {
      chain: mixtureChain({ mixture, process, grid, finish }),
      reward,
      seed: 0,
      budget: 5000,
      alpha: 0.5,
      rollout: 'finish',
      ...rules,
    } as const
  }

  it('hang one leaf below each new child, and count what they cost', async () => {
    for (const rules of [{}, { width: 4, selection: 'uct' }] as Partial<Options>[]) {
      const options = short(rules)
      const { chain, seen } = counted(options.chain)
      const found = await dts({ ...options, chain })
      const { tree } = found
      expect(found.nfe).toBe(seen.nfe)
      expect(found.nfe).toBeLessThanOrEqual(5000)
      expect(found.rewardEvaluations).toBe(tree.leaves.length)
      const depths = new Set<number>()
      for (let node = 1; node < tree.size; node++) {
        if (tree.isLeaf(node)) depths.add(tree.depth(node))
        else expect(tree.isLeaf(tree.children(node)[0])).toBe(tree.depth(node) < 4 || tree.children(node).length > 0)
        expect(tree.isLeaf(node)).toBe(tree.childCount(node) === 0)
      }
      expect(depths.has(2)).toBe(true)
      // A child of the root costs a block of ten and a short plan of two; a whole rollout would cost fifty.
      expect(found.tree.leaves.length).toBeGreaterThan(5000 / 13)
      const resumed = await dts({ ...options, resume: (await dts({ ...options, budget: 2500 })).save() })
      if (!rules.width) expect(writeTree(resumed.save())).toEqual(writeTree(found.save()))
    }
  })

  it('estimate the law of the chain that leaves for the short plan', async () => {
    const world = finiteWorld(9, 3, 3, [1, 0, -1])
    const { chain, reward } = world
    /** Straight to a state that its own table gives: another law than the chain's. */
    const finish: typeof chain.finish = async (states) => states.map((x) => (x + 1) % 3)
    const other = { ...chain, finish, finishCost: () => 1 }
    // Only the root branches: Z is the mean over one step of the chain, then one of the table.
    let sum = 0
    let squares = 0
    const runs = 400
    for (let seed = 0; seed < runs; seed++) {
      const found = await dts({ chain: other, reward, seed, budget: 60, alpha: 1, rollout: 'finish' })
      expect(found.tree.leaves.length).toBe(30)
      const z = Math.exp(found.logZ as number)
      sum += z / runs
      squares += (z * z) / runs
    }
    const firsts = [0, 0, 0]
    const draws = 20_000
    const keys = Array.from({ length: draws }, (_, i) => fold({ hi: 7, lo: 7 }, i))
    for (const x of await chain.step(await chain.start(keys), 0, keys)) firsts[x] += 1 / draws
    const rewards = await reward.evaluate([1, 2, 0])
    const expected = firsts.reduce((total, p, x) => total + p * Math.exp(rewards[x]), 0)
    expect(Math.abs(sum - expected)).toBeLessThan(4 * Math.sqrt((squares - sum ** 2) / runs) + 0.02)
    expect(Math.abs(sum - Math.exp(world.logZ(1)))).toBeGreaterThan(0.1)
  })

  it('of the chain itself leave the estimate unbiased', async () => {
    const world = finiteWorld(4)
    const { chain, reward } = world
    const finish: typeof chain.finish = async (states, level, keys) => {
      let current = [...states]
      for (let l = level; l < chain.depth; l++) current = await chain.step(current, l, keys)
      return current
    }
    const same = { ...chain, finish, finishCost: () => 1 }
    const even = { selection: 'boltzmann-mixed', epsilon: 1, rollout: 'finish', alpha: 0.5 } as const
    let sum = 0
    let squares = 0
    const runs = 1000
    for (let seed = 0; seed < runs; seed++) {
      const z = Math.exp((await dts({ chain: same, reward, seed, budget: 80, ...even })).logZ as number)
      sum += z / runs
      squares += (z * z) / runs
    }
    expect(Math.abs(sum - Math.exp(world.logZ(1)))).toBeLessThan(4 * Math.sqrt((squares - sum ** 2) / runs))
  })

  it('need a chain that has one', async () => {
    await expect(dts(base({ rollout: 'finish' }))).rejects.toThrow("rollout 'finish' needs a chain with a short plan")
  })
})

it('a tree over a chain without noise is told so', async () => {
  const { chain, ...rest } = base()
  const still = { ...chain, kernel: 'deterministic' as const }
  // @ts-expect-error the compiler knows
  await expect(dts({ ...rest, chain: still })).rejects.toThrow('this chain draws no noise on its way')
})
