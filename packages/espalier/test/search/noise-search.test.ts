import type { Chain, NoiseChain } from 'espalier/chain'
import { type Reward, rankEnsemble } from 'espalier/reward'
import { fold, key, stream } from 'espalier/tensor'
import { describe, expect, test } from 'vitest'
import { gmmWorld } from '../../../../reproduce/dts/worlds.ts'
import { bestOfN } from '../../src/search/best-of-n.ts'
import {
  randomSearch,
  type SavedNoiseSearch,
  type ZeroOrderOptions,
  zeroOrderSearch,
} from '../../src/search/noise-search.ts'
import { SearchError } from '../../src/search/search-error.ts'
import { average, constant, dot, first, identityChain, kolmogorov, normalCdf, type Vector } from './noise-worlds.ts'

const base = (options: Partial<ZeroOrderOptions<Vector, Vector>> = {}) => ({
  chain: identityChain(),
  reward: first,
  seed: 0,
  budget: 17,
  ...options,
})
const seeds = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('random search', () => {
  test('is best-of-N, and with one candidate plain sampling', async () => {
    const options = base({ budget: 20 })
    const [found, best] = [await randomSearch(options), await bestOfN(options)]
    expect({ ...found, method: 'best-of-n' }).toEqual(best)
    const one = await randomSearch(base({ budget: 1 }))
    expect(one.candidates[0].sample).toEqual(found.candidates[0].sample)
  })

  test('the best of N uniform scores has the mean N / (N + 1)', async () => {
    const reward: Reward<Vector> = { name: 'cdf', evaluate: async (xs) => xs.map((x) => normalCdf(x[0])) }
    for (const n of [1, 4, 16, 64]) {
      const chain = identityChain({ dimension: 2 })
      const values = await Promise.all(
        seeds(150).map(async (seed) => {
          const { candidates, best } = await randomSearch({ chain, reward, seed, budget: n })
          return candidates[best].reward
        }),
      )
      const { mean, error } = average(values)
      expect(Math.abs(mean - n / (n + 1))).toBeLessThan(4 * error)
    }
  })
})

describe('zero-order search', () => {
  test('overtakes random search in the Gaussian world, as far outside the prior as it is let', async () => {
    // Random: expected maxima of N normals. Zero order, tau = .95, N = 4: means of 300 seeds, with errors of .04.
    for (const [budget, zeroOrder, random] of [
      [17, 1.31, 1.79],
      [65, 3.67, 2.36],
      [257, 6.27, 2.83],
    ]) {
      const best = async (search: typeof zeroOrderSearch | typeof randomSearch) =>
        average(
          await Promise.all(
            seeds(60).map(async (seed) => {
              const { candidates, selected, nfe } = await search<Vector, Vector>(base({ seed, budget }))
              expect(nfe).toBe(budget)
              return candidates[selected].reward
            }),
          ),
        )
      const [zo, rs] = [await best(zeroOrderSearch), await best(randomSearch)]
      expect(Math.abs(zo.mean - zeroOrder)).toBeLessThan(4 * zo.error + 0.03)
      expect(Math.abs(rs.mean - random)).toBeLessThan(4 * rs.error + 0.03)
    }
  })

  test('the score never falls, the norm stays to 1e-12, and each step is the rotation of the rule', async () => {
    const { candidates, rounds, selected } = await zeroOrderSearch(base({ budget: 161 }))
    expect(rounds).toBe(40)
    const pivot = candidates[0].sample
    const size = Math.sqrt(dot(pivot, pivot))
    let best = candidates[0]
    for (let round = 0; round < rounds; round++) {
      const around = candidates.slice(1 + 4 * round, 5 + 4 * round)
      for (const { sample } of around) {
        expect(Math.abs(Math.sqrt(dot(sample, sample)) / size - 1)).toBeLessThan(1e-12)
        expect(Math.abs(dot(sample, best.sample) / size ** 2 - 0.95)).toBeLessThan(1e-12)
      }
      const winner = around.reduce((a, b) => (b.reward > a.reward ? b : a))
      if (winner.reward > best.reward) best = winner
    }
    expect(candidates[selected]).toBe(best)
    expect(best.reward).toBeLessThanOrEqual(size)
  })

  test('a verifier that knows nothing leaves the pivot in the prior, however many rounds', async () => {
    // scores drawn anew in every call: the pivot walks at random
    const coordinates = await Promise.all(
      seeds(40).map(async (seed) => {
        const draws = stream(fold(key(99), seed))
        const reward: Reward<Vector> = { name: 'dice', evaluate: async (xs) => xs.map(() => draws.uniform()) }
        const { candidates, selected } = await zeroOrderSearch(base({ reward, seed, budget: 81, cosine: 0.6 }))
        return [...candidates[selected].sample]
      }),
    )
    expect(kolmogorov(coordinates.flat())).toBeLessThan(1.95)
  })

  test('pivot and neighbours are scored in one call, so verifiers may rank them', async () => {
    const calls: number[] = []
    /** Mean rank under two verifiers, the first seen through a map. */
    const ranking = (map: (v: number) => number): Reward<Vector> => {
      const ranks = rankEnsemble<Vector>([
        { name: 'mapped', evaluate: async (xs) => xs.map((x) => map(x[0])) },
        { name: 'second', evaluate: async (xs) => xs.map((x) => x[1]) },
      ])
      return {
        name: ranks.name,
        evaluate: (xs) => {
          calls.push(xs.length)
          return ranks.evaluate(xs)
        },
      }
    }
    const plain = await zeroOrderSearch(base({ reward: ranking((v) => v), budget: 66 }))
    expect(calls).toEqual(new Array(17).fill(5).fill(2, 16))
    expect(plain.rewardEvaluations).toBe(5 * 16 + 2)
    const mapped = await zeroOrderSearch(base({ reward: ranking((v) => Math.exp(3 * v) - 7), budget: 66 }))
    expect(mapped.candidates).toEqual(plain.candidates)
    const { sample } = plain.candidates[plain.selected]
    expect(Math.min(sample[0], sample[1])).toBeGreaterThan(1)
  })

  test('of equals the pivot stays, or gives way to fresh noise', async () => {
    const stays = await zeroOrderSearch(base({ reward: constant, budget: 13 }))
    expect([stays.selected, stays.rounds, stays.candidates.length]).toEqual([0, 3, 13])
    const fresh = await zeroOrderSearch(base({ reward: constant, budget: 13, keepPivot: false }))
    // every round begins with a new pivot: 1 + 4 candidates, in the last round 3
    expect([fresh.selected, fresh.rounds, fresh.rewardEvaluations]).toEqual([0, 3, 13])
    const rollouts = await bestOfN(base({ budget: 3 }))
    expect([0, 5, 10].map((i) => fresh.candidates[i].sample)).toEqual(rollouts.candidates.map((c) => c.sample))
    const gains = await zeroOrderSearch(base({ budget: 400, keepPivot: false }))
    expect(gains.selected).toBe(gains.best)
  })

  test('searches cheaply and samples in full', async () => {
    const cheap = identityChain({ dimension: 8, cost: 2 })
    const full: NoiseChain<Vector, Vector> = {
      ...identityChain({ dimension: 8, cost: 5, depth: 4 }),
      decode: async (states) => states.map((x) => x.map((v) => v + 1)),
    }
    const options = { chain: cheap, final: full, reward: first, seed: 3, budget: 20 + 2 * 21 + 1 }
    for (const search of [zeroOrderSearch<Vector, Vector>, randomSearch<Vector, Vector>]) {
      const { candidates, selected, nfe, rewardEvaluations, trace } = await search(options)
      expect(nfe).toBe(20 + 42)
      expect(candidates).toHaveLength(22)
      expect(selected).toBe(21)
      const searched = candidates.slice(0, 21).reduce((a, b) => (b.reward > a.reward ? b : a))
      expect(candidates[21].sample).toEqual(searched.sample.map((v) => v + 1))
      expect(candidates[21].reward).toBe(searched.reward + 1)
      expect(trace.at(-1)).toEqual({ nfe: 62, best: searched.reward + 1 })
      expect(rewardEvaluations).toBe(search === zeroOrderSearch ? 22 + 4 : 22)
    }
    await expect(zeroOrderSearch({ ...options, budget: 21 })).rejects.toThrow(
      'less than one rollout of this chain (22 NFE)',
    )
  })
})

describe('a zero-order search that is interrupted', () => {
  test.each([{ keepPivot: true }, { keepPivot: false, cosine: -0.3 }, { final: identityChain({ cost: 9 }) }])(
    'goes on to the very result of one that was not: %o',
    async (rule) => {
      const options = base({ budget: 60, ...rule })
      const whole = await zeroOrderSearch(options)
      for (const kill of [1, 5, 9]) {
        let saved: SavedNoiseSearch | undefined
        let rounds = 0
        const abort = new AbortController()
        const partial = await zeroOrderSearch({
          ...options,
          signal: abort.signal,
          onCheckpoint: (save) => {
            if (++rounds !== kill) return
            saved = structuredClone(save())
            abort.abort()
          },
        })
        expect(partial.stopped).toBe('signal')
        expect(partial.nfe).toBeLessThan(whole.nfe)
        const { save, ...resumed } = await zeroOrderSearch({ ...options, resume: saved })
        const { save: all, ...expected } = whole
        expect(resumed).toEqual(expected)
        expect(save()).toEqual(all())
      }
    },
  )

  test('a finished run can be given more budget, its final sample apart', async () => {
    const options = base({ final: identityChain({ cost: 9 }) })
    const { save } = await zeroOrderSearch({ ...options, budget: 9 + 21 })
    const { save: _, ...longer } = await zeroOrderSearch({
      ...options,
      budget: 9 + 61,
      resume: structuredClone(save()),
    })
    const { save: __, ...whole } = await zeroOrderSearch({ ...options, budget: 9 + 61 })
    expect(longer).toEqual(whole)
    await expect(zeroOrderSearch(base({ resume: save(), cosine: 0.9 }))).rejects.toThrow('cosine')
  })

  test('hands over the best it has, when it is stopped and when the reward fails', async () => {
    const abort = new AbortController()
    const chain = identityChain({ depth: 3 })
    const stopped = await zeroOrderSearch(
      base({
        chain,
        budget: 300,
        signal: abort.signal,
        onProgress: ({ nfe, budget, best }) => {
          expect(budget).toBe(300)
          if (nfe >= 40 && best > Number.NEGATIVE_INFINITY) abort.abort()
        },
      }),
    )
    expect(stopped.stopped).toBe('signal')
    expect(stopped.nfe).toBeLessThan(60)
    expect(stopped.candidates[stopped.selected].reward).toBe(Math.max(...stopped.candidates.map((c) => c.reward)))
    const none = await zeroOrderSearch(base({ signal: AbortSignal.abort() }))
    expect([none.selected, none.best, none.nfe]).toEqual([-1, -1, 0])

    let calls = 0
    const broken: Reward<Vector> = {
      name: 'broken',
      evaluate: async (xs) => xs.map((x, i) => (++calls > 12 && i === 2 ? Number.NaN : x[0])),
    }
    const failure = await zeroOrderSearch(base({ reward: broken, budget: 100 })).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SearchError)
    expect((failure as Error).message).toMatch(/"broken" returned NaN for neighbour 1 of round 2/)
    expect((failure as SearchError<Vector>).result.candidates).toHaveLength(9)
  })

  test('spends its budget and not more, in calls of the chain too', async () => {
    for (const [budget, depth, cost, width] of [
      [100, 1, 1, undefined],
      [101, 3, 2, 2],
      [37, 4, 1, 1],
      [6, 3, 2, 3],
    ] as const) {
      let spent = 0
      const chain = identityChain({
        ...{ dimension: 5, depth, cost },
        onCall: (rows, nfe) => {
          spent += rows * nfe
          if (width) expect(rows).toBeLessThanOrEqual(width)
        },
      })
      const { nfe, candidates } = await zeroOrderSearch(base({ chain, budget, width }))
      expect(nfe).toBe(spent)
      expect(nfe).toBe(Math.floor(budget / (depth * cost)) * depth * cost)
      expect(candidates.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12)
    }
  })

  test('refuses what makes no sense in one line', async () => {
    const refuses = (odd: object, message: string) =>
      expect(zeroOrderSearch({ ...base(), ...odd })).rejects.toThrow(message)
    await refuses({ neighbours: 0 }, 'neighbours is 0')
    await refuses({ cosine: 1.5 }, 'cosine is 1.5')
    await refuses({ rounds: 0 }, 'rounds is 0')
    await refuses({ budget: 0.5 }, 'less than one rollout')
    const noisy = gmmWorld().chain as unknown as Chain<Vector, Vector>
    await refuses({ chain: noisy }, 'this chain draws noise on its way')
    await expect(randomSearch({ ...base(), chain: noisy as never })).rejects.toThrow(
      'this chain draws noise on its way',
    )
  })
})
