import { InferenceSession, Tensor } from 'onnxruntime-node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Expr, Model, NdArray, OpDefinition } from '../src/index.ts'
import {
  concat,
  evaluate,
  fromFloat16,
  GraphBuilder,
  GraphError,
  normalize,
  operators,
  readModel,
  sizeOf,
  tensor,
  toFloat16,
  vjp,
  writeModel,
} from '../src/index.ts'
import { readCases, readNetwork } from './fixtures/fixture.ts'
import { array, difference, gradientError, graphOf, modelOf, node, numbers, open, runFloat, value } from './models.ts'

/** A model from formulas on inputs of fixed shapes. */
function build(
  inputs: Readonly<Record<string, readonly (number | string)[]>>,
  formula: (x: Record<string, Expr>, b: GraphBuilder) => Readonly<Record<string, Expr>>,
  opset = 18,
): Model {
  const b = new GraphBuilder({ opset })
  const x = Object.fromEntries(Object.entries(inputs).map(([name, shape]) => [name, b.input(name, shape)]))
  for (const [name, y] of Object.entries(formula(x, b))) b.output(name, y)
  return b.build()
}

const weights = (shape: readonly number[], seed: number) => tensor(numbers(sizeOf(shape), seed), shape)

describe('interface', () => {
  const model = build({ x: ['N', 3], t: ['N', 1] }, ({ x, t }) => ({ y: x!.mul(t!).exp(), z: x!.add(t!) }))

  it('takes the inputs and one cotangent per output, and returns one gradient per input', () => {
    const g = vjp(model)
    expect(g.graph.inputs.map((v) => [v.name, v.shape])).toEqual([
      ['x', ['N', 3]],
      ['t', ['N', 1]],
      ['grad_y', ['N', 3]],
      ['grad_z', ['N', 3]],
    ])
    expect(g.graph.outputs.map((v) => [v.name, v.type, v.shape])).toEqual([
      ['grad_x', 'float32', ['N', 3]],
      ['grad_t', 'float32', ['N', 1]],
    ])
  })

  it('differentiates only what is asked for', () => {
    const g = vjp(model, { wrt: ['t', 't'], outputs: ['z', 'z'], keepOutputs: true })
    expect(g.graph.inputs.map((v) => v.name)).toEqual(['x', 't', 'grad_z'])
    expect(g.graph.outputs.map((v) => v.name)).toEqual(['y', 'z', 'grad_t'])
    const inputs = { x: array([2, 3]), t: array([2, 1], 2), grad_z: array([2, 3], 3) }
    const got = evaluate(g, inputs)
    expect(Array.from(got.grad_t!.data)).toEqual(
      [0, 1].map((i) => expect.closeTo(inputs.grad_z.data.subarray(3 * i, 3 * i + 3).reduce((a, b) => a + b, 0))),
    )
    expect(difference(got.y!, evaluate(model, inputs).y!)).toBe(0)
  })

  it('seeds with ones for scalar losses', () => {
    const g = vjp(model, { seed: 'ones', outputs: ['y'] })
    expect(g.graph.inputs.map((v) => v.name)).toEqual(['x', 't'])
    const inputs = { x: array([4, 3]), t: array([4, 1], 2) }
    const seeded = evaluate(vjp(model, { outputs: ['y'] }), {
      ...inputs,
      grad_y: { shape: [4, 3], data: new Float64Array(12).fill(1) },
    })
    expect(evaluate(g, inputs)).toEqual(seeded)
  })

  it('names its tensors by a prefix', () => {
    const g = vjp(model, { prefix: 'd/' })
    expect(g.graph.inputs.map((v) => v.name)).toEqual(['x', 't', 'd/y', 'd/z'])
    expect(g.graph.outputs.map((v) => v.name)).toEqual(['d/x', 'd/t'])
  })

  it.each<[string, Parameters<typeof vjp>[1], RegExp]>([
    ['an unknown input', { wrt: ['image'] }, /^"image" is neither an input nor an initialiser; there are: x, t$/],
    ['an unknown output', { outputs: ['loss'] }, /^"loss" is not an output; there are: y, z$/],
    [
      'a tensor to stop at that does not exist',
      { stopGradient: ['hidden'] },
      /`stopGradient` names "hidden", which is no tensor/,
    ],
    [
      'a pattern to stop at that matches nothing',
      { stopGradient: [/^layer/] },
      /`stopGradient` has \/\^layer\/, which matches no tensor/,
    ],
    ['no inputs at all', { wrt: [] }, /no float input to differentiate/],
    ['no outputs at all', { outputs: [] }, /no float output to differentiate/],
    [
      'a prefix that clashes',
      { prefix: '', keepOutputs: true },
      /"y" is needed for a gradient.*choose another `prefix`/,
    ],
  ])('refuses %s', (_, options, message) => {
    expect(() => vjp(model, options)).toThrow(message)
    expect(() => vjp(model, options)).toThrow(GraphError)
  })

  it('suggests the name that was meant', () => {
    const net = readModel(readNetwork('mlp-17'))
    const weight = [...net.graph.initializers.keys()].find((n) => n.endsWith('.bias'))!
    expect(() => vjp(net, { wrt: [`${weight}s`] })).toThrow(`did you mean "${weight}"?`)
  })
})

describe('what depends on what', () => {
  it('an input that no output needs gets zeros, or is refused when strict', () => {
    const model = build({ x: ['N', 3], unused: ['N', 2, 2] }, ({ x }) => ({ y: x!.exp() }))
    const got = evaluate(vjp(model), { x: array([2, 3]), unused: array([2, 2, 2]), grad_y: array([2, 3], 2) })
    expect(got.grad_unused).toEqual({ shape: [2, 2, 2], data: new Float64Array(8) })
    expect(() => vjp(model, { strict: true })).toThrow(/^"y" does not depend on "unused"; leave it out of `wrt`$/)
    expect(() => vjp(model, { strict: true, wrt: ['x'] })).not.toThrow()
  })

  it('a derivative that is zero everywhere is zeros', () => {
    const model = build({ x: ['N', 3] }, ({ x }, b) => ({ y: b.op('Floor', [x]).add(b.op('Sign', [x])) }))
    expect(evaluate(vjp(model), { x: array([2, 3]), grad_y: array([2, 3], 2) }).grad_x!.data).toEqual(
      new Float64Array(6),
    )
  })

  it('weights used three times add up', () => {
    const model = build({ x: ['N', 3] }, ({ x }, b) => {
      const w = b.parameter('w', weights([3, 3], 5))
      return { y: x!.matmul(w).tanh().matmul(w).tanh().matmul(w.T) }
    })
    const g = vjp(model, { wrt: ['w', 'x'] })
    const inputs = { x: array([4, 3]) }
    // The interpreter takes the weight as an input, so that it can be moved.
    const free = build({ x: ['N', 3], w: [3, 3] }, ({ x, w }) => ({
      y: x!.matmul(w!).tanh().matmul(w!).tanh().matmul(w!.T),
    }))
    const w = { shape: [3, 3], data: Float64Array.from(weights([3, 3], 5).data as Float32Array) }
    expect(gradientError(free, vjp(free), { ...inputs, w }, ['x', 'w'])).toBeLessThan(1e-8)
    const grad_y = array([4, 3], 8)
    const [a, b] = [evaluate(g, { ...inputs, grad_y }), evaluate(vjp(free), { ...inputs, w, grad_y })]
    expect(difference(a.grad_w!, b.grad_w!)).toBeLessThan(1e-12)
    expect(difference(a.grad_x!, b.grad_x!)).toBeLessThan(1e-12)
  })

  it('an output that other outputs are made from receives both cotangents', () => {
    const model = build({ x: [3] }, ({ x }) => {
      const h = x!.exp()
      return { h, y: h.mul(h) }
    })
    expect(gradientError(model, vjp(model), { x: array([3]) }, ['x'])).toBeLessThan(1e-8)
  })

  it('an input that is also an output is refused or passes its cotangent on', () => {
    const model = modelOf(graphOf([node('Exp', ['x'], ['y'])], [value('x', [3])], ['y', value('x', [3])]))
    expect(() => vjp(model)).toThrow(/^"x" is both an input and an output.*leave it out/)
    const got = evaluate(vjp(model, { seed: 'ones' }), { x: array([3]) })
    expect(Array.from(got.grad_x!.data)).toEqual(Array.from(array([3]).data, (v) => expect.closeTo(1 + Math.exp(v))))
    expect(evaluate(vjp(model, { outputs: ['y'] }), { x: array([3]), grad_y: array([3], 2) }).grad_x!.shape).toEqual([
      3,
    ])
  })

  it('operands that are given twice count twice', () => {
    const model = build({ x: ['N', 3] }, ({ x }, b) => ({
      y: concat([x!, x!.sin(), x!], 1),
      z: b.op('Max', [x, x]),
      w: x!.mul(x!),
    }))
    expect(gradientError(model, vjp(model), { x: array([2, 3]) }, ['x'])).toBeLessThan(1e-8)
  })

  it('a Split of which one part is unused', () => {
    const model = build({ x: ['N', 6] }, ({ x }, b) => {
      const [a, , c] = b.call('Split', [x], { axis: 1, num_outputs: 3 }, 3)
      return { y: a!.mul(c!) }
    })
    expect(gradientError(model, vjp(model), { x: array([2, 6]) }, ['x'])).toBeLessThan(1e-8)
  })

  it('a tensor that is also asked for its shape', () => {
    const model = build({ x: ['N', 2, 3], z: ['N', 6] }, ({ x, z }, b) => {
      const rows = b.op('Gather', [x!.shapeOf(), tensor(0, [], 'int64')])
      const target = concat([rows.unsqueeze([0]), b.int64([-1])], 0)
      const mean = x!.sum([0]).div(rows.cast('float32'))
      return { y: b.op('Reshape', [x!.exp(), target]).mul(z!), mean }
    })
    for (const n of [1, 2, 5])
      expect(gradientError(model, vjp(model), { x: array([n, 2, 3]), z: array([n, 6], 2) }, ['x', 'z'])).toBeLessThan(
        1e-8,
      )
  })

  it('omitted optional inputs, and initialisers that old files list among the inputs', () => {
    const model = modelOf(
      graphOf([node('Clip', ['x', '', 'top'], ['c']), node('Mul', ['c', 'c'], ['y'])], [value('x', ['N', 2])], ['y'], {
        top: tensor(0.5),
      }),
    )
    expect(gradientError(model, vjp(model), { x: array([3, 2]) }, ['x'])).toBeLessThan(1e-8)
    const old = readModel(readNetwork('mlp-11'))
    expect(vjp(old).graph.inputs.map((v) => v.name)).toEqual(['x', 'c', 'grad_y', 'grad_energy'])
  })

  it('two free dimensions', () => {
    const model = build({ x: ['N', 'L', 3], m: ['L'] }, ({ x, m }, b) => {
      const scores = x!.matmul(x!.T).add(m!).softmax(-1)
      return { y: scores.matmul(x!), flat: b.op('Flatten', [x!.exp()], { axis: 2 }), mean: x!.mul(x!).mean([1]) }
    })
    const g = vjp(model)
    for (const [n, l] of [
      [1, 4],
      [3, 1],
      [2, 5],
    ] as const)
      expect(gradientError(model, g, { x: array([n, l, 3]), m: array([l], 2) }, ['x', 'm'])).toBeLessThan(1e-7)
  })

  it('integer outputs and inputs take no part', () => {
    const b = new GraphBuilder()
    const [x, i] = [b.input('x', ['N', 4]), b.input('i', ['N'], 'int64')]
    b.output('best', b.op('ArgMax', [x], { axis: 1, keepdims: 0 }))
    b.output('y', x.mul(i.cast('float32').unsqueeze([1])))
    const model = b.build()
    const g = vjp(model)
    expect(g.graph.inputs.map((v) => v.name)).toEqual(['x', 'i', 'grad_y'])
    expect(g.graph.outputs.map((v) => v.name)).toEqual(['grad_x'])
    expect(() => vjp(model, { outputs: ['best'] })).toThrow(
      /^"best" is of type int64; only float tensors have gradients$/,
    )
    expect(() => vjp(model, { wrt: ['i'] })).toThrow(/^"i" is of type int64; only float tensors have gradients$/)
  })
})

describe('stopGradient', () => {
  const model = build({ x: ['N', 3] }, ({ x }, b) => {
    const hidden = b.node({
      name: 'h',
      op: 'Exp',
      domain: '',
      inputs: [x!.name],
      outputs: ['hidden'],
      attributes: {},
    })[0]!
    return { y: hidden.mul(x!) }
  })
  const inputs = { x: array([2, 3]), grad_y: array([2, 3], 2) }

  it('treats tensors as constants, by name and by pattern', () => {
    // d/dx (stop(e^x) x) = e^x
    const want = inputs.x.data.map((v, i) => Math.exp(v) * inputs.grad_y.data[i]!)
    for (const stop of ['hidden', /^hid/]) {
      const { grad_x } = evaluate(vjp(model, { stopGradient: [stop] }), inputs)
      expect(difference(grad_x!, { shape: [2, 3], data: want })).toBeLessThan(1e-7)
    }
  })

  it('that cuts everything leaves zeros', () => {
    expect(evaluate(vjp(model, { stopGradient: ['y'] }), inputs).grad_x!.data).toEqual(new Float64Array(6))
    expect(() => vjp(model, { stopGradient: [/./], strict: true })).toThrow(/does not depend on "x"/)
  })

  it('at an Identity stops only what goes through it', () => {
    const branching = modelOf(
      graphOf([node('Identity', ['x'], ['stopped']), node('Mul', ['x', 'stopped'], ['y'])], [value('x', [3])], ['y']),
    )
    const { grad_x } = evaluate(vjp(branching, { stopGradient: ['stopped'], seed: 'ones' }), { x: array([3]) })
    expect(difference(grad_x!, array([3]))).toBe(0)
  })
})

describe('names', () => {
  it('of the model that look like ours are kept apart', async () => {
    const names = ['constant_0', 'mul_1', 'mul_2', 'exp_0', 'grad_y_', 'grad_x', 'reducesum_5', 'where_3']
    const nodes = [node('Exp', ['x'], ['constant_0'])]
    for (let i = 1; i < names.length; i++) nodes.push(node('Mul', [names[i - 1]!, 'x'], [names[i]!]))
    nodes.push(node('Mul', [names.at(-1)!, 'w'], ['y']))
    const model = modelOf(graphOf(nodes, [value('x', ['N', 2])], ['y'], { w: tensor([2, 3]) }))
    const g = vjp(model, { wrt: ['x', 'w'] })
    expect(g.graph.outputs.map((v) => v.name)).toEqual(['grad_x', 'grad_w'])
    expect(gradientError(model, g, { x: array([3, 2]) }, ['x'])).toBeLessThan(1e-7)
    const made = g.graph.nodes.flatMap((n) => n.outputs)
    expect(new Set(made).size).toBe(made.length)
    expect(Object.keys(await runFloat(g, { x: array([3, 2]), grad_y: array([3, 2]) }))).toEqual(['grad_x', 'grad_w'])
  })

  it('of inputs that clash are reported', () => {
    const model = build({ x: [2], grad_y: [2] }, ({ x, grad_y }) => ({ y: x!.mul(grad_y!) }))
    expect(() => vjp(model)).toThrow(
      /^"grad_y" is needed for a gradient, and the model has a tensor of that name; choose another `prefix`$/,
    )
    expect(vjp(model, { prefix: 'd_' }).graph.outputs.map((v) => v.name)).toEqual(['d_x', 'd_grad_y'])
  })
})

describe('errors', () => {
  const chain = (op: string, inputs: readonly string[] = ['h']) =>
    modelOf(
      graphOf(
        [
          { ...node('Exp', ['x'], ['e']), name: 'layer1' },
          { ...node('Neg', ['e'], ['h']), name: 'layer2' },
          { ...node(op, inputs, ['z']), name: 'bad' },
          node('Cast', ['z'], ['y'], { to: { kind: 'int', value: 1 } }),
        ],
        [value('x', ['N', 4])],
        ['y'],
        { w: tensor([1, 2]) },
      ),
    )

  // Operators of the test alone: one without a rule, one whose rule looks at its first cotangent only.
  const like =
    (i: number): OpDefinition['infer'] =>
    ([x]) =>
      Array.from({ length: i }, () => ({ type: x!.type, shape: x!.shape }))
  const table = operators as Record<string, OpDefinition>
  beforeAll(() => {
    table.Opaque = { infer: like(1) }
    table.Careless = { infer: like(2), vjp: ({ g0 }) => [g0] }
    table.Wrong = { infer: like(1), vjp: ({ g0 }) => [g0.sum([0])] }
  })
  afterAll(() => {
    for (const op of ['Opaque', 'Careless', 'Wrong']) delete table[op]
  })

  it('of operators name node, operator, path and remedy', () => {
    expect(() => vjp(chain('Opaque'))).toThrow(
      /^Opaque "bad" has no gradient rule and is reached from "x" -> Exp "layer1" -> Neg "layer2"; cut the path with `stopGradient: \["h"\]`, or use operators that have one: .*MatMul/,
    )
    expect(() => vjp(chain('Opaque'), { stopGradient: ['h'] })).not.toThrow()
    expect(() => vjp(chain('Opaque', ['w']), { wrt: ['x'] })).not.toThrow()
  })

  it('of rules that give another shape name the node', () => {
    expect(() => vjp(chain('Wrong'))).toThrow(
      /^Wrong "bad": its gradient rule gave float32 \[4\] for input 0, which is float32 \[-1,4\]/,
    )
  })

  it('of shapes name the node', () => {
    const model = modelOf(
      graphOf([{ ...node('MatMul', ['x', 'w'], ['y']), name: 'head' }], [value('x', ['N', 4])], ['y'], {
        w: weights([3, 2], 1),
      }),
    )
    expect(() => vjp(model)).toThrow(/^MatMul "head": shapes \[\d+,4\] and \[3,2\] do not chain$/)
  })

  it('of sizes that must be fixed say how', () => {
    const model = modelOf(
      graphOf([{ ...node('Conv', ['x', 'w'], ['y']), name: 'stem' }], [value('x', ['N', 3, 'H', 'W'])], ['y'], {
        w: weights([2, 3, 3, 3], 1),
      }),
    )
    expect(() => vjp(model)).toThrow(
      /^Conv "stem": "x" has no fixed size on axis 2.*\[N, 3, H, W\].*`shapes`.*reached from "x"/,
    )
    expect(vjp(model, { shapes: { x: ['N', 3, 8, 8] } }).graph.outputs[0]!.shape).toEqual(['N', 3, 8, 8])
  })

  it('of types name the node', () => {
    const model = chain('Frac')
    expect(() => vjp(model)).toThrow(/^Frac "bad": "Frac" is no operator/)
  })

  it('of gradients through an output that has none are not passed over in silence', () => {
    const model = modelOf(
      graphOf(
        [{ ...node('Careless', ['x'], ['a', 'b']), name: 'two' }, node('Mul', ['a', 'b'], ['y'])],
        [value('x', ['N', 4])],
        ['y'],
      ),
    )
    expect(() => vjp(model)).toThrow(
      /^Careless "two": its output 1 \("b"\) is used, and no gradient flows through that output/,
    )
    expect(() => vjp(model, { stopGradient: ['b'] })).not.toThrow()
  })
})

describe('float16 and float64', () => {
  const mlp = (type: 'float16' | 'float64'): Model => {
    const b = new GraphBuilder()
    const x = b.input('x', ['N', 3], type)
    const [w, v] = [
      b.parameter('w', tensor(numbers(12, 2), [3, 4], type)),
      b.parameter('v', tensor(numbers(8, 3), [4, 2], type)),
    ]
    const y = x.matmul(w).silu().matmul(v).softmax(-1).mul(0.5)
    // Mixed precision: the last step of a half-precision net in float32.
    b.output('y', (type === 'float16' ? y.cast('float32') : y).exp())
    return b.build()
  }

  it.each(['float16', 'float64'] as const)('%s cotangents stay in that type', async (type) => {
    const model = mlp(type)
    const g = vjp(model, { wrt: ['x', 'w', 'v'] })
    expect(g.graph.inputs.map((v) => v.type)).toEqual([type, type === 'float16' ? 'float32' : type])
    expect(g.graph.outputs.map((v) => v.type)).toEqual([type, type, type])
    const session = await InferenceSession.create(writeModel(g), { logSeverityLevel: 3 })
    const [x, grad] = [numbers(6, 7), numbers(4, 8)]
    const typed = type === 'float64' ? Float64Array.from(x) : Uint16Array.from(x, toFloat16)
    const got = await session.run({
      x: new Tensor(type, typed as Float64Array, [2, 3]),
      grad_y:
        type === 'float64' ? new Tensor(type, Float64Array.from(grad), [2, 2]) : new Tensor('float32', grad, [2, 2]),
    })
    const exact = evaluate(g, {
      x: { shape: [2, 3], data: Float64Array.from(x) },
      grad_y: { shape: [2, 2], data: Float64Array.from(grad) },
    })
    for (const [name, want] of Object.entries(exact)) {
      const t = got[name]!
      const bits = () => new Uint16Array((t.data as Uint16Array).buffer, (t.data as Uint16Array).byteOffset, t.size)
      const data = type === 'float64' ? (t.data as Float64Array) : Float64Array.from(bits(), fromFloat16)
      expect(difference({ shape: t.dims, data }, want), name).toBeLessThan(type === 'float64' ? 1e-12 : 4e-3)
    }
  })
})

describe('runs in ONNX Runtime', () => {
  it.each(['mlp-13', 'unet-17', 'dit-17'])(
    '%s gives the same gradients at every level of optimisation',
    async (name) => {
      const model = readModel(readNetwork(name))
      const wrt = Object.keys(readCases(name)[0]!.grad)
      const g = vjp(model, { wrt })
      const { input, seed } = readCases(name)[1]!
      const feeds = { ...input, ...Object.fromEntries(Object.entries(seed).map(([k, t]) => [`grad_${k}`, t])) }
      const results: Record<string, NdArray>[] = []
      for (const graphOptimizationLevel of ['disabled', 'basic', 'extended', 'all'] as const) {
        const session = await InferenceSession.create(writeModel(g), { graphOptimizationLevel, logSeverityLevel: 3 })
        const got = await session.run(feeds)
        results.push(
          Object.fromEntries(
            Object.entries(got).map(([k, t]) => [
              k,
              { shape: t.dims, data: Float64Array.from(t.data as Float32Array) },
            ]),
          ),
        )
        await session.release()
      }
      for (const other of results.slice(1))
        for (const key of Object.keys(results[0]!))
          expect(difference(other[key]!, results[0]![key]!), key).toBeLessThan(1e-5)
    },
  )

  it.each(['mlp-13', 'unet-17', 'gnn-16', 'cnn-12'])(
    '%s gives the same gradients in every operator set',
    async (name) => {
      const model = readModel(readNetwork(name))
      const { input, seed, grad } = readCases(name)[1]!
      const feeds = { ...input, ...Object.fromEntries(Object.entries(seed).map(([k, t]) => [`grad_${k}`, t])) }
      for (const opset of [17, 18, 21]) {
        const g = vjp(normalize(model, { opset }), { wrt: Object.keys(grad) })
        expect(g.opset).toBe(opset)
        const session = await open(g)
        const got = await session.run(feeds)
        const floor =
          1e-3 * Math.max(...Object.values(grad).flatMap((t) => Array.from(t.data as Float32Array, Math.abs)))
        for (const [key, want] of Object.entries(grad)) {
          const scale = Math.max(floor, ...Array.from(want.data as Float32Array, Math.abs))
          const scaled = (t: typeof want) => ({
            shape: t.dims,
            data: Float64Array.from(t.data as Float32Array, (v) => v / scale),
          })
          expect(difference(scaled(got[`grad_${key}`]!), scaled(want)), `${key} at ${opset}`).toBeLessThan(1e-4)
        }
        await session.release()
      }
    },
  )

  it('the same model gives the same bytes', () => {
    const bytes = readNetwork('unet-17')
    expect(writeModel(vjp(readModel(bytes)))).toEqual(writeModel(vjp(readModel(bytes))))
  })

  it('one file serves every batch size', async () => {
    const model = readModel(readNetwork('unet-17'))
    const g = vjp(model, { keepOutputs: true })
    expect(g.graph.inputs.map((v) => v.shape?.[0])).toEqual(['batch', 'batch', 'batch'])
    const five = { x: array([5, 2, 8, 8]), t: array([5], 2), grad_eps: array([5, 2, 8, 8], 3) }
    const whole = await runFloat(g, five)
    for (const rows of [1, 2, 5]) {
      const part = (a: NdArray): NdArray => {
        const size = (a.data.length / 5) * rows
        return { shape: [rows, ...a.shape.slice(1)], data: a.data.slice(0, size) as Float64Array }
      }
      const got = await runFloat(g, Object.fromEntries(Object.entries(five).map(([k, a]) => [k, part(a)])))
      for (const [key, all] of Object.entries(whole))
        expect(difference(got[key]!, part(all)), `${key} ${rows}`).toBeLessThan(1e-5)
    }
  })
})
