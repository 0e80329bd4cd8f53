import { z } from 'zod/mini'
import { parseWith } from './parse.ts'
import { sizeOf } from './tensor.ts'

/** The element types that are read and written. Half floats are kept as their 16 bits. */
const types = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  I32: Int32Array,
  F16: Uint16Array,
  U8: Uint8Array,
} as const

type Dtype = keyof typeof types

type Numbers = Float64Array | BigInt64Array | Float32Array | Int32Array | Uint16Array | Uint8Array

/** A tensor of a safetensors file; the array's class tells its type (F64, I64, F32, I32, F16 as bits, U8). */
export interface StoredTensor {
  readonly shape: readonly number[]
  readonly data: Numbers
}

/** A tensor to be written whose numbers lie in several arrays of one class, at least one. */
export interface StoredPieces {
  readonly shape: readonly number[]
  readonly data: readonly Numbers[]
}

/** The contents of a safetensors file: tensors by name, and its free metadata. */
export interface Safetensors {
  readonly tensors: Readonly<Record<string, StoredTensor>>
  readonly metadata: Readonly<Record<string, string>>
}

/** The format's own limit on the header. */
const LONGEST_HEADER = 100_000_000

const count = z.int().check(z.nonnegative())
const entry = z.strictObject({
  dtype: z.enum(Object.keys(types) as [Dtype, ...Dtype[]]),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
})

function dtypeOf(data: Numbers): Dtype {
  const found = (Object.keys(types) as Dtype[]).find((dtype) => data instanceof types[dtype])
  if (!found) throw new Error(`safetensors files hold ${Object.keys(types).join(', ')}, got a ${data.constructor.name}`)
  return found
}

/**
 * Writes tensors in the safetensors format: 8 bytes of header length (little-endian), a JSON header padded with spaces
 * to a multiple of 8, then the numbers, wide types first so that every tensor is aligned.
 * @throws if a tensor does not fill its shape, or is named `__metadata__`
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  return joined(safetensorsParts(tensors, metadata))
}

/** Bytes one after the other, as one array. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The bytes of {@link writeSafetensors} in parts, in order: the header, then views of the tensors' own memory. */
export function safetensorsParts(
  tensors: Readonly<Record<string, StoredTensor | StoredPieces>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const pieces = ({ data }: StoredTensor | StoredPieces) => (ArrayBuffer.isView(data) ? [data] : data)
  const width = ([, tensor]: [string, StoredTensor | StoredPieces]) => pieces(tensor)[0].BYTES_PER_ELEMENT
  const ordered = Object.entries(tensors).sort((a, b) => width(b) - width(a))
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  const numbers: Uint8Array[] = []
  let end = 0
  for (const [name, tensor] of ordered) {
    const { shape } = tensor
    if (name === '__metadata__') throw new Error('a safetensors file cannot hold a tensor named __metadata__')
    const from = end
    const dtype = dtypeOf(pieces(tensor)[0])
    let length = 0
    for (const data of pieces(tensor)) {
      if (dtypeOf(data) !== dtype) throw new Error(`"${name}" is ${dtype} with a piece of ${dtypeOf(data)}`)
      numbers.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      length += data.length
      end += data.byteLength
    }
    if (length !== sizeOf(shape)) {
      throw new Error(`"${name}" of shape [${shape}] has ${sizeOf(shape)} elements, got ${length}`)
    }
    header.push([name, { dtype, shape, data_offsets: [from, end] }])
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const start = 8 + Math.ceil(json.length / 8) * 8
  const head = new Uint8Array(start).fill(0x20, 8)
  new DataView(head.buffer).setBigUint64(0, BigInt(start - 8), true)
  head.set(json, 8)
  return [head, ...numbers]
}

/**
 * Reads a safetensors file; tensors are copied out of `bytes`.
 * @param options.views makes them views of `bytes` instead, where they lie aligned
 * @throws one line where the file is truncated or has bytes left over, its header is not as the format says, or a
 *   tensor is of another type or does not fit its bytes
 */
export function readSafetensors(bytes: Uint8Array, options: { readonly views?: boolean } = {}): Safetensors {
  try {
    return read(bytes, options.views ?? false)
  } catch (error) {
    throw new Error(`not a readable safetensors file (${bytes.length} bytes): ${(error as Error).message}`)
  }
}

function read(bytes: Uint8Array, views: boolean): Safetensors {
  if (bytes.length < 8) throw new Error('it is shorter than its header')
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true)
  if (length > BigInt(LONGEST_HEADER)) throw new Error(`it claims a header of ${length} bytes`)
  const start = 8 + Number(length)
  if (start > bytes.length) throw new Error('it ends within its header')
  const { __metadata__ = {}, ...entries } = parseHeader(bytes.subarray(8, start))
  for (const [name, value] of Object.entries(objectOf(__metadata__, '__metadata__'))) {
    if (typeof value !== 'string') throw new Error(`__metadata__.${name}: expected a string, got ${typeof value}`)
  }
  const parsed = Object.entries(entries).map(([name, value]) => ({ name, ...parseWith(entry, value, `"${name}"`) }))
  // The format has every byte in exactly one tensor.
  parsed.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1])
  let at = 0
  const tensors = parsed.map(({ name, dtype, shape, data_offsets: [from, to] }): [string, StoredTensor] => {
    if (from !== at) throw new Error(`"${name}" begins at byte ${from} of the data, expected ${at}`)
    if (to - from !== sizeOf(shape) * types[dtype].BYTES_PER_ELEMENT) {
      throw new Error(`"${name}", ${dtype} of shape [${shape}], does not fit its ${to - from} bytes`)
    }
    if (start + to > bytes.length) throw new Error(`it ends within the data of "${name}"`)
    at = to
    const place = bytes.byteOffset + start + from
    if (views && place % types[dtype].BYTES_PER_ELEMENT === 0) {
      return [name, { shape, data: new types[dtype](bytes.buffer as ArrayBuffer, place, sizeOf(shape)) }]
    }
    // A copy of its own; Uint8Array's slice, since a Buffer's would be a view.
    const copy = Uint8Array.prototype.slice.call(bytes, start + from, start + to)
    return [name, { shape, data: new types[dtype](copy.buffer) }]
  })
  if (start + at !== bytes.length) throw new Error(`${bytes.length - start - at} bytes belong to no tensor`)
  return { tensors: Object.fromEntries(tensors), metadata: __metadata__ as Record<string, string> }
}

function parseHeader(bytes: Uint8Array): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw new Error('its header is not JSON')
  }
  return objectOf(header, 'header')
}

/** By hand, since zod's records drop the name `__proto__`. */
function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error(`${what}: expected an object, got ${JSON.stringify(value)?.slice(0, 40)}`)
}
