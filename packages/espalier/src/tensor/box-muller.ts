import { block } from './philox.ts'

const bits64 = new Float64Array(1)
const bits32 = new Int32Array(bits64.buffer)

/** Natural logarithm of a normal positive double. */
export function ln(x: number): number {
  bits64[0] = x
  // Little-endian, as every JavaScript engine in use; the offset moves the cut of the mantissa from 1 to sqrt(1/2).
  const high = bits32[1] + 0x00095f62
  bits32[1] = (high & 0xfffff) + 0x3fe6a09e
  return lnOf(bits64[0], (high >>> 20) - 1023)
}

/** `ln(m 2^exponent)` for m in [sqrt(1/2), sqrt(2)), by the atanh series: within 2 ulp. */
function lnOf(m: number, exponent: number): number {
  const f = (m - 1) / (m + 1)
  const z = f * f
  let p = 1 / 21
  p = p * z + 1 / 19
  p = p * z + 1 / 17
  p = p * z + 1 / 15
  p = p * z + 1 / 13
  p = p * z + 1 / 11
  p = p * z + 1 / 9
  p = p * z + 1 / 7
  p = p * z + 1 / 5
  p = p * z + 1 / 3
  return exponent * Math.LN2 + 2 * f * (p * z + 1)
}

/** pi / 4 per unit of an octant's 29-bit fraction. */
const OCTANT = Math.PI / 4 / 0x20000000
/** Where {@link ln} cuts the mantissa: sqrt(1/2), to 32 bits. */
const CUT = 0x16a09e / 0x200000
/** `2^(k - 32)`. */
const powers = Float64Array.from({ length: 33 }, (_, k) => 2 ** (k - 32))

/** The pair of {@link boxMuller}, and its sine and cosine before their places are known; scratch as {@link block}. */
export const pair = new Float64Array(2)
const legs = new Float64Array(2)
/** By octant: which leg is the cosine of the whole angle, and the signs. */
const cosineLeg = Uint8Array.of(1, 0, 0, 1, 1, 0, 0, 1)
const cosineSign = Float64Array.of(1, 1, -1, -1, -1, -1, 1, 1)
const sineSign = Float64Array.of(1, 1, 1, 1, -1, -1, -1, -1)

/**
 * Box-Muller: two independent normals from word `at` of the block, as a uniform in (0, 1), and word `at + 1`, an angle in
 * turns. The angle is reduced exactly: its first two bits choose the quadrant, the third mirrors the octant; sine and
 * cosine on [0, pi/4] are Taylor series (relative error below 1e-16).
 *
 * Without branches on random bits, which are foreseen wrongly every other time, and with the exponent from `clz32`, to
 * the same bits as {@link ln}.
 * @param radius in place of that of the uniform
 */
export function boxMuller(at: number, radius = 0): void {
  if (radius === 0) {
    const word = block[at]
    const zeros = Math.clz32(word)
    const x = (word + 0.5) * powers[zeros] // (word + 1/2) / 2^32 = x / 2^zeros, x in [1/2, 1)
    const below = x < CUT ? 1 : 0
    radius = Math.sqrt(-2 * lnOf(x * (1 + below), -zeros - below))
  }
  const angle = block[at + 1]
  const octant = angle >>> 29
  const mirrored = octant & 1
  const x = (mirrored * 0x20000000 + (1 - 2 * mirrored) * ((angle & 0x1fffffff) + 0.5)) * OCTANT
  const z = x * x
  let p = 1 / 355687428096000
  p = p * z - 1 / 1307674368000
  p = p * z + 1 / 6227020800
  p = p * z - 1 / 39916800
  p = p * z + 1 / 362880
  p = p * z - 1 / 5040
  p = p * z + 1 / 120
  p = p * z - 1 / 6
  let q = 1 / 20922789888000
  q = q * z - 1 / 87178291200
  q = q * z + 1 / 479001600
  q = q * z - 1 / 3628800
  q = q * z + 1 / 40320
  q = q * z - 1 / 720
  q = q * z + 1 / 24
  q = q * z - 1 / 2
  legs[0] = radius * (x + x * z * p)
  legs[1] = radius * (1 + z * q)
  pair[0] = cosineSign[octant] * legs[cosineLeg[octant]]
  pair[1] = sineSign[octant] * legs[1 - cosineLeg[octant]]
}
