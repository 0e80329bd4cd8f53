/**
 * The normals of random.ts by WebAssembly SIMD: eight Philox blocks at a time, four in a vector, and their Box-Muller
 * transforms in float64, two in a vector. The same IEEE operations in the same order, hence the same bits; random.ts is the definition.
 */

import { FOLD, NORMAL } from './philox.ts'
import { philoxRounds } from './philox-kernel.ts'
import {
  add,
  addInt,
  addLong,
  and,
  div,
  type FunctionBody,
  i32,
  i32Add,
  i32LessUnsigned,
  i32Mul,
  i32ShiftRight,
  i32Sub,
  instantiate,
  load,
  mul,
  or,
  select,
  shiftLeft,
  shiftLongRight,
  shiftRightSigned,
  shuffle,
  splat,
  sqrt,
  sub,
  toDoubles,
  toFloats,
  type Value,
  WasmModule,
  type WasmType,
  xor,
} from './wasm.ts'

/** Where the kernel's memory holds the keys of rows, `(lo, hi)` each, and the draws. */
const KEYS = 0x1000
const DRAWS = 0x5000
/** How many rows, and how many draws, one call can make. The page has room for 16 bytes more. */
export const ROWS = 2048
export const CAPACITY = 8192

export interface NormalKernel {
  /** {@link ROWS} rows of `(lo, hi)`. */
  readonly keys: Uint32Array
  /** {@link CAPACITY} draws. */
  readonly draws: Float32Array
  /** Elements `4 first .. 4 first + 32 groups - 1` of one key's normal stream to `draws`. */
  readonly stream: (lo: number, hi: number, first: number, groups: number) => void
  /** For each of `rows` keys, a multiple of 8: `size` elements of the normal stream of its `(nHigh, nLow)`-th child. */
  readonly rows: (nLow: number, nHigh: number, rows: number, size: number) => void
}

/** The kernel's bytes, for the machine's WebAssembly compiler. */
export function assembleNormalKernel(): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  const double = (x: number) => module.double(x)
  const bits = (x: bigint) => module.bits(x)
  const lanes = (n: number) => splat(i32(n))
  const types = (n: number) => Array.from({ length: n }, (): WasmType => 'v128')

  /** Ten rounds on two vectors of counters `(c0, c1, 0, tag)` under two of keys. */
  const philox = module.define(types(8), (code, c0a, c0b, c1, tag, k0a, k1a, k0b, k1b) => {
    const both = [
      [c0a, code.keep(c1), code.keep(lanes(0)), code.keep(tag), k0a, k1a],
      [c0b, c1, code.keep(lanes(0)), tag, k0b, k1b],
    ]
    philoxRounds(code, both, 10)
    return both.flatMap((state) => state.slice(0, 4))
  })

  /** Horner's scheme for two vectors at once; all but the first coefficient come with the sign they are added with. */
  const polynomial = (code: FunctionBody, z: readonly Value[], coefficients: readonly number[]): Value[] => {
    let p = z.map(() => double(coefficients[0]))
    for (const c of coefficients.slice(1)) p = p.map((value, i) => code.keep(add(mul(value, z[i]), double(c))))
    return p
  }

  /** Four normals with the cosine and four with the sine, float32, from four uniform words and four angles. */
  const boxMuller = module.define(types(2), (code, word, angle) => {
    const halves = (x: Value) => {
      const both = [x, shuffle(x, x, [2, 3, 2, 3])]
      return both.map((half) => code.keep(add(toDoubles(half), double(0.5))))
    }
    // ln((word + 1/2) / 2^32) = ln(m 2^e): the offset moves the cut of the mantissa from 1 to sqrt(1/2).
    const cut = halves(word).map((x) => code.keep(addLong(x, bits(0x00095f6200000000n))))
    const e = cut.map((x) => sub(or(shiftLongRight(x, 52), bits(0x4330000000000000n)), double(2 ** 52 + 1023 + 32)))
    const m = cut.map((x) => code.keep(addLong(and(x, bits(0x000fffffffffffffn)), bits(0x3fe6a09e00000000n))))
    const f = m.map((x) => code.keep(div(sub(x, double(1)), add(x, double(1)))))
    const odd = [21, 19, 17, 15, 13, 11, 9, 7, 5, 3].map((n) => 1 / n)
    const series = polynomial(
      code,
      f.map((x) => code.keep(mul(x, x))),
      [...odd, 1],
    )
    const radius = f.map((x, i) => {
      const ln = add(mul(e[i], double(Math.LN2)), mul(mul(double(2), x), series[i]))
      return code.keep(sqrt(mul(double(-2), ln)))
    })

    // The third bit of the angle mirrors the octant, the bits below say where in it.
    const mirrored = shiftRightSigned(shiftLeft(angle, 2), 31)
    const x = halves(code.keep(and(xor(angle, mirrored), lanes(0x1fffffff)))).map((fraction) =>
      code.keep(mul(fraction, double(Math.PI / 4 / 0x20000000))),
    )
    const z = x.map((v) => code.keep(mul(v, v)))
    const factorials = [355687428096000, -1307674368000, 6227020800, -39916800, 362880, -5040, 120, -6]
    const p = polynomial(
      code,
      z,
      factorials.map((n) => 1 / n),
    )
    const even = [20922789888000, -87178291200, 479001600, -3628800, 40320, -720, 24, -2, 1]
    const q = polynomial(
      code,
      z,
      even.map((n) => 1 / n),
    )
    const floats = (v: readonly Value[]) => code.keep(shuffle(toFloats(v[0]), toFloats(v[1]), [0, 1, 4, 5]))
    const sine = floats(radius.map((r, i) => mul(r, add(x[i], mul(mul(x[i], z[i]), p[i])))))
    const cosine = floats(radius.map((r, i) => mul(r, q[i])))

    // The legs change places in the octants 1, 2, 5, 6; signs are the first bits of the quadrant.
    const turned = code.keep(shiftLeft(angle, 1))
    const swapped = code.keep(shiftRightSigned(xor(turned, shiftLeft(angle, 2)), 31))
    const sign = (v: Value) => and(v, lanes(0x80000000))
    return [
      xor(select(sine, cosine, swapped), sign(xor(angle, turned))),
      xor(select(cosine, sine, swapped), sign(angle)),
    ]
  })

  /** The normals of eight blocks (counters and keys by lane), each block's to its own address `out + stride lane`. */
  const blocks = module.define([...types(6), 'i32', 'i32', 'i32'], (code, ca, cb, k0a, k1a, k0b, k1b, ...rest) => {
    const [out, stride, size] = rest
    const words = code.call(philox, ca, cb, lanes(0), lanes(NORMAL), k0a, k1a, k0b, k1b)
    for (const [w0, w1, w2, w3] of [words.slice(0, 4), words.slice(4)]) {
      const pairs = (u: Value, angle: Value) => {
        const [cosines, sines] = code.call(boxMuller, u, angle)
        return [
          [0, 4, 1, 5],
          [2, 6, 3, 7],
        ].map((order) => code.keep(shuffle(cosines, sines, order)))
      }
      const first = pairs(w0, w1)
      const next = () => code.advance(out, stride)
      code.if(
        i32LessUnsigned(size, i32(3)),
        () => {
          for (const pair of first) {
            for (const half of [0, 1] as const) {
              code.storeHalf(out, pair, half)
              next()
            }
          }
        },
        () => {
          const second = pairs(w2, w3)
          for (const half of [0, 1]) {
            code.store(out, shuffle(first[half], second[half], [0, 1, 4, 5]))
            next()
            code.store(out, shuffle(first[half], second[half], [2, 3, 6, 7]))
            next()
          }
        },
      )
    }
    return []
  })

  module.define(
    ['i32', 'i32', 'i32', 'i32'],
    (code, lo, hi, first, groups) => {
      const lane = shuffle(bits(0x100000000n), bits(0x300000002n), [0, 1, 6, 7]) // 0, 1, 2, 3
      const counter = code.keep(addInt(splat(first), lane))
      const [k0, k1] = [code.keep(splat(lo)), code.keep(splat(hi))]
      const out = code.keep(i32(DRAWS), 'i32')
      code.repeat(groups, () => {
        code.call(blocks, counter, addInt(counter, lanes(4)), k0, k1, k0, k1, out, i32(16), i32(4))
        code.assign(counter, addInt(counter, lanes(8)))
        code.advance(out, i32(128))
      })
      return []
    },
    'stream',
  )

  module.define(
    ['i32', 'i32', 'i32', 'i32'],
    (code, nLow, nHigh, rows, size) => {
      const keys = code.keep(i32(KEYS), 'i32')
      const out = code.keep(i32(DRAWS), 'i32')
      const stride = code.keep(i32Mul(size, i32(4)), 'i32')
      const n = code.keep(splat(nLow))
      code.repeat(i32ShiftRight(rows, i32(3)), () => {
        const four = (offset: number) => {
          const [low, high] = [code.keep(load(keys, offset)), code.keep(load(keys, offset + 16))]
          return [shuffle(low, high, [0, 2, 4, 6]), shuffle(low, high, [1, 3, 5, 7])]
        }
        const [k0a, k1a, , , k0b, k1b] = code.call(philox, n, n, splat(nHigh), lanes(FOLD), ...four(0), ...four(32))
        // From the last block to the first: what a row writes too much, the next row then writes over.
        code.repeat(i32ShiftRight(i32Add(size, i32(3)), i32(2)), (block) => {
          const counter = code.keep(splat(block))
          const address = i32Add(out, i32Mul(block, i32(16)))
          const left = i32Sub(size, i32Mul(block, i32(4)))
          code.call(blocks, counter, counter, k0a, k1a, k0b, k1b, address, stride, left)
        })
        code.advance(keys, i32(64))
        code.advance(out, i32Mul(stride, i32(8)))
      })
      return []
    },
    'rows',
  )
  return module.assemble()
}

/** The kernel, or undefined where {@link instantiate} can make none. */
export function loadNormalKernel(): NormalKernel | undefined {
  const instance = instantiate<Pick<NormalKernel, 'stream' | 'rows'>>(assembleNormalKernel())
  if (!instance) return undefined
  const { buffer, stream, rows } = instance
  return {
    keys: new Uint32Array(buffer, KEYS, 2 * ROWS),
    draws: new Float32Array(buffer, DRAWS, CAPACITY),
    stream,
    rows,
  }
}
