/**
 * Box-Muller in float32: each operation rounds, so that WebAssembly's vectors of four floats give the same bits.
 */

const round = Math.fround

/**
 * A series `c_0 + c_1 z + c_2 z^2 + c_3 z^3 + last z^4` on [0, R], the highest power first, without its last term: that
 * goes into the others by `T_3*(z / R) = 32 (z/R)^3 - 48 (z/R)^2 + 18 z/R - 1`, Chebyshev's polynomial on [0, R], times z.
 */
function shortened([c0, c1, c2, c3]: readonly number[], last: number, R: number): number[] {
  return [c3 + (last * 48 * R) / 32, c2 - (last * 18 * R * R) / 32, c1 + (last * R ** 3) / 32, c0]
}

/** `-2 ln((1 + f) / (1 - f)) / f` by `z = f^2`, for a quotient in [sqrt(1/2), sqrt(2)]: to 5e-9. */
export const LOG_SERIES = shortened([-4, -4 / 3, -4 / 5, -4 / 7], -4 / 9, (3 - 2 * Math.SQRT2) ** 2).map(round)
/** `(sin(x) / x - 1) / x^2` by `z = x^2`, for an x in [-pi/4, pi/4], and the sine to 1.2e-8. */
export const SINE_SERIES = shortened([1, -1 / 6, 1 / 120, -1 / 5040], 1 / 362880, (Math.PI / 4) ** 2)
  .slice(0, 3)
  .map(round)
/** The cosine there by `x^2`, to 3e-8. */
export const COSINE_SERIES = [1 / 40320, -1 / 720, 1 / 24, -1 / 2, 1].map(round)

/** The bits of sqrt(1/2), where the mantissa is cut. */
export const CUT = 0x3f3504f3

const LN4 = round(-2 * Math.LN2)
const QUARTER_TURN = round(Math.PI / 2 ** 33)

const bits = new Int32Array(1)
const value = new Float32Array(bits.buffer)

function polynomial(z: number, coefficients: readonly number[]): number {
  let p = coefficients[0]
  for (let i = 1; i < coefficients.length; i++) p = round(round(p * z) + coefficients[i])
  return p
}

/**
 * Two independent normals to `out[at]` and `out[at + 1]`, each to a few units in the last place of float32.
 *
 * The radius is `sqrt(-2 ln u)`, with `u = (k + 1/2) / 2^32` for the lower half of words, k the word, and
 * `u = 1 - (k + 1/2) / 2^32` for the upper half, k counted from the top: so the largest, `sqrt(-2 ln 2^-33) = 6.76`, and
 * the smallest are relatively exact. The first two bits of the angle choose the diagonal quadrant: which number is the
 * cosine, and its sign; the others say where in it.
 */
export function singleBoxMuller(word: number, angle: number, out: Float32Array | Float64Array, at: number): void {
  const high = word >> 31
  const q = round(round(round(word ^ high) + 0.5) * 2 ** -32)
  value[0] = high ? round(1 - q) : q
  const cut = (bits[0] - CUT) | 0
  const e = cut >> 23
  bits[0] = (cut & 0x7fffff) + CUT
  const m = value[0]
  const f = round((e === 0 ? -q : round(m - 1)) / round(m + 1))
  const log = round(round(e * LN4) + round(f * polynomial(round(f * f), LOG_SERIES)))
  const radius = round(Math.sqrt(log))

  const x = round(round((angle << 2) | 2) * QUARTER_TURN)
  const z = round(x * x)
  const sine = round(radius * round(x + round(round(x * z) * polynomial(z, SINE_SERIES))))
  const unsigned = round(radius * polynomial(z, COSINE_SERIES))
  const cosine = (angle << 1) >> 31 ? -unsigned : unsigned
  out[at] = angle >> 31 ? sine : cosine
  out[at + 1] = angle >> 31 ? cosine : sine
}
