/**
 * Half floats (IEEE 754 binary16) as their 16 bits, since not every engine has `Float16Array`: 1 bit of sign, 5 of
 * exponent, 10 of fraction. Relative spacing 2^-10 between 2^-14 and 65504, absolute spacing 2^-24 below.
 */

/** The largest finite half. Numbers from 65520 on round to infinity. */
export const LARGEST_HALF = 65504

const single = new Float32Array(1)
const bits = new Int32Array(single.buffer)

/** The bits of a float32, rounded to the nearest half, ties to even. A double is rounded to float32 first. */
export function halfBits(value: number): number {
  single[0] = value
  const word = bits[0]
  const sign = (word >>> 16) & 0x8000
  const exponent = ((word >>> 23) & 0xff) - 112 // biased by 15
  const fraction = word & 0x7fffff
  if (exponent === 143) return sign | 0x7c00 | (fraction ? 0x200 | (fraction >>> 13) : 0)
  if (exponent >= 31) return sign | 0x7c00
  if (exponent > 0) return sign | rounded((exponent << 23) | fraction, 13)
  if (exponent < -10) return sign
  return sign | rounded(fraction | 0x800000, 14 - exponent)
}

/** Drops the last `shift` bits. A carry out of the fraction is the next exponent, as it should be. */
function rounded(value: number, shift: number): number {
  const kept = value >>> shift
  const rest = value & ((1 << shift) - 1)
  const middle = 1 << (shift - 1)
  return rest > middle || (rest === middle && (kept & 1) === 1) ? kept + 1 : kept
}

let table: Float32Array | undefined

/** All 65536 halves as float32, exactly. */
function halves(): Float32Array {
  if (table) return table
  table = new Float32Array(0x10000)
  for (let i = 0; i < 0x8000; i++) {
    const [exponent, fraction] = [i >>> 10, i & 0x3ff]
    let value: number
    if (exponent === 31) value = fraction === 0 ? Number.POSITIVE_INFINITY : Number.NaN
    else if (exponent === 0) value = fraction * 2 ** -24
    else value = (1 + fraction / 1024) * 2 ** (exponent - 15)
    table[i] = value
    table[0x8000 | i] = -value
  }
  return table
}

/** The number that 16 bits stand for. */
export function halfValue(bits16: number): number {
  return halves()[bits16]
}

/** Rounds `from` to halves. @param out as long as `from` */
export function toHalf(from: Float32Array, out = new Uint16Array(from.length)): Uint16Array {
  for (let i = 0; i < from.length; i++) out[i] = halfBits(from[i])
  return out
}

/** The numbers of halves. @param out as long as `from` */
export function fromHalf(from: Uint16Array, out = new Float32Array(from.length)): Float32Array {
  const values = halves()
  for (let i = 0; i < from.length; i++) out[i] = values[from[i]]
  return out
}
