import type { Meter } from 'espalier/runtime'
import {
  bestOfN,
  dts,
  dtsStar,
  fkSteering,
  forest,
  greedyIslands,
  importanceResampling,
  rbf,
  type SearchResult,
  smc,
  svdd,
} from 'espalier/search'
import {
  ancestral,
  confidenceOrdered,
  countedTokens,
  fillValue,
  firstHitting,
  kernelSampler,
  type MaskedChainOptions,
  maskedChain,
  maskedProcess,
  TokenLaw,
  type TokenSample,
  tauLeaping,
  uniformProcess,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { keysOf, randomLaw } from './worlds.ts'

const law = randomLaw(7, 2, 4, 1)
const meter: Meter = { nfe: 0 }
const denoiser = countedTokens(law.denoiser(maskedProcess(2)), meter)
/** Ones in a row, and the first token: depends on all of them. */
const score = (tokens: ArrayLike<number>) => {
  let pairs = 0
  for (let i = 1; i < tokens.length; i++) if (tokens[i] === tokens[i - 1]) pairs++
  return 0.8 * pairs - 0.5 * tokens[0]
}
const reward = {
  name: 'pairs',
  evaluate: async (samples: readonly TokenSample[]) => samples.map(({ tokens }) => score(tokens)),
}
const make = (options: Partial<MaskedChainOptions> = {}) =>
  maskedChain({ denoiser, sampler: firstHitting(), ...options })
const tilted = law.tilt(score)

type Search = (seed: number) => Promise<SearchResult<TokenSample>>

/**
 * `E[Z-hat w(x)]` of every sequence over seeds, with its standard error: `p(x) exp(r(x))` where a search is unbiased.
 */
async function massesOf(search: Search, runs: number) {
  const sums = new Float64Array(16)
  const squares = new Float64Array(16)
  for (let seed = 0; seed < runs; seed++) {
    const { candidates, logZ } = await search(seed)
    const mass = new Float64Array(16)
    for (const { sample, weight } of candidates) mass[law.index(sample.tokens)] += weight * Math.exp(logZ as number)
    mass.forEach((m, x) => {
      sums[x] += m / runs
      squares[x] += (m * m) / runs
    })
  }
  return { means: sums, errors: sums.map((mean, x) => Math.sqrt(Math.max(0, squares[x] - mean ** 2) / runs)) }
}

describe('searches on text', () => {
  const chain = make({ branchAt: [4, 3, 2, 1] })
  const values = fillValue(chain, reward)
  const base = { chain, reward }
  const unbiased: readonly [string, Search, number][] = [
    ['importance resampling', (seed) => importanceResampling({ ...base, seed, budget: 80 }), 400],
    ['dts, weighted', (seed) => dts({ ...base, seed, budget: 80, readOut: 'weighted' }), 400],
    ['smc', (seed) => smc({ ...base, seed, budget: 120, particles: 16 }), 400],
    ['smc with four fills for a value', (seed) => smc({ ...base, values, seed, budget: 120, particles: 16 }), 400],
    ['fk steering', (seed) => fkSteering({ ...base, seed, budget: 120, particles: 16 }), 400],
    [
      'svdd, weighted',
      (seed) => svdd({ ...base, seed, budget: 160, candidates: 3, selection: 'softmax', weighted: true }),
      400,
    ],
    ['forest', (seed) => forest({ ...base, seed, budget: 160, particles: 8 }), 300],
  ]

  test.each(unbiased)('%s is unbiased for the tilted law, sequence by sequence', async (_, search, runs) => {
    const { means, errors } = await massesOf(search, runs)
    const z = Math.exp(tilted.logZ)
    const total = means.reduce((a, b) => a + b)
    tilted.law.probabilities.forEach((p, x) => {
      expect(Math.abs(means[x] - z * p)).toBeLessThan(4.5 * errors[x] + 1e-12)
    })
    expect(Math.abs(total - z)).toBeLessThan(0.06 * z)
    // The law itself, not the model's: which is far away.
    expect(tilted.law.distance(means.map((m) => m / total))).toBeLessThan(0.05)
    expect(tilted.law.distance(law)).toBeGreaterThan(0.15)
  })

  test('the tree converges to the tilted law as its budget grows, as budget^(-1/2)', async () => {
    const far = async (budget: number) => {
      let sum = 0
      for (const seed of [1, 2, 3, 4]) {
        const { candidates } = await dts({ ...base, seed, budget, readOut: 'weighted' })
        const mass = new Float64Array(16)
        for (const { sample, weight } of candidates) mass[law.index(sample.tokens)] += weight
        sum += tilted.law.distance(mass) / 4
      }
      return sum
    }
    const [few, many] = [await far(250), await far(4000)]
    expect(many).toBeLessThan(0.4 * few)
    expect(many).toBeLessThan(0.08)
  })

  test('the best is found by those that look for it', async () => {
    const best = Math.max(...law.probabilities.map((_, i) => score(law.tokens(i))))
    const mean = law.probabilities.reduce((sum, p, i) => sum + p * score(law.tokens(i)), 0)
    const searches: readonly [Search, number][] = [
      [(seed) => bestOfN({ ...base, seed, budget: 1000 }), best],
      [(seed) => dtsStar({ ...base, seed, budget: 1000 }), best],
      // A greedy path can be led astray by its look-aheads.
      [(seed) => greedyIslands({ ...base, seed, budget: 1000 }), mean + 0.9],
      [(seed) => svdd({ ...base, seed, budget: 1000, candidates: 4 }), mean + 0.9],
      // RBF needs candidates that cost something: the last call is that of the look-ahead where a block is one call.
      [(seed) => rbf({ ...base, chain: make({ branchAt: [4, 2] }), seed, budget: 1000 }), mean + 0.9],
    ]
    for (const [search, atLeast] of searches) {
      const found = await search(1)
      expect(found.candidates[found.best].reward).toBeGreaterThanOrEqual(atLeast)
    }
  })

  test('with lambda = 0 is sampling', async () => {
    const { means, errors } = await massesOf(
      (seed) => smc({ ...base, seed, budget: 120, particles: 16, lambda: 0 }),
      200,
    )
    law.probabilities.forEach((p, x) => void expect(Math.abs(means[x] - p)).toBeLessThan(4.5 * errors[x] + 1e-12))
  })
})

describe('the chain', () => {
  test('costs what its sampler says, one less where the state was looked at, and never asks twice about a state', async () => {
    const chain = make({ branchAt: [4, 2] })
    expect([chain.depth, chain.cost(0), chain.cost(0, true), chain.lookaheadCost(1), chain.lookaheadCost(2)]).toEqual([
      2, 2, 1, 1, 0,
    ])
    const keys = keysOf(1, 6)
    const before = meter.nfe
    let states = await chain.start(keys)
    await chain.lookahead(states, 0)
    expect(meter.nfe - before).toBe(1)
    states = await chain.step(states, 0, keys)
    // The first call is remembered; after it all six are different.
    expect(meter.nfe - before).toBe(1 + 6)
    await chain.lookahead(states, 1)
    await chain.fills(states, 1, 4)
    await chain.step(states, 1, keys)
    await chain.step(states, 1, keysOf(2, 6))
    expect(meter.nfe - before).toBe(1 + 6 + 6 + 6 + 6)
  })

  test('forgets the oldest predictions where it may keep but a few', async () => {
    const chain = make({ branchAt: [4, 3], remember: 2 })
    const keys = keysOf(1, 4)
    const states = await chain.step(await chain.start(keys), 0, keys)
    const before = meter.nfe
    await chain.lookahead(states, 1)
    await chain.lookahead(states.slice(2), 1)
    expect(meter.nfe - before).toBe(4)
    await chain.lookahead(states.slice(0, 1), 1)
    expect(meter.nfe - before).toBe(5)
  })

  test('of first hitting spends just what the searches are told, but for rows that are the same', async () => {
    const before = meter.nfe
    const { nfe } = await svdd({
      chain: make({ branchAt: [4, 3, 2, 1] }),
      reward,
      seed: 1,
      budget: 300,
      candidates: 4,
      samples: 5,
    })
    expect(meter.nfe - before).toBeLessThanOrEqual(nfe)
    expect(meter.nfe - before).toBeGreaterThan(0.8 * nfe)
  })

  test('a rollout is the sampler itself, with the same draws, however it is cut', async () => {
    for (const sampler of [firstHitting({ calls: 3 }), kernelSampler(tauLeaping, { steps: 3 }), confidenceOrdered()]) {
      const keys = keysOf(9, 5)
      const run = async (branchAt: readonly number[]) => {
        const chain = make({ sampler, branchAt })
        let states = await chain.start(keys)
        for (let level = 0; level < chain.depth; level++) states = await chain.step(states, level, keys)
        return (await chain.decode(states)).map(({ tokens }) => Array.from(tokens))
      }
      const steps = sampler({ process: denoiser.process, timeFree: true, prompt: new Int32Array(4).fill(2) }).steps
      expect(await run([steps])).toEqual(await run(Array.from({ length: steps }, (_, i) => steps - i)))
    }
  })

  test('looks ahead by the likeliest tokens or by draws of the clean law, known tokens kept', async () => {
    const [likely, random] = [make(), make({ lookahead: 'sample' })]
    const [state] = await likely.step(await likely.start(keysOf(3, 1)), 0, keysOf(3, 1))
    const posterior = law.posterior(denoiser.process, state.tokens, 0)
    const [{ tokens }] = await likely.lookahead([state], 1)
    tokens.forEach((token, p) => {
      if (state.tokens[p] < 2) expect(token).toBe(state.tokens[p])
      else expect(posterior[2 * p + token]).toBeGreaterThanOrEqual(0.5)
    })
    const n = 4000
    const [fills] = await random.fills([state], 1, n)
    state.tokens.forEach((known, p) => {
      const ones = fills.filter(({ tokens }) => tokens[p] === 1).length / n
      if (known < 2) expect(ones).toBe(known)
      else expect(Math.abs(ones - posterior[2 * p + 1])).toBeLessThan(5 * Math.sqrt(0.25 / n))
    })
    // A function of the state: the same again, and of a copy too.
    expect(await random.lookahead([random.load(random.save(state))], 1)).toEqual([fills[0]])
  })

  test('values by fills: the soft mean of their rewards', async () => {
    const chain = make()
    const [state] = await chain.step(await chain.start(keysOf(4, 1)), 0, keysOf(4, 1))
    const [fills] = await chain.fills([state], 1, 4)
    const rewards = fills.map(({ tokens }) => score(tokens))
    const soft = Math.log(rewards.reduce((sum, r) => sum + Math.exp(2 * r), 0) / 4) / 2
    expect((await fillValue(chain, reward, { lambda: 2 }).evaluate([state], 1))[0]).toBeCloseTo(soft, 12)
    const mean = rewards.reduce((a, b) => a + b) / 4
    expect((await fillValue(chain, reward, { lambda: 0 }).evaluate([state], 1))[0]).toBeCloseTo(mean, 12)
    // Many fills of a state with one unknown token: its exact soft value, since its law is not factorised away.
    const last = { tokens: Int32Array.of(1, 2, 0, 1), time: 0.3 }
    const p = law.posterior(denoiser.process, last.tokens, 0)[2 * 1 + 1]
    const exact = Math.log((1 - p) * Math.exp(score([1, 0, 0, 1])) + p * Math.exp(score([1, 1, 0, 1])))
    const [estimate] = await fillValue(chain, reward, { fills: 20_000 }).evaluate([last], 3)
    expect(estimate).toBeCloseTo(exact, 1)
  })

  test('saves and reads states, in half floats too, of a small and of a large vocabulary', async () => {
    const chain = make()
    const keys = keysOf(5, 3)
    let states = await chain.step(await chain.start(keys), 0, keys)
    states = await chain.step(states, 1, keys)
    const read = states.map((state) => chain.load(chain.save(state)))
    expect(read).toEqual(states)
    expect(await chain.step(read, 2, keys)).toEqual(await chain.step(states, 2, keys))
    const large = maskedChain({
      denoiser: { ...denoiser, process: maskedProcess(50_257) },
      sampler: firstHitting(),
      length: 2,
    })
    const state = { tokens: Int32Array.of(50_257, 31_415), time: 0.25 }
    expect(Array.from(large.save(state)).every((value) => value < 2048)).toBe(true)
    expect(large.load(large.save(state))).toEqual(state)
    expect(() => large.load(Float32Array.of(1, 2, 3))).toThrow(
      'a saved state of 3 numbers, sequences of 2 tokens have 5',
    )
    expect(() => chain.load(Float32Array.of(1, 0, 1, 2, 3))).toThrow('a saved state holds token 3, of 2')
  })

  test('a tree that keeps its states in half floats, and one that was saved, go on', async () => {
    const chain = make()
    const options = { chain, reward, seed: 2, budget: 200, states: 'float16' } as const
    const whole = await dtsStar(options)
    const half = await dtsStar({ ...options, budget: 100 })
    const rest = await dtsStar({ ...options, resume: half.save() })
    expect(rest.candidates).toEqual(whole.candidates)
  })

  test('keeps a prompt, and searches what is left', async () => {
    const chain = make({ prompt: [1, 0], length: 4 })
    expect(chain.depth).toBe(2)
    const given = new TokenLaw(
      2,
      4,
      law.probabilities.map((p, i) => (law.tokens(i)[0] === 1 && law.tokens(i)[1] === 0 ? p : 0)),
    )
    const { law: target } = given.tilt(score)
    const mass = new Float64Array(16)
    const { candidates } = await dts({ chain, reward, seed: 1, budget: 2000, readOut: 'weighted' })
    for (const { sample, weight } of candidates) mass[law.index(sample.tokens)] += weight
    expect(target.distance(mass)).toBeLessThan(0.06)
  })

  test('runs on uniform rates too', async () => {
    const small = randomLaw(2, 2, 3, 1)
    const chain = maskedChain({
      denoiser: small.denoiser(uniformProcess(2)),
      sampler: kernelSampler(ancestral, { steps: 12 }),
    })
    const { law: target } = small.tilt(score)
    const { candidates } = await importanceResampling({ chain, reward, seed: 1, budget: 12 * 4000 })
    const mass = new Float64Array(8)
    for (const { sample, weight } of candidates) mass[small.index(sample.tokens)] += weight
    expect(target.distance(mass)).toBeLessThan(0.09)
    const [fill] = await chain.lookahead(await chain.start(keysOf(1, 1)), 0)
    expect(fill.tokens.every((token) => token < 2)).toBe(true)
  })

  test.each([
    ['first hitting, one by one', firstHitting()],
    ['first hitting, three and one', firstHitting({ groups: [3, 1] })],
    ['confidence', confidenceOrdered({ calls: 2 })],
    ['ancestral', kernelSampler(ancestral, { steps: 4 })],
    ['ancestral to a time, and a fill', kernelSampler(ancestral, { times: [1, 0.5, 0.25], removal: 'sample' })],
  ])('says how much is noise at each level: %s', async (_, sampler) => {
    const chain = make({ sampler, prompt: [2, 2, 2, 2], branchAt: 'every' })
    const keys = keysOf(4, 2000)
    let states = await chain.start(keys)
    for (let level = 0; level <= chain.depth; level++) {
      const masks = states.reduce((sum, { tokens }) => sum + tokens.filter((token) => token === 2).length, 0)
      expect(Math.abs(masks / 8000 - chain.noised(level))).toBeLessThan(4.5 * Math.sqrt(0.25 / 8000))
      if (level < chain.depth) states = await chain.step(states, level, keys)
    }
    expect(chain.noised(0)).toBe(1)
    expect(chain.noised(chain.depth)).toBe(0)
  })

  test('refuses what cannot be branched or sampled', () => {
    expect(() => make({ sampler: firstHitting({ order: 2 }) })).toThrow(
      'remembers earlier predictions, so its states cannot be branched',
    )
    expect(() => make({ prompt: [0, 1, 0, 1] })).toThrow('every token of the prompt is fixed')
    expect(() => make({ branchAt: [3, 1] })).toThrow('decrease from 4')
  })
})
