import { GraphError } from './errors.ts'

/** ONNX element types that this package holds as data. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string'

/** The elements of a tensor, as they lie in memory. */
export type TensorArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint32Array
  | BigUint64Array
  | string[]

/** A constant tensor. float16 and bfloat16 are kept as their 16-bit patterns, bool as bytes 0 and 1. */
export interface TensorData {
  readonly type: DataType
  readonly shape: readonly number[]
  readonly data: TensorArray
}

/** An attribute of a node, with its ONNX kind. */
export type Attribute =
  | { readonly kind: 'int'; readonly value: number }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: TensorData }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'ints'; readonly value: readonly number[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly TensorData[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** Inside a function: stands for the attribute `value` of the node that calls the function; `code` is its ONNX kind. */
  | { readonly kind: 'reference'; readonly value: string; readonly code: number }

/** One call of an operator. */
export interface Node {
  readonly name: string
  /** Operator type, such as `Conv`. */
  readonly op: string
  /** Operator domain; `''` is the ONNX standard. */
  readonly domain: string
  /** Names of the inputs; `''` marks an omitted optional input. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A dimension: a size, a symbolic name, or unknown. */
export type Dim = number | string | undefined

/** A graph input, output or annotated intermediate. Shape `undefined` means unknown rank. */
export interface Value {
  readonly name: string
  readonly type: DataType | undefined
  readonly shape: readonly Dim[] | undefined
  /** The bytes of an ONNX type that is no tensor of a known element type (a sequence, a map, an 8-bit float). */
  readonly raw?: Uint8Array
}

/** Nodes between named tensors. */
export interface Graph {
  readonly name: string
  /** In an order in which every input is made before it is used. */
  readonly nodes: readonly Node[]
  /** Inputs that must be fed (initialisers that old files list among the inputs are left out). */
  readonly inputs: readonly Value[]
  readonly outputs: readonly Value[]
  readonly initializers: ReadonlyMap<string, TensorData>
  /** Types and shapes that the file states for intermediates. */
  readonly values: readonly Value[]
}

/** A model-local function (ONNX `FunctionProto`): inlined before differentiation. */
export interface FunctionDefinition {
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: readonly string[]
  /** Attributes that have a default. */
  readonly defaults: Readonly<Record<string, Attribute>>
  readonly nodes: readonly Node[]
  readonly opsets: Readonly<Record<string, number>>
}

/** An ONNX model: a graph and the versions of the operators that it is written in. */
export interface Model {
  /** Version of the standard operator set (domain `''`). */
  readonly opset: number
  /** Versions of the other operator domains. */
  readonly domains: Readonly<Record<string, number>>
  readonly irVersion: number
  readonly producer: string
  readonly metadata: Readonly<Record<string, string>>
  readonly functions: readonly FunctionDefinition[]
  readonly graph: Graph
}

/** Numbers of the element types in ONNX files and in `Cast`. */
export const elementCodes: Readonly<Record<DataType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
}

/** An integer attribute. */
export const int = (value: number): Attribute => ({ kind: 'int', value })
/** A float attribute. */
export const float = (value: number): Attribute => ({ kind: 'float', value })
/** A list of integers as an attribute. */
export const ints = (value: readonly number[]): Attribute => ({ kind: 'ints', value })
/** A list of floats as an attribute. */
export const floats = (value: readonly number[]): Attribute => ({ kind: 'floats', value })
/** A text attribute. */
export const string = (value: string): Attribute => ({ kind: 'string', value })
/** A constant as an attribute. */
export const tensorAttribute = (value: TensorData): Attribute => ({ kind: 'tensor', value })

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const

/** Bytes of one element; strings have none. */
export function bytesPerElement(type: DataType): number {
  if (type === 'string') throw new GraphError('string tensors have no fixed element size')
  return arrays[type].BYTES_PER_ELEMENT
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  let n = 1
  for (const d of shape) n *= d
  return n
}

/** Whether a type has gradients. */
export function isFloat(type: DataType | undefined): boolean {
  return type === 'float32' || type === 'float64' || type === 'float16' || type === 'bfloat16'
}

/** An all-zero array for `type`. */
export function allocate(type: DataType, size: number): TensorArray {
  if (type === 'string') return new Array<string>(size).fill('')
  return new arrays[type](size)
}

/** Reinterprets little-endian bytes; copies when the bytes are not aligned. */
export function fromBytes(type: DataType, bytes: Uint8Array): TensorArray {
  const Elements = arrays[type as keyof typeof arrays]
  const width = Elements.BYTES_PER_ELEMENT
  if (bytes.byteLength % width !== 0)
    throw new GraphError(`${bytes.byteLength} bytes are not a whole number of ${type} elements (${width} bytes each)`)
  // Uint8Array's own slice: that of a Node Buffer is a view, not a copy.
  const aligned = bytes.byteOffset % width === 0 ? bytes : Uint8Array.prototype.slice.call(bytes)
  return new Elements(aligned.buffer as ArrayBuffer, aligned.byteOffset, bytes.byteLength / width)
}

/**
 * A constant from numbers.
 * @param values flat, row-major; one number fills the whole shape
 * @throws GraphError when the count does not match the shape
 */
export function tensor(
  values: ArrayLike<number> | number,
  shape?: readonly number[],
  type: DataType = 'float32',
): TensorData {
  const list = typeof values === 'number' ? undefined : values
  const dims = shape ?? (list ? [list.length] : [])
  const size = sizeOf(dims)
  if (list && list.length !== size)
    throw new GraphError(`${list.length} values were given for shape [${dims}] (${size} elements)`)
  if (list instanceof Float32Array && type === 'float32') return { type, shape: dims, data: list }
  const data = allocate(type, size)
  for (let i = 0; i < size; i++) setElement(type, data, i, list ? list[i] : (values as number))
  return { type, shape: dims, data }
}

/** The nearest 64-bit integer; bounds such as INT64_MAX (2^63 as a number) are clamped, NaN is 0. */
export function toInt64(value: number, unsigned = false): bigint {
  const [low, high] = unsigned ? [0n, 2n ** 64n - 1n] : [-(2n ** 63n), 2n ** 63n - 1n]
  if (value >= Number(high)) return high
  return value <= Number(low) ? low : BigInt(Math.trunc(value || 0))
}

/** Writes a number as one element of `type` (rounding to the nearest for 16-bit floats). */
export function setElement(type: DataType, data: TensorArray, i: number, value: number): void {
  if (type === 'int64' || type === 'uint64') (data as BigInt64Array)[i] = toInt64(value, type === 'uint64')
  else if (type === 'float16') (data as Uint16Array)[i] = toFloat16(value)
  else if (type === 'bfloat16') (data as Uint16Array)[i] = toBfloat16(value)
  else if (type === 'bool') (data as Uint8Array)[i] = value === 0 ? 0 : 1
  else if (type === 'string') throw new GraphError('a number was given for a string tensor')
  else (data as Float64Array)[i] = value
}

/** The elements as float64 numbers (int64 beyond 2^53 loses its last bits, as INT64_MAX in Slice may). */
export function toNumbers(t: TensorData): Float64Array {
  const n = t.data.length
  const out = new Float64Array(n)
  if (t.type === 'string') throw new GraphError('a string tensor was given where numbers were expected')
  if (t.type === 'float16') for (let i = 0; i < n; i++) out[i] = fromFloat16(t.data[i] as number)
  else if (t.type === 'bfloat16') for (let i = 0; i < n; i++) out[i] = fromBfloat16(t.data[i] as number)
  else for (let i = 0; i < n; i++) out[i] = Number(t.data[i])
  return out
}

const f32 = new Float32Array(1)
const u32 = new Uint32Array(f32.buffer)

/** IEEE binary16 bits of a number, rounded to nearest even. */
export function toFloat16(value: number): number {
  f32[0] = value
  const bits = u32[0]
  const sign = (bits >>> 16) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return sign | 0x7e00
  if (magnitude >= 65520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24)
  const exponent = Math.floor(Math.log2(magnitude))
  const e = magnitude < 2 ** exponent ? exponent - 1 : magnitude >= 2 ** (exponent + 1) ? exponent + 1 : exponent
  const mantissa = roundHalfEven(magnitude * 2 ** (10 - e))
  // A mantissa of 2048 carries into the exponent by plain addition.
  return sign | (((e + 14) << 10) + mantissa)
}

function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor
}

/** The number that IEEE binary16 bits mean. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 31
  const mantissa = bits & 1023
  if (exponent === 31) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

/** bfloat16 bits (the upper half of a float32), rounded to nearest even. */
export function toBfloat16(value: number): number {
  f32[0] = value
  if (Number.isNaN(value)) return 0x7fc0
  const bits = u32[0]
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

/** The number that bfloat16 bits mean. */
export function fromBfloat16(bits: number): number {
  u32[0] = bits << 16
  return f32[0]
}
