import { describe, expect, it } from 'vitest'
import type { Attribute, FunctionDefinition, Model, NdArray, TensorData } from '../src/index.ts'
import { evaluate, float, int, ints, normalize, readModel, string, tensor, vjp } from '../src/index.ts'
import { fixtures, readCases, readNetwork } from './fixtures/fixture.ts'
import { array, difference, graphOf, modelOf, node, open, runFloat, value } from './models.ts'

const floats = (...values: number[]): Attribute => ({ kind: 'floats', value: values })

/** One operator on `x` as an old file writes it. */
function single(
  op: string,
  opset: number,
  shape: readonly number[],
  attributes: Record<string, Attribute>,
  constants: Record<string, TensorData> = {},
  outputs = ['y'],
): Model {
  const call = node(op, ['x', ...Object.keys(constants)], outputs, attributes)
  return modelOf(graphOf([call], [value('x', shape)], outputs, constants), opset)
}

const i64 = (...values: number[]) => tensor(values, [values.length], 'int64')
const stats = { s: tensor([1, 2, 3]), b: tensor([0, 1, -1]), m: tensor([0.1, 0.2, 0.3]), v: tensor([1, 0.5, 2]) }

describe('older operator sets', () => {
  it.each<[string, Model, number?]>([
    ['Softmax over several axes', single('Softmax', 11, [2, 3, 4], {})],
    ['Softmax over the last axis', single('Softmax', 11, [2, 3, 4], { axis: int(-1) })],
    ['Softmax of everything', single('Softmax', 9, [2, 3, 4], { axis: int(0) })],
    ['LogSoftmax over several axes', single('LogSoftmax', 12, [2, 3, 1, 4], { axis: int(2) })],
    ['Squeeze', single('Squeeze', 11, [1, 3, 1], { axes: ints([0, -1]) })],
    ['Squeeze of every 1', single('Squeeze', 12, [1, 3, 1], {})],
    ['Unsqueeze', single('Unsqueeze', 12, [2, 3], { axes: ints([0, 3]) })],
    ['ReduceSum', single('ReduceSum', 12, [2, 3, 4], { axes: ints([1]), keepdims: int(0) })],
    ['ReduceSum over everything', single('ReduceSum', 11, [2, 3, 4], {})],
    ['Split by sizes', single('Split', 12, [2, 7], { axis: int(1), split: ints([3, 4]) }, {}, ['y', 'z'])],
    ['Split into equal parts', single('Split', 11, [6, 2], {}, {}, ['y', 'z', 'w'])],
    ['Split at opset 18', single('Split', 17, [6, 2], {}, {}, ['y', 'z', 'w']), 18],
    ['Slice', single('Slice', 9, [4, 5], { starts: ints([1, -3]), ends: ints([2 ** 63, -1]), axes: ints([0, 1]) })],
    ['Slice without axes', single('Slice', 7, [4, 5], { starts: ints([1]), ends: ints([3]) })],
    ['Clip', single('Clip', 10, [4, 5], { min: float(-0.5), max: float(0.25) })],
    ['Clip from one side', single('Clip', 9, [4, 5], { max: float(0.25) })],
    ['Pad with a value', single('Pad', 10, [2, 3], { pads: ints([0, 1, 2, 0]), value: float(7) })],
    ['Pad by reflection', single('Pad', 8, [4, 3], { pads: ints([1, 1, 2, 0]), mode: string('reflect') })],
    ['Dropout', single('Dropout', 11, [2, 3], { ratio: float(0.9) })],
    [
      'BatchNormalization',
      single('BatchNormalization', 8, [2, 3, 4], { epsilon: float(1e-3), spatial: int(1) }, stats),
    ],
    ['BatchNormalization at opset 9', single('BatchNormalization', 9, [2, 3, 4], {}, stats)],
    [
      'Scatter',
      single('Scatter', 9, [3, 3], {}, { i: tensor([1, 0, 2, 0], [2, 2], 'int64'), u: tensor([1, 2, 3, 4], [2, 2]) }),
    ],
    ['Upsample with constant scales', single('Upsample', 7, [1, 2, 3, 2], { scales: floats(1, 1, 2, 3) })],
    ['Upsample', single('Upsample', 9, [1, 2, 3, 2], {}, { s: tensor([1, 1, 2, 2]) })],
    ['Upsample, linear', single('Upsample', 9, [1, 2, 3, 2], { mode: string('linear') }, { s: tensor([1, 1, 2, 2]) })],
    ['Resize', single('Resize', 10, [1, 2, 4, 3], {}, { s: tensor([1, 1, 0.5, 2.5]) })],
    ['Resize, linear', single('Resize', 10, [1, 2, 4, 3], { mode: string('linear') }, { s: tensor([1, 1, 1.5, 2]) })],
    ['ReduceMean at opset 18', single('ReduceMean', 13, [2, 3, 4], { axes: ints([-1, 0]) }), 18],
    ['ReduceMax at opset 18', single('ReduceMax', 17, [2, 3, 4], { axes: ints([1]), keepdims: int(0) }), 20],
    [
      'GroupNormalization at opset 21',
      single(
        'GroupNormalization',
        18,
        [2, 6, 5],
        { num_groups: int(3) },
        { s: tensor([1, 2, 3]), b: tensor([0, 5, -1]) },
      ),
      21,
    ],
  ])('%s computes the same', async (_, model, opset) => {
    const x = { x: array(model.graph.inputs[0]!.shape as number[]) }
    const before = await runFloat(model, x)
    const raised = normalize(model, { opset })
    expect(raised.opset).toBe(opset ?? 17)
    const after = await runFloat(raised, x)
    for (const name of Object.keys(before)) expect(difference(after[name]!, before[name]!), name).toBeLessThan(1e-6)
    expect(Object.keys(after)).toEqual(Object.keys(before))
  })

  it('TopK computes the same', async () => {
    const model = modelOf(
      graphOf([node('TopK', ['x'], ['y', 'i'], { k: int(2), axis: int(1) })], [value('x', [2, 5])], ['y']),
      9,
    )
    const x = { x: array([2, 5]) }
    expect(await runFloat(normalize(model), x)).toEqual(await runFloat(model, x))
  })

  it('refuses what cannot be raised', () => {
    expect(() => normalize(single('Relu', 6, [2], {}))).toThrow(/operator set 6; 7 is the oldest/)
    const training = single('BatchNormalization', 9, [2, 3, 4], {}, stats, ['y', 'm2', 'v2'])
    expect(() => normalize(training)).toThrow(
      /^BatchNormalization "batchnormalization_y": .*export the model in evaluation mode/,
    )
  })

  it('never lowers', () => {
    expect(normalize(single('Relu', 20, [2], {}), { opset: 18 }).opset).toBe(20)
  })
})

describe('functions', () => {
  const define = (name: string, f: Partial<FunctionDefinition>): FunctionDefinition => ({
    name,
    domain: 'my.ops',
    inputs: ['x'],
    outputs: ['y'],
    attributes: [],
    defaults: {},
    nodes: [],
    opsets: { '': 17, 'my.ops': 1 },
    ...f,
  })
  // leaky(x; slope = 0.1), then swap(a, b) = (b, leaky(a; slope = 0.5)), with inner names that clash with outer ones.
  const functions = [
    define('Leaky', {
      nodes: [
        node('LeakyRelu', ['x'], ['h'], { alpha: { kind: 'reference', value: 'slope', code: 1 } }),
        node('Identity', ['h'], ['y']),
      ],
      attributes: [],
      defaults: { slope: float(0.1) },
    }),
    define('Swap', {
      inputs: ['a', 'b'],
      outputs: ['c', 'h'],
      nodes: [
        node('Identity', ['b'], ['c']),
        node('Leaky', ['a'], ['h'], { slope: { kind: 'reference', value: 'steep', code: 1 } }, 'my.ops'),
      ],
      attributes: ['steep'],
    }),
  ]
  const model = modelOf(
    graphOf(
      [
        node('Swap', ['x', 'z'], ['h', 'p'], { steep: float(0.5) }, 'my.ops'),
        node('Leaky', ['h'], ['q'], {}, 'my.ops'),
        node('Add', ['p', 'q'], ['y']),
      ],
      [value('x', ['N', 3]), value('z', ['N', 3])],
      [value('y', ['N', 3]), value('h', ['N', 3]), value('p', ['N', 3])],
    ),
    17,
    { functions, domains: { 'my.ops': 1 } },
  )
  const inputs = { x: array([2, 3], 3), z: array([2, 3], 4) }

  it('are written out', async () => {
    const plain = normalize(model)
    expect(plain.functions).toEqual([])
    expect(plain.graph.nodes.every((n) => n.domain === '')).toBe(true)
    const [before, after] = [await runFloat(model, inputs), await runFloat(plain, inputs)]
    for (const name of ['y', 'h', 'p']) expect(difference(after[name]!, before[name]!), name).toBe(0)
  })

  it('are differentiated through', () => {
    const g = { grad_y: array([2, 3], 5), grad_h: array([2, 3], 6), grad_p: array([2, 3], 7) }
    const got = evaluate(vjp(model), { ...inputs, ...g })
    const slope = (v: number, s: number) => (v > 0 ? 1 : s)
    got.grad_x!.data.forEach((v, i) => {
      expect(v).toBeCloseTo((g.grad_y.data[i]! + g.grad_p.data[i]!) * slope(inputs.x.data[i]!, 0.5), 6)
    })
    got.grad_z!.data.forEach((v, i) => {
      expect(v).toBeCloseTo(g.grad_h.data[i]! + g.grad_y.data[i]! * slope(inputs.z.data[i]!, 0.1), 6)
    })
  })

  it('may leave out optional inputs', () => {
    const optional = define('Bounded', { inputs: ['x', 'lo', 'hi'], nodes: [node('Clip', ['x', 'lo', 'hi'], ['y'])] })
    const calling = modelOf(
      graphOf([node('Bounded', ['x', '', 'top'], ['y'], {}, 'my.ops')], [value('x', [4])], ['y'], {
        top: tensor(0.25),
      }),
      17,
      { functions: [optional], domains: { 'my.ops': 1 } },
    )
    const { y } = evaluate(normalize(calling), { x: { shape: [4], data: Float64Array.of(-9, 0.2, 0.3, 1) } })
    expect(Array.from(y!.data)).toEqual([-9, 0.2, 0.25, 0.25].map((v) => expect.closeTo(v)))
  })
})

describe('branches', () => {
  const branch = (nodes: Parameters<typeof graphOf>[0], output: string, constants = {}): Attribute => ({
    kind: 'graph',
    value: graphOf(nodes, [], [value(output, undefined)], constants),
  })
  // As torch exports `squeeze` of an axis that may be 1: which branch runs follows from the shape.
  const model = (axis: number) =>
    modelOf(
      graphOf(
        [
          node('Shape', ['x'], ['shape']),
          node('Gather', ['shape', 'axis'], ['size']),
          node('Equal', ['size', 'one'], ['condition']),
          node('Neg', ['x'], ['t']),
          node('If', ['condition'], ['picked'], {
            then_branch: branch([node('Squeeze', ['t', 'at'], ['inner'])], 'inner', { at: i64(1) }),
            else_branch: branch([node('Mul', ['t', 'half'], ['t_']), node('Identity', ['t_'], ['inner'])], 'inner', {
              half: tensor([0.5]),
            }),
          }),
          node('Exp', ['picked'], ['y']),
        ],
        [value('x', ['N', 1, 3])],
        ['y'],
        { axis: tensor(axis, [], 'int64'), one: tensor(1, [], 'int64') },
      ),
    )

  it.each([
    ['then', 1],
    ['else', 2],
  ])('%s is taken where shapes decide', async (_, axis) => {
    const plain = normalize(model(axis))
    expect(plain.graph.nodes.map((n) => n.op)).toEqual(axis === 1 ? ['Neg', 'Squeeze', 'Exp'] : ['Neg', 'Mul', 'Exp'])
    const x = { x: array([2, 1, 3]) }
    expect(difference((await runFloat(plain, x)).y!, (await runFloat(model(axis), x)).y!)).toBe(0)
    const { grad_x } = evaluate(vjp(model(axis)), { ...x, grad_y: array(axis === 1 ? [2, 3] : [2, 1, 3], 9) })
    expect(grad_x!.shape).toEqual([2, 1, 3])
  })

  it('may give a tensor from around them, and lie inside each other', async () => {
    const inner = branch(
      [
        node('If', ['no'], ['deep'], {
          then_branch: branch([node('Identity', ['x'], ['p'])], 'p'),
          else_branch: branch([node('Identity', ['h'], ['q'])], 'q'),
        }),
      ],
      'deep',
    )
    const nested = modelOf(
      graphOf(
        [
          node('Exp', ['x'], ['h']),
          node('If', ['yes'], ['y'], {
            then_branch: inner,
            else_branch: branch([node('Identity', ['x'], ['r'])], 'r'),
          }),
        ],
        [value('x', [3])],
        ['y', 'h'],
        { yes: tensor([1], [], 'bool'), no: tensor([0], [], 'bool') },
      ),
    )
    const x = { x: array([3]) }
    const plain = normalize(nested)
    expect(plain.graph.nodes.map((n) => n.op)).toEqual(['Exp', 'Identity'])
    expect(await runFloat(plain, x)).toEqual(await runFloat(nested, x))
  })

  it('that depend on data are refused with the way out', () => {
    const data = modelOf(
      graphOf(
        [node('If', ['c'], ['y'], { then_branch: branch([], 'x'), else_branch: branch([], 'x') })],
        [value('x', [3]), value('c', [], 'bool')],
        ['y'],
      ),
    )
    expect(() => vjp(data)).toThrow(/^If "if_y": .*its condition depends on data.*`extract`/)
  })

  it('that depend on a free size are refused, although no size that was tried is 1', () => {
    expect(() => normalize(model(0))).toThrow(
      /^If "if_picked": which branch is taken depends on a size that is free; fix/,
    )
    const fixed = normalize(model(0), { shapes: { x: [1, 1, 3] } })
    expect(fixed.graph.nodes.map((n) => n.op)).toContain('Squeeze')
  })
})

describe('folding', () => {
  const dynamic = new Set(['Shape', 'Size'])

  it.each(fixtures)('%s keeps its function, and no shape arithmetic but that of the batch', async (name) => {
    const model = readModel(readNetwork(name))
    const plain = normalize(model)
    expect(
      plain.graph.nodes.some((n) => n.op === 'Identity' && !plain.graph.outputs.some((o) => o.name === n.outputs[0])),
    ).toBe(false)
    expect(plain.graph.nodes.length).toBeLessThanOrEqual(model.graph.nodes.length)
    const session = await open(plain)
    for (const c of readCases(name)) {
      const got = await session.run(c.input)
      for (const [key, want] of Object.entries(c.output)) {
        const numbers = (t: typeof want): NdArray => ({
          shape: t.dims,
          data: Float64Array.from(t.data as Float32Array),
        })
        expect(difference(numbers(got[key]!), numbers(want)), key).toBeLessThan(1e-5)
      }
    }
  })

  it('leaves no Shape in a network, and in its gradient only where the batch is asked for', () => {
    for (const name of ['unet-13', 'unet-17', 'dit-14', 'dit-17', 'cnn-12']) {
      const model = readModel(readNetwork(name))
      expect(vjp(model).opset, name).toBe(17)
      const shapes = (m: Model) => m.graph.nodes.filter((n) => dynamic.has(n.op))
      expect(
        shapes(normalize(model)).map((n) => n.name),
        name,
      ).toEqual([])
      const gradient = vjp(model, { keepOutputs: true })
      // What still asks for a shape makes zeros for a batch of unknown size.
      const users = new Set(
        gradient.graph.nodes
          .filter((n) => n.inputs.some((i) => shapes(gradient).some((s) => s.outputs.includes(i))))
          .map((n) => n.op),
      )
      expect(
        [...users].filter((op) => op !== 'ConstantOfShape'),
        name,
      ).toEqual([])
    }
  })

  it('does not fold what may be trained later', () => {
    const w = tensor([1, 2, 3, 4], [2, 2])
    const model = modelOf(
      graphOf([node('Transpose', ['w'], ['wt']), node('MatMul', ['x', 'wt'], ['y'])], [value('x', ['N', 2])], ['y'], {
        w,
      }),
    )
    expect(normalize(model).graph.nodes.map((n) => n.op)).toEqual(['Transpose', 'MatMul'])
    expect(normalize(model).graph.initializers.get('w')).toBe(w)
  })
})

describe('Identity', () => {
  it('is dropped inside and kept where it names an output', () => {
    const model = modelOf(
      graphOf(
        [
          node('Identity', ['x'], ['a']),
          node('Neg', ['a'], ['b']),
          node('Identity', ['b'], ['y']),
          node('Identity', ['x'], ['z']),
        ],
        [value('x', [2])],
        ['y', 'z'],
      ),
    )
    const plain = normalize(model)
    expect(plain.graph.nodes.map((n) => [n.op, ...n.inputs, ...n.outputs])).toEqual([
      ['Neg', 'x', 'b'],
      ['Identity', 'b', 'y'],
      ['Identity', 'x', 'z'],
    ])
  })
})

describe('shapes', () => {
  const model = modelOf(graphOf([node('Relu', ['x'], ['y'])], [value('x', ['N', undefined, 3])], ['y']))
  it('fix sizes that the model leaves free', () => {
    const fixed = normalize(model, { shapes: { x: ['rows', 4, 3] } })
    expect(fixed.graph.inputs[0]!.shape).toEqual(['rows', 4, 3])
    expect(fixed.graph.outputs[0]!.shape).toEqual(['rows', 4, 3])
  })
  it('must fit', () => {
    expect(() => normalize(model, { shapes: { x: [2, 3] } })).toThrow(
      /\[2, 3\] for input "x", whose shape is \[N, \?, 3\]/,
    )
    expect(() => normalize(model, { shapes: { x: [2, 3, 4] } })).toThrow(/whose shape is/)
    expect(() => normalize(model, { shapes: { image: [2] } })).toThrow(
      /names "image", which is no input \(inputs are: x\)/,
    )
    const rankless = modelOf(graphOf([node('Relu', ['x'], ['y'])], [value('x', undefined)], ['y']))
    expect(() => normalize(rankless)).toThrow(/^input "x" states no shape; give it, such as `shapes: \{ "x": /)
    expect(normalize(rankless, { shapes: { x: ['N', 2] } }).graph.outputs[0]!.shape).toEqual(['N', 2])
  })
})
