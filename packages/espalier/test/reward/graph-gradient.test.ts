import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { afterAll, describe, expect, test } from 'vitest'
import {
  differentiableClassReward,
  differentiableGraphReward,
  type GraphRewardOptions,
  isDifferentiable,
} from '../../src/reward/index.ts'
import { type ClassifierCard, parseModelCard } from '../../src/runtime/card.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

const weights = [1, 2, 3, 0, -1, 4]

/** `logits = x W` on `[n, 2]`, `total = sum(x^2)` as `[n]`, `grid = logits` as `[n, 3, 1]`. */
function model(): Uint8Array {
  const b = new GraphBuilder()
  const x = b.input('x', ['n', 2])
  const logits = x.matmul(b.parameter('W', tensor(weights, [2, 3])))
  b.output('logits', logits)
  b.output('total', x.square().sum([1]))
  b.output('grid', logits.reshape([-1, 3, 1]))
  return writeModel(b.build())
}

const samples: Tensor[] = [
  [1, 2],
  [-3, 0.5],
  [0.1, -0.2],
].map((values) => ({ shape: [2], data: Float32Array.from(values) }))

/** Value and gradient of a transform of `x W`, in float64. */
function exact(x: ArrayLike<number>, transform: GraphRewardOptions['transform'], index: number) {
  const logits = [0, 1, 2].map((c) => x[0] * weights[c] + x[1] * weights[3 + c])
  const total = logits.reduce((sum, value) => sum + Math.exp(value), 0)
  const p = logits.map((value) => Math.exp(value) / total)
  const rest = 1 - p[index]
  const own = (c: number) => (c === index ? 1 : 0)
  // d value / d logit of each class
  const slopes = {
    none: own,
    softmax: (c: number) => p[index] * (own(c) - p[c]),
    'log-softmax': (c: number) => own(c) - p[c],
    'log-odds': (c: number) => (c === index ? 1 : -p[c] / rest),
  }
  const values = {
    none: logits[index],
    softmax: p[index],
    'log-softmax': Math.log(p[index]),
    'log-odds': Math.log(p[index] / rest),
  }
  const slope = [0, 1, 2].map(slopes[transform ?? 'none'])
  return {
    value: values[transform ?? 'none'],
    gradient: [0, 1].map((i) => slope.reduce((sum, s, c) => sum + s * weights[3 * i + c], 0)),
  }
}

describe('the gradient of a graph reward', () => {
  test.each(['none', 'softmax', 'log-softmax', 'log-odds'] as const)(
    'through %s, for every index',
    async (transform) => {
      for (const [output, index] of [
        ['logits', 0],
        ['logits', 1],
        ['grid', 2],
      ] as const) {
        const options = { name: 'r', event: [2], output, index, transform, maxBatch: 2 }
        const reward = await differentiableGraphReward(runtime, model(), options)
        expect(isDifferentiable(reward)).toBe(true)
        const { values, gradients } = await reward.differentiate(samples)
        samples.forEach(({ data }, i) => {
          const wanted = exact(data, transform, index)
          expect(values[i]).toBeCloseTo(wanted.value, 5)
          expect(gradients[i].shape).toEqual([2])
          wanted.gradient.forEach((slope, j) => {
            expect(gradients[i].data[j]).toBeCloseTo(slope, 5)
          })
        })
        // The same numbers as without the gradient, to the last bit.
        expect(Array.from(await reward.evaluate(samples))).toEqual(Array.from(values))
        await reward.release()
      }
    },
  )

  test('of one number a row, of no samples, of the first output', async () => {
    const total = await differentiableGraphReward(runtime, model(), { name: 'total', event: [2], output: 'total' })
    const { values, gradients } = await total.differentiate(samples)
    expect(values[0]).toBe(5)
    expect(Array.from(gradients[0].data)).toEqual([2, 4])
    expect((await total.differentiate([])).gradients).toEqual([])
    const first = await differentiableGraphReward(runtime, model(), { name: 'first', event: [2] })
    expect(Array.from((await first.differentiate(samples)).gradients[1].data)).toEqual([1, 0])
  })

  test('where the class is sure the log-odds still have a slope, and the probability has none', async () => {
    const sure = [{ shape: [2], data: Float32Array.of(100, 100) }]
    const at = async (transform: 'log-odds' | 'softmax') => {
      const reward = await differentiableGraphReward(runtime, model(), { name: 'r', event: [2], index: 2, transform })
      return Array.from((await reward.differentiate(sure)).gradients[0].data)
    }
    // Logits 100, 100, 700: the other two share the loss, slopes (3, 4) - ((1, 0) + (2, -1)) / 2.
    const slope = await at('log-odds')
    expect(slope[0]).toBeCloseTo(1.5, 4)
    expect(slope[1]).toBeCloseTo(4.5, 4)
    expect(await at('softmax')).toEqual([0, 0])
  })

  test('a class by its name; refusals', async () => {
    const card = (fields = {}) =>
      parseModelCard({
        type: 'classifier',
        name: 'c',
        event: [2],
        classes: ['cat', 'dog', 'ox'],
        ...fields,
      }) as ClassifierCard
    const reward = await differentiableClassReward(runtime, model(), card(), 'dog')
    expect(reward.name).toBe('log p(dog)')
    const { gradients } = await reward.differentiate(samples)
    exact(samples[0].data, 'log-softmax', 1).gradient.forEach((slope, j) => {
      expect(gradients[0].data[j]).toBeCloseTo(slope, 5)
    })
    const odd = [{ shape: [3], data: new Float32Array(3) }]
    await expect(reward.differentiate(odd)).rejects.toThrow('Sample 0 is [3]; the reward takes [2].')
    const noisy = { noisy: { process: { type: 'vp-linear' } } }
    expect(() => differentiableClassReward(runtime, model(), card(noisy), 'dog')).toThrow('noisy states at their times')
    expect(() => card({ noisy: { process: { type: 'vp' } } })).toThrow('vp')
    expect(() => differentiableClassReward(runtime, model(), card(), 'cow')).toThrow('knows no class "cow"')
    await expect(differentiableGraphReward(runtime, model(), { name: 'r', event: [2], output: 'q' })).rejects.toThrow(
      'no input "x" with output "q"',
    )
    const beyond = await differentiableGraphReward(runtime, model(), { name: 'r', event: [2], index: 3 })
    await expect(beyond.differentiate(samples)).rejects.toThrow('reads number 3 of a row, and rows have 3')
    const single = { name: 'r', event: [2], output: 'total', transform: 'log-odds' } as const
    const odds = await differentiableGraphReward(runtime, model(), single)
    await expect(odds.differentiate(samples)).rejects.toThrow('rows of one number have no odds')
    await reward.release()
    await expect(reward.differentiate(samples)).rejects.toThrow('released')
  })
})
