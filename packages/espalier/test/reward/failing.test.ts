import {
  bestOfN,
  dts,
  dtsStar,
  fkSteering,
  forest,
  greedyIslands,
  importanceResampling,
  SearchError,
  type SearchResult,
  smc,
  svdd,
  type TreeSearchResult,
} from 'espalier/search'
import type { Tensor } from 'espalier/tensor'
import { describe, expect, it } from 'vitest'
import { gmmWorld } from '../../../../reproduce/dts/worlds.ts'
import { functionReward, httpReward, type Reward, RewardError } from '../../src/reward/index.ts'
import { scoringServer } from './server.ts'

const searches = { bestOfN, importanceResampling, dts, dtsStar }
const names = Object.keys(searches) as (keyof typeof searches)[]
const server = scoringServer()
const { chain, reward: sound } = gmmWorld()
const options = { chain, seed: 4, budget: 4000, width: 5 }

/** A reward like the sound one, but for its fourth call: that is the batch of rollouts or iterations 15 to 19. */
function failingAt4(answer: (sound: number[]) => number[] | Promise<number[]>): Reward<Tensor> {
  let calls = 0
  return functionReward(
    async (samples: readonly Tensor[]) => {
      const values = Array.from(await sound.evaluate(samples))
      return ++calls === 4 ? answer(values) : values
    },
    { name: 'mine', timeout: 200 },
  )
}

const failures: { what: string; answer: Parameters<typeof failingAt4>[0]; says: RegExp }[] = [
  {
    what: 'throws',
    answer: () => {
      throw new Error('the jury has left')
    },
    says: /Reward "mine" failed on 5 samples from (rollout|iteration) 15 on: the jury has left/,
  },
  {
    what: 'hangs',
    answer: () => new Promise(() => {}),
    says: /Reward "mine" failed on 5 samples from (rollout|iteration) 15 on: no answer within 200 ms/,
  },
  {
    what: 'returns NaN',
    answer: (values) => values.with(2, Number.NaN),
    says: /Reward "mine" returned NaN for (rollout|iteration) 17;/,
  },
  {
    what: 'returns +Infinity',
    answer: (values) => values.with(4, Infinity),
    says: /Reward "mine" returned Infinity for (rollout|iteration) 19;/,
  },
  {
    what: 'returns the wrong count',
    answer: (values) => values.slice(1),
    says: /Reward "mine" was given 5 samples and returned 4 numbers \(5 samples from (rollout|iteration) 15 on\)/,
  },
]

const failureOf = async (search: Promise<unknown>): Promise<SearchError<Tensor>> => {
  const error = await search.then(
    () => undefined,
    (e: unknown) => e,
  )
  expect(error).toBeInstanceOf(SearchError)
  return error as SearchError<Tensor>
}

describe.each(failures)('a reward that $what', ({ answer, says }) => {
  it.each(names)('stops %s with the rows that did it, and all before them is kept', async (name) => {
    const whole: SearchResult<Tensor> = await searches[name]({ ...options, reward: sound })
    const error = await failureOf(searches[name]({ ...options, reward: failingAt4(answer) }))
    expect(error.message).toMatch(says)
    expect(error.cause).toBeInstanceOf(RewardError)
    const { result } = error
    expect(result.stopped).toBe('error')
    expect(result.candidates.map(({ sample, reward }) => [...sample.data, reward])).toEqual(
      whole.candidates.slice(0, 15).map(({ sample, reward }) => [...sample.data, reward]),
    )
    expect(result.candidates.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9)
    expect(result.rewardEvaluations).toBe(15)
    expect(result.nfe).toBe(20 * 100)
  })

  it('leaves a tree that goes on, once the reward is repaired, to the nodes of one that never failed', async () => {
    const whole = await dts({ ...options, reward: sound })
    const error = await failureOf(dts({ ...options, reward: failingAt4(answer) }))
    const saved = structuredClone((error.result as TreeSearchResult<Float32Array, Tensor>).save())
    // The batch that was lost is drawn again.
    const resumed = await dts({ ...options, reward: sound, resume: saved })
    expect(resumed.candidates).toEqual(whole.candidates)
    expect(resumed.selected).toBe(whole.selected)
    expect(resumed.logZ).toBe(whole.logZ)
  })
})

const populations = { smc, fkSteering, svdd, forest, greedyIslands }

describe.each(Object.keys(populations) as (keyof typeof populations)[])('%s', (name) => {
  it.each(failures)('is stopped by a reward that $what, and hands over what it has', async ({ answer }) => {
    const search: Promise<SearchResult<Tensor>> = populations[name]({ ...options, reward: failingAt4(answer) })
    const { message, result, cause } = await failureOf(search)
    expect(message).toMatch(/Reward "mine" [^\n]+$/)
    expect((cause as RewardError).count).toBeGreaterThan(0)
    expect(result.stopped).toBe('error')
    expect(result.nfe).toBeLessThan(options.budget)
    for (const { reward } of result.candidates) expect(reward).toBeLessThan(Infinity)
  })
})

it('a server that falls silent, and one that talks nonsense, stop a search the same way', async () => {
  const search = async () => failureOf(dts({ ...options, reward: httpReward(server.url, { name: 'web', ...quick }) }))
  const quick = { timeout: 300, retries: 1, backoff: 1 }
  server.reply = (_, number) => (number > 2 ? { delay: 2000 } : {})
  const silent = await search()
  expect(silent.message).toMatch(
    /Reward "web" failed on 5 samples from iteration 10 on: no answer within 300 ms \(2 tries\)/,
  )
  expect(silent.result.candidates.length).toBe(10)
  server.asked.length = 0
  server.reply = (_, number) => (number > 3 ? { body: '{"rewards": [1, 2, NaN, 4, 5]}' } : {})
  const nonsense = await search()
  expect(nonsense.message).toContain('Reward "web" returned NaN for iteration 17;')
  expect(nonsense.result.candidates.length).toBe(15)
})
