import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  clip,
  composedReward,
  constraint,
  distanceTo,
  formulaReward,
  functionReward,
  isDifferentiable,
  minimum,
  negated,
  type Reward,
  rankEnsemble,
  scaled,
  shifted,
  threshold,
  weightedSum,
} from '../../src/reward/index.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { expectGradients } from './differences.ts'

/** Rewards of numbers, without a gradient. */
const constant = (name: string, values: number[]): Reward<number> => ({
  name,
  evaluate: async (samples) => samples.map((i) => values[i]),
})
const a = constant('a', [1, -2, 3, 0.5])
const b = constant('b', [2, -3, 0, -Infinity])
const all = [0, 1, 2, 3]
const valuesOf = async (reward: Reward<number>) => Array.from(await reward.evaluate(all))
const failure = (promise: Promise<unknown>) => promise.then(String, (error: Error) => error.message)

/** Elements 0 and 1 of a sample, linear: gradients are exact. */
const element = (i: number) =>
  formulaReward({
    name: `x${i}`,
    value: ({ data }) => data[i],
    gradient: (_, out) => {
      out[i] = 1
    },
  })
const points: Tensor[] = [
  [0.5, -0.25],
  [-1, 2],
  [3, 0.125],
].map((data) => ({ shape: [2], data: Float32Array.from(data) }))

describe('combinators', () => {
  it('are what they are called, -Infinity included', async () => {
    expect(
      await valuesOf(
        weightedSum([
          { reward: a, weight: 2 },
          { reward: b, weight: 0.5 },
        ]),
      ),
    ).toEqual([3, -5.5, 6, -Infinity])
    expect(
      await valuesOf(
        weightedSum([
          { reward: a, weight: -1 },
          { reward: b, weight: 0 },
        ]),
      ),
    ).toEqual([-1, 2, -3, -0.5])
    expect(await valuesOf(minimum([a, b]))).toEqual([1, -3, 0, -Infinity])
    expect(await valuesOf(threshold(b, 0))).toEqual([1, 0, 1, 0])
    expect(await valuesOf(clip(b, -1, 1))).toEqual([1, -1, 0, -1])
    expect(await valuesOf(constraint(b, { atLeast: 0 }, a))).toEqual([1, -Infinity, 3, -Infinity])
    expect(await valuesOf(constraint(a, { atLeast: 0, atMost: 1 }, b))).toEqual([2, -Infinity, -Infinity, -Infinity])
    expect(await valuesOf(negated(a))).toEqual([-1, 2, -3, -0.5])
    expect(await valuesOf(scaled(a, 4))).toEqual([4, -8, 12, 2])
    expect(await valuesOf(shifted(b, 1))).toEqual([3, -2, 1, -Infinity])
    expect(await valuesOf(composedReward([a, b], { name: 'of all', value: ([p, q]) => p * q }))).toEqual([
      2,
      6,
      0,
      -Infinity,
    ])
  })

  it('a smooth threshold is the log-probability that logistic noise lifts the reward over it', async () => {
    const r = constant('r', [0.3, 1000, -1000, -40])
    const values = await valuesOf(threshold(r, 0.3, { softness: 0.5 }))
    expect(values[0]).toBeCloseTo(Math.log(0.5), 12)
    expect(values[1]).toBeCloseTo(0, 12)
    expect(values[2]).toBeCloseTo(-2000.6, 9)
    expect(values[3]).toBeCloseTo(-80.6, 9)
    // Against quadrature of the logistic density from -(r - at) on.
    const at = -0.4
    const softness = 0.7
    let mass = 0
    const h = 1e-3
    for (let z = -(0.3 - at) / softness + h / 2; z < 40; z += h) mass += (h * Math.exp(-z)) / (1 + Math.exp(-z)) ** 2
    const [value] = (await threshold(r, at, { softness }).evaluate([0])) as Float64Array
    expect(value).toBeCloseTo(Math.log(mass), 6)
  })

  it('have names that read as they are', () => {
    const names = [
      weightedSum([
        { reward: a, weight: 2 },
        { reward: b, weight: -0.5 },
      ]),
      weightedSum([
        { reward: negated(a), weight: -1 },
        { reward: shifted(b, 1), weight: 3 },
      ]),
      minimum([a, negated(b)]),
      threshold(a, 0.5),
      threshold(a, 0.5, { softness: 0.1 }),
      clip(a, -1, 1),
      constraint(a, { atLeast: 0, atMost: 1 }, b),
      negated(shifted(a, -2)),
      scaled(a, 1),
    ].map(({ name }) => name)
    expect(names).toEqual([
      '2 a - 0.5 b',
      '-(-a) + 3 (b + 1)',
      'min(a, -b)',
      '[a >= 0.5]',
      'log p(a > 0.5 +- 0.1)',
      'clip(a, -1, 1)',
      'b if a >= 0 and a <= 1',
      '-(a - 2)',
      'a',
    ])
  })

  it('carry gradients by the chain rule', async () => {
    const [x, y] = [element(0), element(1)]
    const far = distanceTo([0.4, 1])
    for (const reward of [
      weightedSum([
        { reward: x, weight: 2 },
        { reward: far, weight: -0.5 },
      ]),
      minimum([x, y, far]),
      threshold(far, -1, { softness: 0.75 }),
      clip(far, -2, -0.1),
      constraint(
        y,
        { atLeast: 0 },
        weightedSum([
          { reward: far, weight: 1 },
          { reward: x, weight: 1 },
        ]),
      ),
      shifted(scaled(negated(far), 3), 1),
      composedReward([x, y], { name: 'product', value: ([p, q]) => p * q, slopes: ([p, q]) => [q, p] }),
    ]) {
      // Outside a constraint there is no difference to take: the gradient is 0 there.
      const inside = reward.name.includes(' if ') ? points.filter(({ data }) => data[1] >= 0) : points
      await expectGradients(reward, inside)
    }
    const { values, gradients } = await constraint(y, { atLeast: 0 }, x).differentiate(points)
    expect(Array.from(values)).toEqual([-Infinity, -1, 3])
    expect(gradients.map(({ data }) => [...data])).toEqual([
      [0, 0],
      [1, 0],
      [1, 0],
    ])
  })

  it('have a gradient where, and only where, every part that matters has one', async () => {
    const x = element(0)
    const plain = functionReward<Tensor>((samples) => samples.map(() => 1), { name: 'plain' })
    expect(
      isDifferentiable(
        weightedSum([
          { reward: x, weight: 1 },
          { reward: plain, weight: 1 },
        ]),
      ),
    ).toBe(false)
    expect(isDifferentiable(minimum<Tensor>([x, plain]))).toBe(false)
    expect(isDifferentiable(threshold(x, 0))).toBe(false)
    expect(isDifferentiable(negated(plain))).toBe(false)
    expect(isDifferentiable(constraint(x, { atLeast: 0 }, plain))).toBe(false)
    const bound = constraint(plain, { atMost: 1 }, x)
    expect(isDifferentiable(bound)).toBe(true)
    expect(Array.from((await bound.differentiate(points)).values)).toEqual([0.5, -1, 3])
  })

  it('name the part and the sample that fail', async () => {
    const bad = constant('bad', [0, 1, Number.NaN, 3])
    const rest = { reward: a, weight: 1 }
    expect(await failure(clip(weightedSum([rest, { reward: bad, weight: 1 }]), 0, 1).evaluate(all))).toBe(
      'Reward "bad" returned NaN for sample 2; it must be a finite number, or -Infinity for "never".',
    )
    // -Infinity with its sign changed is +Infinity: the composition itself is at fault.
    expect(await failure(minimum([negated(b)]).evaluate(all))).toContain('Reward "-b" returned Infinity for sample 3')
  })

  it('say what is wrong with their numbers', () => {
    expect(() => weightedSum([])).toThrow('made of no rewards')
    expect(() => minimum([])).toThrow('made of no rewards')
    expect(() => rankEnsemble([])).toThrow('made of no rewards')
    expect(() => scaled(a, Number.NaN)).toThrow('the weight of "a" is NaN')
    expect(() => shifted(a, Infinity)).toThrow('the offset of "a" is Infinity')
    expect(() => threshold(a, Number.NaN)).toThrow('the threshold of "a" is NaN')
    expect(() => threshold(a, 0, { softness: 0 })).toThrow('softness of the threshold of "a" is 0')
    expect(() => clip(a, 1, 0)).toThrow('"a" cannot be clipped to [1, 0]')
    expect(() => constraint(a, {}, b)).toThrow('"a" cannot lie in [-Infinity, Infinity]')
    expect(() => constraint(a, { atLeast: 2, atMost: 1 }, b)).toThrow('"a" cannot lie in [2, 1]')
  })
})

describe('an ensemble by ranks', () => {
  it('is minus the mean rank, equals sharing theirs', async () => {
    const c = constant('c', [5, 5, 5, 1])
    // Ranks: a 2 4 1 3; b 1 3 2 4; c 2 2 2 4.
    const reward = rankEnsemble([a, b, c])
    expect(reward.name).toBe('ranks(a, b, c)')
    expect(await valuesOf(reward)).toEqual([-5 / 3, -9 / 3, -5 / 3, -11 / 3])
    expect(Array.from(await reward.evaluate([]))).toEqual([])
  })

  it('does not change under an increasing transform of a reward, and its mean is fixed', async () => {
    const scores = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(scores, async (values) => {
        const given = values.map((_, i) => i)
        const other = constant(
          'o',
          given.map((i) => Math.sin(i)),
        )
        const plain = await rankEnsemble([constant('v', values), other]).evaluate(given)
        const bent = await rankEnsemble([
          constant(
            'v',
            values.map((v) => Math.exp(v / 3)),
          ),
          other,
        ]).evaluate(given)
        expect(bent).toEqual(plain)
        const total = Array.from(plain).reduce((sum, score) => sum + score, 0)
        expect(total / values.length).toBeCloseTo(-(values.length + 1) / 2, 9)
      }),
      { numRuns: 50 },
    )
  })
})
