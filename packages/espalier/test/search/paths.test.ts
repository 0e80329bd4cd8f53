import type { Reward } from 'espalier/reward'
import { fold, key, purpose } from 'espalier/tensor'
import { describe, expect, test } from 'vitest'
import { bestOfN } from '../../src/search/best-of-n.ts'
import { pathsSearch, type SavedPaths } from '../../src/search/paths.ts'
import { average, constant, first, identityChain, kolmogorov, type Vector } from './noise-worlds.ts'

const seeds = (n: number) => Array.from({ length: n }, (_, i) => i)

describe('search over paths', () => {
  test('goes back and forth to the end in ceil((depth - level) / (forward - back)) rounds', async () => {
    // The paper's .11, .78, .81 are 11, 78 and 81 of 100 levels: 4 rounds.
    const paper = await pathsSearch({ chain: identityChain({ depth: 100 }), reward: first, seed: 0, budget: 4000 })
    expect(paper.rounds).toBe(4)
    expect(paper.save().settings).toMatchObject({ level: 89, back: 78, forward: 81, paths: 2 })
    for (const [depth, level, back, forward] of [
      [10, 7, 5, 6],
      [10, 5, 5, 7],
      [9, 3, 2, 8],
      [2, 1, 1, 2],
    ]) {
      const seen: number[] = []
      const chain = identityChain({ depth, dimension: 2 })
      const spy = {
        ...chain,
        renoise: (...args: Parameters<typeof chain.renoise>) => {
          seen.push(args[1] - args[2])
          return chain.renoise(...args)
        },
      }
      const options = { chain: spy, reward: first, seed: 1, paths: 3, branches: 2, level, back, forward }
      const { rounds, passes, nfe, candidates } = await pathsSearch({ ...options, budget: 1000 })
      expect(rounds).toBe(Math.ceil((depth - level) / (forward - back)))
      expect(seen).toEqual(new Array(rounds * passes).fill(back))
      // 3 paths to the level; 6 branches over `forward` levels (the last one to the end) and one look at all but that
      const last = depth - (level + (rounds - 1) * (forward - back)) + back
      const pass = 3 * level + 6 * ((rounds - 1) * (forward + 1) + last)
      expect(nfe).toBe(Math.floor(1000 / pass) * pass)
      expect(candidates).toHaveLength(6 * passes)
    }
  })

  test('one path with one branch is restart sampling', async () => {
    const chain = identityChain({ depth: 10, dimension: 6 })
    const { candidates } = await pathsSearch({
      ...{ chain, reward: first, seed: 4, paths: 1, branches: 1, level: 8, back: 5, forward: 6 },
      budget: 6 + 8 + 7 + 6,
    })
    const pass = fold(purpose(key(4), 'path'), 0)
    const [start] = await chain.start([fold(pass, 0)])
    let x = start
    for (const [round, level] of [8, 9].entries()) {
      const own = fold(fold(purpose(pass, 'rounds'), round), 0)
      x = chain.renoise([x], level, level - 5, [own])[0]
    }
    expect(candidates.map(({ sample }) => sample)).toEqual([x])
  })

  test('without a preference the law of the model stays', async () => {
    const coordinates: number[] = []
    for (const seed of seeds(30)) {
      const chain = identityChain({ depth: 20, dimension: 16 })
      const { candidates, selected } = await pathsSearch({ chain, reward: constant, seed, budget: 400, branches: 2 })
      expect(selected).toBe(0) // the first branch of the first path
      coordinates.push(...candidates.slice(0, 2).flatMap(({ sample }) => [...sample]))
    }
    expect(kolmogorov(coordinates)).toBeLessThan(1.95)
  })

  test('keeps the best, in one call of the verifier a round', async () => {
    const calls: number[] = []
    const reward: Reward<Vector> = {
      name: 'first coordinate',
      evaluate: async (xs) => {
        calls.push(xs.length)
        return xs.map((x) => x[0])
      },
    }
    const gains = await Promise.all(
      seeds(60).map(async (seed) => {
        const chain = identityChain({ depth: 10, dimension: 4 })
        const options = { chain, seed, budget: 300, level: 4, back: 3, forward: 4 }
        const found = await pathsSearch({ ...options, reward })
        const plain = await bestOfN({ ...options, reward: first, budget: 60 })
        return found.candidates[found.best].reward - plain.candidates[plain.best].reward
      }),
    )
    // 2 paths, 6 rounds of M branches: 8 + 2 M (5 * 5 + 4) <= 300 pays for M = 5
    expect(new Set(calls)).toEqual(new Set([10]))
    const { mean, error } = average(gains)
    expect(mean).toBeGreaterThan(4 * error) // far better than the six samples that a fifth of the budget buys
  })

  test('is the same however it was interrupted, and spends no more than its budget', async () => {
    let spent = 0
    const chain = identityChain({
      depth: 10,
      dimension: 4,
      onCall: (rows, nfe) => {
        spent += rows * nfe
      },
    })
    const options = { chain, reward: first, seed: 2, budget: 700, branches: 3 }
    const { save: all, ...whole } = await pathsSearch(options)
    expect(whole.nfe).toBe(spent)
    expect(whole.nfe).toBeLessThanOrEqual(700)
    expect(whole.passes).toBeGreaterThan(2)
    for (const kill of [1, 2, 5]) {
      let saved: SavedPaths | undefined
      let rounds = 0
      const abort = new AbortController()
      const partial = await pathsSearch({
        ...options,
        signal: abort.signal,
        onCheckpoint: (save) => {
          if (++rounds !== kill) return
          saved = structuredClone(save())
          abort.abort()
        },
      })
      expect(partial.stopped).toBe('signal')
      const { save, ...resumed } = await pathsSearch({ ...options, resume: saved })
      expect(resumed).toEqual(whole)
      expect(save()).toEqual(all())
    }
    await expect(pathsSearch({ ...options, resume: all(), paths: 3 })).rejects.toThrow('paths = 2')
  })

  test('stopped before its first end it hands over what it expects', async () => {
    const abort = new AbortController()
    const found = await pathsSearch({
      ...{ chain: identityChain({ depth: 10, dimension: 4 }), reward: first, seed: 2, budget: 500 },
      ...{ level: 4, back: 2, forward: 3, signal: abort.signal },
      onCheckpoint: (save) => {
        if (save().round === 3) abort.abort()
      },
    })
    expect([found.stopped, found.passes, found.candidates.length]).toEqual(['signal', 0, 2])
    expect(found.candidates[0].reward).toBeGreaterThan(found.candidates[1].reward)
    expect(found.candidates[0].sample[0]).toBe(found.candidates[0].reward)
  })

  test('refuses levels that do not fit in one line', async () => {
    const options = { chain: identityChain({ depth: 10 }), reward: first, seed: 0, budget: 1000 }
    const refuses = (odd: object, message: string) =>
      expect(pathsSearch({ ...options, ...odd })).rejects.toThrow(message)
    await refuses({ chain: identityChain() }, 'goes back and forth between levels, this chain has 1')
    await refuses({ level: 10 }, 'level is 10')
    await refuses({ level: 3, back: 4 }, 'back is 4')
    await refuses({ back: 4, forward: 4 }, 'forward is 4')
    await refuses({ paths: 0 }, 'paths is 0')
    await refuses({ branches: 0.5 }, 'branches is 0.5')
    await refuses({ budget: 30 }, 'a budget of 30 NFE is less than one pass of 2 paths (36 NFE)')
  })
})
