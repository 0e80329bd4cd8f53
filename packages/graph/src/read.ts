/**
 * Reads ONNX files. The wire format is protobuf (`@bufbuild/protobuf/wire` does the varints); the field numbers are
 * those of onnx.proto. Nothing is allocated by what a file claims, only by what it holds, so a damaged file cannot ask
 * for more memory than its own size.
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
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

/** Returns the bytes of a side file, by the `location` written in the model (a path inside the model's folder). */
export type ExternalData = (location: string) => Uint8Array

/** How to read a model. */
export interface ReadOptions {
  /** Called for initialisers whose bytes lie in a side file. Missing: such a model is refused. */
  readonly external?: ExternalData
}

/** Graphs inside graphs (branches of If) deeper than this are taken for damage. */
const deepest = 32

interface Context extends ReadOptions {
  depth: number
}

/**
 * Reads an ONNX model. Unknown operators are kept as they are; call {@link validate} to have them named.
 * @throws GraphError when the bytes are not an ONNX model, are cut short, or use a feature that cannot be held
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Model {
  try {
    return modelFrom(new BinaryReader(bytes), { ...options, depth: 0 })
  } catch (error) {
    if (error instanceof GraphError) throw error
    throw unreadable((error as Error).message)
  }
}

const unreadable = (why: string): GraphError =>
  new GraphError(`not a readable ONNX model: ${why} (is the file cut short, damaged, or of another kind?)`)

/** One known field of a message: the wire type that it must have (`undefined`: any) and what to do with it. */
interface Field {
  readonly wire: WireType | undefined
  readonly read: (reader: BinaryReader, wire: WireType) => void
}
type Fields = Readonly<Record<number, Field>>

const chunk = (read: Field['read']): Field => ({ wire: WireType.LengthDelimited, read })
const varint = (read: Field['read']): Field => ({ wire: WireType.Varint, read })
const bit32 = (read: Field['read']): Field => ({ wire: WireType.Bit32, read })
/** Numbers of a repeated field, packed into one chunk or one by one. */
const numbers = <T>(out: T[], read: (reader: BinaryReader) => T): Field => ({
  wire: undefined,
  read: (r, wire) => {
    if (wire !== WireType.LengthDelimited) {
      out.push(read(r))
      return
    }
    const end = endOf(r, r.uint32())
    while (r.pos < end) out.push(read(r))
    if (r.pos !== end) throw unreadable('a list of numbers runs past its end')
  },
})

function endOf(reader: BinaryReader, length: number): number {
  const end = reader.pos + length
  if (end > reader.len) throw unreadable('it ends too early')
  return end
}

/** Visits the fields of one message; unknown fields and fields of an unexpected wire type are skipped. */
function message(reader: BinaryReader, length: number, fields: Fields): void {
  const end = endOf(reader, length)
  while (reader.pos < end) {
    const [number, wire] = reader.tag()
    const field = fields[number]
    if (field && (field.wire === undefined || field.wire === wire)) field.read(reader, wire)
    else reader.skip(wire, number)
  }
  if (reader.pos !== end) throw unreadable('a part of it runs past its end')
}

const sub = (reader: BinaryReader, fields: Fields): void => message(reader, reader.uint32(), fields)

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text of a bytes field; binary contents would not survive as text, so they are refused. */
function textFrom(reader: BinaryReader): string {
  try {
    return decoder.decode(reader.bytes())
  } catch (error) {
    if (error instanceof RangeError) throw error
    throw new GraphError('a string in the model is not UTF-8 text; binary strings are not supported')
  }
}

function modelFrom(reader: BinaryReader, context: Context): Model {
  let irVersion = 0
  let producer = ''
  let graph: Graph | undefined
  let opset = 0
  const domains: [string, number][] = []
  const metadata: [string, string][] = []
  const functions: FunctionDefinition[] = []
  message(reader, reader.len, {
    1: varint((r) => (irVersion = Number(r.int64()))),
    2: chunk((r) => (producer = r.string())),
    7: chunk((r) => (graph = graphFrom(r, context))),
    8: chunk((r) => {
      const [domain, version] = opsetFrom(r)
      if (domain === '') opset = version
      else domains.push([domain, version])
    }),
    14: chunk((r) => metadata.push(entryFrom(r))),
    25: chunk((r) => functions.push(functionFrom(r, context))),
  })
  if (!graph || irVersion <= 0)
    throw new GraphError('not an ONNX model: it has no graph (is the file of another kind, or cut short?)')
  if (opset < 1) throw new GraphError('the model states no version of the standard operator set; export it again')
  return {
    opset,
    domains: Object.fromEntries(domains),
    irVersion,
    producer,
    metadata: Object.fromEntries(metadata),
    functions,
    graph,
  }
}

/** `ai.onnx` is another name of the standard domain `''`. */
const domainOf = (name: string): string => (name === 'ai.onnx' ? '' : name)

function opsetFrom(reader: BinaryReader): [string, number] {
  let domain = ''
  let version = 0
  sub(reader, {
    1: chunk((r) => (domain = domainOf(r.string()))),
    2: varint((r) => (version = Number(r.int64()))),
  })
  return [domain, version]
}

function entryFrom(reader: BinaryReader): [string, string] {
  let key = ''
  let value = ''
  sub(reader, { 1: chunk((r) => (key = r.string())), 2: chunk((r) => (value = r.string())) })
  return [key, value]
}

function functionFrom(reader: BinaryReader, context: Context): FunctionDefinition {
  const f = {
    name: '',
    domain: '',
    inputs: [] as string[],
    outputs: [] as string[],
    attributes: [] as string[],
    nodes: [] as Node[],
  }
  const defaults: [string, Attribute][] = []
  const opsets: [string, number][] = []
  sub(reader, {
    1: chunk((r) => (f.name = r.string())),
    4: chunk((r) => f.inputs.push(r.string())),
    5: chunk((r) => f.outputs.push(r.string())),
    6: chunk((r) => f.attributes.push(r.string())),
    7: chunk((r) => f.nodes.push(nodeFrom(r, context))),
    9: chunk((r) => opsets.push(opsetFrom(r))),
    10: chunk((r) => (f.domain = r.string())),
    11: chunk((r) => defaults.push(attributeFrom(r, context))),
  })
  return { ...f, defaults: Object.fromEntries(defaults), opsets: Object.fromEntries(opsets) }
}

function graphFrom(reader: BinaryReader, context: Context): Graph {
  if (++context.depth > deepest) throw unreadable(`graphs are nested more than ${deepest} deep`)
  let name = ''
  const nodes: Node[] = []
  const inputs: Value[] = []
  const outputs: Value[] = []
  const values: Value[] = []
  const initializers = new Map<string, TensorData>()
  sub(reader, {
    1: chunk((r) => nodes.push(nodeFrom(r, context))),
    2: chunk((r) => (name = r.string())),
    5: chunk((r) => {
      const [key, value] = tensorFrom(r, context)
      if (initializers.has(key)) throw new GraphError(`initialiser "${key}" is in the model twice`)
      initializers.set(key, value)
    }),
    11: chunk((r) => inputs.push(valueFrom(r))),
    12: chunk((r) => outputs.push(valueFrom(r))),
    13: chunk((r) => values.push(valueFrom(r))),
    15: chunk(() => {
      throw new GraphError('the model has sparse initialisers, which are not supported; export it with dense weights')
    }),
  })
  context.depth--
  return { name, nodes, inputs: inputs.filter((v) => !initializers.has(v.name)), outputs, initializers, values }
}

function nodeFrom(reader: BinaryReader, context: Context): Node {
  const node = { name: '', op: '', domain: '', inputs: [] as string[], outputs: [] as string[] }
  const attributes: [string, Attribute][] = []
  sub(reader, {
    1: chunk((r) => node.inputs.push(r.string())),
    2: chunk((r) => node.outputs.push(r.string())),
    3: chunk((r) => (node.name = r.string())),
    4: chunk((r) => (node.op = r.string())),
    5: chunk((r) => attributes.push(attributeFrom(r, context))),
    7: chunk((r) => (node.domain = domainOf(r.string()))),
  })
  return { ...node, attributes: Object.fromEntries(attributes) }
}

function attributeFrom(reader: BinaryReader, context: Context): [string, Attribute] {
  let name = ''
  let code = 0
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
    1: chunk((r) => (name = r.string())),
    2: bit32((r) => (f = r.float())),
    3: varint((r) => (i = Number(r.int64()))),
    4: chunk((r) => (s = textFrom(r))),
    5: chunk((r) => (t = tensorFrom(r, context)[1])),
    6: chunk((r) => (g = graphFrom(r, context))),
    7: numbers(fs, (r) => r.float()),
    8: numbers(is, (r) => Number(r.int64())),
    9: chunk((r) => ss.push(textFrom(r))),
    10: chunk((r) => ts.push(tensorFrom(r, context)[1])),
    11: chunk((r) => gs.push(graphFrom(r, context))),
    20: varint((r) => (code = r.int32())),
    21: chunk((r) => (reference = r.string())),
  })
  if (reference) return [name, { kind: 'reference', value: reference, code }]
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
  const make = kinds[code]
  if (!make)
    throw new GraphError(`attribute "${name}" has kind ${code}, which is not supported (sparse or type attributes)`)
  const attribute = make()
  if (attribute.value === undefined) throw new GraphError(`attribute "${name}" has no value`)
  return [name, attribute]
}

function valueFrom(reader: BinaryReader): Value {
  let name = ''
  let raw = new Uint8Array()
  sub(reader, { 1: chunk((r) => (name = r.string())), 2: chunk((r) => (raw = r.bytes().slice())) })
  let type: DataType | undefined
  let shape: Dim[] | undefined
  const dimensionFrom = (r: BinaryReader): Dim => {
    let size: Dim
    // Some exporters write -1 for a free size.
    sub(r, {
      1: varint((d) => (size = Math.max(Number(d.int64()), -1))),
      2: chunk((d) => (size = d.string() || undefined)),
    })
    return size === -1 ? undefined : size
  }
  const tensorType: Fields = {
    1: varint((r) => (type = dataTypes[r.int32()])),
    2: chunk((r) => {
      const dims: Dim[] = []
      sub(r, { 1: chunk((d) => dims.push(dimensionFrom(d))) })
      shape = dims
    }),
  }
  message(new BinaryReader(raw), raw.length, { 1: chunk((r) => sub(r, tensorType)) })
  return type || raw.length === 0 ? { name, type, shape } : { name, type, shape, raw }
}

function tensorFrom(reader: BinaryReader, context: Context): [string, TensorData] {
  let name = ''
  let code = 0
  let raw: Uint8Array | undefined
  let external = false
  const shape: number[] = []
  const typed: number[] = []
  const integers: (string | bigint | number)[] = []
  const strings: string[] = []
  const where: [string, string][] = []
  sub(reader, {
    1: numbers(shape, (r) => Number(r.int64())),
    2: varint((r) => (code = r.int32())),
    4: numbers(typed, (r) => r.float()),
    5: numbers(typed, (r) => r.int32()),
    6: chunk((r) => strings.push(textFrom(r))),
    7: numbers(integers, (r) => r.int64()),
    8: chunk((r) => (name = r.string())),
    9: chunk((r) => (raw = r.bytes())),
    10: numbers(typed, (r) => r.double()),
    11: numbers(integers, (r) => r.uint64()),
    13: chunk((r) => where.push(entryFrom(r))),
    14: varint((r) => (external = r.int32() === 1)),
  })
  const type = dataTypes[code]
  if (!type) throw new GraphError(`tensor "${name}" has element type number ${code}, which is not supported`)
  if (shape.some((d) => d < 0)) throw new GraphError(`tensor "${name}" has a negative dimension: [${shape}]`)
  const size = sizeOf(shape)
  if (external) raw = externalBytes(name, new Map(where), size * bytesPerElement(type), context)
  const data = type === 'string' ? strings : raw ? fromBytes(type, raw) : typedData(type, typed, integers)
  if (data.length !== size)
    throw new GraphError(
      `tensor "${name}" of shape [${shape}] has ${data.length} elements instead of ${size}; the file is damaged`,
    )
  return [name, { type, shape, data }]
}

/** Elements that the file keeps in a typed list: 64-bit integers and uint32 in one, all others in another. */
function typedData(
  type: DataType,
  typed: readonly number[],
  integers: readonly (string | bigint | number)[],
): TensorArray {
  if (type === 'int64') return BigInt64Array.from(integers, BigInt)
  if (type === 'uint64') return BigUint64Array.from(integers, BigInt)
  const values = type === 'uint32' ? integers.map(Number) : typed
  // float16 and bfloat16 bit patterns are stored as integers.
  if (type === 'float16' || type === 'bfloat16') return Uint16Array.from(values)
  const data = allocate(type, values.length)
  for (let k = 0; k < values.length; k++) setElement(type, data, k, values[k])
  return data
}

/** Whether a location stays inside the model's folder, as a path and as a URL, however it is escaped. */
function insideFolder(location: string): boolean {
  let path: string
  try {
    path = decodeURIComponent(location)
  } catch {
    path = location
  }
  return [location, path].every(
    (p) => p !== '' && !p.includes('\0') && !/^[\\/]|^[A-Za-z][A-Za-z0-9+.-]*:|(^|[\\/])\.\.([\\/]|$)/.test(p),
  )
}

function externalBytes(
  name: string,
  where: ReadonlyMap<string, string>,
  length: number,
  { external }: ReadOptions,
): Uint8Array {
  const location = where.get('location') ?? ''
  if (!insideFolder(location))
    throw new GraphError(
      `tensor "${name}" points to external data at "${location}", which is not inside the model's folder`,
    )
  if (!external)
    throw new GraphError(`tensor "${name}" lies in "${location}"; give the \`external\` option to read that file`)
  let file: Uint8Array
  try {
    file = external(location)
  } catch (error) {
    throw new GraphError(`tensor "${name}" lies in "${location}", which cannot be read: ${(error as Error).message}`)
  }
  const offset = Number(where.get('offset') ?? 0)
  const stated = Number(where.get('length') ?? length)
  if (stated !== length || !(offset >= 0) || offset + length > file.byteLength)
    throw new GraphError(
      `tensor "${name}" needs ${length} bytes at offset ${offset} of "${location}", which has ${file.byteLength} bytes; is it cut short?`,
    )
  return file.subarray(offset, offset + length)
}
