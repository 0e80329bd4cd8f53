import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { afterAll, describe, expect, test } from 'vitest'
import {
  batchedReward,
  checkedReward,
  classReward,
  compressibility,
  graphReward,
  incompressibility,
  type JpegOptions,
  jpegBytes,
} from '../../src/reward/index.ts'
import { type ClassifierCard, parseModelCard } from '../../src/runtime/card.ts'
import { jpegCodec, nodeRuntime } from '../../src/runtime/node/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

/** `logits = x W` on `[n, 2]`, and `total = sum(x)` as `[n]`. */
function linear() {
  const b = new GraphBuilder()
  const x = b.input('x', ['n', 2])
  b.output('logits', x.matmul(b.parameter('W', tensor([1, 2, 3, 0, -1, 4], [2, 3]))))
  b.output('total', x.sum([1]))
  return runtime.load(writeModel(b.build()))
}

const samples = [
  [1, 2],
  [-3, 0.5],
  [100, 100],
].map((values) => ({ shape: [2], data: Float32Array.from(values) }))
const logits = samples.map(({ data: [p, q] }) => [p, 2 * p - q, 3 * p + 4 * q])

describe('graph rewards', () => {
  test('a number of an output, its softmax, its log-softmax', async () => {
    const session = await linear()
    const options = { name: 'r', event: [2], output: 'logits', index: 1, maxBatch: 2 }
    expect(Array.from(await graphReward(session, options).evaluate(samples))).toEqual(logits.map((row) => row[1]))
    const log = await graphReward(session, { ...options, transform: 'log-softmax' }).evaluate(samples)
    const share = await graphReward(session, { ...options, transform: 'softmax' }).evaluate(samples)
    logits.forEach((row, i) => {
      const max = Math.max(...row)
      const wanted = row[1] - max - Math.log(row.reduce((sum, value) => sum + Math.exp(value - max), 0))
      expect(log[i]).toBeCloseTo(wanted, 6)
      expect(share[i]).toBeCloseTo(Math.exp(wanted), 6)
    })
    expect(log[2]).toBeLessThan(-500)
    const odds = await graphReward(session, { ...options, transform: 'log-odds' }).evaluate(samples)
    expect(odds[0]).toBeCloseTo(Math.log(share[0] / (1 - share[0])), 5)
    // Where p is 1 to the last bit, the odds still tell how sure: logits 100, 100, 700.
    const sure = await graphReward(session, { ...options, index: 2, transform: 'log-odds' }).evaluate(samples)
    expect(sure[2]).toBeCloseTo(600 - Math.log(2), 6)
    const total = graphReward(session, { name: 'total', event: [2], output: 'total' })
    expect(Array.from(await total.evaluate(samples))).toEqual([3, -2.5, 200])
    expect((await total.evaluate([])).length).toBe(0)
  })

  test('a class of a classifier by its name', async () => {
    const card = parseModelCard({
      type: 'classifier',
      name: 'c',
      event: [2],
      classes: ['cat', 'dog', 'ox'],
    }) as ClassifierCard
    const reward = classReward(await linear(), card, 'ox', 'softmax')
    expect(reward.name).toBe('p(ox)')
    expect((await reward.evaluate(samples))[0]).toBeCloseTo(1 / (1 + Math.exp(-10) + Math.exp(-11)), 6)
    const session = await linear()
    expect(() => classReward(session, card, 'cow')).toThrow('"c" knows no class "cow"; its classes are cat, dog, ox.')
  })

  test('refuses what does not fit', async () => {
    const session = await linear()
    expect(() => graphReward(session, { name: 'r', event: [2], output: 'q' })).toThrow('no input "x" with output "q"')
    await expect(graphReward(session, { name: 'r', event: [2], index: 3 }).evaluate(samples)).rejects.toThrow(
      'number 3',
    )
    const odd = [...samples, { shape: [3], data: new Float32Array(3) }]
    await expect(graphReward(session, { name: 'r', event: [2] }).evaluate(odd)).rejects.toThrow('Sample 3 is [3]')
  })
})

describe('JPEG size', () => {
  const image = (channels: number, value: (i: number) => number) => ({
    shape: [channels, 8, 16],
    data: Float32Array.from({ length: channels * 128 }, (_, i) => value(i)),
  })
  const flat = image(1, () => 0.2)
  const busy = image(1, (i) => Math.sin(i * i))

  const codec = jpegCodec()
  const bytes = (picture: Tensor, options: JpegOptions = {}) => jpegBytes(picture, { ...options, codec })

  test('is a reward with either sign', async () => {
    const size = await bytes(busy)
    expect(await compressibility({ codec }).evaluate([flat, busy])).toEqual([-(await bytes(flat)), -size])
    expect(await incompressibility({ quality: 30, codec }).evaluate([busy])).toEqual([
      await bytes(busy, { quality: 30 }),
    ])
    expect(size).toBeGreaterThan(await bytes(flat))
    expect(await bytes(busy, { quality: 30 })).toBeLessThan(size)
  })

  test('takes colour, the value range of the card, and clips', async () => {
    const grey = image(3, (i) => busy.data[i % 128])
    expect(await bytes(grey)).toBeGreaterThan(await bytes(busy))
    const coloured = image(3, (i) => Math.sin(i * i))
    expect(await bytes(coloured)).toBeGreaterThan(await bytes(grey))
    const unit = { ...busy, data: busy.data.map((value) => (value + 1) / 2) }
    // The mapping to bytes may round differently at a few pixels: sizes agree, not bit for bit.
    expect(Math.abs((await bytes(unit, { valueRange: [0, 1] })) - (await bytes(busy)))).toBeLessThanOrEqual(8)
    expect(await bytes(image(1, () => 7))).toBe(await bytes(image(1, () => 1)))
    await expect(bytes({ shape: [2, 8, 8], data: new Float32Array(128) })).rejects.toThrow('given [2, 8, 8]')
    await expect(bytes(image(1, (i) => (i === 5 ? Number.NaN : 0)))).rejects.toThrow('Pixel 5 of the image is NaN')
  })
})

describe('checked and batched rewards', () => {
  const giving = (values: unknown) => ({ name: 'mine', evaluate: async () => values as number[] })

  test.each([
    [[1, Number.NaN, 2], 'Reward "mine" returned NaN for sample 1'],
    [[1, 2, Number.POSITIVE_INFINITY], 'returned Infinity for sample 2'],
    [[1, 2], 'was given 3 samples and returned 2 numbers'],
    [undefined, 'returned undefined numbers'],
    [[1, '2', 3], 'returned 2 for sample 1'],
  ])('%j is refused', async (values, message) => {
    await expect(checkedReward(giving(values)).evaluate(['a', 'b', 'c'])).rejects.toThrow(message)
  })

  test('-Infinity is a value, a reason is kept, and samples have the names that the caller gives', async () => {
    const values = [1, Number.NEGATIVE_INFINITY]
    expect(await checkedReward(giving(values)).evaluate(['a', 'b'])).toEqual(values)
    const named = checkedReward(giving([Number.NaN]), (i) => `rollout ${17 + i}`)
    await expect(named.evaluate(['a'])).rejects.toThrow('for rollout 17')
    const cause = new Error('no network')
    const failing = checkedReward({ name: 'web', evaluate: () => Promise.reject(cause) })
    await expect(failing.evaluate(['a'])).rejects.toMatchObject({
      message: 'Reward "web" failed on sample 0: no network',
      cause,
    })
  })

  test('concurrent callers share batches and get their own values', async () => {
    const sizes: number[] = []
    const square = {
      name: 'square',
      evaluate: async (values: readonly number[]) => {
        sizes.push(values.length)
        return values.map((value) => value * value)
      },
    }
    const reward = batchedReward(square, { maxBatch: 4 })
    const answers = await Promise.all([[1, 2, 3], [4], [5, 6, 7, 8, 9], []].map((values) => reward.evaluate(values)))
    expect(answers.map((values) => Array.from(values))).toEqual([[1, 4, 9], [16], [25, 36, 49, 64, 81], []])
    expect(sizes).toEqual([4, 4, 1])
    expect(reward.statistics).toMatchObject({ batches: 3, rows: 9, occupancy: 0.75 })
    const short = batchedReward(giving([1]), { maxBatch: 4 })
    await expect(short.evaluate(['a', 'b'])).rejects.toThrow('given 2 samples and returned 1')
  })
})
