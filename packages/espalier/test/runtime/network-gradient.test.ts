import { type Expr, GraphBuilder, writeModel } from '@espalier/graph'
import { loadZoo } from '@espalier/zoo'
import { afterAll, describe, expect, test } from 'vitest'
import {
  asDifferentiable,
  flow,
  GaussianMixture,
  isDifferentiableDenoiser,
  type NetworkOutput,
  vpLinear,
} from '../../src/process/index.ts'
import {
  loadDenoiser,
  type NetworkCard,
  networkDenoiser,
  networkGradient,
  parseModelCard,
} from '../../src/runtime/index.ts'
import { nodeRuntime } from '../../src/runtime/node/index.ts'
import { directional, dots, draw } from '../guide/helpers.ts'
import { affineNetwork, restorationNetwork } from './graphs.ts'

const runtime = nodeRuntime({ workers: 0 })
afterAll(() => runtime.close())

/** Two modes at +-mu, of standard deviation 0.4. */
const mu = [0.8, -0.5, 0.3]
const world = new GaussianMixture({ means: [mu, mu.map((m) => -m)], stds: [0.4, 0.4] })

/**
 * The exact denoiser of {@link world} on the flow process (a = 1 - t, s = t) as a graph, in any prediction:
 * `x_0hat = g x + (1 - a g) mu tanh(a mu . x / V)` with `V = a^2 S^2 + s^2` and `g = a S^2 / V`.
 */
function worldGraph(kind: NetworkOutput): Uint8Array {
  const b = new GraphBuilder()
  const s = b.input('t', ['n']).unsqueeze([1])
  const a = s.neg().add(1)
  const centre = b.parameter('mu', { type: 'float32', shape: [3, 1], data: Float32Array.from(mu) })
  const shown = b.input('x', ['n', 3])
  const deviation = a.square().mul(0.25).add(s.square()).sqrt() // EDM preconditioning with sigmaData = 0.5
  const x = typeof kind === 'string' ? shown : shown.mul(deviation)
  const variance = a.square().mul(0.16).add(s.square())
  const gain = a.mul(0.16).div(variance)
  const side = x.matmul(centre).mul(a).div(variance).tanh()
  const clean = gain.mul(x).add(side.mul(gain.mul(a).neg().add(1)).matmul(centre.T))
  const noise = x.sub(a.mul(clean)).div(s)
  b.output('y', output(kind, { x, a, s, clean, noise, deviation }))
  return writeModel(b.build())
}

function output(kind: NetworkOutput, { x, a, s, clean, noise, deviation }: Record<string, Expr>): Expr {
  if (typeof kind !== 'string') {
    // x_0 = (a sigmaData^2 / d^2) x + (s sigmaData / d) F
    const skip = a.mul(0.25).div(deviation.square())
    return clean.sub(skip.mul(x)).mul(deviation).div(s.mul(0.5))
  }
  switch (kind) {
    case 'data':
      return clean
    case 'noise':
      return noise
    case 'velocity':
      return a.mul(noise).sub(s.mul(clean))
    case 'score':
      return noise.neg().div(s)
    case 'flow':
      return noise.sub(clean)
  }
}

const n = 5
const states = draw(n, [3], 1)
const [_along, cotangent] = [draw(n, [3], 2), draw(n, [3], 3)]
const t = Float64Array.of(0.1, 0.3, 0.5, 0.8, 0.95)

describe('the gradient of a network', () => {
  const kinds: NetworkOutput[] = ['data', 'noise', 'velocity', 'score', 'flow', { type: 'edm', sigmaData: 0.5 }]

  test.each(kinds.map((kind) => [kind]))('of prediction %j is that of the exact world', async (kind) => {
    const model = worldGraph(kind)
    const preconditioning = typeof kind === 'string' ? undefined : kind
    const label = { type: 'linear', scale: 1, offset: 0 } as const
    const prediction = typeof kind === 'string' ? kind : ('data' as const)
    const config = { process: flow(), prediction, preconditioning, label, event: [3] }
    const denoiser = networkDenoiser(await runtime.load(model), config, () => runtime.load(networkGradient(model)))
    const exact = world.denoiser(flow())
    const [clean, wanted] = [await exact.predict(states, t, 'data'), await exact.pullback(states, t, cotangent)]
    ;(await denoiser.predict(states, t, 'data')).data.forEach((value, i) => {
      expect(value).toBeCloseTo(clean.data[i], 4)
    })
    ;(await denoiser.pullback(states, t, cotangent)).data.forEach((value, i) => {
      expect(Math.abs(value - wanted.data[i])).toBeLessThan(1e-4 * (1 + Math.abs(wanted.data[i])))
    })
  })

  const affine = parseModelCard({
    type: 'network',
    name: 'affine',
    process: { type: 'vp-linear' },
    prediction: 'velocity',
    event: [2, 2],
    label: { type: 'linear', scale: 1000, offset: -1 },
    conditions: { label: { default: [10], unconditional: [10], values: 11 } },
  }) as NetworkCard

  test('opens lazily, takes conditions and integer labels, and is released with the denoiser', async () => {
    const model = affineNetwork({ time: 'int64' })
    const loads: number[] = []
    const counting = {
      ...runtime,
      load: (...given: Parameters<typeof runtime.load>) => {
        loads.push(given[0].length)
        return runtime.load(...given)
      },
    }
    const denoiser = await loadDenoiser(counting, model, affine, { gradient: true })
    expect(loads.length).toBe(1)
    const x = draw(n, [2, 2], 4)
    const [u, v] = [draw(n, [2, 2], 5), draw(n, [2, 2], 6)]
    const condition = { label: { shape: [n], data: Float32Array.of(0, 3, 5, 7, 10) } }
    const found = dots(await denoiser.pullback(x, t, v, condition), u)
    const wanted = await directional(denoiser, x, t, u, v, 0.5, condition) // affine: differences are exact
    found.forEach((value, i) => {
      expect(Math.abs(value - wanted[i])).toBeLessThan(1e-4 * (1 + Math.abs(wanted[i])))
    })
    await Promise.all([denoiser.pullback(x, t, v), denoiser.pullback(x, t, v)])
    expect(loads.length).toBe(2)
    await expect(denoiser.pullback(x, t, draw(n, [2], 1))).rejects.toThrow('The cotangent of states [5,2,2]')
    await expect(denoiser.pullback(x, t, v, { other: v })).rejects.toThrow('no condition "other"')
    await denoiser.release()
    await expect(denoiser.pullback(x, t, v)).rejects.toThrow('released')
    const plain = await loadDenoiser(runtime, model, affine)
    expect(isDifferentiableDenoiser(plain)).toBe(false)
    const mixture = await loadDenoiser(runtime, undefined, { type: 'gaussian-mixture', means: [[1]], stds: [1] })
    expect(isDifferentiableDenoiser(mixture)).toBe(true)
  })

  test('around a mean is in the residual', async () => {
    const card = parseModelCard({
      type: 'network',
      name: 'restoration',
      process: { type: 'mean-reverting' },
      prediction: 'data',
      event: [2, 2],
      conditions: { mean: { shape: [2, 2] } },
      mean: 'mean',
    }) as NetworkCard
    const denoiser = await loadDenoiser(runtime, restorationNetwork(), card, { gradient: true })
    const mean = draw(n, [2, 2], 9)
    const [u, v] = [draw(n, [2, 2], 5), draw(n, [2, 2], 6)]
    const x = draw(n, [2, 2], 4)
    const found = dots(await denoiser.pullback(x, t, v, { mean }), u)
    const wanted = await directional(denoiser, x, t, u, v, 0.5, { mean })
    found.forEach((value, i) => {
      expect(value).toBeCloseTo(wanted[i], 4)
    })
  })

  test('names the row whose gradient is not finite', async () => {
    const b = new GraphBuilder()
    const x = b.input('x', ['n', 2])
    b.input('t', ['n'])
    b.output('y', x.mul(1e20))
    const config = { process: vpLinear(), prediction: 'data', event: [2] } as const
    const model = writeModel(b.build())
    const denoiser = networkDenoiser(await runtime.load(model), config, () => runtime.load(networkGradient(model)))
    const state = { shape: [2, 2], data: Float32Array.of(1, 1, 1, 1) }
    const steep = { shape: [2, 2], data: Float32Array.of(1, 1, 1, 1e30) }
    const times = Float64Array.of(0.5, 0.25)
    const slope = await denoiser.pullback(state, times, state)
    slope.data.forEach((value) => {
      expect(value / 1e20).toBeCloseTo(1, 6)
    })
    await expect(denoiser.pullback(state, times, steep)).rejects.toThrow(
      /The gradient of the network is (Infinity|NaN) at value 1 of row 1 of 2, process time t = 0.25/,
    )
  })

  test('of a zoo network: central differences, all rows at different times', async () => {
    const { model, card } = loadZoo('mnist-small')
    const denoiser = await loadDenoiser(runtime, model, card, { gradient: true })
    const rows = 6
    const [x, v] = [draw(rows, denoiser.event, 11), draw(rows, denoiser.event, 12)]
    const times = Float64Array.of(0.05, 0.2, 0.4, 0.6, 0.8, 0.98)
    const gradient = await denoiser.pullback(x, times, v)
    // Along the gradient itself no direction is cancelled: <g, J^T v> = |g|^2.
    const scale = dots(gradient, gradient).map(Math.sqrt)
    const u = { shape: x.shape, data: gradient.data.map((value, i) => value / scale[Math.floor(i / 784)]) }
    const wanted = await directional(denoiser, x, times, u, v, 0.1)
    dots(gradient, u).forEach((value, i) => {
      expect(Math.abs(value / wanted[i] - 1)).toBeLessThan(1e-3)
    })
    expect(asDifferentiable(denoiser)).toBe(denoiser)
    await denoiser.release()
  })
})
