import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { FunctionDefinition } from '../src/index.ts'
import { int, readModel, tensor, validate, vjp, writeModel } from '../src/index.ts'
import { fixtures, readNetwork } from './fixtures/fixture.ts'
import { graphOf, modelOf, node, open, value } from './models.ts'

const x = value('x', ['N', 3])
const relu = node('Relu', ['x'], ['y'])

describe('validate', () => {
  it.each(fixtures)('accepts %s as it is', (name) => {
    const model = readModel(readNetwork(name))
    expect(validate(model)).toEqual(model)
  })

  it('sorts nodes that are only in the wrong order', async () => {
    const model = modelOf(
      graphOf([node('Add', ['b', 'a'], ['y']), node('Neg', ['x'], ['b']), node('Exp', ['x'], ['a'])], [x], ['y']),
    )
    const fixed = validate(model)
    expect(fixed.graph.nodes.map((n) => n.op)).toEqual(['Neg', 'Exp', 'Add'])
    expect(fixed.graph.nodes.map((n) => n.outputs)).toEqual([['b'], ['a'], ['y']])
    await expect(open(fixed)).resolves.toBeDefined()
  })

  it('keeps the given order where it is one, however long the graph', () => {
    const nodes = Array.from({ length: 50_000 }, (_, i) => node('Neg', [`t${i}`], [`t${i + 1}`]))
    const model = modelOf(graphOf(nodes, [value('t0', [1])], ['t50000']))
    expect(validate(model).graph.nodes).toEqual(nodes)
    const backwards = validate({ ...model, graph: { ...model.graph, nodes: [...nodes].reverse() } })
    expect(backwards.graph.nodes).toEqual(nodes)
  })

  it.each<[string, Parameters<typeof graphOf>, RegExp]>([
    [
      'a misspelt operator',
      [[node('Reluu', ['x'], ['y'])], [x], ['y']],
      /^Reluu "reluu_y": "Reluu" is no operator.*did you mean Relu\?$/,
    ],
    ['another case', [[node('softmax', ['x'], ['y'])], [x], ['y']], /did you mean Softmax\?/],
    [
      'an invented operator',
      [[node('Frobnicate', ['x'], ['y'])], [x], ['y']],
      /"Frobnicate" is no operator of the ONNX standard$/,
    ],
    [
      'an operator without a definition',
      [[node('LSTM', ['x', 'w', 'r'], ['y'])], [x, value('w', [1, 4, 3]), value('r', [1, 4, 1])], ['y']],
      /^LSTM "lstm_y": the operator is not supported; write the recurrence as MatMul/,
    ],
    ['a loop', [[node('Loop', ['', '', 'x'], ['y'])], [x], ['y']], /Loop "loop_y".*unrolled/],
    ['a quantised operator', [[node('QLinearConv', ['x'], ['y'])], [x], ['y']], /QLinearConv.*before it was quantised/],
    ['a size that depends on data', [[node('Unique', ['x'], ['y'])], [x], ['y']], /Unique.*depends on data/],
    [
      'a missing tensor',
      [[node('Add', ['x', 'weigth'], ['y'])], [x], ['y'], { weight: tensor([1]) }],
      /^Add "add_y" uses "weigth", which nothing makes; did you mean "weight"\?$/,
    ],
    [
      'a tensor made twice',
      [[relu, node('Neg', ['x'], ['y'])], [x], ['y']],
      /^tensor "y" is made twice: by Relu "relu_y" and by Neg "neg_y"/,
    ],
    [
      'an input made again',
      [[node('Neg', ['x'], ['x'])], [x], ['x']],
      /^tensor "x" is made twice: as an input and by Neg/,
    ],
    ['an input twice', [[relu], [x, x], ['y']], /^tensor "x" is made twice: as an input and as an input/],
    ['an input without a name', [[relu], [x, value('', [1])], ['y']], /has no name/],
    ['a node without outputs', [[relu, node('Neg', ['x'], [''])], [x], ['y']], /makes no output/],
    [
      'an output that nothing makes',
      [[relu], [x], ['y', 'z']],
      /^the list of outputs of the graph uses "z", which nothing makes/,
    ],
    ['an output twice', [[relu], [x], ['y', 'y']], /^output "y" is listed twice$/],
    [
      'a cycle',
      [[node('Neg', ['c'], ['a']), node('Exp', ['a'], ['b']), node('Add', ['b', 'x'], ['c'])], [x], ['c']],
      /^these nodes need each other in a circle: Neg "neg_a" <- Add "add_c" <- Exp "exp_b" <- Neg "neg_a"$/,
    ],
    [
      'a node that feeds itself',
      [[node('Add', ['x', 'y'], ['y'])], [x], ['y']],
      /in a circle: Add "add_y" <- Add "add_y"$/,
    ],
    [
      'an initialiser of the wrong length',
      [[relu], [x], ['y'], { w: { type: 'float32', shape: [3], data: new Float32Array(2) } }],
      /^initialiser "w" of type float32 and shape \[3\] holds 2 elements/,
    ],
    [
      'an initialiser in the wrong array',
      [[relu], [x], ['y'], { w: { type: 'float32', shape: [2], data: new Float64Array(2) } }],
      /in a Float64Array; expected 2 in a Float32Array/,
    ],
  ])('names %s', (_, graph, message) => {
    const model = modelOf(graphOf(...graph))
    expect(() => validate(model)).toThrow(message)
    expect(() => vjp(model, { shapes: {} })).toThrow(message)
    // Reading and writing stays possible, except of weights that are not what they say.
    if (!graph[3]?.w) expect(readModel(writeModel(model)).graph.nodes).toEqual(model.graph.nodes)
  })

  it("names operators of other domains, and ONNX Runtime's own ones with the way out", () => {
    const custom = modelOf(graphOf([node('Foo', ['x'], ['y'], {}, 'my.ops')], [x], ['y']))
    expect(() => validate(custom)).toThrow(/^Foo "foo_y": its domain "my.ops" is not among the operator sets/)
    expect(() => validate({ ...custom, domains: { 'my.ops': 1 } })).toThrow(
      /operators of domain "my.ops" are not supported/,
    )
    const fused = modelOf(graphOf([node('FusedMatMul', ['x', 'x'], ['y'], {}, 'com.microsoft')], [x], ['y']))
    expect(() => validate({ ...fused, domains: { 'com.microsoft': 1 } })).toThrow(
      /differentiate the original, not the optimised file$/,
    )
  })

  it('refuses files that ONNX Runtime saved optimised, and says what to use instead', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'graph-optimised-'))
    try {
      const optimizedModelFilePath = join(folder, 'optimised.onnx')
      const session = await open(readNetwork('cnn-15'), { graphOptimizationLevel: 'extended', optimizedModelFilePath })
      await session.release()
      const optimised = readModel(readFileSync(optimizedModelFilePath))
      expect(optimised.graph.nodes.some((n) => n.domain === 'com.microsoft')).toBe(true)
      expect(() => vjp(optimised)).toThrow(/com.microsoft.*differentiate the original, not the optimised file$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  describe('graphs inside nodes', () => {
    const branch = (nodes: Parameters<typeof graphOf>[0], output: string, constants = {}) =>
      ({ kind: 'graph', value: graphOf(nodes, [], [output], constants) }) as const
    const choose = (then: ReturnType<typeof branch>, other: ReturnType<typeof branch>) =>
      modelOf(
        graphOf(
          [node('Neg', ['x'], ['h']), node('If', ['c'], ['y'], { then_branch: then, else_branch: other })],
          [x, value('c', [], 'bool')],
          ['y'],
        ),
      )

    it('may use tensors around them', () => {
      const model = choose(
        branch([node('Mul', ['h', 'two'], ['a'])], 'a', { two: tensor([2]) }),
        branch([node('Add', ['h', 'x'], ['b'])], 'b'),
      )
      expect(validate(model)).toEqual(model)
    })

    it('are checked and sorted like the outermost one', () => {
      const wrong = branch([node('Mul', ['h', 'nowhere'], ['a'])], 'a')
      const right = branch([node('Abs', ['t'], ['b']), node('Neg', ['h'], ['t'])], 'b')
      expect(() => validate(choose(wrong, right))).toThrow(/^Mul "mul_a" uses "nowhere", which nothing makes$/)
      expect(() => validate(choose(branch([], 'gone'), right))).toThrow(
        /outputs of "then_branch" of If "if_y" uses "gone"/,
      )
      const sorted = validate(choose(branch([node('Neg', ['x'], ['a'])], 'a'), right)).graph.nodes[1]!.attributes
      expect(sorted.else_branch?.kind === 'graph' && sorted.else_branch.value.nodes.map((n) => n.op)).toEqual([
        'Neg',
        'Abs',
      ])
    })

    it('count when nodes are sorted', () => {
      const model = choose(branch([node('Neg', ['h'], ['a'])], 'a'), branch([node('Abs', ['h'], ['b'])], 'b'))
      const turned = { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes].reverse() } }
      expect(validate(turned).graph.nodes.map((n) => n.op)).toEqual(['Neg', 'If'])
    })
  })

  describe('functions', () => {
    const define = (name: string, nodes: FunctionDefinition['nodes'], more: Partial<FunctionDefinition> = {}) => ({
      name,
      domain: 'my',
      inputs: ['a'],
      outputs: ['b'],
      attributes: [],
      defaults: {},
      nodes,
      opsets: { '': 17 },
      ...more,
    })
    const calling = (...functions: FunctionDefinition[]) =>
      modelOf(graphOf([node('Twice', ['x'], ['y'], {}, 'my')], [x], ['y']), 17, { functions, domains: { my: 1 } })

    it('define operators', () => {
      const model = calling(define('Twice', [node('Add', ['a', 'a'], ['b'])]))
      expect(validate(model)).toEqual(model)
    })

    it('are checked', () => {
      expect(() => validate(calling(define('Twice', [node('Add', ['a', 'c'], ['b'])])))).toThrow(
        /^Add "add_b" in function my.Twice uses "c", which nothing makes$/,
      )
      expect(() => validate(calling(define('Twice', [node('Neg', ['a'], ['c'])])))).toThrow(
        /outputs of function my.Twice uses "b"/,
      )
      expect(() => validate(calling(define('Twice', [node('Twice', ['a'], ['b'], {}, 'my')])))).toThrow(
        /^function my.Twice calls itself$/,
      )
      expect(() => validate(calling(define('Twice', [node('Add', ['a', 'a'], ['b'])], { inputs: [] })))).toThrow(
        /which nothing makes|has 0 inputs/,
      )
      const extra = calling(define('Twice', [node('Add', ['a', 'a'], ['b'])]))
      const wide = { ...extra.graph, nodes: [node('Twice', ['x', 'x'], ['y'], { k: int(1) }, 'my')] }
      expect(() => validate({ ...extra, graph: wide })).toThrow(
        /has 1 inputs and 1 outputs, the node gives 2 and wants 1/,
      )
    })
  })
})
