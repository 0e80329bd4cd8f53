import { describe, expect, it } from 'vitest'
import type { Model } from '../src/index.ts'
import {
  bind,
  call,
  chain,
  evaluate,
  extract,
  GraphBuilder,
  GraphError,
  lift,
  normalize,
  readModel,
  rename,
  tensor,
  validate,
  vjp,
} from '../src/index.ts'
import { fixtures, readNetwork } from './fixtures/fixture.ts'
import { array, difference, graphOf, modelOf, node, numbers, runFloat, value } from './models.ts'

/** y = tanh(x w + b), in operator set `opset`. */
function layer(rows: number, columns: number, seed: number, opset = 18): Model {
  const b = new GraphBuilder({ opset, name: `layer${seed}` })
  const w = b.parameter('w', tensor(numbers(rows * columns, seed), [rows, columns]))
  const h = b.input('x', ['N', rows]).matmul(w)
  b.output('y', h.add(b.parameter('b', tensor(numbers(columns, seed + 1), [columns]))).tanh())
  return b.build()
}

const x = array([2, 3])

describe('call', () => {
  it('puts one graph inside another', async () => {
    const [one, two] = [layer(3, 4, 1), layer(4, 2, 5)]
    const b = new GraphBuilder()
    const h = call(b, one, { x: b.input('x', ['N', 3]).mul(2) }, 'one/').y!
    b.output('z', call(b, two, { x: h }, 'two/').y!)
    const model = b.build()
    expect([...model.graph.initializers.keys()].filter((n) => n.includes('/'))).toEqual([
      'one/w',
      'one/b',
      'two/w',
      'two/b',
    ])
    const doubled = { shape: [2, 3], data: x.data.map((v) => 2 * v) }
    const want = evaluate(two, { x: evaluate(one, { x: doubled }).y! }).y!
    expect(difference(evaluate(model, { x }).z!, want)).toBe(0)
    expect(difference((await runFloat(model, { x })).z!, want)).toBeLessThan(1e-6)
  })

  it('shares the weights of a model that is called twice, and tells different ones apart', () => {
    const square = layer(3, 3, 1)
    const b = new GraphBuilder()
    const once = call(b, square, { x: b.input('x', ['N', 3]) }).y!
    b.output('y', call(b, square, { x: once }).y!)
    const twice = b.build()
    expect([...twice.graph.initializers.keys()]).toEqual(['w', 'b'])
    expect(difference(evaluate(twice, { x }).y!, evaluate(square, { x: evaluate(square, { x }).y! }).y!)).toBe(0)

    const other = new GraphBuilder()
    other.output('y', call(other, layer(3, 3, 9), { x: call(other, square, { x: other.input('x', ['N', 3]) }).y! }).y!)
    expect(other.build().graph.initializers.size).toBe(4)
  })

  it('takes expressions in the place of weights', () => {
    const b = new GraphBuilder()
    const w = b.input('w', [3, 4])
    b.output('y', call(b, layer(3, 4, 1), { x: b.input('x', ['N', 3]), w }).y!)
    const zero = { shape: [3, 4], data: new Float64Array(12) }
    const { y } = evaluate(b.build(), { x, w: zero })
    expect(Array.from(y!.data.subarray(0, 4))).toEqual(
      Array.from(numbers(4, 2), (v) => expect.closeTo(Math.tanh(v), 6)),
    )
  })

  it('raises models of older operator sets, and refuses a builder that is older', () => {
    const old = modelOf(
      graphOf(
        [node('ReduceMean', ['x'], ['y'], { axes: { kind: 'ints', value: [1] } })],
        [value('x', ['N', 3])],
        ['y'],
      ),
      11,
    )
    const b = new GraphBuilder({ opset: 20 })
    b.output('y', call(b, old, { x: b.input('x', ['N', 3]) }).y!)
    expect(
      difference(evaluate(b.build(), { x }).y!, {
        shape: [2, 1],
        data: Float64Array.of(...[0, 3].map((i) => (x.data[i]! + x.data[i + 1]! + x.data[i + 2]!) / 3)),
      }),
    ).toBeLessThan(1e-12)
    const small = new GraphBuilder({ opset: 17 })
    expect(() => call(small, layer(3, 4, 1, 19), { x: small.input('x', ['N', 3]) })).toThrow(
      /writes operator set 17, the model needs 19; make it with `new GraphBuilder\(\{ opset: 19 \}\)`/,
    )
  })

  it('checks what it is given', () => {
    const model = layer(3, 4, 1)
    const b = new GraphBuilder()
    const good = b.input('x', ['N', 3])
    expect(() => call(b, model, {})).toThrow(/^input "x" was not given; the model takes: x$/)
    expect(() => call(b, model, { x: good, t: good })).toThrow(/^"t" is no input of the model/)
    expect(() => call(b, model, { x: b.input('wide', ['N', 5]) })).toThrow(
      /^input "x" has shape \[N, 3\], \[N, 5\] was given$/,
    )
    expect(() => call(b, model, { x: b.input('deep', ['N', 3, 1]) })).toThrow(/^input "x" has shape/)
    expect(() => call(b, model, { x: b.input('whole', ['N', 3], 'int64') })).toThrow(
      /^input "x" is of type float32, int64 was given$/,
    )
    expect(() => call(b, model, { x: good, w: b.input('v', [4, 4]) })).toThrow(
      /^initialiser "w" has shape \[3, 4\], \[4, 4\] was given$/,
    )
  })
})

describe('chain', () => {
  it('feeds one model to another', () => {
    const [one, two] = [layer(3, 4, 1), layer(4, 2, 5)]
    const both = chain(one, two)
    expect(both.graph.inputs.map((v) => v.name)).toEqual(['x'])
    expect(difference(evaluate(both, { x }).y!, evaluate(two, { x: evaluate(one, { x }).y! }).y!)).toBe(0)
    expect(difference(evaluate(chain(one, two, { x: 'y' }), { x }).y!, evaluate(both, { x }).y!)).toBe(0)
    // And it is differentiated as a whole.
    expect(vjp(both).graph.outputs.map((v) => v.shape)).toEqual([['N', 3]])
  })

  it('keeps inputs that nothing feeds, and shares those of one name', () => {
    const b = new GraphBuilder()
    const [h, t, s] = [b.input('y', ['N', 4]), b.input('t', ['N', 1]), b.input('x', ['N', 3])]
    b.output('out', h.sum([1], true).mul(t).add(s))
    expect(chain(layer(3, 4, 1), b.build()).graph.inputs.map((v) => v.name)).toEqual(['x', 't'])
  })

  it('says what does not fit', () => {
    const [one, other] = [layer(3, 4, 1), rename(layer(4, 2, 5), { x: 'h', y: 'z' })]
    const two = new GraphBuilder()
    two.output('z', two.input('a', ['N', 4]).add(two.input('b', ['N', 4])))
    expect(() => chain(one, two.build())).toThrow(
      /^no output of the first model \(y\) is named like an input of the second \(a, b\)/,
    )
    expect(() => chain(one, other, { h: 'w' })).toThrow(/^"w" is no output of the first model/)
    expect(() => chain(one, other, { q: 'y' })).toThrow(/^"q" is no input of the second model/)
    expect(() => chain(one, layer(5, 2, 5))).toThrow(/^input "x" has shape \[N, 5\], \[N, 4\] was given$/)
  })
})

describe('lift and bind', () => {
  it('undo each other', () => {
    const model = layer(3, 4, 1)
    const lifted = lift(model, ['w', 'b'])
    expect(lifted.graph.inputs.map((v) => [v.name, v.shape])).toEqual([
      ['x', ['N', 3]],
      ['w', [3, 4]],
      ['b', [4]],
    ])
    expect(lifted.graph.initializers.size).toBe(0)
    const back = bind(lifted, { w: model.graph.initializers.get('w')!, b: model.graph.initializers.get('b')! })
    expect(back).toEqual(model)
  })

  it('lift weights that an exporter wrote as Constant nodes', () => {
    const model = modelOf(
      graphOf(
        [
          node('Constant', [], ['w'], { value: { kind: 'tensor', value: tensor([1, 2, 3]) } }),
          node('Mul', ['x', 'w'], ['y']),
        ],
        [value('x', ['N', 3])],
        ['y'],
      ),
    )
    const lifted = lift(model, ['w'])
    expect(lifted.graph.inputs.map((v) => v.name)).toEqual(['x', 'w'])
    expect(vjp(lifted, { wrt: ['w'] }).graph.outputs[0]!.shape).toEqual([3])
  })

  it('bind inputs to constants and weights to new values', () => {
    const model = layer(3, 4, 1)
    const fixed = bind(model, { x: tensor([0, 0, 0], [1, 3]) })
    expect(fixed.graph.inputs).toEqual([])
    expect(evaluate(fixed).y!.shape).toEqual([1, 4])
    const silent = bind(model, { w: tensor(0, [3, 4]), b: tensor(0, [4]) })
    expect(evaluate(silent, { x }).y!.data).toEqual(new Float64Array(8))
  })

  it('check names, types and shapes', () => {
    const model = layer(3, 4, 1)
    expect(() => lift(model, ['wieght'])).toThrow(/^"wieght" is no initialiser \(there are: w, b\)$/)
    expect(() => bind(model, { t: tensor(1) })).toThrow(/^"t" is no input or initialiser/)
    expect(() => bind(model, { w: tensor(1, [4, 3]) })).toThrow(/^"w" has shape \[3, 4\], \[4, 3\] was given$/)
    expect(() => bind(model, { x: tensor(1, [1, 3], 'float16') })).toThrow(
      /^"x" is of type float32, float16 was given$/,
    )
  })
})

describe('rename', () => {
  it('changes inputs, outputs and what lies between, also inside branches', () => {
    const branch = (output: string) =>
      ({ kind: 'graph', value: graphOf([node('Neg', ['h'], [output])], [], [output]) }) as const
    const model = modelOf(
      graphOf(
        [node('Exp', ['x'], ['h']), node('If', ['c'], ['y'], { then_branch: branch('a'), else_branch: branch('b') })],
        [value('x', [3]), value('c', [], 'bool')],
        ['y'],
      ),
    )
    const other = validate(rename(model, { x: 'image', h: 'hidden', y: 'result' }))
    expect(other.graph.inputs[0]!.name).toBe('image')
    expect(other.graph.outputs[0]!.name).toBe('result')
    const then = other.graph.nodes[1]!.attributes.then_branch!
    expect(then.kind === 'graph' && then.value.nodes[0]!.inputs).toEqual(['hidden'])
  })

  it('may swap names, and refuses to lose one', () => {
    const model = layer(3, 3, 1)
    const swapped = rename(model, { w: 'b', b: 'w' })
    expect(swapped.graph.initializers.get('b')).toBe(model.graph.initializers.get('w'))
    expect(difference(evaluate(swapped, { x }).y!, evaluate(model, { x }).y!)).toBe(0)
    expect(() => rename(model, { w: 'b' })).toThrow(/^"w" cannot be renamed to "b": that name is taken$/)
    expect(() => rename(model, { w: 'k', b: 'k' })).toThrow(/that name is taken/)
    expect(() => rename(model, { image: 'x2' })).toThrow(/^"image" is no tensor of the model/)
    expect(() => rename(model, { w: '' })).toThrow(/empty name/)
  })
})

describe('extract', () => {
  it.each(fixtures)('cuts %s in two that make the whole', async (name) => {
    const model = normalize(readModel(readNetwork(name)))
    // Cut where one tensor carries everything: the last float tensor that alone feeds an output.
    const output = model.graph.outputs[0]!.name
    const before = model.graph.nodes.findLast((n) => n.outputs.includes(output))!
    const cut = before.inputs.find((i) => model.graph.nodes.some((n) => n.outputs.includes(i)))!
    const others = before.inputs.filter((i) => i !== cut && !model.graph.initializers.has(i) && i !== '')
    const [head, tail] = [
      extract(model, { outputs: [cut, ...others] }),
      extract(model, { inputs: [...new Set([cut, ...others])], outputs: [output] }),
    ]
    expect(tail.graph.nodes.length).toBeLessThan(head.graph.nodes.length + 1)
    expect(validate(head).graph.outputs[0]!.shape).toEqual(tail.graph.inputs[0]!.shape)
    expect(tail.graph.nodes.length).toBeGreaterThan(0)
    expect(tail.graph.outputs[0]).toEqual(model.graph.outputs[0])
  })

  it('gives the part between tensors, with their shapes', () => {
    const two = chain(layer(3, 4, 1), layer(4, 2, 5))
    const hidden = two.graph.nodes.find((n) => n.op === 'Tanh')!.outputs[0]!
    const [head, tail] = [extract(two, { outputs: [hidden] }), extract(two, { inputs: [hidden], outputs: ['y'] })]
    expect(head.graph.outputs).toEqual([{ name: hidden, type: 'float32', shape: ['N', 4] }])
    expect(tail.graph.inputs).toEqual([{ name: hidden, type: 'float32', shape: ['N', 4] }])
    expect([head, tail].map((m) => m.graph.nodes.length)).toEqual([3, two.graph.nodes.length - 3])
    const h = evaluate(head, { x })[hidden]!
    expect(difference(evaluate(tail, { [hidden]: h }).y!, evaluate(two, { x }).y!)).toBe(0)
    // Weights become inputs as well when they are asked for.
    expect(
      extract(two, { inputs: [hidden, two.graph.nodes[3]!.inputs[1]!], outputs: ['y'] }).graph.inputs,
    ).toHaveLength(2)
  })

  it('cuts away operators that are not supported', () => {
    const nodes = [node('Exp', ['x'], ['h']), node('Unique', ['h'], ['u']), node('Neg', ['u'], ['y'])]
    const graph = graphOf(nodes, [value('x', ['N', 3])], ['y'])
    const model = modelOf({ ...graph, values: [value('u', ['unknown'])] })
    expect(() => vjp(model)).toThrow(/Unique "unique_u".*`extract`/)
    const head = extract(model, { outputs: ['h'] })
    expect(head.graph.outputs[0]!.shape).toEqual(['N', 3])
    expect(vjp(head).graph.outputs[0]!.name).toBe('grad_x')
    // What lies behind it takes its type from the file.
    expect(extract(model, { inputs: ['u'], outputs: ['y'] }).graph.outputs[0]!.shape).toEqual(['unknown'])
    expect(() => extract(modelOf(graph), { inputs: ['u'], outputs: ['y'] })).toThrow(/^the type of "u" is not known/)
  })

  it('says what is missing', () => {
    const model = layer(3, 4, 1)
    expect(() => extract(model, { outputs: ['z'] })).toThrow(/^"z" is no tensor of the model/)
    expect(() => extract(model, { inputs: ['w'], outputs: ['y'] })).toThrow(
      /^"y" also needs input "x"; list it among `inputs`$/,
    )
    expect(() => extract(model, { outputs: ['z'] })).toThrow(GraphError)
  })
})
