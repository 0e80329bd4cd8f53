import { GraphBuilder, tensor, writeModel } from '@espalier/graph'
import { afterAll, describe, expect, test } from 'vitest'
import { classifierGuided, mixtureClassifier, type NoisyClassifier, noisyClassifier } from '../../src/guide/index.ts'
import { mean, variance } from '../../src/measure/statistics.ts'
import { edm, flow, GaussianMixture, uniformGrid, viewed, vpLinear } from '../../src/process/index.ts'
import { type ClassifierCard, counted, parseModelCard } from '../../src/runtime/index.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import { ddim, ddpm, execute, type Solver, start } from '../../src/solve/index.ts'
import { fold, gather, key, row, type Tensor } from '../../src/tensor/index.ts'
import { dots, draw } from './helpers.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

const world = new GaussianMixture({
  means: [
    [1, 0],
    [-1, 0.5],
    [0, -1.5],
  ],
  stds: [0.4, 0.3, 0.5],
  weights: [0.5, 0.3, 0.2],
})
const part = (...components: number[]) =>
  new GaussianMixture({
    means: components.map((k) => world.means[k]),
    stds: components.map((k) => world.stds[k]),
    weights: components.map((k) => world.weights[k]),
  })

const n = 6
const x = draw(n, [2], 1)
const t = Float64Array.of(0.02, 0.2, 0.4, 0.6, 0.8, 0.97)

/** Central differences of the classifier's own values along u. */
async function slopes(classifier: NoisyClassifier, labels: number[], u: Tensor, h: number): Promise<number[]> {
  const at = async (step: number) => {
    const data = x.data.map((value, i) => value + step * u.data[i])
    return (await classifier.differentiate({ shape: x.shape, data }, t, labels)).values
  }
  const [up, down] = [await at(h), await at(-h)]
  return Array.from(up, (value, i) => (value - down[i]) / (2 * h))
}

describe('the exact classifier of a mixture', () => {
  const process = vpLinear()
  const classifier = mixtureClassifier(world, process, [[0], [1, 2]])

  test('knows the responsibilities and their gradients', async () => {
    const u = draw(n, [2], 2)
    for (const [labels, components] of [
      [[0], [0]],
      [[1], [1, 2]],
    ]) {
      const { values, gradient } = await classifier.differentiate(x, t, labels)
      for (let i = 0; i < n; i++) {
        const r = world.responsibilities(row(x, i), process.a(t[i]), process.s(t[i]))
        expect(Math.exp(values[i])).toBeCloseTo(
          components.reduce((sum, k) => sum + r[k], 0),
          12,
        )
      }
      const wanted = await slopes(classifier, labels, u, 1e-3)
      dots(gradient, u).forEach((value, i) => {
        expect(Math.abs(value - wanted[i])).toBeLessThan(2e-3 * (1 + Math.abs(wanted[i])))
      })
    }
    const all = await classifier.differentiate(x, t, [0, 1])
    for (const value of [...all.values, ...all.gradient.data]) expect(Math.abs(value)).toBeLessThan(1e-9)
  })

  test.each([vpLinear(), edm(), flow()].map((own) => [own.name, own] as const))(
    '%s: guidance of scale 1 makes of the mixture its part, in both predictions',
    async (_, own) => {
      const exact = mixtureClassifier(world, own, [[0], [1, 2]])
      const guided = classifierGuided(world.denoiser(own), exact, { label: '1', scale: 1 })
      for (const target of ['noise', 'data'] as const) {
        const wanted = await part(1, 2).denoiser(own).predict(x, t, target)
        ;(await guided.predict(x, t, target)).data.forEach((value, i) => {
          expect(Math.abs(value - wanted.data[i])).toBeLessThan(1e-5 * (1 + Math.abs(wanted.data[i])))
        })
      }
    },
  )

  test('several labels are their union; scales add', async () => {
    const plain = world.denoiser(process)
    const each = mixtureClassifier(world, process, [[0], [1], [2]])
    const union = await classifierGuided(plain, each, { label: ['1', '2'], scale: 1 }).predict(x, t, 'noise')
    const grouped = await classifierGuided(plain, classifier, { label: '1', scale: 1 }).predict(x, t, 'noise')
    expect(union.data).toEqual(grouped.data)
    const once = classifierGuided(plain, each, { label: '0', scale: 1.5 })
    const twice = await classifierGuided(once, each, { label: '0', scale: 0.5 }).predict(x, t, 'noise')
    ;(await classifierGuided(plain, each, { label: '0', scale: 2 }).predict(x, t, 'noise')).data.forEach((value, i) => {
      expect(twice.data[i]).toBeCloseTo(value, 5)
    })
  })

  test('an interval guides its rows alone, and only they ask the classifier', async () => {
    const asked: number[] = []
    const spy: NoisyClassifier = {
      ...classifier,
      differentiate(states, times, labels) {
        asked.push(...times)
        return classifier.differentiate(states, times, labels)
      },
    }
    const plain = world.denoiser(process)
    const meter = { nfe: 0 }
    const options = { label: '0', scale: 2, interval: { low: 0.3, high: 0.7 } }
    const guided = counted(classifierGuided(plain, spy, options), meter)
    const { data } = await guided.predict(x, t, 'noise')
    const [without, everywhere] = [
      await plain.predict(x, t, 'noise'),
      await classifierGuided(plain, classifier, { label: '0', scale: 2 }).predict(x, t, 'noise'),
    ]
    expect(data.subarray(0, 4)).toEqual(without.data.subarray(0, 4))
    expect(data.subarray(4, 8)).toEqual(everywhere.data.subarray(4, 8))
    expect(data.subarray(8)).toEqual(without.data.subarray(8))
    expect(asked).toEqual([0.4, 0.6])
    expect(meter.nfe).toBe(n)
    // Where the signal is gone nothing is asked either.
    const gone = mixtureClassifier(world, flow(), [[0]])
    const one = Float64Array.of(1)
    const first = gather(x, [0])
    const bent = classifierGuided(world.denoiser(flow()), gone, { label: '0', scale: 2 })
    expect(await bent.predict(first, one, 'data')).toEqual(await world.denoiser(flow()).predict(first, one, 'data'))
  })

  test('refuses what does not fit', () => {
    const plain = world.denoiser(process)
    const options = { label: '1', scale: 1 }
    expect(() => classifierGuided(plain, classifier, { label: 'x', scale: 1 })).toThrow(
      'no class "x"; its classes are 0, 1',
    )
    expect(() => classifierGuided(plain, classifier, { label: [], scale: 1 })).toThrow('needs a class')
    expect(() => classifierGuided(plain, classifier, { ...options, scale: Number.NaN })).toThrow('scale is NaN')
    expect(() => classifierGuided(viewed(plain, edm()), classifier, options)).toThrow('view the denoiser on')
    expect(() => classifierGuided(plain, { ...classifier, event: [3] }, options)).toThrow('takes [3]')
    expect(() => mixtureClassifier(world, process, [[0], [0, 1]])).toThrow('each in one; got [[0],[0,1]]')
    expect(() => mixtureClassifier(world, process, [[3]])).toThrow('mixture of 3')
    expect(() => mixtureClassifier(world, process, [[]])).toThrow('got [[]]')
  })
})

describe('two modes, 90 % at 0 and 10 % at 2, the rare one wanted', () => {
  // Sheet of minority guidance (Um, Lee, Ye 2024): scale 1 samples p(x | class), more shifts and shrinks it.
  const process = vpLinear()
  const modes = new GaussianMixture({ means: [[0], [2]], stds: [0.35, 0.35], weights: [0.9, 0.1] })
  const classifier = mixtureClassifier(modes, process, [[0], [1]])
  const keys = Array.from({ length: 2000 }, (_, i) => fold(key(7), i))

  const run = async (solver: () => Solver, scale: number) => {
    const plan = solver()(process, uniformGrid(process, 100))
    const guided = classifierGuided(modes.denoiser(process), classifier, { label: '1', scale })
    const { data } = await execute(plan, guided, start(plan, guided, keys), { keys })
    const rare = data.filter((value) => value > 1)
    return { share: rare.length / data.length, mean: mean(rare), std: Math.sqrt(variance(rare)) }
  }

  /** Shares and moments with the standard error of 2000 samples, and the shrinkage of 100 steps. */
  const expectConditional = ({ share, mean, std }: Awaited<ReturnType<typeof run>>) => {
    expect(share).toBeGreaterThan(0.99)
    expect(Math.abs(mean - 2)).toBeLessThan((4 * 0.35) / Math.sqrt(2000))
    expect(Math.abs(std / 0.35 - 1)).toBeLessThan(0.1)
  }

  test('ddpm: the shares, shifts and shrinkages of the sheet', async () => {
    const none = await run(ddpm, 0)
    expect(Math.abs(none.share - 0.1)).toBeLessThan(4 * Math.sqrt(0.09 / 2000))
    const one = await run(ddpm, 1)
    expectConditional(one)
    for (const [scale, mean] of [
      [2, 2.16],
      [4, 2.25],
    ]) {
      const more = await run(ddpm, scale)
      expect(more.share).toBe(1)
      expect(Math.abs(more.mean - mean)).toBeLessThan(0.03)
      expect(Math.abs(more.std / one.std - 0.31 / 0.34)).toBeLessThan(0.03)
    }
  })

  test('ddim: scale 1 is conditional too, but beyond it an ODE goes much farther than the SDE', async () => {
    const one = await run(ddim, 1)
    expectConditional(one)
    const [two, four] = [await run(ddim, 2), await run(ddim, 4)]
    expect(two.mean).toBeGreaterThan(2.3)
    expect(four.mean).toBeGreaterThan(2.7)
    expect(two.std).toBeLessThan(0.75 * one.std)
    expect(four.std).toBeLessThan(0.9 * two.std)
  })
})

describe('a graph as a noisy classifier', () => {
  const weights = [1, 2, -1, 0.5, -1, 1]
  /** `logits = x W + t (0, 1, -2)` for `x [n, 2]`, `t [n, 1]`. */
  const model = () => {
    const b = new GraphBuilder()
    const time = b.input('t', ['n', 1]).mul(b.parameter('v', tensor([0, 1, -2], [1, 3])))
    b.output('features', b.input('x', ['n', 2]).tanh())
    b.output(
      'logits',
      b
        .get('x')
        .matmul(b.parameter('W', tensor(weights, [2, 3])))
        .add(time),
    )
    return writeModel(b.build())
  }
  const card = (fields = {}) =>
    parseModelCard({
      type: 'classifier',
      name: 'c',
      event: [2],
      classes: ['cat', 'dog', 'ox'],
      noisy: { process: { type: 'vp-linear' }, label: { type: 'linear', scale: 10, offset: -1 } },
      ...fields,
    }) as ClassifierCard

  test.each([[[1]], [[0, 2]], [[0, 1, 2]]])('classes %j: values and gradients in closed form', async (labels) => {
    const classifier = await noisyClassifier(runtime, model(), card())
    expect(classifier.process.name).toBe(vpLinear().name)
    const { values, gradient } = await classifier.differentiate(x, t, labels)
    for (let i = 0; i < n; i++) {
      const [p, q] = row(x, i)
      const time = 10 * t[i] - 1
      const masses = [0, 1, 2].map((c) => Math.exp(p * weights[c] + q * weights[3 + c] + time * [0, 1, -2][c]))
      const [total, inside] = [masses, labels.map((c) => masses[c])].map((list) => list.reduce((sum, m) => sum + m, 0))
      expect(values[i]).toBeCloseTo(Math.log(inside / total), 4)
      for (const j of [0, 1]) {
        const slope = masses.reduce((sum, m, c) => {
          const share = (labels.includes(c) ? m / inside : 0) - m / total
          return sum + share * weights[3 * j + c]
        }, 0)
        expect(row(gradient, i)[j]).toBeCloseTo(slope, 4)
      }
    }
    await classifier.release()
  })

  test('guides a denoiser; refusals', async () => {
    const classifier = await noisyClassifier(runtime, model(), card())
    const plain = world.denoiser(vpLinear())
    const guided = classifierGuided(plain, classifier, { label: 'dog', scale: 3 })
    const [before, after] = [await plain.predict(x, t, 'noise'), await guided.predict(x, t, 'noise')]
    const { gradient } = await classifier.differentiate(x, t, [1])
    after.data.forEach((value, i) => {
      expect(value).toBeCloseTo(before.data[i] - 3 * vpLinear().s(t[i >> 1]) * gradient.data[i], 5)
    })
    await classifier.release()
    await expect(noisyClassifier(runtime, model(), card({ noisy: undefined }))).rejects.toThrow(
      'classifies clean samples',
    )
    await expect(noisyClassifier(runtime, model(), card({ classes: ['a', 'b'] }))).rejects.toThrow(
      '2 classes in its card',
    )
    const renamed = card({ noisy: { process: { type: 'vp-linear' }, time: 'time' } })
    await expect(noisyClassifier(runtime, model(), renamed)).rejects.toThrow('no input "time"')
  })
})
