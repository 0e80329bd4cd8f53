/**
 * ONNX files, read and written. The wire format is protobuf (`@bufbuild/protobuf/wire` does the varints);
 * the field numbers are those of onnx.proto, stated once in the tables below.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { GraphError } from './errors.ts'
import type {
  Attribute,
  DataType,
  Dim,
  FunctionDefinition,
  Graph,
  Model,
  Node,
  TensorArray,
  TensorData,
  Value,
} from './model.ts'
import { allocate, bytesPerElement, elementCodes, fromBytes, setElement, sizeOf } from './model.ts'

const dataTypes: (DataType | undefined)[] = []
for (const [type, code] of Object.entries(elementCodes)) dataTypes[code] = type as DataType

/** Reads the bytes of an external-data file, by the `location` written in the model. */
export type ExternalData = (location: string) => Uint8Array

export interface ReadOptions {
  /** Called for initialisers whose bytes lie in a side file. Missing: such a model is refused. */
  readonly external?: ExternalData
}

/**
 * Reads an ONNX model.
 * @throws GraphError when the bytes are not an ONNX model, are cut short, or use a feature that cannot be held
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Model {
  try {
    return modelFrom(new BinaryReader(bytes), options)
  } catch (error) {
    if (error instanceof GraphError) throw error
    throw new GraphError(
      `not a readable ONNX model: ${(error as Error).message} (is the file cut short or of another kind?)`,
    )
  }
}

type Fields = Record<number, (reader: BinaryReader, wire: WireType) => void>

/** Visits the fields of one message; unknown fields are skipped. */
function message(reader: BinaryReader, length: number, fields: Fields): void {
  const end = reader.pos + length
  if (end > reader.len) throw new GraphError('not a readable ONNX model: it is cut short')
  while (reader.pos < end) {
    const [field, wire] = reader.tag()
    const handler = fields[field]
    if (handler) handler(reader, wire)
    else reader.skip(wire, field)
  }
  if (reader.pos !== end) throw new GraphError('not a readable ONNX model: a message runs past its end')
}

const sub = (reader: BinaryReader, fields: Fields): void => message(reader, expectLength(reader), fields)

function expectLength(reader: BinaryReader): number {
  return reader.uint32()
}

function repeated<T>(out: T[], wire: WireType, reader: BinaryReader, read: () => T): void {
  if (wire !== WireType.LengthDelimited) {
    out.push(read())
    return
  }
  const end = expectLength(reader) + reader.pos
  if (end > reader.len) throw new GraphError('not a readable ONNX model: it is cut short')
  while (reader.pos < end) out.push(read())
}

const toNumber = (value: string | bigint | number): number => Number(value)

function modelFrom(reader: BinaryReader, options: ReadOptions): Model {
  let irVersion = 0
  let producer = ''
  let graph: Graph | undefined
  let opset = 0
  const domains: Record<string, number> = {}
  const metadata: Record<string, string> = {}
  const functions: FunctionDefinition[] = []
  const seen = (r: BinaryReader): void => {
    const [domain, version] = opsetFrom(r)
    if (domain === '' || domain === 'ai.onnx') opset = version
    else domains[domain] = version
  }
  message(reader, reader.len, {
    1: (r) => (irVersion = toNumber(r.int64())),
    2: (r) => (producer = r.string()),
    7: (r) => (graph = graphFrom(r, options)),
    8: seen,
    14: (r) => {
      const [key, value] = entryFrom(r)
      metadata[key] = value
    },
    25: (r) => functions.push(functionFrom(r, options)),
  })
  if (!graph || irVersion === 0)
    throw new GraphError('not an ONNX model: it has no graph (is the file of another kind?)')
  if (opset === 0) throw new GraphError('the model states no version of the standard operator set; export it again')
  return { opset, domains, irVersion, producer, metadata, functions, graph }
}

function opsetFrom(reader: BinaryReader): [string, number] {
  let domain = ''
  let version = 0
  sub(reader, { 1: (r) => (domain = r.string()), 2: (r) => (version = toNumber(r.int64())) })
  return [domain, version]
}

function entryFrom(reader: BinaryReader): [string, string] {
  let key = ''
  let value = ''
  sub(reader, { 1: (r) => (key = r.string()), 2: (r) => (value = r.string()) })
  return [key, value]
}

function functionFrom(reader: BinaryReader, options: ReadOptions): FunctionDefinition {
  const f = {
    name: '',
    domain: '',
    inputs: [] as string[],
    outputs: [] as string[],
    attributes: [] as string[],
    nodes: [] as Node[],
  }
  const opsets: Record<string, number> = {}
  sub(reader, {
    1: (r) => (f.name = r.string()),
    4: (r) => f.inputs.push(r.string()),
    5: (r) => f.outputs.push(r.string()),
    6: (r) => f.attributes.push(r.string()),
    7: (r) => f.nodes.push(nodeFrom(r, options)),
    9: (r) => {
      const [domain, version] = opsetFrom(r)
      opsets[domain] = version
    },
    10: (r) => (f.domain = r.string()),
  })
  return { ...f, opsets }
}

function graphFrom(reader: BinaryReader, options: ReadOptions): Graph {
  let name = ''
  const nodes: Node[] = []
  const inputs: Value[] = []
  const outputs: Value[] = []
  const values: Value[] = []
  const initializers = new Map<string, TensorData>()
  sub(reader, {
    1: (r) => nodes.push(nodeFrom(r, options)),
    2: (r) => (name = r.string()),
    5: (r) => {
      const [key, value] = tensorFrom(r, options)
      initializers.set(key, value)
    },
    11: (r) => inputs.push(valueFrom(r)),
    12: (r) => outputs.push(valueFrom(r)),
    13: (r) => values.push(valueFrom(r)),
    15: () => {
      throw new GraphError('the model has sparse initialisers, which are not supported; export it with dense weights')
    },
  })
  return { name, nodes, inputs: inputs.filter((v) => !initializers.has(v.name)), outputs, initializers, values }
}

function nodeFrom(reader: BinaryReader, options: ReadOptions): Node {
  const node = { name: '', op: '', domain: '', inputs: [] as string[], outputs: [] as string[] }
  const attributes: Record<string, Attribute> = {}
  sub(reader, {
    1: (r) => node.inputs.push(r.string()),
    2: (r) => node.outputs.push(r.string()),
    3: (r) => (node.name = r.string()),
    4: (r) => (node.op = r.string()),
    5: (r) => {
      const [key, value] = attributeFrom(r, options)
      attributes[key] = value
    },
    7: (r) => (node.domain = r.string()),
  })
  if (node.domain === 'ai.onnx') node.domain = ''
  return { ...node, attributes }
}

function attributeFrom(reader: BinaryReader, options: ReadOptions): [string, Attribute] {
  let name = ''
  let type = 0
  let f = 0
  let i = 0
  let s = ''
  let reference = ''
  let t: TensorData | undefined
  let g: Graph | undefined
  const fs: number[] = []
  const is: number[] = []
  const ss: string[] = []
  const ts: TensorData[] = []
  const gs: Graph[] = []
  sub(reader, {
    1: (r) => (name = r.string()),
    2: (r) => (f = r.float()),
    3: (r) => (i = toNumber(r.int64())),
    4: (r) => (s = new TextDecoder().decode(r.bytes())),
    5: (r) => (t = tensorFrom(r, options)[1]),
    6: (r) => (g = graphFrom(r, options)),
    7: (r, w) => repeated(fs, w, r, () => r.float()),
    8: (r, w) => repeated(is, w, r, () => toNumber(r.int64())),
    9: (r) => ss.push(new TextDecoder().decode(r.bytes())),
    10: (r) => ts.push(tensorFrom(r, options)[1]),
    11: (r) => gs.push(graphFrom(r, options)),
    20: (r) => (type = r.int32()),
    21: (r) => (reference = r.string()),
  })
  if (reference) return [name, { kind: 'string', value: `@${reference}` }]
  const kinds: Record<number, () => Attribute> = {
    1: () => ({ kind: 'float', value: f }),
    2: () => ({ kind: 'int', value: i }),
    3: () => ({ kind: 'string', value: s }),
    4: () => ({ kind: 'tensor', value: t as TensorData }),
    5: () => ({ kind: 'graph', value: g as Graph }),
    6: () => ({ kind: 'floats', value: fs }),
    7: () => ({ kind: 'ints', value: is }),
    8: () => ({ kind: 'strings', value: ss }),
    9: () => ({ kind: 'tensors', value: ts }),
    10: () => ({ kind: 'graphs', value: gs }),
  }
  const make = kinds[type]
  if (!make)
    throw new GraphError(`attribute "${name}" has kind ${type}, which is not supported (sparse or type attributes)`)
  const attribute = make()
  if (attribute.value === undefined) throw new GraphError(`attribute "${name}" has no value`)
  return [name, attribute]
}

function valueFrom(reader: BinaryReader): Value {
  let name = ''
  let type: DataType | undefined
  let shape: Dim[] | undefined
  const dimension: Fields = {
    1: (r) => shape?.push(toNumber(r.int64())),
    2: (r) => shape?.push(r.string() || undefined),
  }
  const tensorType: Fields = {
    1: (r) => (type = dataTypes[r.int32()]),
    2: (r) => {
      shape = []
      sub(r, {
        1: (d) => {
          const before = shape?.length ?? 0
          sub(d, dimension)
          if (shape && shape.length === before) shape.push(undefined)
        },
      })
    },
  }
  sub(reader, { 1: (r) => (name = r.string()), 2: (r) => sub(r, { 1: (q) => sub(q, tensorType) }) })
  return { name, type, shape }
}

function tensorFrom(reader: BinaryReader, options: ReadOptions): [string, TensorData] {
  let name = ''
  let code = 0
  let raw: Uint8Array | undefined
  let external = false
  const shape: number[] = []
  const numbers: number[] = []
  const integers: (string | bigint | number)[] = []
  const strings: string[] = []
  const where: Record<string, string> = {}
  sub(reader, {
    1: (r, w) => repeated(shape, w, r, () => toNumber(r.int64())),
    2: (r) => (code = r.int32()),
    4: (r, w) => repeated(numbers, w, r, () => r.float()),
    5: (r, w) => repeated(numbers, w, r, () => r.int32()),
    6: (r) => strings.push(new TextDecoder().decode(r.bytes())),
    7: (r, w) => repeated(integers, w, r, () => r.int64()),
    8: (r) => (name = r.string()),
    9: (r) => (raw = r.bytes()),
    10: (r, w) => repeated(numbers, w, r, () => r.double()),
    11: (r, w) => repeated(integers, w, r, () => r.uint64()),
    13: (r) => {
      const [key, value] = entryFrom(r)
      where[key] = value
    },
    14: (r) => (external = r.int32() === 1),
  })
  const type = dataTypes[code]
  if (!type) throw new GraphError(`tensor "${name}" has element type number ${code}, which is not supported`)
  if (shape.some((d) => d < 0)) throw new GraphError(`tensor "${name}" has a negative dimension: [${shape}]`)
  const size = sizeOf(shape)
  if (external) raw = externalBytes(name, where, size * bytesPerElement(type), options)
  let data: TensorArray
  if (type === 'string') data = strings
  else if (raw) data = fromBytes(type, raw)
  else if (integers.length > 0) {
    data = type === 'uint64' ? BigUint64Array.from(integers, BigInt) : allocate(type, integers.length)
    if (type !== 'uint64') for (let k = 0; k < integers.length; k++) writeInteger(type, data, k, integers[k])
  } else {
    data = allocate(type, numbers.length)
    // float16 and bfloat16 bit patterns are stored in int32_data as they are.
    const bits = type === 'float16' || type === 'bfloat16'
    for (let k = 0; k < numbers.length; k++)
      if (bits) (data as Uint16Array)[k] = numbers[k]
      else setElement(type, data, k, numbers[k])
  }
  if (data.length !== size)
    throw new GraphError(
      `tensor "${name}" of shape [${shape}] has ${data.length} elements instead of ${size}; the file is damaged`,
    )
  return [name, { type, shape, data }]
}

function writeInteger(type: DataType, data: TensorArray, k: number, value: string | bigint | number): void {
  if (type === 'int64') (data as BigInt64Array)[k] = BigInt(value)
  else setElement(type, data, k, Number(value))
}

function externalBytes(name: string, where: Record<string, string>, length: number, options: ReadOptions): Uint8Array {
  const location = where.location ?? ''
  if (!location || location.startsWith('/') || /(^|[\\/])\.\.([\\/]|$)/.test(location) || /^[A-Za-z]:/.test(location))
    throw new GraphError(
      `tensor "${name}" points to external data at "${location}", which is outside the model's folder`,
    )
  if (!options.external)
    throw new GraphError(`tensor "${name}" lies in "${location}"; give the \`external\` option to read that file`)
  const file = options.external(location)
  const offset = Number(where.offset ?? 0)
  const stated = where.length === undefined ? length : Number(where.length)
  if (stated !== length || !(offset >= 0) || offset + length > file.byteLength)
    throw new GraphError(
      `tensor "${name}" needs ${length} bytes at offset ${offset} of "${location}", which has ${file.byteLength}; is it cut short?`,
    )
  return file.subarray(offset, offset + length)
}

// ---------------------------------------------------------------------------------------------------------- writing

/** Serialises a model into ONNX bytes. */
export function writeModel(model: Model): Uint8Array {
  return modelTo(model, undefined).finish()
}

/** Serialises a model whose large initialisers go to a side file (needed beyond 2 GiB). */
export function writeModelWithExternalData(
  model: Model,
  location: string,
  threshold = 1024,
): { model: Uint8Array; data: Uint8Array } {
  const side = new SideFile(location, threshold)
  const bytes = modelTo(model, side).finish()
  return { model: bytes, data: side.bytes() }
}

class SideFile {
  readonly location: string
  readonly threshold: number
  #chunks: Uint8Array[] = []
  #length = 0
  constructor(location: string, threshold: number) {
    this.location = location
    this.threshold = threshold
  }
  /** Appends at a multiple of 64 bytes, so that a reader can map it; returns the offset. */
  add(bytes: Uint8Array): number {
    const padding = (64 - (this.#length % 64)) % 64
    if (padding) this.#chunks.push(new Uint8Array(padding))
    const offset = this.#length + padding
    this.#chunks.push(bytes)
    this.#length = offset + bytes.byteLength
    return offset
  }
  bytes(): Uint8Array {
    const out = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      out.set(chunk, at)
      at += chunk.byteLength
    }
    return out
  }
}

class Writer {
  readonly w = new BinaryWriter()
  text(field: number, value: string): void {
    if (value !== '') this.texts(field, value)
  }
  texts(field: number, value: string): void {
    this.w.tag(field, WireType.LengthDelimited).string(value)
  }
  integer(field: number, value: number | bigint): void {
    this.w.tag(field, WireType.Varint).int64(typeof value === 'number' ? BigInt(value) : value)
  }
  float(field: number, value: number): void {
    this.w.tag(field, WireType.Bit32).float(value)
  }
  bytes(field: number, value: Uint8Array): void {
    this.w.tag(field, WireType.LengthDelimited).bytes(value)
  }
  nested(field: number, fill: (inner: Writer) => void): void {
    const inner = new Writer()
    fill(inner)
    this.bytes(field, inner.w.finish())
  }
  finish(): Uint8Array {
    return this.w.finish()
  }
}

function modelTo(model: Model, side: SideFile | undefined): Writer {
  const out = new Writer()
  out.integer(1, model.irVersion)
  out.text(2, model.producer)
  out.nested(7, (w) => graphTo(w, model.graph, side))
  out.nested(8, (w) => opsetTo(w, '', model.opset))
  for (const [domain, version] of Object.entries(model.domains)) out.nested(8, (w) => opsetTo(w, domain, version))
  for (const [key, value] of Object.entries(model.metadata)) out.nested(14, (w) => entryTo(w, key, value))
  for (const f of model.functions)
    out.nested(25, (w) => {
      w.text(1, f.name)
      for (const name of f.inputs) w.texts(4, name)
      for (const name of f.outputs) w.texts(5, name)
      for (const name of f.attributes) w.texts(6, name)
      for (const node of f.nodes) w.nested(7, (v) => nodeTo(v, node, side))
      for (const [domain, version] of Object.entries(f.opsets)) w.nested(9, (v) => opsetTo(v, domain, version))
      w.text(10, f.domain)
    })
  return out
}

function opsetTo(w: Writer, domain: string, version: number): void {
  w.text(1, domain)
  w.integer(2, version)
}

function entryTo(w: Writer, key: string, value: string): void {
  w.text(1, key)
  w.text(2, value)
}

function graphTo(w: Writer, graph: Graph, side: SideFile | undefined): void {
  for (const node of graph.nodes) w.nested(1, (v) => nodeTo(v, node, side))
  w.text(2, graph.name || 'graph')
  for (const [name, value] of graph.initializers) w.nested(5, (v) => tensorTo(v, name, value, side))
  for (const value of graph.inputs) w.nested(11, (v) => valueTo(v, value))
  for (const value of graph.outputs) w.nested(12, (v) => valueTo(v, value))
  for (const value of graph.values) w.nested(13, (v) => valueTo(v, value))
}

function nodeTo(w: Writer, node: Node, side: SideFile | undefined): void {
  for (const name of node.inputs) w.texts(1, name)
  for (const name of node.outputs) w.texts(2, name)
  w.text(3, node.name)
  w.text(4, node.op)
  for (const [name, attribute] of Object.entries(node.attributes))
    w.nested(5, (v) => attributeTo(v, name, attribute, side))
  w.text(7, node.domain)
}

function attributeTo(w: Writer, name: string, attribute: Attribute, side: SideFile | undefined): void {
  w.text(1, name)
  const encoder = new TextEncoder()
  if (attribute.kind === 'string' && attribute.value.startsWith('@')) {
    w.text(21, attribute.value.slice(1))
    return
  }
  switch (attribute.kind) {
    case 'float':
      w.float(2, attribute.value)
      break
    case 'int':
      w.integer(3, attribute.value)
      break
    case 'string':
      w.bytes(4, encoder.encode(attribute.value))
      break
    case 'tensor':
      w.nested(5, (v) => tensorTo(v, '', attribute.value, undefined))
      break
    case 'graph':
      w.nested(6, (v) => graphTo(v, attribute.value, side))
      break
    case 'floats':
      for (const x of attribute.value) w.float(7, x)
      break
    case 'ints':
      for (const x of attribute.value) w.integer(8, x)
      break
    case 'strings':
      for (const x of attribute.value) w.bytes(9, encoder.encode(x))
      break
    case 'tensors':
      for (const x of attribute.value) w.nested(10, (v) => tensorTo(v, '', x, undefined))
      break
    case 'graphs':
      for (const x of attribute.value) w.nested(11, (v) => graphTo(v, x, side))
      break
  }
  const codes = {
    float: 1,
    int: 2,
    string: 3,
    tensor: 4,
    graph: 5,
    floats: 6,
    ints: 7,
    strings: 8,
    tensors: 9,
    graphs: 10,
  }
  w.integer(20, codes[attribute.kind])
}

function valueTo(w: Writer, value: Value): void {
  w.text(1, value.name)
  const { type, shape } = value
  // A value without a type is legal: runtimes infer it.
  if (!type) return
  w.nested(2, (t) =>
    t.nested(1, (tt) => {
      tt.integer(1, elementCodes[type])
      if (!shape) return
      tt.nested(2, (s) => {
        for (const d of shape)
          s.nested(1, (v) => {
            if (typeof d === 'number') v.integer(1, d)
            else if (d) v.text(2, d)
          })
      })
    }),
  )
}

function tensorTo(w: Writer, name: string, value: TensorData, side: SideFile | undefined): void {
  for (const d of value.shape) w.integer(1, d)
  w.integer(2, elementCodes[value.type])
  w.text(8, name)
  if (value.type === 'string') {
    for (const s of value.data as string[]) w.bytes(6, new TextEncoder().encode(s))
    return
  }
  const data = value.data as Exclude<TensorArray, string[]>
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  if (!side || bytes.byteLength < side.threshold) {
    w.bytes(9, bytes)
    return
  }
  const offset = side.add(bytes)
  for (const [key, text] of [
    ['location', side.location],
    ['offset', String(offset)],
    ['length', String(bytes.byteLength)],
  ])
    w.nested(13, (v) => entryTo(v, key, text))
  w.integer(14, 1)
}
