import { sizeOf, type Tensor } from './tensor.ts'

/** The element types of numpy that are read; written is float32 alone. */
const readers: Readonly<Record<string, { width: number; get(view: DataView, at: number): number }>> = {
  '<f4': { width: 4, get: (view, at) => view.getFloat32(at, true) },
  '<f8': { width: 8, get: (view, at) => view.getFloat64(at, true) },
  '>f4': { width: 4, get: (view, at) => view.getFloat32(at) },
  '>f8': { width: 8, get: (view, at) => view.getFloat64(at) },
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59] // \x93NUMPY

/**
 * Reads an array of numpy's `.npy` format (versions 1 to 3): float32 or float64 in C order. Float64 is rounded.
 * @param what how errors name it, such as the file's path
 * @throws one line, for anything else
 */
export function readNpy(bytes: Uint8Array, what = 'npy file'): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const major = bytes.length > 10 && MAGIC.every((byte, i) => bytes[i] === byte) ? bytes[6] : 0
  if (!(major >= 1 && major <= 3)) throw new Error(`${what}: this is no .npy file (it does not start with \\x93NUMPY)`)
  const start = major === 1 ? 10 : 12
  const length = start <= bytes.length ? (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true)) : 0
  const from = start + length
  if (from > bytes.length) throw new Error(`${what}: the file ends within its header`)
  const header = new TextDecoder('latin1').decode(bytes.subarray(start, from))
  const type = /'descr'\s*:\s*'([^']*)'/.exec(header)?.[1]
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1]
  const dimensions = /'shape'\s*:\s*\(([\d\s,]*)\)/.exec(header)?.[1]
  if (type === undefined || order === undefined || dimensions === undefined) {
    throw new Error(`${what}: the header does not give descr, fortran_order and shape: ${header.trim().slice(0, 80)}`)
  }
  const reader = Object.hasOwn(readers, type) ? readers[type] : undefined
  if (!reader) throw new Error(`${what}: elements are ${type}; float32 ('<f4') or float64 ('<f8') is read`)
  if (order === 'True') throw new Error(`${what}: the array is in Fortran order; save it with numpy.ascontiguousarray`)
  const shape = dimensions
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number)
  const size = sizeOf(shape)
  if (bytes.length - from !== size * reader.width) {
    throw new Error(
      `${what}: shape [${shape}] of ${type} needs ${size * reader.width} bytes of data, there are ${bytes.length - from}`,
    )
  }
  const data = new Float32Array(size)
  for (let i = 0; i < size; i++) data[i] = reader.get(view, from + i * reader.width)
  return { shape, data }
}

/** Writes a tensor in numpy's `.npy` format (version 1.0, float32, little-endian, C order). */
export function writeNpy({ shape, data }: Tensor): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`
  const total = Math.ceil((10 + text.length + 1) / 64) * 64
  const bytes = new Uint8Array(total + 4 * data.length)
  bytes.set(MAGIC)
  const view = new DataView(bytes.buffer)
  bytes[6] = 1
  view.setUint16(8, total - 10, true)
  bytes.set(new TextEncoder().encode(`${text.padEnd(total - 11)}\n`), 10)
  for (let i = 0; i < data.length; i++) view.setFloat32(total + 4 * i, data[i], true)
  return bytes
}
