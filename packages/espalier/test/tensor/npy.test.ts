import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readNpy, writeNpy } from '../../src/tensor/index.ts'

/** The file of `numpy.arange(3, dtype=type)`, byte for byte as numpy 1.24 writes it. */
function numpyFile(type: '<f8' | '<i8' | '>f4', values: readonly number[], header?: string): Uint8Array {
  const text = (header ?? `{'descr': '${type}', 'fortran_order': False, 'shape': (${values.length},), }`).padEnd(117)
  const width = type === '>f4' ? 4 : 8
  const bytes = new Uint8Array(128 + width * values.length)
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, 118, 0, ...new TextEncoder().encode(`${text}\n`)])
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    if (type === '<f8') view.setFloat64(128 + 8 * i, value, true)
    else if (type === '>f4') view.setFloat32(128 + 4 * i, value)
    else view.setBigInt64(128 + 8 * i, BigInt(value), true)
  })
  return bytes
}

describe('.npy files', () => {
  it('come back as they were, at any shape', () => {
    const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 })
    fc.assert(
      fc.property(shapes, fc.integer(), (shape, seed) => {
        const size = shape.reduce((p, n) => p * n, 1)
        const data = Float32Array.from({ length: size }, (_, i) => Math.sin(seed + i))
        const bytes = writeNpy({ shape, data })
        expect((bytes.length - 4 * size) % 64).toBe(0)
        expect(readNpy(bytes)).toEqual({ shape, data })
      }),
    )
  })

  it('of numpy are read: doubles, and either byte order', () => {
    expect(readNpy(numpyFile('<f8', [0, 1, 2.5]))).toEqual({ shape: [3], data: Float32Array.of(0, 1, 2.5) })
    expect(readNpy(numpyFile('>f4', [0, 1, 2.5]))).toEqual({ shape: [3], data: Float32Array.of(0, 1, 2.5) })
  })

  it('that are something else are refused in one line', () => {
    const whole = writeNpy({ shape: [2], data: Float32Array.of(1, 2) })
    expect(() => readNpy(new Uint8Array(40), 'x.npy')).toThrow('x.npy: this is no .npy file')
    expect(() => readNpy(whole.subarray(0, 30))).toThrow('ends within its header')
    expect(() => readNpy(whole.subarray(0, -1))).toThrow('shape [2] of <f4 needs 8 bytes of data, there are 7')
    expect(() => readNpy(numpyFile('<i8', [1]))).toThrow("elements are <i8; float32 ('<f4')")
    const fortran = "{'descr': '<f8', 'fortran_order': True, 'shape': (1,), }"
    expect(() => readNpy(numpyFile('<f8', [1], fortran))).toThrow('Fortran order')
    expect(() => readNpy(numpyFile('<f8', [1], "{'descr': [('a', '<f8')]}"))).toThrow('does not give descr')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(), (noise, at) => {
        const broken = whole.slice()
        noise.forEach((byte, i) => {
          broken[(at + i) % broken.length] = byte
        })
        try {
          readNpy(broken)
        } catch (error) {
          expect((error as Error).message).not.toMatch(/\n.*\n/)
        }
      }),
    )
  })
})
