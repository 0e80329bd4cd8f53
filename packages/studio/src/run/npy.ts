/**
 * An array as a file of NumPy (format 1.0): a header of ASCII, padded so that the data begin at a multiple of 64 bytes,
 * then the numbers as little-endian float32.
 */
export function npy(data: Float32Array, shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`
  const lead = 10
  const length = Math.ceil((lead + text.length + 1) / 64) * 64 - lead
  const file = new Uint8Array(lead + length + 4 * data.length)
  file.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, length & 255, length >> 8])
  file.set(new TextEncoder().encode(`${text.padEnd(length - 1)}\n`), lead)
  const view = new DataView(file.buffer, lead + length)
  data.forEach((value, i) => {
    view.setFloat32(4 * i, value, true)
  })
  return file
}
