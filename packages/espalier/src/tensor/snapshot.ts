import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts'

type Numbers = StoredTensor['data']

/**
 * Plain values as one safetensors file: numbers (not finite ones too), text, booleans, arrays, records and typed
 * arrays. Typed arrays become tensors, a list of float32 arrays of one length one tensor; the rest is JSON in the
 * metadata. A checksum of both goes with it, since wrong numbers in a file look like any others.
 *
 * @param format names what it is, and its version
 * @param metadata more that a reader may want to see without reading the rest
 */
export function writeSnapshot(
  format: string,
  value: unknown,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const tensors: Record<string, StoredTensor> = {}
  const store = (data: Numbers, shape: readonly number[]) => {
    const name = `t${Object.keys(tensors).length}`
    tensors[name] = { shape, data }
    return name
  }
  const plain = (part: unknown): unknown => {
    if (isNumbers(part)) return { $array: store(part, [part.length]) }
    if (Array.isArray(part) && !isRows(part)) return part.map(plain)
    if (Array.isArray(part)) {
      const width = part[0].length
      const all = new Float32Array(part.length * width)
      part.forEach((row, i) => {
        all.set(row, i * width)
      })
      return { $rows: store(all, [part.length, width]) }
    }
    if (typeof part === 'number') return Number.isFinite(part) ? part : { $number: String(part) }
    if (typeof part !== 'object' || part === null) return part
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, plain(inner)]))
  }
  const json = JSON.stringify(plain(value))
  return writeSafetensors(tensors, { ...metadata, format, value: json, checksum: checksum(json, tensors) })
}

/**
 * Reads what {@link writeSnapshot} wrote. `undefined` members are absent.
 * @throws one line if the file is damaged, or of another format
 */
export function readSnapshot(
  format: string,
  bytes: Uint8Array,
): { readonly value: unknown; readonly metadata: Readonly<Record<string, string>> } {
  const { tensors, metadata } = readSafetensors(bytes)
  if (metadata.format !== format) {
    throw new Error(`expected a file of the format ${format}, this one is ${metadata.format ?? 'of another kind'}`)
  }
  const { value = '' } = metadata
  if (metadata.checksum !== checksum(value, tensors)) {
    throw new Error('the file is damaged: its checksum does not agree with what is in it')
  }
  const find = (name: unknown) => tensors[String(name)]
  const whole = (part: unknown): unknown => {
    if (Array.isArray(part)) return part.map(whole)
    if (typeof part !== 'object' || part === null) return part
    if ('$array' in part) return find(part.$array).data
    if ('$number' in part) return Number(part.$number)
    if ('$rows' in part) {
      const { shape, data } = find(part.$rows)
      const [n, width] = shape
      return Array.from({ length: n }, (_, i) => data.slice(i * width, (i + 1) * width))
    }
    return Object.fromEntries(Object.entries(part).map(([name, inner]) => [name, whole(inner)]))
  }
  return { value: whole(JSON.parse(value)), metadata }
}

/** FNV-1a of the text and of all tensors, in 32 bits. */
function checksum(text: string, tensors: Readonly<Record<string, StoredTensor>>): string {
  const encoder = new TextEncoder()
  let sum = summed(0x811c9dc5, encoder.encode(text))
  for (const name of Object.keys(tensors).sort()) {
    const { shape, data } = tensors[name]
    sum = summed(sum, encoder.encode(`${name} ${shape}`))
    sum = summed(sum, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return (sum >>> 0).toString(16)
}

function summed(before: number, bytes: Uint8Array): number {
  let sum = before
  for (let i = 0; i < bytes.length; i++) sum = Math.imul(sum ^ bytes[i], 0x01000193)
  return sum
}

function isNumbers(part: unknown): part is Numbers {
  return ArrayBuffer.isView(part) && !(part instanceof DataView)
}

function isRows(part: readonly unknown[]): boolean {
  const [first] = part
  if (!(first instanceof Float32Array) || first.length === 0) return false
  return part.every((row) => row instanceof Float32Array && row.length === first.length)
}
