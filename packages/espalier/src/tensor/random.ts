/**
 * Keyed random streams: every draw is a pure function of a key and an index, so that the same particle gets the same
 * draws whatever the batch, the order, the number of workers, or a crash and a resume in between.
 *
 * Generator: Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"), a keyed
 * bijection of 128-bit counters. The last counter word says what a block is for, so two uses of one key never share
 * a word. The transforms use only IEEE `+ - * / sqrt`: the same bits in every JavaScript engine, and in the WebAssembly
 * kernel of normal-kernel.ts, which draws large arrays.
 */

import { CAPACITY, FOLD, loadNormalKernel, NORMAL, type NormalKernel, ROWS } from './normal-kernel.ts'

/** A 64-bit stream key: two unsigned 32-bit words. Derived, never drawn. */
export interface Key {
  readonly hi: number
  readonly lo: number
}

/** Four words that {@link philox} writes; single-threaded scratch, read at once. */
const block = new Uint32Array(4)

/** Last counter words, beside {@link NORMAL} and {@link FOLD}. Those of {@link purpose} are at most 0x10000 (a UTF-16 code unit plus one). */
const UNIFORM = 0x55000000
const STREAM = 0x53000000

/**
 * Philox4x32-10: writes the four words of counter `(c0, c1, c2, c3)` under key `(k0, k1)` to `out`.
 * Everything stays in int32: the high word of a 32x32 product is put together from four 16x16 products.
 */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array = block,
): Uint32Array {
  for (let round = 0; round < 10; round++) {
    const l0 = c0 & 0xffff
    const h0 = c0 >>> 16
    const u0 = (Math.imul(h0, 0x1f53) + (Math.imul(l0, 0x1f53) >>> 16)) | 0
    const v0 = (Math.imul(l0, 0xd251) + (u0 & 0xffff)) | 0
    const high0 = (Math.imul(h0, 0xd251) + (u0 >>> 16) + (v0 >>> 16)) | 0
    const l1 = c2 & 0xffff
    const h1 = c2 >>> 16
    const u1 = (Math.imul(h1, 0x8d57) + (Math.imul(l1, 0x8d57) >>> 16)) | 0
    const v1 = (Math.imul(l1, 0xcd9e) + (u1 & 0xffff)) | 0
    const high1 = (Math.imul(h1, 0xcd9e) + (u1 >>> 16) + (v1 >>> 16)) | 0
    const low0 = Math.imul(c0, 0xd2511f53)
    const low1 = Math.imul(c2, 0xcd9e8d57)
    c0 = high1 ^ c1 ^ k0
    c1 = low1
    c2 = high0 ^ c3 ^ k1
    c3 = low0
    k0 = (k0 + 0x9e3779b9) | 0
    k1 = (k1 + 0xbb67ae85) | 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
  return out
}

/**
 * The key of a run.
 * @param seed an integer; a number must be safe (|seed| < 2^53), a bigint is taken modulo 2^64
 * @throws if the seed is not an integer
 */
export function key(seed: number | bigint): Key {
  if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
    throw new Error(`a seed must be an integer below 2^53 in size (or a bigint), got ${seed}`)
  }
  const bits = BigInt.asUintN(64, BigInt(seed))
  return { hi: Number(bits >> 32n), lo: Number(bits & 0xffffffffn) }
}

/**
 * The n-th child stream of a key (a row, a step, a node's child). Chains of folds name paths in a tree.
 * Keys are 64 bits: among m streams two coincide with probability about m^2 / 2^65.
 * @param n an integer, 0 <= n < 2^53
 */
export function fold(key: Key, n: number): Key {
  foldBlock(key, n)
  return { hi: block[1], lo: block[0] }
}

function foldBlock({ hi, lo }: Key, n: number): void {
  checkChild(n)
  philox(n | 0, Math.floor(n / 0x100000000), 0, FOLD, lo, hi)
}

function checkChild(n: number): void {
  if (!(Number.isSafeInteger(n) && n >= 0)) throw new Error(`a child stream is numbered 0, 1, 2, ..., got ${n}`)
}

/** The child stream for a named purpose, such as `'noise'` or `'select'`; never equal to a numbered child. */
export function purpose(key: Key, name: string): Key {
  if (name.length === 0) throw new Error('a purpose needs a name, got an empty string')
  let { hi, lo } = key
  const unit = (i: number) => (i < name.length ? name.charCodeAt(i) + 1 : 0)
  for (let i = 0; i < name.length; i += 4) {
    philox(unit(i), unit(i + 1), unit(i + 2), unit(i + 3), lo, hi)
    lo = block[0]
    hi = block[1]
  }
  return { hi, lo }
}

const bits64 = new Float64Array(1)
const bits32 = new Int32Array(bits64.buffer)

/** Natural logarithm of a normal positive double. */
function ln(x: number): number {
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
const pair = new Float64Array(2)
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
function boxMuller(at: number, radius = 0): void {
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

/** Keys packed into words, `(lo, hi)` each: what {@link normalRows} reads fastest, made once by {@link keyTable}. */
export interface KeyTable {
  readonly length: number
  readonly words: Uint32Array
}

export function keyTable(keys: readonly Key[]): KeyTable {
  const words = new Uint32Array(2 * keys.length)
  keys.forEach(({ hi, lo }, i) => {
    words[2 * i] = lo
    words[2 * i + 1] = hi
  })
  return { length: keys.length, words }
}

/** The WebAssembly kernel, from the first large draw on; undefined where the engine has none. */
let kernel: NormalKernel | undefined | 'not loaded' = 'not loaded'

/** The kernel, if it can write `length` elements of `out`, and that is worth its assembly or, later, a call. */
function kernelFor(out: Float32Array | Float64Array, length: number): NormalKernel | undefined {
  if (!(out instanceof Float32Array) || length < (kernel === 'not loaded' ? 1024 : 24)) return undefined
  if (kernel === 'not loaded') kernel = loadNormalKernel()
  return kernel
}

/**
 * Standard normals: `out[offset + i]` is element i of the key's normal stream, a function of `key` and `i` alone
 * (of the array's type only through rounding). Four per Philox block; |z| < 6.8 as the radius has 32 bits.
 */
export function normal(key: Key, out: Float32Array | Float64Array, offset = 0, length = out.length - offset): void {
  checkRange(out, offset, length)
  drawNormal(key.hi, key.lo, out, offset, length)
}

function drawNormal(hi: number, lo: number, out: Float32Array | Float64Array, offset: number, length: number): void {
  const kernel = kernelFor(out, length)
  if (!kernel) {
    fillNormal(hi, lo, out, offset, length)
    return
  }
  for (let done = 0; done < length; done += CAPACITY) {
    const n = Math.min(CAPACITY, length - done)
    kernel.stream(lo, hi, done >>> 2, (n + 31) >>> 5)
    out.set(kernel.draws.subarray(0, n), offset + done)
  }
}

/**
 * Standard normals for many rows at once: row i of `out` (equal rows) is the normal stream of `fold(keys[i], n)`.
 * @throws if the rows do not divide `out`
 */
export function normalRows(keys: readonly Key[] | KeyTable, n: number, out: Float32Array | Float64Array): void {
  const rows = keys.length
  const size = rows === 0 && out.length === 0 ? 0 : out.length / rows
  if (!Number.isInteger(size)) throw new Error(`${rows} rows do not divide ${out.length} draws`)
  checkChild(n)
  const { words } = 'words' in keys ? keys : keyTable(keys)
  const [nLow, nHigh] = [n | 0, Math.floor(n / 0x100000000)]
  let row = 0
  // Eight rows side by side while they fit in the kernel's memory, and what is left one by one.
  const kernel = 8 * size <= CAPACITY ? kernelFor(out, out.length) : undefined
  if (kernel) {
    const atOnce = Math.min(ROWS, 8 * Math.floor(CAPACITY / size / 8))
    while (row + 8 <= rows) {
      const some = Math.min(atOnce, (rows - row) & ~7)
      kernel.keys.set(words.subarray(2 * row, 2 * (row + some)))
      kernel.rows(nLow, nHigh, some, size)
      out.set(kernel.draws.subarray(0, some * size), row * size)
      row += some
    }
  }
  for (; row < rows; row++) {
    philox(nLow, nHigh, 0, FOLD, words[2 * row], words[2 * row + 1])
    drawNormal(block[1], block[0], out, row * size, size)
  }
}

/** The definition of the normal stream, and the way to draw it where there is no kernel or little to draw. */
export function fillNormal(
  hi: number,
  lo: number,
  out: Float32Array | Float64Array,
  offset: number,
  length: number,
): void {
  const whole = length - (length & 3)
  for (let i = 0; i < whole; i += 4) {
    philox(i >>> 2, 0, 0, NORMAL, lo, hi)
    boxMuller(0)
    out[offset + i] = pair[0]
    out[offset + i + 1] = pair[1]
    boxMuller(2)
    out[offset + i + 2] = pair[0]
    out[offset + i + 3] = pair[1]
  }
  if (whole === length) return
  philox(whole >>> 2, 0, 0, NORMAL, lo, hi)
  boxMuller(0)
  out[offset + whole] = pair[0]
  if (whole + 1 < length) out[offset + whole + 1] = pair[1]
  if (whole + 2 < length) {
    boxMuller(2)
    out[offset + whole + 2] = pair[0]
  }
}

/** A uniform in the open interval (0, 1) with 52 random bits. */
const unit = (high: number, low: number): number => (high * 0x100000 + (low >>> 12) + 0.5) / 0x10000000000000

/**
 * Uniforms on the open interval (0, 1): `out[offset + i]` is element i of the key's uniform stream. 52 random bits;
 * a Float32Array gets the first 23 of them, so that no value rounds to 0 or 1.
 */
export function uniform(key: Key, out: Float32Array | Float64Array, offset = 0, length = out.length - offset): void {
  checkRange(out, offset, length)
  const single = out instanceof Float32Array
  for (let i = 0; i < length; i++) {
    if ((i & 1) === 0) philox(i >>> 1, 0, 0, UNIFORM, key.lo, key.hi)
    const high = block[(i & 1) * 2]
    out[offset + i] = single ? ((high >>> 9) + 0.5) / 0x800000 : unit(high, block[(i & 1) * 2 + 1])
  }
}

/**
 * Standard Gumbels `-log(-log u)`, from the 52-bit uniforms of the key's uniform stream whatever the array's type
 * (a float32 uniform would cut the upper tail, which lowers the temperature of a Gumbel-max draw).
 */
export function gumbel(key: Key, out: Float32Array | Float64Array, offset = 0, length = out.length - offset): void {
  checkRange(out, offset, length)
  for (let i = 0; i < length; i++) {
    if ((i & 1) === 0) philox(i >>> 1, 0, 0, UNIFORM, key.lo, key.hi)
    out[offset + i] = -ln(-ln(unit(block[(i & 1) * 2], block[(i & 1) * 2 + 1])))
  }
}

function checkRange(out: ArrayLike<number>, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= out.length)) {
    throw new Error(`cannot write ${length} draws at offset ${offset} of an array of ${out.length}`)
  }
}

/** A sequence of scalar draws, for decisions: the n-th call's block depends on the key and n alone. */
export interface Stream {
  /** In the open interval (0, 1), 52 random bits. */
  uniform(): number
  /** Standard normal. */
  normal(): number
  /** Uniform on `0 .. n - 1`, for 1 <= n <= 2^32 (bias below 2^-20). */
  integer(n: number): number
}

/** Scalar draws of a key, one Philox block each. */
export function stream(key: Key): Stream {
  let count = 0
  const next = () => {
    philox(count | 0, Math.floor(count / 0x100000000), 0, STREAM, key.lo, key.hi)
    count++
    return unit(block[0], block[1])
  }
  return {
    uniform: next,
    normal() {
      const u = next()
      boxMuller(1, Math.sqrt(-2 * ln(u)))
      return pair[0]
    },
    integer(n) {
      if (!(Number.isInteger(n) && n >= 1 && n <= 0x100000000)) {
        throw new Error(`integer(n) needs 1 <= n <= 2^32, got ${n}`)
      }
      return Math.floor(next() * n)
    },
  }
}

/**
 * Draws an index with probability proportional to `weights`, by inverse CDF in float64.
 * @param u a uniform in [0, 1)
 * @param weights non-negative, finite, not all zero; need not sum to 1. A zero weight is never drawn.
 */
export function categorical(u: number, weights: ArrayLike<number>): number {
  let total = 0
  for (let i = 0; i < weights.length; i++) {
    if (!(weights[i] >= 0)) throw new Error(`weight ${i} of ${weights.length} is ${weights[i]}, expected a number >= 0`)
    total += weights[i]
  }
  if (!(total > 0 && total < Infinity)) {
    throw new Error(`${weights.length} weights sum to ${total}, expected a positive finite sum`)
  }
  return invert(u * total, weights.length, (i) => weights[i])
}

/**
 * Draws an index with probability proportional to `exp(logWeights)`, by inverse CDF in float64.
 * `-Infinity` means never, unless all are: then the draw is uniform.
 * @param u a uniform in [0, 1)
 */
export function categoricalFromLog(u: number, logWeights: ArrayLike<number>): number {
  let max = -Infinity
  for (let i = 0; i < logWeights.length; i++) {
    if (!(logWeights[i] < Infinity)) {
      throw new Error(`log-weight ${i} of ${logWeights.length} is ${logWeights[i]}, expected a number below Infinity`)
    }
    if (logWeights[i] > max) max = logWeights[i]
  }
  if (logWeights.length === 0) throw new Error('cannot draw from 0 weights')
  const weight = max === -Infinity ? () => 1 : (i: number) => Math.exp(logWeights[i] - max)
  let total = 0
  for (let i = 0; i < logWeights.length; i++) total += weight(i)
  return invert(u * total, logWeights.length, weight)
}

/** The first index whose cumulative weight exceeds `target`; the last possible one if rounding left none. */
function invert(target: number, n: number, weight: (i: number) => number): number {
  let sum = 0
  let last = 0
  for (let i = 0; i < n; i++) {
    const w = weight(i)
    if (w === 0) continue
    sum += w
    last = i
    if (target < sum) return i
  }
  return last
}
