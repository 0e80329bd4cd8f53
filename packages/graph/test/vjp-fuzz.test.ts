import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Expr, Model } from '../src/index.ts'
import { concat, evaluate, GraphBuilder, GraphError, reduce, sizeOf, tensor, vjp } from '../src/index.ts'
import { array, difference, gradientError, numbers, runFloat } from './models.ts'

/** `FUZZ=50` searches fifty times as long. */
const effort = Number(process.env.FUZZ ?? 1)

/** One step of a random graph: an operator of the list, and numbers from which it takes operands and attributes. */
interface Step {
  readonly op: number
  readonly a: number
  readonly b: number
  readonly k: number
}

type Make = (x: Expr, y: Expr, k: number, b: GraphBuilder) => Expr

/** An axis of fixed size. */
const axisOf = (x: Expr, k: number): number => {
  const fixed = x.shape.flatMap((d, i) => (d > 0 ? [i] : []))
  if (fixed.length === 0) throw new GraphError('no axis of fixed size')
  return fixed[k % fixed.length]!
}
const weight = (b: GraphBuilder, shape: number[], k: number): Expr =>
  b.constant(tensor(numbers(sizeOf(shape), k), shape))
const last = (x: Expr): number => x.size(-1)

// Everything here is differentiable almost everywhere and stays of moderate size.
const operators: Readonly<Record<string, Make>> = {
  Tanh: (x) => x.tanh(),
  Silu: (x) => x.silu(),
  Sin: (x) => x.sin(),
  Erf: (x, _, __, b) => b.op('Erf', [x]),
  Gelu: (x) => x.mul(x.mul(1.702).sigmoid()),
  Softplus: (x, _, __, b) => b.op('Softplus', [x]),
  Exp: (x) => x.tanh().exp(),
  Log: (x) => x.square().add(1).log(),
  Sqrt: (x) => x.square().add(0.5).sqrt(),
  Abs: (x) => x.abs(),
  Relu: (x) => x.relu(),
  LeakyRelu: (x, _, k, b) => b.op('LeakyRelu', [x], { alpha: 0.1 * (k % 5) }),
  Elu: (x, _, __, b) => b.op('Elu', [x]),
  Clip: (x, _, __, b) => b.op('Clip', [x, b.scalar(-0.4), b.scalar(0.6)]),
  Pow: (x, _, k) =>
    x
      .square()
      .add(0.3)
      .pow([0.5, 1.5, 3, -1][k % 4]!),
  // Away from whole numbers, which sums of a softmax hit.
  Floor: (x, y, _, b) => b.op('Floor', [x.mul(1.7).add(0.23)]).mul(y.tanh()),
  Add: (x, y) => x.add(y),
  Sub: (x, y) => x.sub(y),
  Mul: (x, y) => x.tanh().mul(y),
  Div: (x, y) => x.div(y.square().add(1)),
  Max: (x, y, _, b) => b.op('Max', [x, y]),
  Min: (x, y, _, b) => b.op('Min', [x, y]),
  Where: (x, y) => x.greater(0.1).where(x, y),
  Sum: (x, y, _, b) => b.op('Sum', [x, y, x]),
  MatMul: (x, _, k, b) => x.matmul(weight(b, [last(x), 1 + (k % 4)], k)).mul(0.5),
  Scores: (x) => x.matmul(x.T).mul(0.3),
  Product: (x, y) => x.tanh().matmul(y),
  Gemm: (x, _, k, b) =>
    b.op('Gemm', [x, weight(b, [2 + (k % 2), last(x)], k), weight(b, [1], k)], { transB: 1, beta: 0.5 }),
  Softmax: (x, _, k) => x.softmax(axisOf(x, k)),
  LogSoftmax: (x, _, k) => x.logSoftmax(axisOf(x, k)),
  ReduceSum: (x, _, k) => x.sum([axisOf(x, k)], k % 2 === 0),
  ReduceMean: (x, _, k) => x.mean([axisOf(x, k)], k % 2 === 0),
  MeanOfAll: (x) => x.mean(),
  ReduceMax: (x, _, k) => x.max([axisOf(x, k)], k % 2 === 0),
  ReduceLogSumExp: (x, _, k) => reduce(x, 'ReduceLogSumExp', [axisOf(x, k)], k % 2 === 0, 18),
  ReduceL2: (x, _, k) => reduce(x.add(2), 'ReduceL2', [axisOf(x, k)], k % 2 === 0, 18),
  LayerNorm: (x, _, k, b) =>
    b.op('LayerNormalization', [x, weight(b, [last(x)], k), weight(b, [last(x)], k + 1)], { epsilon: 0.1 }),
  Transpose: (x, _, k) => {
    const perm = x.shape.map((_, i) => i)
    return x.transpose([...perm.splice(k % Math.max(perm.length, 1), 1), ...perm])
  },
  Flatten: (x, _, k, b) => b.op('Flatten', [x], { axis: k % (x.rank + 1) }),
  Reshape: (x, _, k, b) => b.op('Reshape', [x, b.int64([-1, ...(k % 2 ? [2, 2] : [3])])]),
  Unsqueeze: (x, _, k) => x.unsqueeze([k % (x.rank + 1)]),
  Squeeze: (x, _, k) => x.squeeze([axisOf(x, k)]),
  Concat: (x, y, k) => concat([x, y, x], axisOf(x, k)),
  Slice: (x, _, k) => x.slice(axisOf(x, k), k % 2, 2 ** 40, 1 + (k % 3)),
  Backwards: (x, _, k) => x.slice(axisOf(x, k), -1, -(2 ** 40), -1),
  Split: (x, _, k, b) => {
    const axis = axisOf(x, k)
    const size = x.size(axis)
    const [p, q] = b.call('Split', [x, b.int64([1, size - 1])], { axis }, 2)
    return k % 2 ? p! : q!
  },
  Pad: (x, _, k, b) => {
    const axis = axisOf(x, k)
    const amounts = (n: number) => x.shape.map((_, i) => (i === axis ? n : 0))
    return b.op('Pad', [x, b.int64([...amounts(1 + (k % 2)), ...amounts((k % 3) - 1)])])
  },
  Gather: (x, _, k, b) => {
    const axis = axisOf(x, k)
    return b.op('Gather', [x, b.constant(tensor([0, -1, k % x.size(axis), 0], [2, 2], 'int64'))], { axis })
  },
  Tile: (x, _, k, b) => b.op('Tile', [x, b.int64(x.shape.map((_, i) => (i === axisOf(x, k) ? 2 : 1)))]),
  Expand: (x, y) => x.expandLike(y),
  CumSum: (x, _, k, b) =>
    b.op('CumSum', [x, b.constant(tensor(axisOf(x, k), [], 'int64'))], { reverse: k % 2, exclusive: (k >> 1) % 2 }),
  Einsum: (x, y, k, b) =>
    b.op('Einsum', [x.tanh(), y], { equation: ['ab,ab->a', 'abc,abc->ac', 'abc,ac->ab', 'ab,ab->ba'][k % 4]! }),
  Conv: (x, _, k, b) =>
    b.op('Conv', [x, weight(b, [2, x.size(1), 2], k)], { pads: [1, k % 2], strides: [1 + (k % 2)] }).mul(0.5),
  // Not straight after a Pad: ONNX Runtime 1.30 joins the two and then refuses pads as large as the kernel.
  Pool: (x, _, k, b) => b.op('AveragePool', [x.tanh()], { kernel_shape: [2], pads: [k % 2, 0] }),
  MaxPool: (x, _, k, b) => b.op('MaxPool', [x.tanh()], { kernel_shape: [2], strides: [1 + (k % 2)] }),
}
const names = Object.keys(operators)

/** The graph of some steps; a step that does not fit its operands is left out. */
function graph(steps: readonly Step[], opset: number): Model {
  const b = new GraphBuilder({ opset })
  const pool = [b.input('x', ['N', 3, 4]), b.input('z', ['N', 4])]
  pool.push(b.parameter('w', tensor(numbers(4, 77), [4])))
  for (const { op, a, b: second, k } of steps) {
    // Late operands are likelier, so that graphs get deep.
    const pick = (i: number): Expr => pool[Math.max(0, pool.length - 1 - (i % 4))]!
    try {
      const made = operators[names[op % names.length]!]!(pick(a), pick(second), k, b)
      if (made.rank <= 4 && !made.shape.includes(0) && sizeOf(made.shape.map((d) => Math.abs(d))) < 400) pool.push(made)
    } catch (error) {
      if (!(error instanceof GraphError)) throw error
    }
  }
  b.output('y', pool.at(-1)!.mul(1))
  b.output('also', pool.at(-2)!.mul(0.5))
  return b.build()
}

const nat = fc.nat(1000)
const steps = fc.array(fc.record({ op: fc.nat(names.length - 1), a: nat, b: nat, k: nat }), {
  minLength: 5,
  maxLength: 15,
})
const opsets = fc.constantFrom(17, 18, 21)
const inputs = (rows: number) => ({ x: array([rows, 3, 4], 5), z: array([rows, 4], 6) })

/** The gradient, or nothing where it is refused because a size along a window or a cut must be fixed. */
function differentiated(model: Model): Model {
  try {
    return vjp(model, { keepOutputs: true })
  } catch (error) {
    fc.pre(!(error instanceof GraphError && /no fixed size|fix that size/.test(error.message)))
    throw error
  }
}

const describeSteps = (list: readonly Step[]): string =>
  list.map((s) => `${names[s.op]}(${s.a % 4}, ${s.b % 4}, ${s.k})`).join(' ')

describe('random graphs', () => {
  it('have gradients that agree with differences', () => {
    fc.assert(
      fc.property(steps, opsets, (list, opset) => {
        const model = graph(list, opset)
        const gradient = differentiated(model)
        // Some graphs bend so much that the larger step is too large.
        const error = Math.min(...[1e-5, 1e-7].map((h) => gradientError(model, gradient, inputs(2), ['x', 'z'], h)))
        if (!(error < 1e-6)) throw new Error(`relative error ${error} in ${describeSteps(list)}`)
      }),
      { numRuns: 150 * effort },
    )
  })

  it('have the same gradients in ONNX Runtime, for a batch of one as well', async () => {
    await fc.assert(
      fc.asyncProperty(steps, opsets, fc.constantFrom(1, 3), async (list, opset, rows) => {
        const model = graph(list, opset)
        const gradient = differentiated(model)
        const out = evaluate(model, inputs(rows))
        const feeds = { ...inputs(rows), grad_y: array(out.y!.shape, 7), grad_also: array(out.also!.shape, 8) }
        const want = evaluate(gradient, feeds)
        const got = await runFloat(gradient, feeds)
        for (const [name, t] of Object.entries(want)) {
          const error = difference(got[name]!, t)
          if (!(error < 1e-4)) throw new Error(`${name}: relative error ${error} in ${describeSteps(list)}`)
        }
      }),
      { numRuns: 40 * effort },
    )
  })

  it('use every operator of the list', () => {
    const b = new GraphBuilder({ opset: 18 })
    const shapes = [['N', 3, 4], ['N', 4], ['N', 1, 4], [3, 3], [4]] as const
    const operands = shapes.map((s, i) => b.input(`i${i}`, [...s]))
    const fits = (make: Make) =>
      operands.some((x) =>
        operands.some((y) =>
          [0, 1, 2, 3].some((k) => {
            try {
              return make(x, y, k, b) instanceof Object
            } catch {
              return false
            }
          }),
        ),
      )
    expect(names.filter((name) => !fits(operators[name]!))).toEqual([])
  })
})
