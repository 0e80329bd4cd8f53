import { afterEach, describe, expect, it, vi } from 'vitest'
import { checkedReward, functionReward, RewardError } from '../../src/reward/index.ts'

const letters = ['a', 'b', 'c', 'd', 'e']
const failure = async (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a reward that is a function', () => {
  it('may answer at once or later, with any list, in batches that follow one another', async () => {
    const seen: string[] = []
    let underWay = 0
    const later = functionReward<string>(
      async (samples) => {
        expect(++underWay).toBe(1)
        await new Promise((resolve) => setTimeout(resolve, 1))
        underWay--
        seen.push(samples.join(''))
        return Float32Array.from(samples, (s) => s.charCodeAt(0) - 97)
      },
      { maxBatch: 2, name: 'place' },
    )
    expect(Array.from(await later.evaluate(letters))).toEqual([0, 1, 2, 3, 4])
    expect(seen).toEqual(['ab', 'cd', 'e'])
    expect(Array.from(await later.evaluate([]))).toEqual([])
    expect(seen.length).toBe(3)
    function length(samples: readonly string[]) {
      return samples.map((s) => s.length)
    }
    const now = functionReward(length)
    expect([now.name, ...((await now.evaluate(['xyz', 'u'])) as Float64Array)]).toEqual(['length', 3, 1])
    expect(functionReward(() => []).name).toBe('function')
  })

  it.each([
    [
      'throws',
      () => Promise.reject(new Error('the jury has left')),
      'failed on 2 samples from row 2 on: the jury has left',
      [2, 2],
    ],
    ['throws no Error', () => Promise.reject('no jury'), 'failed on 2 samples from row 2 on: no jury', [2, 2]],
    [
      'hangs',
      () => new Promise<number[]>(() => {}),
      'failed on 2 samples from row 2 on: no answer within 20 ms',
      [2, 2],
    ],
    ['returns NaN', async () => [0, Number.NaN], 'returned NaN for row 3', [3, 1]],
    ['returns +Infinity', async () => [Infinity, 0], 'returned Infinity for row 2', [2, 1]],
    [
      'returns one too few',
      async () => [1],
      'was given 2 samples and returned 1 numbers (2 samples from row 2 on)',
      [2, 2],
    ],
    [
      'returns no list',
      async () => 1 as unknown as number[],
      'was given 2 samples and returned undefined numbers',
      [2, 2],
    ],
  ])('that %s is stopped, with the rows of the call', async (_, answer, says, [first, count]) => {
    let calls = 0
    const fn = (samples: readonly string[]) => (++calls === 2 ? answer() : samples.map(() => 1))
    const reward = functionReward(fn, { name: 'mine', maxBatch: 2, timeout: 20 })
    const error = (await failure(checkedReward(reward, (i) => `row ${i}`).evaluate(letters))) as RewardError
    expect(error).toBeInstanceOf(RewardError)
    expect(error.message).toContain(`Reward "mine" ${says}`)
    expect([error.first, error.count, calls]).toEqual([first, count, 2])
  })

  it('says what is wrong with its options', () => {
    for (const timeout of [0, -1, Number.NaN, 2 ** 31]) {
      expect(() => functionReward(() => [], { name: 'r', timeout })).toThrow(`reward "r": the timeout is ${timeout}`)
    }
    expect(() => functionReward(() => [], { name: 'r', maxBatch: 0 })).toThrow('reward "r": maxBatch is 0')
  })
})

describe('a time limit', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('leaves no timer behind, whether the reward answers, fails or hangs', async () => {
    vi.useFakeTimers()
    const answers = [async () => [1], () => Promise.reject(new Error('no')), () => new Promise<number[]>(() => {})]
    const pending = answers.map((answer) => failure(functionReward(answer, { timeout: 1000 }).evaluate(['a'])))
    expect(vi.getTimerCount()).toBe(3)
    await vi.advanceTimersByTimeAsync(999)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(vi.getTimerCount()).toBe(0)
    expect((await Promise.all(pending)).map((error) => (error as Error | undefined)?.message)).toEqual([
      undefined,
      'Reward "function" failed on sample 0: no',
      'Reward "function" failed on sample 0: no answer within 1 s',
    ])
  })

  it('can be put on any reward, and ignores an answer that comes too late', async () => {
    vi.useFakeTimers()
    const slow = { name: 'slow', evaluate: () => new Promise<number[]>((_, reject) => setTimeout(reject, 50, 'late')) }
    const error = failure(checkedReward(slow, undefined, 40).evaluate(['a']))
    await vi.advanceTimersByTimeAsync(60)
    expect(await error).toMatchObject({ message: 'Reward "slow" failed on sample 0: no answer within 40 ms' })
  })
})

describe('a checked gradient', () => {
  const give = (values: number[], gradients: number[]) => ({
    name: 'sloped',
    evaluate: async () => values,
    differentiate: async () => ({ values, gradients }),
  })

  it('is kept, counted, and its values are checked', async () => {
    const name = (i: number) => `rollout ${5 + i}`
    expect(await checkedReward(give([1, 2], [3, 4]), name).differentiate([0, 0])).toEqual({
      values: [1, 2],
      gradients: [3, 4],
    })
    expect(await failure(checkedReward(give([1, Number.NaN], [3, 4]), name).differentiate([0, 0]))).toMatchObject({
      message: expect.stringContaining('returned NaN for rollout 6'),
    })
    expect(await failure(checkedReward(give([1, 2], [3]), name).differentiate([0, 0]))).toMatchObject({
      message: 'Reward "sloped" was given 2 samples and returned 1 gradients (2 samples from rollout 5 on).',
    })
    expect('differentiate' in checkedReward({ name: 'flat', evaluate: async () => [1] })).toBe(false)
  })
})
