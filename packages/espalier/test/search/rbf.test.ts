import { pixelChain, type StochasticChain, stochasticChain } from 'espalier/chain'
import { circularGrid, flow, GaussianMixture, viewed, vpLinear } from 'espalier/process'
import type { Reward } from 'espalier/reward'
import { flowSde } from 'espalier/solve'
import { fold, type Key, key, purpose, stream, type Tensor } from 'espalier/tensor'
import { describe, expect, test } from 'vitest'
import { type RbfOptions, rbf, type SavedRbf } from '../../src/search/rbf.ts'
import { SearchError } from '../../src/search/search-error.ts'

type State = Float32Array

/**
 * A random walk whose look-ahead is where it stands. A level is one step, the last one two (as a chain that ends in a data
 * prediction): with the look-ahead's prediction at hand every candidate costs 1. The walk itself counts what it is asked.
 */
function walkChain(depth: number, calls: { rows: number; nfe: number }[] = []): StochasticChain<State, State> {
  const seen = new WeakSet<State>()
  const ask = (states: readonly State[], more: number) => {
    const nfe = states.reduce((sum, state) => sum + (seen.has(state) ? 0 : 1) + more, 0)
    calls.push({ rows: states.length, nfe })
  }
  return {
    kernel: 'stochastic',
    depth,
    cost: (level, looked = false) => (looked ? 0 : 1) + (level === depth - 1 ? 1 : 0),
    stochastic: () => true,
    start: async (keys) => keys.map((own) => Float32Array.of(stream(purpose(own, 'start')).normal())),
    step: async (states, level, keys) => {
      ask(states, level === depth - 1 ? 1 : 0)
      return states.map((x, i) => Float32Array.of(x[0] + draw(keys[i], level)))
    },
    lookahead: async (states, level) => {
      if (level < depth) ask(states, 0)
      for (const state of states) seen.add(state)
      return [...states]
    },
    lookaheadCost: (level) => (level === depth ? 0 : 1),
    decode: async (states) => [...states],
    save: (state) => state,
    load: (data) => data.slice(),
  }
}

const draw = (own: Key, level: number) => stream(fold(purpose(own, 'step'), level)).normal()

const height: Reward<State> = { name: 'height', evaluate: async (xs) => xs.map((x) => x[0]) }
const constant: Reward<State> = { name: 'constant', evaluate: async (xs) => xs.map(() => 2) }
/** Better with every call, and within a call with every sample. */
const rising = (): Reward<State> => {
  let at = 0
  return { name: 'rising', evaluate: async (xs) => xs.map(() => at++) }
}

const base = (options: Partial<RbfOptions<State, State>> = {}) => ({
  ...{ chain: walkChain(6), reward: height, seed: 0, budget: 200, chains: 2, starts: 5 },
  ...options,
})

/** Algorithm 2 of the paper, read literally: one candidate at a time. */
function literal(depth: number, seed: number, { budget = 200, starts = 5, chains = 2 }) {
  const root = purpose(key(seed), 'path')
  const samples: number[] = []
  const counts: number[][] = []
  for (let k = 0; k < chains; k++) {
    const own = fold(root, k)
    let x = Math.max(
      ...Array.from({ length: starts }, (_, j) =>
        Math.fround(stream(purpose(fold(purpose(own, 'starts'), j), 'start')).normal()),
      ),
    )
    let record = x
    let left = budget / chains - starts
    const share = Math.floor(left / depth)
    let quota = share
    const candidates: number[] = []
    for (let i = 0; i < depth; i++) {
      const last = i === depth - 1
      const limit = last ? left : quota
      const met: number[] = []
      let success = false
      for (let j = 0; j < limit && !success; j++) {
        const c = Math.fround(x + draw(fold(fold(purpose(own, 'candidates'), i), j), i))
        met.push(c)
        if (last) samples.push(c)
        success = !last && c > record
      }
      left -= met.length
      x = success ? met[met.length - 1] : Math.max(...met)
      record = Math.max(record, success ? x : record)
      quota = (success ? quota - met.length : 0) + share
      candidates.push(met.length)
    }
    counts.push(candidates)
  }
  return { samples, counts }
}

describe('rollover budget forcing', () => {
  test('is Algorithm 2, candidate by candidate', async () => {
    for (const seed of [0, 1, 2, 3]) {
      const found = await rbf(base({ seed }))
      const expected = literal(6, seed, {})
      expect(found.intervals.map((chain) => chain.map((i) => i.candidates))).toEqual(expected.counts)
      const mine = found.candidates.map(({ reward }) => reward)
      expect([...mine].sort()).toEqual(expected.samples.sort())
      expect(found.candidates[found.selected].reward).toBe(Math.max(...expected.samples))
      expect(found.selected).toBe(found.best)
    }
  })

  test('pays for what it asks: start states, then one a candidate; never more than the budget', async () => {
    for (const [budget, chains, starts, width] of [
      [200, 2, 5, 1],
      [201, 3, 1, 4],
      [37, 1, 25, 16],
      [22, 2, 5, 3],
    ]) {
      const calls: { rows: number; nfe: number }[] = []
      const { nfe, intervals, rewardEvaluations } = await rbf(
        base({ chain: walkChain(6, calls), budget, chains, starts, width }),
      )
      const candidates = intervals.flat().reduce((sum, i) => sum + i.candidates, 0)
      expect(nfe).toBe(calls.reduce((sum, call) => sum + call.nfe, 0))
      expect(nfe).toBe(chains * starts + candidates)
      expect(nfe).toBe(chains * Math.floor(budget / chains))
      expect(rewardEvaluations).toBe(nfe)
    }
  })

  test('with quotas of one it is the plain sampler', async () => {
    const depth = 6
    const found = await rbf(base({ chains: 1, starts: 1, budget: 1 + depth }))
    expect(found.intervals[0].map((i) => i.candidates)).toEqual(new Array(depth).fill(1))
    const own = fold(purpose(key(0), 'path'), 0)
    const chain = walkChain(depth)
    let states = await chain.start([fold(purpose(own, 'starts'), 0)])
    for (let level = 0; level < depth; level++) {
      states = await chain.step(states, level, [fold(fold(purpose(own, 'candidates'), level), 0)])
    }
    expect(found.candidates.map(({ sample }) => sample)).toEqual(states)
  })

  test('a constant reward exhausts every quota evenly and takes the first candidate, at every width', async () => {
    const options = base({ reward: constant, budget: 2 * (5 + 6 * 8 + 3) })
    const { save: _, ...plain } = await rbf(options)
    for (const chain of plain.intervals) {
      expect(chain.map((i) => i.candidates)).toEqual([8, 8, 8, 8, 8, 8 + 3])
      expect(chain.every((i) => !i.improved && i.record === 2)).toBe(true)
    }
    const own = fold(purpose(key(0), 'path'), 1)
    const chain = walkChain(6)
    let [x] = await chain.start([fold(purpose(own, 'starts'), 0)])
    for (let level = 0; level < 6; level++) {
      ;[x] = await chain.step([x], level, [fold(fold(purpose(own, 'candidates'), level), 0)])
    }
    expect(plain.candidates.map(({ sample }) => sample[0])).toContain(x[0])
    for (const width of [3, 8, 50]) {
      const { save: __, ...wide } = await rbf({ ...options, width })
      expect(wide).toEqual(plain)
    }
  })

  test('a reward that always improves takes one candidate a step and brings all the rest to the last', async () => {
    const { intervals } = await rbf(base({ reward: rising(), chains: 1, budget: 100 }))
    expect(intervals[0].map((i) => i.candidates)).toEqual([1, 1, 1, 1, 1, 100 - 5 - 5])
    // In blocks of 4 the three behind the first success are paid.
    const wide = await rbf(base({ reward: rising(), chains: 1, budget: 100, width: 4 }))
    expect(wide.intervals[0].map((i) => i.candidates)).toEqual([4, 4, 4, 4, 4, 100 - 5 - 20])
  })

  test('what an interval leaves of its quota is tried in the next; a candidate that is taken for want of a better leaves the record', async () => {
    // Five starts, a success, the 15 candidates of two quotas in vain, and then what beats those, but not the record.
    let at = 0
    const toldAt = (call: number) => (call === 5 ? 1 : call < 5 + 1 + 15 ? 0 : 0.5)
    const reward: Reward<State> = { name: 'told', evaluate: async (xs) => xs.map(() => toldAt(at++)) }
    const { intervals } = await rbf(base({ reward, chains: 1, budget: 5 + 6 * 8 }))
    expect(intervals[0].map((i) => i.candidates)).toEqual([1, 15, 8, 8, 8, 8])
    expect(intervals[0].map((i) => i.improved)).toEqual([true, false, false, false, false, false])
    expect(intervals[0].map((i) => i.record)).toEqual([1, 1, 1, 1, 1, 1])
  })

  test('the best of a block looks around at every step (ours), and width 1 is the published algorithm', async () => {
    const plain = await rbf(base())
    expect((await rbf(base({ choice: 'best' }))).candidates).toEqual(plain.candidates)
    const mean = async (rule: object) => {
      let sum = 0
      for (let seed = 0; seed < 20; seed++) {
        const { candidates, best } = await rbf(base({ seed, chain: walkChain(8), budget: 400, ...rule }))
        sum += candidates[best].reward / 20
      }
      return sum
    }
    // A walk of 9 normals: about one a level from single successes, the expected maximum of a block of 12, 1.6, from the best.
    expect(await mean({ choice: 'best', width: 12 })).toBeGreaterThan((await mean({})) + 3)
    const { save } = await rbf(base({ choice: 'best', width: 4 }))
    await expect(rbf(base({ choice: 'best', width: 5, resume: save() }))).rejects.toThrow('block = 4')
    await expect(rbf(base({ choice: 'worst' as never }))).rejects.toThrow('choice')
  })

  test('records never fall, quotas are conserved, and the budget finds better samples than plain ones', async () => {
    let gain = 0
    for (let seed = 0; seed < 20; seed++) {
      const { intervals, candidates, best } = await rbf(base({ seed, chain: walkChain(8), budget: 400 }))
      for (const chain of intervals) {
        const share = Math.floor((200 - 5) / 8)
        let quota = 0
        chain.forEach(({ candidates: n, improved, record }, i) => {
          if (i > 0) expect(record).toBeGreaterThanOrEqual(chain[i - 1].record)
          if (i === 7) return
          quota += share
          expect(improved ? n <= quota : n === quota).toBe(true)
          quota -= n
        })
        expect(chain.reduce((sum, i) => sum + i.candidates, 0)).toBe(195)
      }
      gain += candidates[best].reward
    }
    // 50 plain samples of a walk of 9 normals reach 2.25 * 3 = 6.7 at best.
    expect(gain / 20).toBeGreaterThan(10)
  })

  test('chains are independent: each is the same whatever runs beside it, in fewer calls', async () => {
    const calls = [1, 2, 4].map((): { rows: number; nfe: number }[] => [])
    const found = await Promise.all(
      [1, 2, 4].map((chains, i) => rbf(base({ chain: walkChain(6, calls[i]), chains, budget: 100 * chains }))),
    )
    expect(found[2].intervals.slice(0, 2)).toEqual(found[1].intervals)
    expect(found[1].intervals.slice(0, 1)).toEqual(found[0].intervals)
  })

  test('is the same however it was interrupted', async () => {
    for (const rule of [{}, { width: 4 }, { chains: 3, starts: 1 }]) {
      const options = base({ ...rule })
      const whole = await rbf(options)
      for (const kill of [1, 2, 7, 20]) {
        let saved: SavedRbf | undefined
        let turns = 0
        const abort = new AbortController()
        const partial = await rbf({
          ...options,
          signal: abort.signal,
          onCheckpoint: (save) => {
            if (++turns !== kill) return
            saved = structuredClone(save())
            abort.abort()
          },
        })
        if (!saved) continue // it had ended before
        expect(['signal', 'budget']).toContain(partial.stopped)
        const { save, ...resumed } = await rbf({ ...options, resume: saved })
        const { save: all, ...expected } = whole
        expect(resumed).toEqual(expected)
        expect(save()).toEqual(all())
      }
    }
    const { save } = await rbf(base())
    await expect(rbf(base({ resume: save(), budget: 300 }))).rejects.toThrow('budget = 200')
  })

  test('hands over what it expects of its chains when it is stopped, and when the reward fails', async () => {
    const abort = new AbortController()
    const progress: number[] = []
    const stopped = await rbf(
      base({
        chain: walkChain(20),
        signal: abort.signal,
        onProgress: ({ nfe, budget }) => {
          progress.push(nfe)
          expect(budget).toBe(200)
          if (nfe > 25) abort.abort()
        },
      }),
    )
    expect([stopped.stopped, stopped.candidates.length]).toEqual(['signal', 2])
    expect(stopped.candidates.map((c) => c.sample[0])).toEqual(stopped.candidates.map((c) => c.reward))
    expect(progress).toEqual([...progress].sort((a, b) => a - b))
    const none = await rbf(base({ signal: AbortSignal.abort() }))
    expect([none.selected, none.nfe, none.candidates.length]).toEqual([-1, 0, 0])

    let asked = 0
    const broken: Reward<State> = {
      name: 'broken',
      evaluate: async (xs) => xs.map((x) => (++asked > 40 ? Number.NaN : x[0])),
    }
    const failure = await rbf(base({ chain: walkChain(30), reward: broken })).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SearchError)
    expect((failure as Error).message).toMatch(/"broken" returned NaN for candidate \d+ of interval \d+ of chain [01]/)
    expect((failure as SearchError<State>).result.candidates).toHaveLength(2)
  })

  test('a deterministic first level is part of the first interval', async () => {
    const chain = walkChain(4)
    const late: typeof chain = {
      ...chain,
      stochastic: (level) => level > 0,
      step: async (states, level, keys) =>
        level === 0 ? states.map((x) => x.slice()) : chain.step(states, level, keys),
    }
    const { intervals } = await rbf(base({ chain: late, reward: constant, chains: 1, starts: 1, budget: 41 }))
    // edges cost 2, 1, 1: quotas of 10 candidates
    expect(intervals[0].map((i) => i.candidates)).toEqual([10, 10, 10])
  })

  test('refuses what makes no sense in one line', async () => {
    const refuses = (odd: object, message: string) => expect(rbf({ ...base(), ...odd })).rejects.toThrow(message)
    await refuses({ chains: 0 }, 'chains is 0')
    await refuses({ starts: 0.5 }, 'starts is 0.5')
    await refuses({ width: 0 }, 'the width is 0')
    await refuses(
      { budget: 21 },
      'a budget of 21 NFE is less than 2 chains with one candidate an interval need (22 NFE',
    )
    await refuses({ chain: { ...walkChain(2), kernel: 'deterministic' } }, 'this chain draws no noise on its way')
    await refuses({ chain: { ...walkChain(2), cost: () => 0, lookaheadCost: () => 0 } }, 'costs no NFE')
  })
})

describe('over a flow model', () => {
  // Three clusters, of which the reward wants the rarest; the network is a linear flow.
  const mixture = new GaussianMixture({
    means: [
      [-2, 0],
      [2, 0],
      [0, 2.5],
    ],
    stds: [0.3, 0.3, 0.3],
    weights: [10, 10, 1],
  })
  const reward: Reward<Tensor> = {
    name: 'height, which only the rare cluster has',
    evaluate: async (xs) => xs.map(({ data }) => data[1]),
  }

  test('500 NFE over 10 steps are 50 for the starts and 1 a candidate, which end as clean estimates', async () => {
    let rows = 0
    const inner = viewed(mixture.denoiser(flow()), vpLinear())
    const denoiser: typeof inner = {
      ...inner,
      predict: (x, t, ...rest) => {
        rows += t.length
        return inner.predict(x, t, ...rest)
      },
    }
    const plan = flowSde()(denoiser.process, circularGrid(denoiser.process, 10))
    const chain = stochasticChain(pixelChain({ denoiser, plan, branchAt: [10, 9, 8, 7, 6, 5, 4, 3, 2] }))
    const found = await rbf({ chain, reward, seed: 1, budget: 500 })
    expect(found.nfe).toBe(500)
    expect(rows).toBe(500)
    expect(found.rewardEvaluations).toBe(500)
    expect(found.intervals.map((i) => i.length)).toEqual([9, 9])
    // a quarter circle ends in an early, blurred estimate: 50 plain samples reach 0.7
    expect(found.candidates[found.selected].reward).toBeGreaterThan(1)
  })
})
