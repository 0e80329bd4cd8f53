/**
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3"), a keyed bijection of
 * 128-bit counters, and the keys of streams. The last counter word says what a block is for, so two uses of one key never
 * share a word.
 */

/** A 64-bit stream key: two unsigned 32-bit words. Derived, never drawn. */
export interface Key {
  readonly hi: number
  readonly lo: number
}

/** Four words that {@link philox} writes; single-threaded scratch, read at once. */
export const block = new Uint32Array(4)

/** Last counter words: what a block is for. Those of {@link purpose} are at most 0x10000 (a UTF-16 code unit plus one). */
export const NORMAL = 0x4e000000
export const FOLD = 0x46000000
export const UNIFORM = 0x55000000
export const STREAM = 0x53000000
/** And the number of the block, of {@link SINGLE_ROUNDS} rounds. */
export const SINGLE_NORMAL = 0x66000000
export const SINGLE_ROUNDS = 7

/**
 * Philox4x32-10: writes the four words of counter `(c0, c1, c2, c3)` under key `(k0, k1)` to `out`.
 * Everything stays in int32: the high word of a 32x32 product is put together from four 16x16 products.
 * @param rounds 10, or fewer for draws that need less; 7 pass all tests of BigCrush (the paper, table 2)
 */
export function philox(
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  k0: number,
  k1: number,
  out: Uint32Array = block,
  rounds = 10,
): Uint32Array {
  for (let round = 0; round < rounds; round++) {
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
  checkChild(n)
  philox(n | 0, Math.floor(n / 0x100000000), 0, FOLD, key.lo, key.hi)
  return { hi: block[1], lo: block[0] }
}

/** @throws where `n` numbers no child */
export function checkChild(n: number): void {
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
