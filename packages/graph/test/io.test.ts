import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import {
  allocate,
  bytesPerElement,
  type DataType,
  elementCodes,
  fromBfloat16,
  fromBytes,
  fromFloat16,
  GraphBuilder,
  GraphError,
  type Model,
  readModel,
  sizeOf,
  type TensorData,
  tensor,
  toBfloat16,
  toFloat16,
  toNumbers,
  writeModel,
  writeModelWithExternalData,
} from '../src/index.ts'
import { fixtures, readNetwork } from './fixtures/fixture.ts'

const types = Object.keys(elementCodes) as DataType[]
const open = (bytes: Uint8Array) => InferenceSession.create(bytes, { logSeverityLevel: 3 })

/** The bits of a float16 tensor: newer engines have a Float16Array for it. */
const bitsOf = ({ data }: Tensor) =>
  new Uint16Array((data as Uint16Array).buffer, (data as Uint16Array).byteOffset, data.length)

/** A model that returns its initialisers. */
function holding(initializers: Record<string, TensorData>, opset = 18): Model {
  const b = new GraphBuilder({ opset })
  for (const [name, value] of Object.entries(initializers))
    b.output(`${name}_out`, b.op('Identity', [b.parameter(name, value)]))
  return b.build()
}

const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
const tensors = fc.tuple(fc.constantFrom(...types), shapes).chain(([type, shape]): fc.Arbitrary<TensorData> => {
  const size = sizeOf(shape)
  if (type === 'string')
    return fc
      .array(fc.string({ unit: 'grapheme' }), { minLength: size, maxLength: size })
      .map((data) => ({ type, shape, data }))
  const bytes = size * bytesPerElement(type)
  return fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((raw) => ({ type, shape, data: fromBytes(type, type === 'bool' ? raw.map((v) => v & 1) : raw) }))
})

// ------------------------------------------------------------------------------------- by hand, as other writers do

type Fill = (w: BinaryWriter) => void
const chunk = (w: BinaryWriter, field: number, bytes: Uint8Array) => w.tag(field, WireType.LengthDelimited).bytes(bytes)
const message = (fill: Fill): Uint8Array => {
  const w = new BinaryWriter()
  fill(w)
  return w.finish()
}
const entry = (key: string, value: string) =>
  message((w) => w.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value))

function each<T>(values: readonly T[], f: (v: T) => unknown): void {
  for (const v of values) f(v)
}

/** TensorProto: dims, element type, name, and what `fill` adds. */
const tensorBytes = (type: DataType, shape: readonly number[], fill: Fill): Uint8Array =>
  message((w) => {
    for (const d of shape) w.tag(1, WireType.Varint).int64(d)
    w.tag(2, WireType.Varint).int32(elementCodes[type])
    w.tag(8, WireType.LengthDelimited).string('w')
    fill(w)
  })

/** ModelProto with a graph that `fill` writes. */
const modelBytes = (fill: Fill, opset = 17): Uint8Array =>
  message((w) => {
    w.tag(1, WireType.Varint).int64(8)
    chunk(w, 7, message(fill))
    chunk(
      w,
      8,
      message((o) => o.tag(2, WireType.Varint).int64(opset)),
    )
  })

const withTensor = (bytes: Uint8Array): Uint8Array => modelBytes((g) => chunk(g, 5, bytes))
const readTensor = (bytes: Uint8Array): TensorData => readModel(withTensor(bytes)).graph.initializers.get('w')!

describe('initialisers', () => {
  it('of every type and shape survive writing and reading', () => {
    fc.assert(
      fc.property(fc.array(tensors, { minLength: 1, maxLength: 5 }), (list) => {
        const model = holding(Object.fromEntries(list.map((t, i) => [`t${i}`, t])))
        expect(readModel(writeModel(model))).toEqual(model)
      }),
      { numRuns: 200 },
    )
  })

  it('keep all 65536 patterns of float16 and bfloat16', () => {
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i)
    for (const type of ['float16', 'bfloat16'] as const) {
      const value = { type, shape: [65536], data: patterns }
      expect(readModel(writeModel(holding({ w: value }))).graph.initializers.get('w')).toEqual(value)
      const back =
        type === 'float16' ? (v: number) => toFloat16(fromFloat16(v)) : (v: number) => toBfloat16(fromBfloat16(v))
      const isNaN16 = (v: number) => Number.isNaN(type === 'float16' ? fromFloat16(v) : fromBfloat16(v))
      expect(patterns.filter((v) => back(v) !== v && !isNaN16(v))).toEqual(new Uint16Array())
      expect(patterns.filter((v) => isNaN16(v) && !isNaN16(back(v)))).toEqual(new Uint16Array())
    }
  })

  it('convert between 16 and 32 bits as ONNX Runtime does', async () => {
    const b = new GraphBuilder()
    const patterns = Uint16Array.from({ length: 65536 }, (_, i) => i)
    b.output('wide', b.parameter('half', { type: 'float16', shape: [65536], data: patterns }).cast('float32'))
    b.output('wide_b', b.parameter('brain', { type: 'bfloat16', shape: [65536], data: patterns }).cast('float32'))
    const x = b.input('x', ['n'])
    b.output('half_x', x.cast('float16'))
    b.output('brain_x', x.cast('bfloat16').cast('float32'))
    const session = await open(writeModel(b.build()))
    // Random bit patterns, and the neighbours of every halfway point of float16 near 1 and near its smallest numbers.
    const values = new Float32Array(40000)
    new Uint32Array(values.buffer).set(Uint32Array.from(values, (_, i) => Math.imul(i + 1, 2654435761)))
    for (let i = 0; i < 8000; i++) values[i] = (i % 2 ? 1 : 2 ** -14) * (1 + i * 2 ** -12)
    for (let i = 8000; i < 16000; i++) values[i] = (i - 8000) * 2 ** -26 * (i % 2 ? 1 : -1)
    const got = await session.run({ x: new Tensor('float32', values, [values.length]) })
    const sameNumbers = (a: ArrayLike<number>, c: ArrayLike<number>) =>
      Array.from(a).every((v, i) => Object.is(v, c[i]) || (Number.isNaN(v) && Number.isNaN(c[i]!)))
    const wide = got.wide!.data as Float32Array
    expect(sameNumbers(wide, Float64Array.from(patterns, fromFloat16))).toBe(true)
    expect(sameNumbers(got.wide_b!.data as Float32Array, Float64Array.from(patterns, fromBfloat16))).toBe(true)
    const half = Float64Array.from(Uint16Array.from(values, toFloat16), fromFloat16)
    expect(sameNumbers(half, Float64Array.from(bitsOf(got.half_x!), fromFloat16))).toBe(true)
    const brain = Float64Array.from(Uint16Array.from(values, toBfloat16), fromBfloat16)
    expect(sameNumbers(brain, got.brain_x!.data as Float32Array)).toBe(true)
  })

  it('are read from typed lists, packed and one by one', () => {
    const float = (w: BinaryWriter, v: number) => w.float(v)
    const int32 = (w: BinaryWriter, v: number) => w.int32(v)
    const lists: [DataType, number, WireType, number[], (w: BinaryWriter, v: number) => unknown][] = [
      ['float32', 4, WireType.Bit32, [1.5, -2, 0], float],
      ['float64', 10, WireType.Bit64, [Math.PI, -1e300], (w, v) => w.double(v)],
      ['int32', 5, WireType.Varint, [-5, 2 ** 31 - 1], int32],
      ['int16', 5, WireType.Varint, [-32768, 7], int32],
      ['int8', 5, WireType.Varint, [-128, 7], int32],
      ['uint8', 5, WireType.Varint, [255, 7], int32],
      ['uint16', 5, WireType.Varint, [65535, 7], int32],
      ['bool', 5, WireType.Varint, [1, 0, 1], int32],
      ['float16', 5, WireType.Varint, [0x3c00, 0xffff, 0], int32],
      ['bfloat16', 5, WireType.Varint, [0x3f80, 0xff80], int32],
      ['int64', 7, WireType.Varint, [-1, 2 ** 53], (w, v) => w.int64(v)],
      ['uint32', 11, WireType.Varint, [2 ** 32 - 1, 3], (w, v) => w.uint64(v)],
      ['uint64', 11, WireType.Varint, [2 ** 53, 3], (w, v) => w.uint64(v)],
    ]
    for (const [type, field, wire, values, write] of lists) {
      const bits = type === 'float16' || type === 'bfloat16'
      const expected = allocate(type, values.length).map((_, i) =>
        type.endsWith('int64') ? BigInt(values[i]!) : values[i],
      )
      const single = readTensor(
        tensorBytes(type, [values.length], (w) => each(values, (v) => write(w.tag(field, wire), v))),
      )
      const packed = readTensor(
        tensorBytes(type, [values.length], (w) =>
          chunk(
            w,
            field,
            message((p) => each(values, (v) => write(p, v))),
          ),
        ),
      )
      expect(single, type).toEqual({ type, shape: [values.length], data: expected })
      expect(packed, type).toEqual(single)
      if (!bits) expect(Array.from(toNumbers(single)), type).toEqual(values)
    }
    const text = readTensor(
      tensorBytes('string', [2], (w) => each(['a', 'ü'], (s) => chunk(w, 6, new TextEncoder().encode(s)))),
    )
    expect(text.data).toEqual(['a', 'ü'])
  })

  it('give ONNX Runtime the same values', async () => {
    const values: Record<string, TensorData> = {}
    // The Node binding returns no bfloat16.
    for (const type of types.filter((t) => t !== 'bfloat16'))
      values[type] = type === 'string' ? { type, shape: [2], data: ['x', 'é'] } : tensor([0, 1, 3, 100], [2, 2], type)
    const session = await open(writeModel(holding(values)))
    const got = await session.run({})
    for (const [type, value] of Object.entries(values)) {
      const t = got[`${type}_out`] as Tensor
      expect(t.type).toBe(type)
      expect(t.dims).toEqual(value.shape)
      const data = type === 'float16' ? bitsOf(t) : t.data
      expect(Array.from(data as ArrayLike<unknown>, String), type).toEqual(
        Array.from(value.data as ArrayLike<unknown>, String),
      )
    }
  })

  it('are refused when the file does not hold what it promises', () => {
    const raw = (type: DataType, shape: number[], bytes: number) =>
      tensorBytes(type, shape, (w) => chunk(w, 9, new Uint8Array(bytes)))
    expect(() => readTensor(raw('float32', [3], 8))).toThrow(/shape \[3\] has 2 elements instead of 3/)
    expect(() => readTensor(raw('float32', [3], 7))).toThrow(/not a whole number of float32/)
    expect(() => readTensor(raw('float32', [1e15], 8))).toThrow(GraphError)
    expect(() => readTensor(raw('float32', [2 ** 40, 2 ** 40, 2 ** 40], 8))).toThrow(GraphError)
    expect(() => readTensor(raw('float32', [-2], 8))).toThrow(/negative dimension/)
    expect(() => readTensor(tensorBytes('float32', [2], (w) => w.tag(2, WireType.Varint).int32(17)))).toThrow(
      /element type number 17/,
    )
    expect(() =>
      readModel(modelBytes((g) => chunk(chunk(g, 5, raw('float32', [1], 4)), 5, raw('float32', [1], 4)))),
    ).toThrow(/"w" is in the model twice/)
  })
})

describe('external data', () => {
  const big = tensor(
    Array.from({ length: 600 }, (_, i) => Math.sin(i)),
    [20, 30],
  )
  const long = tensor(
    Array.from({ length: 300 }, (_, i) => i - 7),
    [300],
    'int64',
  )
  const model = holding({ big, long, small: tensor([1, 2]) })

  it('goes to a side file and comes back', async () => {
    const files = writeModelWithExternalData(model, 'model.onnx.data')
    expect(files.model.length).toBeLessThan(1000)
    expect(files.data.length).toBeGreaterThanOrEqual(2400 + 2400)
    expect(readModel(files.model, { external: () => files.data })).toEqual(model)
    const session = await InferenceSession.create(files.model, {
      externalData: [{ path: 'model.onnx.data', data: files.data }],
    })
    expect((await session.run({})).big_out!.data).toEqual(big.data)
  })

  it('is refused when it is missing, short, or outside the folder', () => {
    const files = writeModelWithExternalData(model, 'weights.bin')
    expect(() => readModel(files.model)).toThrow(/"big" lies in "weights.bin"; give the `external` option/)
    expect(() => readModel(files.model, { external: () => files.data.subarray(0, 100) })).toThrow(/is it cut short/)
    const fail = () => {
      throw new Error('ENOENT: no such file')
    }
    expect(() => readModel(files.model, { external: fail })).toThrow(/"weights.bin", which cannot be read: ENOENT/)
    for (const location of [
      '',
      '/etc/passwd',
      '../secret',
      'a/../../secret',
      'a\\..\\..\\secret',
      '..',
      '\\\\server\\share',
      'C:\\secret',
      'c:secret',
      'http://example.com/x',
      'file:///etc/passwd',
      '%2e%2e/secret',
      'a/%2E%2E/%2e%2e/secret',
      '%2Fetc/passwd',
      'weights.bin\0.txt',
    ]) {
      let asked = false
      const outside = withTensor(
        tensorBytes('float32', [1], (w) => {
          chunk(w, 13, entry('location', location)).tag(14, WireType.Varint).int32(1)
        }),
      )
      const external = () => {
        asked = true
        return new Uint8Array(4)
      }
      expect(() => readModel(outside, { external }), location).toThrow(/not inside the model's folder/)
      expect(asked, location).toBe(false)
    }
    for (const [offset, length] of [
      ['-4', '4'],
      ['x', '4'],
      ['0', '8'],
      ['1e30', '4'],
    ] as const) {
      const odd = withTensor(
        tensorBytes('float32', [1], (w) => {
          for (const [k, v] of [
            ['location', 'w.bin'],
            ['offset', offset],
            ['length', length],
          ] as const)
            chunk(w, 13, entry(k, v))
          w.tag(14, WireType.Varint).int32(1)
        }),
      )
      expect(() => readModel(odd, { external: () => new Uint8Array(64) }), `${offset} ${length}`).toThrow(GraphError)
    }
  })
})

describe('models', () => {
  it.each(fixtures)('%s survives writing and reading', (name) => {
    const model = readModel(readNetwork(name))
    expect(readModel(writeModel(model))).toEqual({ ...model, irVersion: Math.max(model.irVersion, 4) })
  })

  it.each([7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21])(
    'opset %i is read, written and run',
    async (opset) => {
      const b = new GraphBuilder({ opset })
      b.output(
        'y',
        b
          .input('x', ['n', 2])
          .mul(tensor([2, 3]))
          .relu(),
      )
      const model = b.build()
      expect(model.opset).toBe(opset)
      expect(readModel(writeModel(model))).toEqual(model)
      const got = await (await open(writeModel(model))).run({ x: new Tensor('float32', [1, -1, 2, 4], [2, 2]) })
      expect(Array.from(got.y!.data as Float32Array)).toEqual([2, 0, 4, 12])
    },
  )

  it('keep functions, attributes of every kind, operators that nobody knows, and types that are no tensors', () => {
    const graph = holding({ w: tensor([1]) }).graph
    const attributes = {
      i: { kind: 'int', value: -3 },
      far: { kind: 'int', value: 2 ** 63 },
      f: { kind: 'float', value: 0.5 },
      s: { kind: 'string', value: '@not a reference' },
      t: { kind: 'tensor', value: tensor([1, 2]) },
      g: { kind: 'graph', value: graph },
      is: { kind: 'ints', value: [1, -2] },
      none: { kind: 'ints', value: [] },
      fs: { kind: 'floats', value: [0.25] },
      ss: { kind: 'strings', value: ['a', ''] },
      ts: { kind: 'tensors', value: [tensor([3])] },
      gs: { kind: 'graphs', value: [graph] },
      ['__proto__' as string]: { kind: 'int', value: 1 },
    } as const
    const node = { name: 'n', op: 'Odd', domain: 'my.domain', inputs: ['x', '', 'w'], outputs: ['', 'y'], attributes }
    const sequence = { name: 'seq', type: undefined, shape: undefined, raw: Uint8Array.of(0x22, 0) }
    const model: Model = {
      opset: 17,
      domains: { 'my.domain': 3 },
      irVersion: 9,
      producer: 'test',
      metadata: { key: 'värde' },
      functions: [
        {
          name: 'Odd',
          domain: 'my.domain',
          inputs: ['a', 'b', 'c'],
          outputs: ['d', 'e'],
          attributes: ['i'],
          defaults: { s: { kind: 'string', value: 'x' } },
          nodes: [{ ...node, op: 'Leak', attributes: { alpha: { kind: 'reference', value: 'f', code: 1 } } }],
          opsets: { '': 17, 'my.domain': 3 },
        },
      ],
      graph: {
        name: 'g',
        nodes: [node],
        inputs: [
          { name: 'x', type: 'float32', shape: ['n', undefined, 3] },
          { name: 'u', type: 'int8', shape: undefined },
          sequence,
        ],
        outputs: [{ name: 'y', type: undefined, shape: undefined }],
        initializers: new Map([['w', tensor([1])]]),
        values: [{ name: 'v', type: 'bool', shape: [] }],
      },
    }
    const back = readModel(writeModel(model))
    expect(Object.keys(back.graph.nodes[0]!.attributes)).toEqual(Object.keys(attributes))
    expect(back.graph.nodes[0]!.attributes.far).toEqual({ kind: 'int', value: 2 ** 63 })
    expect(back).toEqual(model)
  })

  it('leaves out initialisers that old files list among the inputs', () => {
    const model = readModel(readNetwork('mlp-11'))
    expect(model.graph.inputs.map((v) => v.name)).toEqual(['x', 'c'])
    expect(model.graph.initializers.size).toBeGreaterThan(5)
  })

  it('refuses weights beyond 2 GiB in one file, and points to the side file', () => {
    // One piece of memory under 33 names.
    const piece = tensor(new Float32Array(2 ** 24), [2 ** 24])
    const model = holding({ w: tensor([1]) })
    const initializers = new Map(Array.from({ length: 33 }, (_, i) => [`w${i}`, piece]))
    expect(() => writeModel({ ...model, graph: { ...model.graph, initializers } })).toThrow(
      /use writeModelWithExternalData/,
    )
  })
})
