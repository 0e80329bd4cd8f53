import { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { Expr, Model, NdArray, TensorData } from '../src/index.ts'
import { call, evaluate, GraphBuilder, lift, readModel, sizeOf, tensor, vjp } from '../src/index.ts'
import { readNetwork } from './fixtures/fixture.ts'
import { array, difference, dot, numbers, open, runFloat } from './models.ts'

const weights = (shape: readonly number[], seed: number): TensorData => {
  const fan = Math.sqrt(sizeOf(shape.slice(1)) || 1)
  return tensor(
    numbers(sizeOf(shape), seed).map((v) => v / fan),
    shape,
  )
}

/** A scalar per row, summed: a smooth network to take Hessians of. */
function scalar(shape: readonly (number | string)[], formula: (x: Expr, b: GraphBuilder) => Expr): Model {
  const b = new GraphBuilder()
  b.output('f', formula(b.input('x', shape), b).sum())
  return b.build()
}

const networks: Record<string, [Model, number[]]> = {
  'an MLP': [
    scalar(['N', 4], (x, b) =>
      x
        .matmul(b.parameter('w', weights([4, 6], 1)))
        .tanh()
        .matmul(b.parameter('v', weights([6, 5], 2)))
        .silu()
        .square(),
    ),
    [3, 4],
  ],
  'a convolutional net': [
    scalar(['N', 2, 6, 5], (x, b) => {
      const h = b
        .op('Conv', [x, b.parameter('w', weights([4, 2, 3, 3], 3)), b.parameter('b', weights([4], 4))], {
          pads: [1, 1, 1, 1],
        })
        .silu()
      const d = b.op('Conv', [h, b.parameter('v', weights([6, 2, 3, 2], 5))], {
        strides: [2, 1],
        group: 2,
        pads: [0, 1, 1, 0],
      })
      const normed = b.op('InstanceNormalization', [d, tensor([1, 2, 1, 0.5, 1, 1]), tensor([0, 0, 1, 0, 0, 0])])
      return b.op('AveragePool', [normed.tanh()], { kernel_shape: [2, 2] }).square()
    }),
    [2, 2, 6, 5],
  ],
  attention: [
    scalar(['N', 4, 6], (x, b) => {
      const [q, k, v] = [7, 8, 9].map((seed) => x.matmul(b.parameter(`w${seed}`, weights([6, 6], seed))))
      const a = q!.matmul(k!.T).mul(0.4).softmax(-1).matmul(v!)
      return b.op('LayerNormalization', [a.add(x), tensor([1, 2, 1, 1, 0.5, 1])], { axis: -1 }).mul(x)
    }),
    [2, 4, 6],
  ],
}

describe.each(Object.entries(networks))('the Hessian of %s', (_, [model, shape]) => {
  const gradient = vjp(model, { seed: 'ones' })
  const hessian = vjp(gradient)
  const x = array(shape, 11)
  const product = (v: NdArray): NdArray => evaluate(hessian, { x, grad_grad_x: v }).grad_x!
  const [u, v] = [array(shape, 12), array(shape, 13)]

  it('is symmetric', () => {
    const [a, b] = [dot(u, product(v)), dot(v, product(u))]
    expect(Math.abs(a - b)).toBeLessThan(1e-10 * Math.max(1, Math.abs(a)))
    expect(Math.abs(a)).toBeGreaterThan(1e-4)
  })

  it('agrees with differences of the gradient', () => {
    const h = 1e-5
    const at = (step: number) =>
      evaluate(gradient, { x: { shape, data: x.data.map((e, i) => e + step * v.data[i]!) } }).grad_x!
    const [plus, minus] = [at(h), at(-h)]
    const numeric = { shape, data: plus.data.map((p, i) => (p - minus.data[i]!) / (2 * h)) }
    expect(difference(product(v), numeric)).toBeLessThan(1e-7)
  })

  it('runs in ONNX Runtime, for any batch', async () => {
    const got = await runFloat(hessian, { x, grad_grad_x: v })
    expect(difference(got.grad_x!, product(v))).toBeLessThan(1e-5)
    const first = (a: NdArray): NdArray => ({
      shape: [1, ...shape.slice(1)],
      data: a.data.slice(0, a.data.length / shape[0]!) as Float64Array,
    })
    const one = await runFloat(hessian, { x: first(x), grad_grad_x: first(v) })
    expect(difference(one.grad_x!, first(product(v)))).toBeLessThan(1e-5)
  })
})

describe('derivatives of derivatives', () => {
  it('of a sine come around after four', () => {
    const b = new GraphBuilder()
    b.output('y', b.input('x', ['N']).sin())
    const x = array([5], 3)
    let model = b.build()
    const want = [Math.cos, (v: number) => -Math.sin(v), (v: number) => -Math.cos(v), Math.sin]
    for (const f of want) {
      model = vjp(model, { wrt: ['x'], seed: 'ones' })
      expect(difference(evaluate(model, { x }).grad_x!, { shape: [5], data: x.data.map(f) })).toBeLessThan(1e-12)
    }
  })

  it('of an exported network: the Jacobian times a vector, from two transposed products', () => {
    const model = readModel(readNetwork('mlp-17'))
    // J^T u is linear in u, so its own vjp in u is J v.
    const transposed = vjp(model, { wrt: ['x'], outputs: ['y'] })
    const jvp = vjp(transposed, { wrt: ['grad_y'], outputs: ['grad_x'] })
    const inputs = { x: array([3, 5], 1), c: array([3, 3], 2) }
    const v = array([3, 5], 4)
    const ones = { shape: [3, 5], data: new Float64Array(15).fill(1) }
    const got = evaluate(jvp, { ...inputs, grad_y: ones, grad_grad_x: v }).grad_grad_y!
    const h = 1e-6
    const at = (step: number) =>
      evaluate(model, { ...inputs, x: { shape: [3, 5], data: inputs.x.data.map((e, i) => e + step * v.data[i]!) } }).y!
    const [plus, minus] = [at(h), at(-h)]
    expect(
      difference(got, { shape: [3, 5], data: plus.data.map((p, i) => (p - minus.data[i]!) / (2 * h)) }),
    ).toBeLessThan(1e-7)
  })

  it('keeps both gradients apart by a prefix', () => {
    const [model] = networks['an MLP']!
    const both = vjp(vjp(model, { seed: 'ones', keepOutputs: true }), {
      outputs: ['grad_x'],
      keepOutputs: true,
      prefix: 'd_',
    })
    expect(both.graph.outputs.map((v) => v.name)).toEqual(['f', 'grad_x', 'd_x'])
  })
})

describe('a score network in closed form', () => {
  // p(x) = sum_k w_k N(x; mu_k, s_k^2 I) in the plane: score and Hessian of log p are known.
  const mixture = {
    weights: [0.5, 0.3, 0.2],
    means: [
      [-1, 0.5],
      [1.5, 1],
      [0, -2],
    ],
    stds: [0.5, 1, 0.75],
  }
  const logits = (x: Expr, b: GraphBuilder): { logits: Expr; pull: Expr } => {
    const variance = mixture.stds.map((s) => s * s)
    const from = (values: readonly number[], shape: readonly number[]) => b.constant(tensor(values, shape, 'float64'))
    const apart = from(mixture.means.flat(), [1, 3, 2]).sub(x.unsqueeze([1]))
    const norm = from(
      mixture.weights.map((w, k) => Math.log(w) - Math.log(2 * Math.PI * variance[k]!)),
      [1, 3],
    )
    return {
      logits: norm.sub(
        apart
          .square()
          .sum([2])
          .div(
            from(
              variance.map((s) => 2 * s),
              [1, 3],
            ),
          ),
      ),
      pull: apart.div(from(variance, [1, 3, 1])),
    }
  }
  const graphs = (): { density: Model; score: Model } => {
    const [d, s] = [new GraphBuilder(), new GraphBuilder()]
    const x = d.input('x', ['N', 2], 'float64')
    d.output('logp', d.op('ReduceLogSumExp', [logits(x, d).logits, d.int64([1])], { keepdims: 0 }))
    const z = s.input('x', ['N', 2], 'float64')
    const parts = logits(z, s)
    s.output('score', parts.logits.softmax(1).unsqueeze([2]).mul(parts.pull).sum([1]))
    return { density: d.build(), score: s.build() }
  }
  const exact = (x: readonly number[]): { score: number[]; hessian: number[][] } => {
    const pulls = mixture.means.map((m, k) => m.map((v, i) => (v - x[i]!) / mixture.stds[k]! ** 2))
    const density = mixture.means.map(
      (m, k) =>
        (mixture.weights[k]! / mixture.stds[k]! ** 2) *
        Math.exp(-m.reduce((a, v, i) => a + (v - x[i]!) ** 2, 0) / (2 * mixture.stds[k]! ** 2)),
    )
    const total = density.reduce((a, v) => a + v, 0)
    const r = density.map((v) => v / total)
    const score = [0, 1].map((i) => r.reduce((a, v, k) => a + v * pulls[k]![i]!, 0))
    const hessian = [0, 1].map((i) =>
      [0, 1].map((j) => {
        const second = r.reduce(
          (a, v, k) => a + v * (pulls[k]![i]! * pulls[k]![j]! - (i === j ? 1 / mixture.stds[k]! ** 2 : 0)),
          0,
        )
        return second - score[i]! * score[j]!
      }),
    )
    return { score, hessian }
  }
  const x = { shape: [6, 2], data: Float64Array.from(array([6, 2], 21).data, (v) => 3 * v) }
  const row = (a: NdArray, n: number) => Array.from(a.data.subarray(2 * n, 2 * n + 2))

  it('is the gradient of the log density', () => {
    const { density, score } = graphs()
    const [a, b] = [evaluate(vjp(density, { seed: 'ones' }), { x }).grad_x!, evaluate(score, { x }).score!]
    expect(difference(a, b)).toBeLessThan(1e-12)
    for (let n = 0; n < 6; n++) expect(row(a, n)).toEqual(exact(row(x, n)).score.map((v) => expect.closeTo(v, 10)))
  })

  it('has the Hessian-vector product as its vjp, and as the vjp of the vjp of the log density', () => {
    const { density, score } = graphs()
    const v = array([6, 2], 22)
    const first = evaluate(vjp(score), { x, grad_score: v }).grad_x!
    const second = evaluate(vjp(vjp(density, { seed: 'ones' })), { x, grad_grad_x: v }).grad_x!
    expect(difference(first, second)).toBeLessThan(1e-11)
    for (let n = 0; n < 6; n++) {
      const { hessian } = exact(row(x, n))
      const want = hessian.map((h) => h[0]! * row(v, n)[0]! + h[1]! * row(v, n)[1]!)
      expect(row(first, n)).toEqual(want.map((w) => expect.closeTo(w, 9)))
    }
  })
})

describe('training', () => {
  it('twenty steps of gradient descent lower the loss', async () => {
    const net = new GraphBuilder()
    const hidden = net
      .input('x', ['N', 2])
      .matmul(net.parameter('w1', weights([2, 16], 31)))
      .add(net.parameter('b1', tensor(0, [16])))
      .tanh()
    net.output('y', hidden.matmul(net.parameter('w2', weights([16, 1], 32))).add(net.parameter('b2', tensor(0, [1]))))
    const model = net.build()
    const names = ['w1', 'b1', 'w2', 'b2']

    const b = new GraphBuilder()
    const x = b.input('x', ['N', 2])
    const lifted = lift(model, names)
    const parameters = Object.fromEntries(lifted.graph.inputs.slice(1).map((v) => [v.name, b.input(v.name, v.shape!)]))
    const { y } = call(b, lifted, { x, ...parameters })
    b.output('loss', y!.sub(b.inputLike('target', y!)).square().mean())
    const session = await open(vjp(b.build(), { wrt: names, seed: 'ones', keepOutputs: true }))

    const values = Object.fromEntries(
      names.map((name) => [name, (model.graph.initializers.get(name)!.data as Float32Array).slice()]),
    )
    const points = numbers(64, 33)
    const targets = Float32Array.from(
      { length: 32 },
      (_, i) => points[2 * i]! * points[2 * i + 1]! + 0.5 * points[2 * i]!,
    )
    const losses: number[] = []
    for (let step = 0; step < 20; step++) {
      const feeds: Record<string, Tensor> = {
        x: new Tensor('float32', points, [32, 2]),
        target: new Tensor('float32', targets, [32, 1]),
      }
      for (const name of names)
        feeds[name] = new Tensor('float32', values[name]!, model.graph.initializers.get(name)!.shape)
      const got = await session.run(feeds)
      losses.push((got.loss!.data as Float32Array)[0]!)
      for (const name of names) {
        const g = got[`grad_${name}`]!.data as Float32Array
        values[name] = values[name]!.map((v, i) => v - 0.08 * g[i]!)
      }
    }
    expect(losses.every((l, i) => i === 0 || l < losses[i - 1]!)).toBe(true)
    expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!)
  })
})
