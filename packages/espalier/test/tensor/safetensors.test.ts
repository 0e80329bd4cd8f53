import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../src/tensor/index.ts'

const makers = [Float64Array, BigInt64Array, Float32Array, Uint16Array, Uint8Array]

/** Tensors of any bits, NaN payloads included, under any name. */
const tensors = fc.dictionary(
  fc.string().filter((name) => name !== '__metadata__'),
  fc
    .tuple(fc.array(fc.nat(3), { maxLength: 3 }), fc.nat(makers.length - 1), fc.infiniteStream(fc.nat(255)))
    .map(([shape, kind, random]): StoredTensor => {
      const size = shape.reduce((p, d) => p * d, 1)
      const bytes = Uint8Array.from(
        { length: size * makers[kind].BYTES_PER_ELEMENT },
        () => random.next().value as number,
      )
      return { shape, data: new makers[kind](bytes.buffer) }
    }),
)

const bits = ({ data }: StoredTensor) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]

/** A file of a given header and data. */
function file(header: unknown, data = 0): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header))
  const bytes = new Uint8Array(8 + json.length + data)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true)
  bytes.set(json, 8)
  return bytes
}

const message = (bytes: Uint8Array) => {
  try {
    readSafetensors(bytes)
  } catch (error) {
    return (error as Error).message
  }
  return 'accepted'
}

describe('safetensors', () => {
  it('reads back what it wrote, bit for bit', () => {
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string()), (given, metadata) => {
        const read = readSafetensors(writeSafetensors(given, metadata))
        expect(read.metadata).toEqual(metadata)
        expect(Object.keys(read.tensors).sort()).toEqual(Object.keys(given).sort())
        for (const name of Object.keys(given)) {
          expect(read.tensors[name].shape).toEqual(given[name].shape)
          expect(read.tensors[name].data.constructor).toBe(given[name].data.constructor)
          expect(bits(read.tensors[name])).toEqual(bits(given[name]))
        }
      }),
    )
  })

  it('reads a file laid out by hand, at any offset of a larger buffer', () => {
    const header = {
      __metadata__: { by: 'hand' },
      b: { dtype: 'U8', shape: [3], data_offsets: [0, 3] },
      a: { dtype: 'F32', shape: [1, 2], data_offsets: [3, 11] },
    }
    const bytes = file(header, 11)
    bytes.set([7, 8, 9], bytes.length - 11)
    new DataView(bytes.buffer).setFloat32(bytes.length - 8, 1.5, true)
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, -2, true)
    const shifted = new Uint8Array(bytes.length + 5)
    shifted.set(bytes, 3)
    const { tensors, metadata } = readSafetensors(shifted.subarray(3, 3 + bytes.length))
    expect(metadata).toEqual({ by: 'hand' })
    expect(tensors.a).toEqual({ shape: [1, 2], data: Float32Array.of(1.5, -2) })
    expect(tensors.b).toEqual({ shape: [3], data: Uint8Array.of(7, 8, 9) })
  })

  it('has no forbidden names but one', () => {
    const x: StoredTensor = { shape: [1], data: Float32Array.of(4) }
    const odd = Object.fromEntries([
      ['__proto__', x],
      ['constructor', x],
      ['', x],
    ])
    const read = readSafetensors(writeSafetensors(odd, JSON.parse('{ "__proto__": "a" }')))
    expect(Object.entries(read.tensors)).toEqual(Object.entries(odd))
    expect(Object.entries(read.metadata)).toEqual([['__proto__', 'a']])
  })

  it('copies out of a Buffer', () => {
    const buffer = Buffer.from(writeSafetensors({ x: { shape: [1], data: Float32Array.of(3) } }))
    const { x } = readSafetensors(buffer).tensors
    buffer.fill(0)
    expect([...(x.data as Float32Array)]).toEqual([3])
  })

  it('aligns the header to 8 bytes and the tensors to their types', () => {
    const bytes = writeSafetensors({
      u: { shape: [1], data: Uint8Array.of(1) },
      d: { shape: [1], data: Float64Array.of(2) },
    })
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true))
    expect(length % 8).toBe(0)
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))
    expect(header.d.data_offsets).toEqual([0, 8])
    expect(header.u.data_offsets).toEqual([8, 9])
  })

  it('refuses to write what it could not read', () => {
    expect(() => writeSafetensors({ x: { shape: [2], data: Float32Array.of(1) } })).toThrow(
      '"x" of shape [2] has 2 elements, got 1',
    )
    expect(() => writeSafetensors({ __metadata__: { shape: [0], data: new Float32Array() } })).toThrow(
      'named __metadata__',
    )
    expect(() => writeSafetensors({ x: { shape: [1], data: new Int8Array(1) as unknown as Uint8Array } })).toThrow(
      'Int8Array',
    )
  })

  const f32 = (shape: number[], from: number, to: number, dtype = 'F32') => ({ dtype, shape, data_offsets: [from, to] })
  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /shorter than its header/],
    ['a huge header', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1), /claims a header of 72057594037927936 bytes/],
    ['a cut header', file({ a: f32([1], 0, 4) }, 4).subarray(0, 20), /ends within its header/],
    ['a header that is not JSON', file('{"a":'), /header is not JSON/],
    ['a header that is not UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe), /header is not JSON/],
    ['a header that is no object', file([1]), /header: /],
    ['an unknown type', file({ a: f32([1], 0, 2, 'BF16') }, 2), /"a"\.dtype: .*F32/],
    ['a negative size', file({ a: f32([-1], 0, 4) }, 4), /"a"\.shape\[0\]: /],
    ['a fractional size', file({ a: f32([0.5], 0, 2) }, 2), /"a"\.shape\[0\]: /],
    ['offsets that do not fit', file({ a: f32([3], 0, 8) }, 8), /"a", F32 of shape \[3\], does not fit its 8 bytes/],
    ['an overlap', file({ a: f32([2], 0, 8), b: f32([1], 4, 8) }, 8), /"b" begins at byte 4 of the data, expected 8/],
    ['a hole', file({ a: f32([1], 4, 8) }, 8), /"a" begins at byte 4 of the data, expected 0/],
    ['cut data', file({ a: f32([2], 0, 8) }, 7), /ends within the data of "a"/],
    ['bytes left over', file({ a: f32([1], 0, 4) }, 6), /2 bytes belong to no tensor/],
    ['metadata that are not strings', file({ __metadata__: { a: 1 } }), /__metadata__\.a: /],
    ['an unknown field', file({ a: { ...f32([1], 0, 4), crc: 1 } }, 4), /"a": .*crc/],
  ])('refuses %s', (_, bytes, pattern) => {
    expect(message(bytes)).toMatch(pattern)
    expect(message(bytes)).toMatch(/^not a readable safetensors file \(\d+ bytes\): /)
    expect(message(bytes)).not.toContain('\n')
  })

  it('refuses any damaged file with one line, or reads it', () => {
    const good = writeSafetensors({
      a: { shape: [2], data: Float32Array.of(1, 2) },
      b: { shape: [1], data: Uint8Array.of(3) },
    })
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = good.slice(0, length)
        if (at < length) bytes[at] = value
        expect(message(bytes)).toMatch(/^(accepted|not a readable safetensors file [^\n]*)$/)
      }),
      { numRuns: 500 },
    )
  })
})
