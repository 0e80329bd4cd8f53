import { loadZoo } from '@espalier/zoo'
import { afterAll, describe, expect, test } from 'vitest'
import { classifierFree, cleanGradient, rewardGuided, thresholded } from '../../src/guide/index.ts'
import { mean, variance } from '../../src/measure/statistics.ts'
import {
  asDifferentiable,
  type Denoiser,
  type DifferentiableDenoiser,
  edm,
  flow,
  GaussianMixture,
  subVp,
  vpLinear,
  vpTable,
} from '../../src/process/index.ts'
import {
  type DifferentiableReward,
  differentiableClassReward,
  distanceTo,
  formulaReward,
} from '../../src/reward/index.ts'
import { batched, type ClassifierCard, counted, loadDenoiser } from '../../src/runtime/index.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import { ddim, ddpm, execute, type Solver, start } from '../../src/solve/index.ts'
import { concatenate, fold, gather, key, row, type Tensor } from '../../src/tensor/index.ts'
import { dots, draw } from './helpers.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

/** `r(x) = slope . x`. */
const linear = (slope: readonly number[]): DifferentiableReward<Tensor> =>
  formulaReward({
    name: 'linear',
    value: ({ data }) => data.reduce((sum, value, i) => sum + slope[i] * value, 0),
    gradient: (_, out) => out.set(slope),
  })

const n = 5
const x = draw(n, [2], 1)
const t = Float64Array.of(0.05, 0.25, 0.5, 0.75, 0.95)
const close = (actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number) => {
  expect(actual.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++) {
    expect(Math.abs(actual[i] - wanted[i])).toBeLessThan(tolerance * (1 + Math.abs(wanted[i])))
  }
}

const world = new GaussianMixture({
  means: [
    [1, 0],
    [-1, 0.5],
  ],
  stds: [0.4, 0.3],
  weights: [0.6, 0.4],
})

describe('the gradient of a reward at noisy states', () => {
  const reward = distanceTo([1.5, -0.5], 0.7)

  test('values and gradients of r(x_0hat(x)), by differences in float64', async () => {
    const process = vpLinear()
    const { clean, values, gradient } = await cleanGradient(world.denoiser(process), reward)(x, t)
    expect(clean.data).toEqual((await world.denoiser(process).predict(x, t, 'data')).data)
    for (let i = 0; i < n; i++) {
      const [a, s] = [process.a(t[i]), process.s(t[i])]
      const value = (state: ArrayLike<number>) => {
        const [p, q] = world.predict(state, a, s, 'data', new Float64Array(2))
        return -((p - 1.5) ** 2 + (q + 0.5) ** 2) / (2 * 0.49)
      }
      const state = Array.from(row(x, i))
      expect(values[i]).toBeCloseTo(value(state), 4)
      for (const j of [0, 1]) {
        const at = (h: number) => value(state.map((v, k) => (k === j ? v + h : v)))
        close([row(gradient, i)[j]], [(at(1e-5) - at(-1e-5)) / 2e-5], 1e-5)
      }
    }
  })

  test('a prediction that is known costs nothing again', async () => {
    const meter = { nfe: 0, gradientEvaluations: 0 }
    const plain = world.denoiser(vpLinear())
    const at = cleanGradient(asDifferentiable(counted(plain, meter)), reward)
    const first = await at(x, t)
    expect(meter).toEqual({ nfe: n, gradientEvaluations: n })
    expect(await at(x, t, undefined, first.clean)).toEqual(first)
    expect(meter).toEqual({ nfe: n, gradientEvaluations: 2 * n })
  })

  test('a range clamps what is scored, and has no slope outside', async () => {
    const process = vpLinear()
    const range = [-0.5, 0.5] as const
    const { clean, values, gradient } = await cleanGradient(world.denoiser(process), reward, { range })(x, t)
    expect(clean.data.some((value) => Math.abs(value) > 0.5)).toBe(true)
    for (let i = 0; i < n; i++) {
      const shown = row(clean, i).map((value) => Math.min(0.5, Math.max(-0.5, value)))
      expect(values[i]).toBeCloseTo(-((shown[0] - 1.5) ** 2 + (shown[1] + 0.5) ** 2) / 0.98, 5)
      const slope = Array.from(shown, (value, j) =>
        Math.abs(row(clean, i)[j]) > 0.5 ? 0 : ([1.5, -0.5][j] - value) / 0.49,
      )
      const wanted = world.pullback(row(x, i), process.a(t[i]), process.s(t[i]), slope, new Float64Array(2))
      close(row(gradient, i), wanted, 1e-5)
    }
  })

  test('identity Jacobian: the slope over a(t), on any denoiser, without a gradient evaluation', async () => {
    const process = vpLinear()
    const plain: Denoiser = { ...world.denoiser(process), pullback: undefined } as Denoiser
    const { clean, gradient } = await cleanGradient(plain, reward, { jacobian: 'identity' })(x, t)
    close(
      gradient.data,
      Array.from(clean.data, (value, i) => ([1.5, -0.5][i % 2] - value) / 0.49 / process.a(t[i >> 1])),
      1e-6,
    )
    expect(() => cleanGradient(plain as DifferentiableDenoiser, reward)).toThrow('load its network with')
    const gone = cleanGradient(world.denoiser(flow()), reward, { jacobian: 'identity' })
    await expect(
      gone(
        x,
        t.map(() => 1),
      ),
    ).rejects.toThrow('does not exist at t = 1 of flow')
  })

  test('a gradient that is not finite stops with row and time; minus infinity is a value', async () => {
    const broken = (slope: number, value: number) =>
      formulaReward({
        name: 'log',
        value: ({ data }) => (data[0] < 0 ? value : 0),
        gradient: ({ data }, out) => out.fill(data[0] < 0 ? slope : 0),
      })
    const states = { shape: [2, 2], data: Float32Array.of(1, 0, -1, 0.5) }
    const at = (reward: DifferentiableReward<Tensor>) =>
      cleanGradient(world.denoiser(vpLinear()), reward)(states, t.slice(0, 2))
    await expect(at(broken(Number.NaN, 0))).rejects.toThrow(
      'Reward "log" has the gradient NaN at the clean sample of row 1, t = 0.25.',
    )
    await expect(at(broken(0, Number.NaN))).rejects.toThrow('row 1')
    expect(Array.from((await at(broken(0, Number.NEGATIVE_INFINITY))).values)).toEqual([0, Number.NEGATIVE_INFINITY])
  })

  test('through a zoo network and a zoo classifier: central differences', async () => {
    const [digits, judge] = [loadZoo('mnist-small'), loadZoo('mnist-classifier')]
    const denoiser = await loadDenoiser(runtime, digits.model, digits.card, { gradient: true })
    const odds = await differentiableClassReward(runtime, judge.model, judge.card as ClassifierCard, '7', 'log-odds')
    const rows = 4
    const states = draw(rows, denoiser.event, 3)
    const times = Float64Array.of(0.15, 0.4, 0.65, 0.9)
    const at = cleanGradient(denoiser, odds)
    const { gradient, values } = await at(states, times)
    expect(Array.from(values, (value) => Number.isFinite(value))).not.toContain(false)
    const norms = dots(gradient, gradient).map(Math.sqrt)
    const moved = async (h: number) => {
      const data = states.data.map((value, i) => value + (h * gradient.data[i]) / norms[Math.floor(i / 784)])
      const clean = await denoiser.predict({ shape: states.shape, data }, times, 'data')
      return odds.evaluate(Array.from(times, (_, i) => ({ shape: denoiser.event, data: row(clean, i) })))
    }
    const h = 0.02
    const [up, down] = [await moved(h), await moved(-h)]
    norms.forEach((norm, i) => {
      expect(Math.abs((up[i] - down[i]) / (2 * h) / norm - 1)).toBeLessThan(0.02)
    })
    await Promise.all([denoiser.release(), odds.release()])
  })
})

describe('reward guidance', () => {
  const slope = [0.7, -0.4]
  const normal = new GaussianMixture({ means: [[0.3, -0.2]], stds: [0.8] })

  test.each([vpLinear(), subVp(), edm(), flow()].map((own) => [own.name, own] as const))(
    '%s: of a Gaussian and a linear reward makes the tilted Gaussian, exactly',
    async (_, own) => {
      const tilted = new GaussianMixture({ means: [[0.3 + 2 * 0.64 * 0.7, -0.2 - 2 * 0.64 * 0.4]], stds: [0.8] })
      const guided = rewardGuided(normal.denoiser(own), linear(slope), { scale: 2 })
      for (const target of ['noise', 'data'] as const) {
        const wanted = await tilted.denoiser(own).predict(x, t, target)
        close((await guided.predict(x, t, target)).data, wanted.data, 2e-5)
      }
    },
  )

  describe('on the Gaussian chain of the sheet: 20 steps, noise 0.01 to 0.5', () => {
    const betas = Float64Array.from({ length: 20 }, (_, i) => 0.01 + (0.49 * i) / 19)
    const process = vpTable(betas)
    const grid = [...Array.from({ length: 20 }, (_, i) => (20 - i) / 20), 0]
    const one = new GaussianMixture({ means: [[0]], stds: [1] })
    const keys = (count: number) => Array.from({ length: count }, (_, i) => fold(key(5), i))
    const run = async (
      solver: () => Solver,
      reward: DifferentiableReward<Tensor> | undefined,
      scale: number,
      count: number,
    ) => {
      const plan = solver()(process, grid)
      const plain = one.denoiser(process)
      const denoiser = reward ? rewardGuided(plain, reward, { scale }) : plain
      return (await execute(plan, denoiser, start(plan, denoiser, keys(count)), { keys: keys(count) })).data
    }

    const alphas = betas.map((beta) => 1 - beta)
    const bars = alphas.map((_, i) => alphas.subarray(0, i + 1).reduce((product, alpha) => product * alpha, 1))
    const before = (i: number) => (i === 0 ? 1 : bars[i - 1])
    const posterior = (i: number) => (betas[i] * (1 - before(i))) / (1 - bars[i])

    test('a linear reward moves every sample by lambda slope (1 - abar_T), the sum of the shifts', async () => {
      expect(bars[19]).toBeCloseTo(0.0018, 4)
      // A DDPM step moves by beta / sqrt(alpha) g with g = lambda slope sqrt(abar), and each later one keeps sqrt(alpha).
      const shift = (step: (i: number) => number) =>
        1.5 * 2 * bars.reduce((sum, bar, i) => sum + step(i) * Math.sqrt(bar) * Math.sqrt(before(i)), 0)
      const exact = shift((i) => betas[i] / Math.sqrt(alphas[i]))
      expect(exact).toBeCloseTo(3 * (1 - bars[19]), 12)
      // The sheet's own step, std^2 g with the posterior variance, falls short of it.
      expect(shift(posterior)).toBeLessThan(0.9 * exact)
      const [plain, guided] = [await run(ddpm, undefined, 0, 50), await run(ddpm, linear([2]), 1.5, 50)]
      guided.forEach((value, i) => {
        expect(value - plain[i]).toBeCloseTo(exact, 4)
      })
    })

    test('a quadratic reward goes too far: the published bias', async () => {
      // The tilt by exp(-(x - 1.5)^2 / (2 0.25)) has mean 1.2 and variance 0.2.
      const reward = distanceTo([1.5], 0.5)
      const count = 2000
      const samples = await run(ddpm, reward, 1, count)
      // Everything is linear and Gaussian: the moments of the run, step by step.
      let [m, v] = [0, 1 - bars[19]]
      for (let i = 19; i >= 0; i--) {
        const root = Math.sqrt(alphas[i])
        const pull = (betas[i] / root) * (Math.sqrt(bars[i]) / 0.25)
        m = root * m + pull * (1.5 - Math.sqrt(bars[i]) * m)
        v = (root - pull * Math.sqrt(bars[i])) ** 2 * v + posterior(i)
      }
      expect(Math.abs(mean(samples) - m)).toBeLessThan(4 * Math.sqrt(v / count))
      expect(Math.abs(variance(samples) / v - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
      expect(m).toBeGreaterThan(1.4)
      expect(v).toBeLessThan(0.1)
    })

    test('every solver takes it', async () => {
      const [plain, guided] = [await run(ddim, undefined, 0, 20), await run(ddim, linear([2]), 1.5, 20)]
      // The probability flow of N(3, 1), started from noise around 0: off by what the noise still knew of the data.
      guided.forEach((value, i) => {
        expect(value - plain[i]).toBeGreaterThan(3 * 0.8)
        expect(value - plain[i]).toBeLessThan(3)
      })
    })
  })

  test('scale 0 changes no bit; an interval, counts, normalise and clip', async () => {
    const meter = { nfe: 0, gradientEvaluations: 0 }
    const plain = world.denoiser(vpLinear())
    const inside = asDifferentiable(counted(plain, meter))
    const reward = distanceTo([1.5, -0.5], 0.3)
    const none = await plain.predict(x, t, 'noise')
    expect((await rewardGuided(inside, reward, { scale: 0 }).predict(x, t, 'noise')).data).toEqual(none.data)
    expect(meter).toEqual({ nfe: n, gradientEvaluations: n })
    const interval = { low: 0.2, high: 0.6 }
    const part = await rewardGuided(inside, reward, { scale: 1, interval }).predict(x, t, 'noise')
    expect(meter).toEqual({ nfe: 2 * n, gradientEvaluations: n + 2 })
    const whole = await rewardGuided(plain, reward, { scale: 1 }).predict(x, t, 'noise')
    for (let i = 0; i < n; i++) expect(row(part, i)).toEqual(row(i === 1 || i === 2 ? whole : none, i))

    const { gradient } = await cleanGradient(plain, reward)(x, t)
    const norms = dots(gradient, gradient).map(Math.sqrt)
    const bent = async (options: { normalise?: boolean; clip?: number }) => {
      const { data } = await rewardGuided(plain, reward, { scale: 3, ...options }).predict(x, t, 'noise')
      return data.map((value, i) => value - none.data[i])
    }
    const by = (length: (norm: number) => number) =>
      gradient.data.map((value, i) => (-3 * vpLinear().s(t[i >> 1]) * value * length(norms[i >> 1])) / norms[i >> 1])
    close(
      await bent({}),
      by((norm) => norm),
      1e-5,
    )
    close(
      await bent({ normalise: true }),
      by(() => 1),
      1e-5,
    )
    const clip = norms.slice().sort((p, q) => p - q)[2] * 1.01
    close(
      await bent({ clip }),
      by((norm) => Math.min(norm, clip)),
      1e-5,
    )
    close(
      await bent({ clip: 0.5, normalise: true }),
      by(() => 0.5),
      1e-5,
    )
    // A gradient of 0 has no direction.
    const flat = rewardGuided(plain, linear([0, 0]), { scale: 3, normalise: true })
    expect((await flat.predict(x, t, 'noise')).data).toEqual(none.data)
  })

  test('where the signal is gone nothing is bent, nor in clean data', async () => {
    const plain = world.denoiser(flow())
    const ends = Float64Array.of(1, 0, 1, 0, 0.5)
    const meter = { nfe: 0, gradientEvaluations: 0 }
    const guided = rewardGuided(asDifferentiable(counted(plain, meter)), linear(slope), { scale: 5 })
    const [bent, none] = [await guided.predict(x, ends, 'data'), await plain.predict(x, ends, 'data')]
    expect(bent.data.subarray(0, 8)).toEqual(none.data.subarray(0, 8))
    expect(bent.data.subarray(8)).not.toEqual(none.data.subarray(8))
    expect(meter).toEqual({ nfe: 5, gradientEvaluations: 1 })
  })

  test('concurrent callers share batches, forward and backward', async () => {
    const plain = world.denoiser(vpLinear())
    const sizes: number[] = []
    const spy: DifferentiableDenoiser = {
      ...plain,
      predict(...given) {
        sizes.push(given[1].length)
        return plain.predict(...given)
      },
      pullback(...given) {
        sizes.push(-given[1].length)
        return plain.pullback(...given)
      },
    }
    const reward = distanceTo([1, 1])
    const guided = rewardGuided(asDifferentiable(batched(spy, { maxBatch: n })), reward, { scale: 1 })
    const rows = await Promise.all(
      Array.from(t, (time, i) => guided.predict(gather(x, [i]), Float64Array.of(time), 'noise')),
    )
    expect(concatenate(rows).data).toEqual(
      (await rewardGuided(plain, reward, { scale: 1 }).predict(x, t, 'noise')).data,
    )
    expect(sizes).toEqual([n, -n])
  })

  test('refuses what cannot be', () => {
    const plain = world.denoiser(vpLinear())
    const reward = linear(slope)
    expect(() => rewardGuided(plain, reward, { scale: Number.NaN })).toThrow('scale is NaN')
    expect(() => rewardGuided(plain, reward, { scale: 1, clip: 0 })).toThrow('clipped at 0')
    const twice = rewardGuided(plain, reward, { scale: 1 })
    const clipped = thresholded(plain, { type: 'static' })
    for (const opaque of [twice, clipped] as DifferentiableDenoiser[]) {
      expect(() => rewardGuided(opaque, reward, { scale: 1 })).toThrow('outside of the gradient guidance')
    }
  })
})

describe('with classifier-free guidance', () => {
  const process = vpLinear()
  const label = { label: { shape: [n], data: Float32Array.of(0, 1, 0, 1, 1) } }
  const unconditional = { label: { shape: [1], data: Float32Array.of(2) } }
  const reward = linear([0.7, -0.4])

  /** Classes 0 and 1, and 2 for none of them. */
  const classes = (worlds: readonly GaussianMixture[]): DifferentiableDenoiser => {
    const models = worlds.map((mixture) => mixture.denoiser(process))
    const each = async (t: Float64Array, ask: (i: number, time: Float64Array) => Promise<Tensor>) =>
      concatenate(await Promise.all(Array.from(t, (time, i) => ask(i, Float64Array.of(time)))))
    return {
      process,
      event: [2],
      predict: (x, t, target, condition) =>
        each(t, (i, time) => models[condition!.label.data[i]].predict(gather(x, [i]), time, target)),
      pullback: (x, t, v, condition) =>
        each(t, (i, time) => models[condition!.label.data[i]].pullback(gather(x, [i]), time, gather(v, [i]))),
    }
  }
  const gaussian = (centre: number[]) => new GaussianMixture({ means: [centre], stds: [0.6] })
  const free = (denoiser: Denoiser) => classifierFree(denoiser, { scale: 3, unconditional })
  const bend = (denoiser: Denoiser) => rewardGuided(asDifferentiable(denoiser), reward, { scale: 2 })
  const at = async (denoiser: Denoiser) => (await denoiser.predict(x, t, 'noise', label)).data

  test('inside or outside, the two add where the Jacobians of all classes agree', async () => {
    const plain = classes([gaussian([1, 0]), gaussian([-1, 0.5]), gaussian([0, 0.25])])
    const [none, guided, bent] = [await at(plain), await at(free(plain)), await at(bend(plain))]
    const sum = none.map((value, i) => guided[i] + bent[i] - value)
    expect(sum).not.toEqual(guided)
    close(await at(bend(free(plain))), sum, 1e-5)
    close(await at(free(bend(plain))), sum, 1e-5)
  })

  test('else the gradient goes through the guided prediction, or each class has its own', async () => {
    const plain = classes([gaussian([1, 0]), world, gaussian([0, 0.25])])
    const none = { label: { shape: [n], data: new Float32Array(n).fill(2) } }
    const slopes = async (condition: typeof label) =>
      (await cleanGradient(plain, reward)(x, t, condition)).gradient.data
    const [c, u, guided] = [await slopes(label), await slopes(none), await at(free(plain))]
    // A linear reward's gradient is the same at any clean sample, so both ways come to u + w (c - u) of the gradients.
    const wanted = guided.map((value, i) => value - 2 * process.s(t[i >> 1]) * (u[i] + 3 * (c[i] - u[i])))
    close(await at(bend(free(plain))), wanted, 1e-5)
    close(await at(free(bend(plain))), wanted, 1e-5)
    const meter = { nfe: 0, gradientEvaluations: 0 }
    await at(bend(free(counted(plain, meter))))
    expect(meter).toEqual({ nfe: 2 * n, gradientEvaluations: 2 * n })
  })
})
