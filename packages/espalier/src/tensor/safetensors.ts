import { z } from 'zod'
import { parseWith } from './parse.ts'
import { sizeOf } from './tensor.ts'

/** The element types that are read and written. Half floats are kept as their 16 bits. */
const types = {
  F64: Float64Array,
  I64: BigInt64Array,
  F32: Float32Array,
  F16: Uint16Array,
  U8: Uint8Array,
} as const

type Dtype = keyof typeof types

/** A tensor of a safetensors file; the array's class tells its type (F64, I64, F32, F16 as bits, U8). */
export interface StoredTensor {
  readonly shape: readonly number[]
  readonly data: Float64Array | BigInt64Array | Float32Array | Uint16Array | Uint8Array
}

/** The contents of a safetensors file: tensors by name, and its free metadata. */
export interface Safetensors {
  readonly tensors: Readonly<Record<string, StoredTensor>>
  readonly metadata: Readonly<Record<string, string>>
}

/** The format's own limit on the header. */
const LONGEST_HEADER = 100_000_000

const count = z.number().int().nonnegative()
const entry = z.strictObject({
  dtype: z.enum(Object.keys(types) as [Dtype, ...Dtype[]]),
  shape: z.array(count),
  data_offsets: z.tuple([count, count]),
})

function dtypeOf({ data }: StoredTensor): Dtype {
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
  const width = ([, { data }]: [string, StoredTensor]) => data.BYTES_PER_ELEMENT
  const ordered = Object.entries(tensors).sort((a, b) => width(b) - width(a))
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let end = 0
  for (const [name, tensor] of ordered) {
    const { shape, data } = tensor
    if (name === '__metadata__') throw new Error('a safetensors file cannot hold a tensor named __metadata__')
    if (data.length !== sizeOf(shape)) {
      throw new Error(`"${name}" of shape [${shape}] has ${sizeOf(shape)} elements, got ${data.length}`)
    }
    header.push([name, { dtype: dtypeOf(tensor), shape, data_offsets: [end, (end += data.byteLength)] }])
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)))
  const start = 8 + Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(start + end).fill(0x20, 8, start)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(start - 8), true)
  bytes.set(json, 8)
  let at = start
  for (const [, { data }] of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at)
    at += data.byteLength
  }
  return bytes
}

/**
 * Reads a safetensors file; tensors are copied out of `bytes`.
 * @throws one line where the file is truncated or has bytes left over, its header is not as the format says, or a
 *   tensor is of another type or does not fit its bytes
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  try {
    return read(bytes)
  } catch (error) {
    throw new Error(`not a readable safetensors file (${bytes.length} bytes): ${(error as Error).message}`)
  }
}

function read(bytes: Uint8Array): Safetensors {
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
