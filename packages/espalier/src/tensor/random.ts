/**
 * Keyed random streams: every draw is a pure function of a key and an index, so that the same particle gets the same
 * draws whatever the batch, the order, the number of workers, or a crash and a resume in between.
 *
 * The transforms use only IEEE `+ - * / sqrt`: the same bits in every JavaScript engine, and in the WebAssembly
 * kernel of normal-kernel.ts, which draws large arrays.
 */

import { boxMuller, ln, pair } from './box-muller.ts'
import { CAPACITY, loadNormalKernel, type NormalKernel, ROWS } from './normal-kernel.ts'
import { block, checkChild, FOLD, type Key, NORMAL, philox, STREAM, UNIFORM } from './philox.ts'

export { fold, type Key, key, philox, purpose } from './philox.ts'

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

/** The WebAssembly kernel, as soon as it has been worth its assembly; undefined where the engine has none. */
let kernel: NormalKernel | undefined | 'not loaded' = 'not loaded'
/** Draws that it could have made before. */
let missed = 0

/** The kernel, if it can write `length` elements of `out`, and that is worth its assembly or, later, a call. */
function kernelFor(out: Float32Array | Float64Array, length: number): NormalKernel | undefined {
  if (length < 24 || !(out instanceof Float32Array)) return undefined
  if (kernel === 'not loaded') {
    missed += length
    if (missed < 1024) return undefined
    kernel = loadNormalKernel()
  }
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
 * @param n how many of the weights to draw from. Default all
 */
export function categoricalFromLog(u: number, logWeights: ArrayLike<number>, n = logWeights.length): number {
  let max = -Infinity
  for (let i = 0; i < n; i++) {
    if (!(logWeights[i] < Infinity)) {
      throw new Error(`log-weight ${i} of ${n} is ${logWeights[i]}, expected a number below Infinity`)
    }
    if (logWeights[i] > max) max = logWeights[i]
  }
  if (n === 0) throw new Error('cannot draw from 0 weights')
  const weight = max === -Infinity ? () => 1 : (i: number) => Math.exp(logWeights[i] - max)
  let total = 0
  for (let i = 0; i < n; i++) total += weight(i)
  return invert(u * total, n, weight)
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
