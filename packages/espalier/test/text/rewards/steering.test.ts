import { constraint, weightedSum } from 'espalier/reward'
import { bestOfN, dts, dtsStar, importanceResampling, type SearchResult, svdd } from 'espalier/search'
import {
  firstHitting,
  grammarReward,
  lengthReward,
  maskedChain,
  maskedProcess,
  patternReward,
  type TokenSample,
  textReward,
} from 'espalier/text'
import { describe, expect, test } from 'vitest'
import { randomLaw } from '../worlds.ts'

/** Texts of three tokens, each of which is one of these. */
const spellings = ['ab', 'b', ' ']
const decode = (tokens: ArrayLike<number>) => Array.from(tokens, (token) => spellings[token]).join('')
const law = randomLaw(3, 3, 3, 1)
const chain = maskedChain({
  denoiser: law.denoiser(maskedProcess(3)),
  sampler: firstHitting(),
  branchAt: [3, 2, 1],
})

/** `sum Z-hat w(x)` of every sequence over seeds, divided by its sum: the law that a search says it samples. */
async function lawOf(search: (seed: number) => Promise<SearchResult<TokenSample>>, runs: number) {
  const mass = new Float64Array(law.probabilities.length)
  for (let seed = 0; seed < runs; seed++) {
    const { candidates, logZ } = await search(seed)
    for (const { sample, weight } of candidates) mass[law.index(sample.tokens)] += weight * Math.exp(logZ as number)
  }
  const total = mass.reduce((a, b) => a + b)
  return mass.map((m) => m / total)
}

describe('searches for rewards of texts', () => {
  // Matches that run over the borders of tokens, and the number of characters.
  const soft = weightedSum([
    { reward: patternReward(/bb|b$/, 'count'), weight: 0.7 },
    { reward: lengthReward([2, 4]), weight: 0.5 },
  ])
  const score = (text: string) =>
    0.7 * (text.match(/bb|b$/g)?.length ?? 0) - 0.5 * Math.max(0, 2 - text.length, text.length - 4)
  const tilted = law.tilt((tokens) => score(decode(tokens))).law
  const base = { chain, reward: textReward({ decode }, soft) }

  test.each<[string, (seed: number) => Promise<SearchResult<TokenSample>>, number]>([
    ['importance resampling', (seed) => importanceResampling({ ...base, seed, budget: 200 }), 60],
    ['dts', (seed) => dts({ ...base, seed, budget: 400, readOut: 'weighted' }), 25],
    ['svdd', (seed) => svdd({ ...base, seed, budget: 400, candidates: 3, selection: 'softmax', weighted: true }), 60],
  ])('%s gives the tilted law', async (_, search, runs) => {
    expect(tilted.distance(law)).toBeGreaterThan(0.15)
    expect(tilted.distance(await lawOf(search, runs))).toBeLessThan(0.06)
  })

  test('a grammar as a constraint leaves the law given its language', async () => {
    const grammar = grammarReward('s = word (" " word)* \n word = "a"? "b"+')
    const zero = patternReward(/$^/)
    const reward = textReward({ decode }, constraint(grammar, { atLeast: 1 }, zero))
    const inside = (text: string) => /^a?b+( a?b+)*$/.test(text)
    const given = law.tilt((tokens) => (inside(decode(tokens)) ? 0 : -Infinity)).law
    expect(given.distance(law)).toBeGreaterThan(0.4)
    const found = await lawOf((seed) => importanceResampling({ chain, reward, seed, budget: 400 }), 60)
    expect(given.distance(found)).toBeLessThan(0.06)
    found.forEach((p, x) => {
      if (p > 0) expect(decode(law.tokens(x))).toMatch(/^a?b+( a?b+)*$/)
    })
  })

  test('those that look for the best find it', async () => {
    const best = Math.max(...law.probabilities.map((_, x) => score(decode(law.tokens(x)))))
    for (const search of [bestOfN, dtsStar]) {
      const { candidates, best: at } = await search({ ...base, seed: 1, budget: 3000 })
      expect(candidates[at].reward).toBeCloseTo(best, 12)
    }
  })
})
