import {
  bestOfN,
  dts,
  dtsStar,
  importanceResampling,
  type Progress,
  type SavedSearch,
  SearchError,
  type SearchResult,
  type TreeSearchOptions,
  writeTree,
} from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { gmmWorld } from '../../../../reproduce/dts/worlds.ts'

const searches = { bestOfN, importanceResampling, dts, dtsStar }
const names = Object.keys(searches) as (keyof typeof searches)[]

const base = (seed = 0) => {
  const { chain, reward } = gmmWorld()
  return { chain, reward, seed, budget: 20_000 }
}

/** Arrays and numbers alone, as a file would hold them. */
const copy = (saved: SavedSearch): SavedSearch => structuredClone(saved)

describe('a search that is interrupted', () => {
  const rules: Partial<TreeSearchOptions<Float32Array, Tensor>>[] = [
    { width: 1 },
    { width: 1, selection: 'uct', alpha: 0.5 },
    { width: 7, selection: 'boltzmann-mixed', alpha: 0.5 },
    { width: 16, selection: 'uct', backup: 'max', alpha: 0.4 },
  ]

  it.each(rules)('goes on to the very result of one that was not: %o', async (rule) => {
    const whole = await dts({ ...base(), ...rule })
    for (const kill of [1, 4, 9]) {
      let saved: SavedSearch | undefined
      let waves = 0
      const abort = new AbortController()
      const partial = await dts({
        ...base(),
        ...rule,
        signal: abort.signal,
        onCheckpoint: (save) => {
          if (++waves !== kill) return
          saved = copy(save())
          abort.abort()
        },
      })
      expect(partial.stopped).toBe('signal')
      expect(partial.nfe).toBeLessThan(whole.nfe)
      const resumed = await dts({ ...base(), ...rule, resume: saved })
      expect(writeTree(resumed.save())).toEqual(writeTree(whole.save()))
      expect(resumed.candidates).toEqual(whole.candidates)
      expect(resumed.trace).toEqual(whole.trace)
      expect(resumed.selected).toBe(whole.selected)
      expect([resumed.nfe, resumed.rewardEvaluations]).toEqual([whole.nfe, whole.rewardEvaluations])
    }
  })

  it('a finished run can be given more budget', async () => {
    const short = await dts({ ...base(), budget: 7000 })
    const longer = await dts({ ...base(), resume: copy(short.save()) })
    expect(writeTree(longer.save())).toEqual(writeTree((await dts(base())).save()))
  })

  it('refuses to go on with another seed, setting or chain, or with a broken tree', async () => {
    const { save } = await dts({ ...base(), budget: 1000 })
    const resume = copy(save())
    await expect(dts({ ...base(1), resume })).rejects.toThrow('made with seed = 0, this run has seed = 1')
    await expect(dts({ ...base(), resume, alpha: 0.5 })).rejects.toThrow('alpha = 0.8, this run has alpha = 0.5')
    await expect(dtsStar({ ...base(), resume })).rejects.toThrow('method = "dts"')
    const cut = { ...resume, tree: { ...resume.tree, spans: resume.tree.spans.slice(2) } }
    await expect(dts({ ...base(), resume: cut })).rejects.toThrow('one entry per node in each array')
    const parent = resume.tree.parent.slice()
    parent[3] = 40
    await expect(dts({ ...base(), resume: { ...resume, tree: { ...resume.tree, parent } } })).rejects.toThrow(
      'node 3 of the saved tree has parent 40',
    )
  })
})

describe.each(names)('%s', (name) => {
  const search = (options: TreeSearchOptions<Float32Array, Tensor>): Promise<SearchResult<Tensor>> =>
    searches[name](options)

  it('spends its budget and not more, and counts right', async () => {
    for (const [budget, width] of [
      [100, 1],
      [199, 16],
      [5037, 1],
      [5037, 16],
    ]) {
      const { chain, reward, ...rest } = base()
      let nfe = 0
      let rewards = 0
      const counted = {
        ...chain,
        step: async (...args: Parameters<typeof chain.step>) => {
          nfe += args[0].length * chain.cost(args[1])
          return chain.step(...args)
        },
      }
      const counting = {
        ...reward,
        evaluate: async (x: readonly Tensor[]) => {
          rewards += x.length
          return reward.evaluate(x)
        },
      }
      const seen: Progress[] = []
      const result = await search({
        ...rest,
        ...{ chain: counted, reward: counting, budget, width },
        onProgress: (progress) => seen.push(progress),
      })
      expect(result.stopped).toBe('budget')
      expect(result.nfe).toBe(nfe)
      expect(result.nfe).toBeLessThanOrEqual(budget)
      expect(result.nfe).toBeGreaterThan(budget - 100)
      expect(result.rewardEvaluations).toBe(rewards)
      expect(result.candidates.length).toBe(rewards)
      for (let i = 1; i < seen.length; i++) expect(seen[i].nfe).toBeGreaterThanOrEqual(seen[i - 1].nfe)
      expect(seen.at(-1)).toEqual({
        nfe,
        budget,
        gradientEvaluations: 0,
        rewardEvaluations: rewards,
        best: result.candidates[result.best].reward,
      })
      const improvements = result.trace.map(({ best }) => best)
      expect(improvements).toEqual([...improvements].sort((a, b) => a - b))
    }
  })

  it('stops in the middle of a rollout when asked, and hands over what it has', async () => {
    const { chain, ...rest } = base()
    const abort = new AbortController()
    let steps = 0
    const slow = {
      ...chain,
      step: async (...args: Parameters<typeof chain.step>) => {
        if (++steps === 33) abort.abort()
        return chain.step(...args)
      },
    }
    const result = await search({ ...rest, chain: slow, width: 1, signal: abort.signal })
    expect(result.stopped).toBe('signal')
    expect(steps).toBe(33)
    expect(result.candidates.length).toBe(6)
    expect(result.nfe).toBe(33 * 20)
    expect(result.best).toBeGreaterThanOrEqual(0)
    const before = await search({ ...base(), signal: AbortSignal.abort() })
    expect([before.stopped, before.nfe, before.selected, before.best]).toEqual(['signal', 0, -1, -1])
  })

  it.each([
    { what: 'NaN', evaluate: () => [Number.NaN], says: 'Reward "bad" returned NaN for' },
    { what: '+Infinity', evaluate: () => [Infinity], says: 'Reward "bad" returned Infinity for' },
    { what: 'too few', evaluate: () => [], says: 'was given 1 samples and returned 0 numbers' },
    {
      what: 'an exception',
      evaluate: () => {
        throw new Error('the jury has left')
      },
      says: 'the jury has left',
    },
  ])('stops on a reward that gives $what, names the sample, keeps the rest', async ({ what, evaluate, says }) => {
    const { reward, ...rest } = base()
    let calls = 0
    const bad = {
      name: 'bad',
      evaluate: async (x: readonly Tensor[]) => (++calls === 12 ? evaluate() : reward.evaluate(x)),
    }
    const error = await search({ ...rest, reward: bad, width: 1 }).then(
      () => undefined,
      (e: unknown) => e,
    )
    expect(error).toBeInstanceOf(SearchError)
    const { message, result } = error as SearchError<Tensor>
    expect(message).toContain(says)
    if (what !== 'too few') expect(message).toMatch(/(rollout|iteration) 11/)
    expect(result.stopped).toBe('error')
    expect(result.candidates.length).toBe(11)
    expect(result.candidates.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9)
  })

  it('stops on a chain that fails, when all that it had asked for has come to rest', async () => {
    const { chain, ...rest } = base()
    let underWay = 0
    let calls = 0
    const broken = {
      ...chain,
      step: async (...args: Parameters<typeof chain.step>) => {
        underWay++
        const fails = ++calls === 40
        await new Promise((resolve) => setTimeout(resolve, fails ? 0 : 1))
        underWay--
        if (fails) throw new Error('step 7, row 0: the network returned NaN')
        return chain.step(...args)
      },
    }
    const wide = { alpha: 0.3, width: 12 }
    await expect(search({ ...rest, ...wide, chain: broken })).rejects.toThrow('the network returned NaN')
    expect(underWay).toBe(0)
  })

  it('says what is wrong with its options', async () => {
    const wrong: [Partial<TreeSearchOptions<Float32Array, Tensor>>, string][] = [
      [{ budget: 0 }, 'the budget is 0 NFE'],
      [{ budget: Number.NaN }, 'the budget is NaN NFE'],
      [{ budget: 99 }, 'a budget of 99 NFE is less than one rollout of this chain (100 NFE)'],
      [{ seed: 0.5 }, 'the seed is 0.5'],
      [{ lambda: -1 }, 'lambda is -1'],
      [{ lambda: Infinity }, 'lambda is Infinity'],
      [{ width: 0 }, 'the width is 0'],
    ]
    for (const [change, says] of wrong) await expect(search({ ...base(), ...change })).rejects.toThrow(says)
  })
})

it('a tree says what is wrong with its own options', async () => {
  const wrong: [Partial<TreeSearchOptions<Float32Array, Tensor>>, string][] = [
    [{ c: 0 }, 'widening c is 0'],
    [{ alpha: 1.5 }, 'widening alpha is 1.5'],
    [{ epsilon: -0.1 }, 'epsilon is -0.1'],
    [{ cUct: Number.NaN }, 'cUct is NaN'],
    [{ maxIterations: 0 }, 'maxIterations is 0'],
    [{ selection: 'best' as 'uct' }, "selection is 'best', expected one of boltzmann, boltzmann-mixed, uct"],
    [{ backup: 'mean' as 'max' }, "backup is 'mean', expected one of soft, max"],
  ]
  for (const [change, says] of wrong) await expect(dts({ ...base(), ...change })).rejects.toThrow(says)
})

it('iterations that cost nothing are capped', async () => {
  // Two children everywhere: after 62 edges the tree is full and every iteration falls on a known leaf.
  const full = await dts({ ...base(), c: 2, alpha: 0, selection: 'boltzmann-mixed', epsilon: 1 })
  expect(full.stopped).toBe('iterations')
  expect(full.iterations).toBe(10_000)
  expect(full.nfe).toBe(62 * 20)
})
