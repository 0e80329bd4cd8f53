import { tensor as constant, GraphBuilder, writeModel } from '@espalier/graph'
import { afterAll, describe, expect, it } from 'vitest'
import {
  brightness,
  cosineSimilarity,
  distanceTo,
  featureSimilarity,
  ink,
  isDifferentiable,
  smoothness,
  symmetry,
} from '../../src/reward/index.ts'
import { type ClassifierCard, networkGradient, parseModelCard } from '../../src/runtime/index.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { expectGradients } from './differences.ts'

const image = (...rows: number[][]) => tensor([1, rows.length, rows[0].length], Float32Array.from(rows.flat()))
const failure = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message)
const one = async (
  reward: { evaluate(samples: ReturnType<typeof image>[]): Promise<ArrayLike<number>> },
  x: ReturnType<typeof image>,
) => (await reward.evaluate([x]))[0]

/** Black and white are -1 and 1. */
const corner = image([1, -1, -1, -1], [-1, -1, -1, -1])
const half = image([1, -1], [1, -1])
const grey = image([0, 0.5], [-0.5, 0])
/** Two channels, 3 by 4, nothing at a kink. */
const texture = tensor(
  [2, 3, 4],
  Float32Array.from({ length: 24 }, (_, i) => 0.9 * Math.sin(i * i + 1)),
)

describe('rewards of images', () => {
  it('brightness is the mean between black and white', async () => {
    expect(await one(brightness(), corner)).toBeCloseTo(1 / 8, 12)
    expect(await one(brightness({ valueRange: [0, 2] }), image([2, 1], [0, 0]))).toBeCloseTo(3 / 8, 12)
    await expectGradients(brightness({ valueRange: [-0.5, 1] }), [texture, grey])
  })

  it('ink is the covered share of a region, or its distance to a target', async () => {
    expect(await one(ink(), corner)).toBeCloseTo(1 / 8, 12)
    expect(await one(ink({ dark: true }), corner)).toBeCloseTo(7 / 8, 12)
    expect(await one(ink({ region: { right: 0.5 } }), corner)).toBeCloseTo(1 / 4, 12)
    expect(await one(ink({ region: { left: 0.25, top: 0.5 } }), corner)).toBe(0)
    expect(await one(ink({ region: { right: 0.25, bottom: 0.5 }, target: 0.4 }), corner)).toBeCloseTo(-0.6, 12)
    // What is brighter than white covers no more than white does.
    expect(await one(ink(), image([9, -1], [-9, -1]))).toBeCloseTo(1 / 4, 12)
    const region = { left: 0.3, right: 0.9, bottom: 0.7 }
    for (const options of [{ region }, { dark: true }, { target: 0.9 }, { target: 0.1, dark: true, region }]) {
      await expectGradients(ink(options), [texture, grey])
    }
    const { gradients } = await ink().differentiate([image([9, 0.25], [-9, 0.25])])
    expect([...gradients[0].data]).toEqual([0, 1 / 8, 0, 1 / 8])
  })

  it('symmetry and smoothness are 0 at best', async () => {
    expect(await one(symmetry(), half)).toBe(-1)
    expect(await one(symmetry(), image([1, -1, 1], [0, 5, 0]))).toBeCloseTo(0, 12)
    expect(await one(symmetry({ valueRange: [0, 1] }), image([0.5, 0]))).toBeCloseTo(-0.25, 12)
    expect(await one(smoothness(), half)).toBe(-1 / 2)
    expect(await one(smoothness(), image([0.3, 0.3], [0.3, 0.3]))).toBeCloseTo(0, 12)
    expect(await one(smoothness(), image([0.3]))).toBeCloseTo(0, 12)
    await expectGradients(symmetry(), [texture, grey])
    await expectGradients(smoothness({ valueRange: [0, 1] }), [texture, grey])
  })

  it('nearness is minus half the squared distance in units of the scale', async () => {
    expect(await one(distanceTo([1, 1, 0, 0]), half)).toBeCloseTo(-(4 + 1 + 1) / 2, 12)
    expect(await one(distanceTo([1, 1, 0, 0], 2), half)).toBeCloseTo(-6 / 8, 12)
    await expectGradients(
      distanceTo(
        texture.data.map((x) => x / 2),
        1.5,
      ),
      [texture],
    )
    expect(distanceTo([3, 1]).name).toBe('near(3, 1)')
    expect(distanceTo(texture.data).name).toBe('near(24 numbers)')
  })

  it('say what they cannot score, and which sample it was', async () => {
    const point = tensor([2], Float32Array.of(1, 2))
    for (const reward of [brightness(), ink(), symmetry(), smoothness()]) {
      expect(await failure(reward.evaluate([corner, point]))).toBe(
        `Reward "${reward.name}" failed on sample 1: an image [channels, height, width] is needed; given [2]`,
      )
    }
    expect(await failure(distanceTo([1, 2, 3]).evaluate([point]))).toContain('has 2 elements, the target 3')
    expect(await failure(ink({ region: { right: 0.1 } }).evaluate([corner]))).toContain(
      'holds no pixel of an image [1,2,4]',
    )
    expect(() => ink({ region: { left: 0.5, right: 0.5 } })).toThrow('left and right of a region are 0.5 and 0.5')
    expect(() => ink({ region: { bottom: 1.5 } })).toThrow('expected shares with 0 <= top < bottom <= 1')
    expect(() => ink({ target: 2 })).toThrow('the target of ink is 2')
    expect(() => brightness({ valueRange: [1, 1] })).toThrow('a value range is [low, high], got [1,1]')
    expect(() => distanceTo([0, Number.NaN])).toThrow("element 1 of a distance's target is NaN")
    expect(() => distanceTo([0], 0)).toThrow('the scale of a distance is 0')
  })
})

describe('likeness of embeddings', () => {
  const runtime = nodeRuntime({ workers: 0 })
  afterAll(() => runtime.close())
  /** `features = tanh(x W)` of `[n, 2]`, three of them; `logits` beside. */
  const model = () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['n', 2])
    b.output('logits', x.mul(2))
    b.output('features', x.matmul(b.parameter('W', constant([1, 0.5, -1, 0.25, -0.75, 2], [2, 3]))).tanh())
    return writeModel(b.build())
  }
  const features = ({ data: [p, q] }: { data: Float32Array }) =>
    [p + 0.25 * q, 0.5 * p - 0.75 * q, -p + 2 * q].map(Math.tanh)
  const samples = [
    [0.5, 0.25],
    [-1, 0.75],
    [0, 0],
  ].map((values) => tensor([2], Float32Array.from(values)))
  const target = tensor([2], Float32Array.of(0.75, -0.5))

  it('is the cosine, with its gradient through the graph', async () => {
    const bytes = model()
    const session = await runtime.load(bytes)
    const plain = await cosineSimilarity(session, target, { event: [2], maxBatch: 2 })
    const values = await plain.evaluate([...samples, target])
    const g = features(target)
    samples.slice(0, 2).forEach((sample, i) => {
      const f = features(sample)
      const dot = f.reduce((sum, value, k) => sum + value * g[k], 0)
      expect(values[i]).toBeCloseTo(dot / (Math.hypot(...f) * Math.hypot(...g)), 6)
    })
    expect(values[2]).toBe(0)
    expect(values[3]).toBeCloseTo(1, 12)
    expect(isDifferentiable(plain)).toBe(false)
    const gradient = () =>
      runtime.load(networkGradient(bytes, { inputs: { state: 'x', time: 't' }, output: 'features' }))
    const sloped = await cosineSimilarity(session, target, { event: [2], gradient, maxBatch: 1 })
    await expectGradients(sloped, samples.slice(0, 2))
    expect([...(await sloped.differentiate([samples[2]])).gradients[0].data]).toEqual([0, 0])
  })

  it('takes the features that a classifier names', async () => {
    const card = (outputs: object) =>
      parseModelCard({ type: 'classifier', name: 'c', event: [2], classes: ['p', 'q'], outputs }) as ClassifierCard
    const bytes = model()
    const reward = await featureSimilarity(runtime, bytes, card({ logits: 'logits', features: 'features' }), target)
    expect((await reward.evaluate([target]))[0]).toBeCloseTo(1, 12)
    await expectGradients(reward, samples.slice(0, 2))
    expect(await failure(featureSimilarity(runtime, bytes, card({ logits: 'logits' }), target))).toContain(
      '"c" gives no features',
    )
  })

  it('says what does not fit', async () => {
    const session = await runtime.load(model())
    expect(await failure(cosineSimilarity(session, target, { event: [2], output: 'q' }))).toContain(
      'no input "x" with output "q"',
    )
    expect(await failure(cosineSimilarity(session, tensor([3]), { event: [2] }))).toContain(
      'sample 0 is [3], the embedding takes [2]',
    )
    expect(await failure(cosineSimilarity(session, tensor([2]), { event: [2] }))).toContain(
      'of the target has the length 0',
    )
  })
})
