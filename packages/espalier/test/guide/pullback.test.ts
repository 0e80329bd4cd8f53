import { describe, expect, test } from 'vitest'
import { classifierFree } from '../../src/guide/classifier-free.ts'
import { conditioned } from '../../src/guide/conditioned.ts'
import { epsilonScaled } from '../../src/guide/epsilon-scaled.ts'
import { stitch } from '../../src/guide/stitch.ts'
import { thresholded } from '../../src/guide/thresholded.ts'
import {
  asDifferentiable,
  type DifferentiableDenoiser,
  edm,
  flow,
  GaussianMixture,
  isDifferentiableDenoiser,
  meanReverting,
  subVp,
  ve,
  viewed,
  vpCosine,
  vpLinear,
} from '../../src/process/index.ts'
import { batched } from '../../src/runtime/evaluator.ts'
import { counted } from '../../src/runtime/meter.ts'
import { concatenate, gather, row, type Tensor } from '../../src/tensor/index.ts'
import { directional, dots, draw } from './helpers.ts'

const world = new GaussianMixture({
  means: [
    [1, -1, 0.5],
    [-1, 0.3, 0],
    [0.2, 1.4, -0.8],
  ],
  stds: [0.5, 0.2, 0],
  weights: [2, 1, 1],
})
const [x, u, v] = [1, 2, 3].map((seed) => Float64Array.from(draw(1, [3], seed).data))
const dot = (p: ArrayLike<number>, q: ArrayLike<number>) =>
  Array.from(p).reduce((sum, value, i) => sum + value * q[i], 0)
const out = () => new Float64Array(3)

describe('the Jacobian of a mixture', () => {
  const processes = [vpLinear(), vpCosine(), subVp(), edm(), ve(), flow(), meanReverting()]

  test.each(processes.map((process) => [process.name, process] as const))('%s: central differences', (_, process) => {
    for (const t of [0.05, 0.3, 0.6, 0.9]) {
      const [a, s] = [process.a(t), process.s(t)]
      const state = x.map((value, i) => a * world.means[i % 3][i] + Math.hypot(a, s) * value)
      const h = 1e-4 * s
      const at = (step: number) =>
        world.predict(
          state.map((value, i) => value + step * u[i]),
          a,
          s,
          'data',
          out(),
        )
      // Fourth order, so that 1e-8 is asked of the formula and not of the differences.
      const slope = (8 * (dot(at(h), v) - dot(at(-h), v)) - (dot(at(2 * h), v) - dot(at(-2 * h), v))) / (12 * h)
      const found = dot(world.pullback(state, a, s, v, out()), u)
      expect(Math.abs(found - slope)).toBeLessThan(1e-7 * (1 + Math.abs(slope)))
      // Symmetric: the covariance of the posterior, times a / s^2.
      expect(dot(world.pullback(state, a, s, u, out()), v)).toBeCloseTo(found, 9)
      const posterior = world.posterior(state, a, s)
      const mean = world.predict(state, a, s, 'data', out())
      const covariance = posterior.weights.reduce((sum, w, k) => {
        const offset = posterior.means[k].map((m, i) => m - mean[i])
        return sum + w * (posterior.stds[k] ** 2 * dot(u, v) + dot(u, offset) * dot(v, offset))
      }, 0)
      expect(found / ((a / s / s) * covariance)).toBeCloseTo(1, 6)
    }
  })

  test('one Gaussian: a S^2 / (a^2 S^2 + s^2); no signal: 0; no noise: 1 / a', () => {
    const one = new GaussianMixture({ means: [[1, 2, 3]], stds: [0.7] })
    const [a, s] = [0.6, 0.9]
    const gain = (a * 0.49) / (a * a * 0.49 + s * s)
    one.pullback(x, a, s, v, out()).forEach((value, i) => {
      expect(value).toBeCloseTo(gain * v[i], 14)
    })
    expect(world.pullback(x, 0, 1, v, out()).every((value) => Math.abs(value) < 1e-15)).toBe(true)
    expect(Array.from(world.pullback(x, 0.5, 0, v, out()))).toEqual(Array.from(v, (value) => 2 * value))
    // Between two far modes, next to clean data, nothing overflows and the state decides alone.
    expect(dot(world.pullback(world.means[0], 1, 1e-6, v, out()), v)).toBeCloseTo(dot(v, v), 6)
  })

  test('rows at their own times, as a denoiser', async () => {
    const process = vpLinear()
    const states = draw(4, [3], 5)
    const cotangent = draw(4, [3], 6)
    const t = Float64Array.of(0.9, 0.2, 0.2, 0.6)
    const { data } = await world.denoiser(process).pullback(states, t, cotangent)
    for (let i = 0; i < 4; i++) {
      const wanted = world.pullback(row(states, i), process.a(t[i]), process.s(t[i]), row(cotangent, i), out())
      expect(Array.from(data.subarray(3 * i, 3 * i + 3))).toEqual(Array.from(wanted, Math.fround))
    }
    await expect(world.denoiser(process).pullback(states, t.subarray(1), cotangent)).rejects.toThrow('takes [3, 3]')
  })
})

describe('wrappers that keep the gradient', () => {
  const process = vpLinear()
  const n = 6
  const t = Float64Array.of(0.9, 0.2, 0.5, 0.5, 0.7, 0.35)
  const states = draw(n, [3], 7)
  const [along, cotangent] = [draw(n, [3], 8), draw(n, [3], 9)]
  const label = { label: { shape: [n], data: Float32Array.of(0, 1, 0, 1, 1, 0) } }
  const unconditional = { label: { shape: [1], data: Float32Array.of(2) } }

  /** Two classes and, as 2, their mixture. */
  const classes = (): DifferentiableDenoiser & { calls: number[] } => {
    const worlds = [
      new GaussianMixture({ means: [[1, 0, 0]], stds: [0.6] }),
      new GaussianMixture({ means: [[-1, 0.5, 0]], stds: [0.4] }),
      new GaussianMixture({
        means: [
          [1, 0, 0],
          [-1, 0.5, 0],
        ],
        stds: [0.6, 0.4],
      }),
    ].map((mixture) => mixture.denoiser(process))
    const calls: number[] = []
    const each = async (rows: number, ask: (i: number) => Promise<Tensor>) => {
      calls.push(rows)
      return concatenate(await Promise.all(Array.from({ length: rows }, (_, i) => ask(i))))
    }
    return {
      process,
      event: [3],
      calls,
      predict: (x, t, target, condition) =>
        each(t.length, (i) => worlds[condition!.label.data[i]].predict(gather(x, [i]), t.slice(i, i + 1), target)),
      pullback: (x, t, v, condition) =>
        each(t.length, (i) =>
          worlds[condition!.label.data[i]].pullback(gather(x, [i]), t.slice(i, i + 1), gather(v, [i])),
        ),
    }
  }
  const expectDifferences = async (denoiser: DifferentiableDenoiser, condition?: typeof label) => {
    const found = dots(await denoiser.pullback(states, t, cotangent, condition), along)
    const wanted = await directional(denoiser, states, t, along, cotangent, 2e-3, condition)
    found.forEach((value, i) => {
      expect(Math.abs(value - wanted[i])).toBeLessThan(1e-3 * (1 + Math.abs(wanted[i])))
    })
  }

  test('a bound condition', async () => {
    const bound = asDifferentiable(conditioned(classes(), { label: { shape: [1], data: Float32Array.of(1) } }))
    await expectDifferences(bound)
    await expectDifferences(bound, label)
    expect(dots(await bound.pullback(states, t, cotangent), along)).not.toEqual(
      dots(await bound.pullback(states, t, cotangent, label), along),
    )
  })

  test.each([
    [3, undefined],
    [0, undefined],
    [1, undefined],
    [2.5, { low: 0.3, high: 0.6 }],
  ])('classifier-free guidance at scale %s in %j: u + w (c - u) of the pullbacks', async (scale, interval) => {
    const plain = classes()
    const guided = asDifferentiable(classifierFree(plain, { scale, unconditional, interval }))
    await expectDifferences(guided, label)
    const none = { label: { shape: [n], data: new Float32Array(n).fill(2) } }
    const [c, free] = [
      await plain.pullback(states, t, cotangent, label),
      await plain.pullback(states, t, cotangent, none),
    ]
    const { data } = await guided.pullback(states, t, cotangent, label)
    data.forEach((value, i) => {
      const inside = !interval || (t[Math.floor(i / 3)] > interval.low && t[Math.floor(i / 3)] <= interval.high)
      const w = inside ? scale : 1
      expect(value).toBeCloseTo(free.data[i] + w * (c.data[i] - free.data[i]), 4)
    })
    const meter = { nfe: 0, gradientEvaluations: 0 }
    await asDifferentiable(counted(guided, meter)).pullback(states, t, cotangent, label)
    expect(meter).toEqual({ nfe: 0, gradientEvaluations: scale > 1 ? (interval ? 9 : 12) : 6 })
  })

  test('what is not linear has no gradient, and says so', () => {
    const rescaled = classifierFree(classes(), { scale: 3, unconditional, rescale: { phi: 0.7 } })
    for (const wrapped of [rescaled, thresholded(classes(), { type: 'dynamic' }), batched(rescaled, { maxBatch: 2 })]) {
      expect(isDifferentiableDenoiser(wrapped)).toBe(false)
      expect(() => asDifferentiable(wrapped)).toThrow('has no gradient: load its network with { gradient: true }')
    }
  })

  test.each([edm(), flow(), vpCosine()].map((other) => [other.name, other] as const))(
    'a view on %s',
    async (_, other) => {
      const view = asDifferentiable(viewed(world.denoiser(process), other))
      await expectDifferences(view)
      // The same world on that process, exactly.
      const [found, wanted] = [view, world.denoiser(other)].map((model) => model.pullback(states, t, cotangent))
      const exact = (await wanted).data
      ;(await found).data.forEach((value, i) => {
        expect(Math.abs(value - exact[i])).toBeLessThan(1e-5 * (1 + Math.abs(exact[i])))
      })
    },
  )

  test('a stitch of two models, where both have one; scaled noise', async () => {
    const large = world.denoiser(process)
    const small = new GaussianMixture({ means: [[0.2, 0, -0.3]], stds: [0.9] }).denoiser(process)
    const stitched = stitch([{ denoiser: small, until: 0.5 }, { denoiser: large }])
    await expectDifferences(asDifferentiable(stitched))
    await expectDifferences(asDifferentiable(epsilonScaled(large, { scale: (time) => 1 + 0.1 * time })))
    const opaque = thresholded(large, { type: 'static' })
    expect(isDifferentiableDenoiser(stitch([{ denoiser: small, until: 0.5 }, { denoiser: opaque }]))).toBe(false)
  })

  test('the evaluator gathers pullbacks of concurrent callers into full batches, apart from predictions', async () => {
    const inner = classes()
    const direct = await inner.pullback(states, t, cotangent, label)
    inner.calls.length = 0
    const evaluator = batched(inner, { maxBatch: 4 })
    const shared = asDifferentiable(evaluator)
    const one = (tensor: Tensor, i: number) => gather(tensor, [i])
    const condition = (i: number) => ({ label: one(label.label, i) })
    const rows = Promise.all(
      Array.from(t, (time, i) =>
        shared.pullback(one(states, i), Float64Array.of(time), one(cotangent, i), condition(i)),
      ),
    )
    const alone = shared.predict(one(states, 0), t.slice(0, 1), 'data', condition(0))
    expect(concatenate(await rows).data).toEqual(direct.data)
    await alone
    expect(inner.calls).toEqual([4, 2, 1])
    const padded = asDifferentiable(batched(inner, { maxBatch: 8, pad: true }))
    expect((await padded.pullback(states, t, cotangent, label)).data).toEqual(direct.data)
    expect((await shared.pullback(gather(states, []), new Float64Array(0), gather(states, []))).shape).toEqual([0, 3])
    await expect(shared.pullback(states, t, gather(cotangent, [0]), label)).rejects.toThrow('one time per state')
    expect(evaluator.statistics).toMatchObject({ batches: 3, rows: 7 })
  })
})
