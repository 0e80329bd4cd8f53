import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Condition, Denoiser, Target } from '../../src/process/denoiser.ts'
import { vpLinear } from '../../src/process/variance-preserving.ts'
import { Activity, coalesce } from '../../src/runtime/coalesce.ts'
import { batched } from '../../src/runtime/evaluator.ts'
import { nextTurn } from '../../src/runtime/turn.ts'

const turn = () => new Promise<void>((resolve) => nextTurn(resolve))
const process = vpLinear()

interface Call {
  readonly rows: number
  readonly first: readonly number[]
}

/** A row's answer is a function of that row alone; a call takes `latency` turns of the event loop. */
function rowwise(options: { latency?: number; each?: boolean; fail?: (call: number) => boolean } = {}) {
  const { latency = 2, each = false, fail = () => false } = options
  const calls: Call[] = []
  const answer = (x: Float32Array, row: number, t: number, target: Target, condition?: Condition) =>
    Float32Array.from({ length: 2 }, (_, i) => {
      const shift = condition ? condition.shift.data[row] : 0.5
      return Math.sin(3 * x[2 * row + i] + t) * (target === 'data' ? 1 : -2) + shift
    })
  const evaluate = async (x: Float32Array, t: Float64Array, targets: readonly Target[], condition?: Condition) => {
    const call = calls.length
    calls.push({ rows: t.length, first: Array.from(t, (_, row) => x[2 * row]) })
    const data = new Float32Array(2 * t.length)
    for (let i = 0; i < latency; i++) await turn()
    if (fail(call)) throw new Error(`call ${call} failed`)
    for (let row = 0; row < t.length; row++) data.set(answer(x, row, t[row], targets[row], condition), 2 * row)
    return { shape: [t.length, 2], data }
  }
  const denoiser: Denoiser = {
    process,
    event: [2],
    predict: (x, t, target, condition) => evaluate(x.data, t, new Array<Target>(t.length).fill(target), condition),
    ...(each && {
      predictEach: (x: { data: Float32Array }, t: Float64Array, targets: readonly Target[], condition?: Condition) =>
        evaluate(x.data, t, targets, condition),
    }),
  }
  return { denoiser, calls }
}

/** One searcher: sequential calls, each fed by the answer of the last. */
async function search(denoiser: Denoiser, id: number, length: number, between = async () => {}) {
  let state = Float32Array.of(id, -id / 7)
  for (let i = 0; i < length; i++) {
    const t = Float64Array.of(1 - i / length)
    state = (await denoiser.predict({ shape: [1, 2], data: state }, t, 'data')).data as Float32Array<ArrayBuffer>
    await between()
  }
  return Array.from(state)
}

describe('batching evaluator', () => {
  test('64 searchers with 50 calls each fill batches of 64', async () => {
    const { denoiser, calls } = rowwise()
    const evaluator = batched(denoiser, { maxBatch: 64 })
    const found = await Promise.all(Array.from({ length: 64 }, (_, id) => search(evaluator, id, 50)))
    expect(evaluator.statistics.rows).toBe(64 * 50)
    expect(evaluator.statistics.occupancy).toBeGreaterThanOrEqual(0.95)
    expect(calls.length).toBe(evaluator.statistics.batches)
    const alone = rowwise().denoiser
    expect(found[37]).toEqual(await search(alone, 37, 50))
  })

  test('64 searchers that sometimes wait for other work still fill 95 %', async () => {
    const { denoiser } = rowwise()
    const evaluator = batched(denoiser, { maxBatch: 64 })
    // Microtask work of uneven length between the calls, as tree bookkeeping is.
    const hops = (id: number) => async () => {
      for (let i = 0; i < id % 11; i++) await Promise.resolve()
    }
    await Promise.all(Array.from({ length: 64 }, (_, id) => search(evaluator, id, 50, hops(id))))
    expect(evaluator.statistics.occupancy).toBeGreaterThanOrEqual(0.95)
  })

  test('100 searchers on batches of 64, each with its own number of calls', async () => {
    const { denoiser, calls } = rowwise()
    const evaluator = batched(denoiser, { maxBatch: 64 })
    const lengths = Array.from({ length: 100 }, (_, id) => 20 + ((id * 37) % 60))
    const total = lengths.reduce((sum, length) => sum + length, 0)
    await Promise.all(lengths.map((length, id) => search(evaluator, id, length)))
    expect(evaluator.statistics.rows).toBe(total)
    // While at least 64 rows can be asked for, every batch is full; only the tail is ragged.
    const alive = (call: number) => lengths.filter((length) => length > call).length
    const longest = Math.max(...lengths)
    let tail = 0
    for (let call = 0; call < longest; call++) if (alive(call) < 64) tail++
    expect(calls.filter((call) => call.rows < 64).length).toBeLessThanOrEqual(tail + 1)
  })

  test('gives its answer in the tensor that a caller lends for it', async () => {
    const evaluator = batched(rowwise().denoiser, { maxBatch: 4 })
    const x = { shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) }
    const t = Float64Array.of(0.2, 0.5, 0.8)
    const into = { shape: [3, 2], data: new Float32Array(6) }
    const [lent, own] = await Promise.all([
      evaluator.predict(x, t, 'data', undefined, into),
      evaluator.predict(x, t, 'data'),
    ])
    expect(lent).toBe(into)
    expect(own.data).not.toBe(into.data)
    expect(lent.data).toEqual(own.data)
  })

  test('equals direct calls for every interleaving', async () => {
    const request = fc.record({
      rows: fc.integer({ min: 1, max: 9 }),
      target: fc.constantFrom<Target>('data', 'noise'),
      conditioned: fc.boolean(),
      hops: fc.integer({ min: 0, max: 4 }),
      turns: fc.integer({ min: 0, max: 3 }),
    })
    const callers = fc.array(fc.array(request, { maxLength: 6 }), { minLength: 1, maxLength: 12 })
    const settings = fc.record({
      maxBatch: fc.integer({ min: 1, max: 8 }),
      inFlight: fc.integer({ min: 1, max: 3 }),
      pad: fc.boolean(),
      each: fc.boolean(),
      latency: fc.integer({ min: 0, max: 3 }),
    })
    type Plans = typeof callers extends fc.Arbitrary<infer P> ? P : never
    const play = async (denoiser: Denoiser, plan: Plans[number], id: number) => {
      const found: number[][] = []
      let seed = id
      for (const { rows, target, conditioned, hops, turns } of plan) {
        for (let i = 0; i < hops; i++) await Promise.resolve()
        for (let i = 0; i < turns; i++) await turn()
        const x = { shape: [rows, 2], data: Float32Array.from({ length: 2 * rows }, (_, i) => seed + i / 8) }
        const t = Float64Array.from({ length: rows }, (_, i) => (i + 1) / 10)
        const shift = { shape: [rows, 1], data: Float32Array.from({ length: rows }, (_, i) => i - seed) }
        const { shape, data } = await denoiser.predict(x, t, target, conditioned ? { shift } : undefined)
        expect(shape).toEqual([rows, 2])
        found.push(Array.from(data))
        seed = data[0]
      }
      return found
    }
    const playAll = (denoiser: Denoiser, plans: Plans) => Promise.all(plans.map((plan, id) => play(denoiser, plan, id)))
    await fc.assert(
      fc.asyncProperty(callers, settings, async (plans, { maxBatch, inFlight, pad, each, latency }) => {
        const { denoiser, calls } = rowwise({ each, latency })
        const evaluator = batched(denoiser, { maxBatch, inFlight, pad })
        expect(await playAll(evaluator, plans)).toEqual(await playAll(rowwise({ latency: 0 }).denoiser, plans))
        for (const call of calls) expect(call.rows).toBeLessThanOrEqual(maxBatch)
        if (pad) for (const call of calls) expect(call.rows).toBe(maxBatch)
        const rows = plans.flat().reduce((sum, { rows }) => sum + rows, 0)
        expect(evaluator.statistics.rows).toBe(rows)
      }),
      { numRuns: 150 },
    )
  })

  test('rows go in the order of arrival, and a large request is split', async () => {
    const { denoiser, calls } = rowwise()
    const evaluator = batched(denoiser, { maxBatch: 4 })
    const rows = (from: number, n: number) => ({
      shape: [n, 2],
      data: Float32Array.from({ length: 2 * n }, (_, i) => from + (i >> 1)),
    })
    const ask = (from: number, n: number) => evaluator.predict(rows(from, n), new Float64Array(n).fill(0.5), 'data')
    const answers = await Promise.all([ask(0, 3), ask(3, 7), ask(10, 1)])
    expect(calls.map((call) => call.first)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9, 10],
    ])
    expect(answers.map((answer) => answer.shape[0])).toEqual([3, 7, 1])
    const direct = await rowwise().denoiser.predict(rows(3, 7), new Float64Array(7).fill(0.5), 'data')
    expect(answers[1].data).toEqual(direct.data)
  })

  test('different targets share a batch if the denoiser can answer each row', async () => {
    for (const each of [true, false]) {
      const { denoiser, calls } = rowwise({ each })
      const evaluator = batched(denoiser, { maxBatch: 2 })
      const x = { shape: [1, 2], data: Float32Array.of(1, 2) }
      const t = Float64Array.of(0.5)
      await Promise.all([evaluator.predict(x, t, 'data'), evaluator.predict(x, t, 'noise')])
      expect(calls.length).toBe(each ? 1 : 2)
    }
  })

  test('a part-empty batch waits while a batch is under way', async () => {
    const { denoiser, calls } = rowwise({ latency: 20 })
    const evaluator = batched(denoiser, { maxBatch: 2 })
    const one = (value: number) =>
      evaluator.predict({ shape: [1, 2], data: Float32Array.of(value, 0) }, Float64Array.of(0.5), 'data')
    const first = Promise.all([one(0), one(1)])
    const late = one(2)
    for (let i = 0; i < 5; i++) await turn()
    expect(calls.length).toBe(1)
    const later = one(3)
    expect(calls.length).toBe(2)
    await Promise.all([first, late, later])
    expect(evaluator.statistics).toMatchObject({ batches: 2, rows: 4, occupancy: 1 })
  })

  test('a part-empty batch goes one turn after all are back, and waits for who takes longer', async () => {
    let turns = 0
    const began: number[] = []
    const { denoiser, calls } = rowwise({ latency: 0 })
    const spied: Denoiser = {
      ...denoiser,
      predict: (...given) => {
        began.push(turns)
        return denoiser.predict(...given)
      },
    }
    let done = false
    const clock = async () => {
      for (; !done; turns++) await turn()
    }
    const ticking = clock()
    const evaluator = batched(spied, { maxBatch: 8 })
    await Promise.all([search(evaluator, 1, 20), search(evaluator, 2, 20)])
    const prompt = began.slice(1).map((at, i) => at - began[i])
    expect(prompt).toEqual(Array(19).fill(1))
    // One whose work takes a turn is waited for: every batch holds the rows of both.
    calls.length = 0
    await Promise.all([search(evaluator, 1, 20), search(evaluator, 2, 20, turn)])
    done = true
    await ticking
    expect(calls.map(({ rows }) => rows)).toEqual(Array(20).fill(2))
  })

  test('an error reaches every caller of its batch, and nobody else', async () => {
    const { denoiser } = rowwise({ fail: (call) => call === 1 })
    const evaluator = batched(denoiser, { maxBatch: 4 })
    const ask = (n: number) =>
      evaluator.predict({ shape: [n, 2], data: new Float32Array(2 * n) }, new Float64Array(n).fill(0.5), 'data')
    // Rows 0-3 | 4-7 | 8-...: the second batch fails; the unsent rows of the split request go nowhere.
    const settled = await Promise.allSettled([ask(4), ask(1), ask(9), ask(2)])
    expect(settled.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
    const errors = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(errors[0]).toBe(errors[1])
    expect(errors[0].message).toBe('call 1 failed')
  })

  test('refuses states that do not fit, one clear line', async () => {
    const evaluator = batched(rowwise().denoiser, { maxBatch: 4 })
    const x = { shape: [2, 3], data: new Float32Array(6) }
    await expect(evaluator.predict(x, new Float64Array(2), 'data')).rejects.toThrow('expected [n, 2]')
    const y = { shape: [2, 2], data: new Float32Array(4) }
    await expect(evaluator.predict(y, new Float64Array(3), 'data')).rejects.toThrow('2 states with 3 times')
    expect(() => batched(rowwise().denoiser, { maxBatch: 0 })).toThrow('maxBatch is 0')
    expect(
      (await evaluator.predict({ shape: [0, 2], data: new Float32Array(0) }, new Float64Array(0), 'data')).shape,
    ).toEqual([0, 2])
  })

  test('evaluators of one activity wait for each other', async () => {
    const run = async (shared: boolean) => {
      const activity = shared ? new Activity() : undefined
      const make = (latency: number) => {
        const queue = coalesce<number, number[]>({
          maxBatch: 32,
          activity,
          rows: () => 1,
          key: () => '',
          result: () => [],
          run: async (batch) => {
            for (let i = 0; i < latency; i++) await turn()
            for (const { request, result } of batch) result.push(request)
          },
        })
        return queue
      }
      const network = make(5)
      const reward = make(3)
      // Searchers of uneven depth: some are at the reward while others are at the network.
      await Promise.all(
        Array.from({ length: 32 }, async (_, id) => {
          for (let i = 0; i < 12; i++) {
            for (let step = 0; step <= (id + i) % 5; step++) await network.submit(id)
            await reward.submit(id)
          }
        }),
      )
      return [network.statistics.occupancy, reward.statistics.occupancy]
    }
    const [apart, together] = [await run(false), await run(true)]
    expect(together[0] + together[1]).toBeGreaterThan(apart[0] + apart[1])
  })
})
