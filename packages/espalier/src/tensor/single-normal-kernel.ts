/**
 * The normals of single-normals.ts by WebAssembly SIMD, eight rows at a time: the float32 operations of
 * single-box-muller.ts in the same order, hence the same bits.
 */

import { SINGLE_NORMAL, SINGLE_ROUNDS } from './philox.ts'
import { KEY_STEPS, MULTIPLIERS, philoxRounds, product } from './philox-kernel.ts'
import { COSINE_SERIES, CUT, LOG_SERIES, SINE_SERIES } from './single-box-muller.ts'
import {
  addInt,
  and,
  type FunctionBody,
  float,
  floats,
  i32,
  i32Add,
  i32Mul,
  i32ShiftRight,
  instantiate,
  isSame,
  load,
  or,
  select,
  shiftLeft,
  shiftRightSigned,
  shuffle,
  splat,
  type Value,
  WasmModule,
  xor,
} from './wasm.ts'

/** Where the kernel's memory holds the keys of rows, `(lo, hi)` each, and the draws. */
const KEYS = 0x1000
const DRAWS = 0x5000
/** How many rows, and how many draws, one call can make. The page has room for 16 bytes more. */
export const ROWS = 2048
export const CAPACITY = 8192

export interface SingleNormalKernel {
  /** {@link ROWS} rows of `(lo, hi)`. */
  readonly keys: Uint32Array
  /** {@link CAPACITY} draws: those of the stages of a group one after the other, at equal distances. */
  readonly draws: Float32Array
  /** Draws for `rows` rows, a multiple of 8, of `size` numbers each. */
  readonly draw: (group: number, rows: number, size: number) => void
}

const lanes = (n: number) => splat(i32(n))

/** The number of a group times the first multiplier, in all lanes. */
type Group = ReturnType<typeof product>

function polynomial(code: FunctionBody, z: Value, coefficients: readonly number[]): Value {
  let p = float(coefficients[0])
  for (const c of coefficients.slice(1)) p = code.keep(floats.add(floats.mul(p, z), float(c)))
  return p
}

/** {@link singleBoxMuller} for four words and four angles: four normals with the cosine, four with the sine. */
function boxMuller(code: FunctionBody, word: Value, angle: Value): Value[] {
  const { add, sub, mul, div, sqrt, from, negate } = floats
  const high = code.keep(shiftRightSigned(word, 31))
  const q = code.keep(mul(add(from(xor(word, high)), float(0.5)), float(2 ** -32)))
  const u = select(sub(float(1), q), q, high)
  const cut = code.keep(addInt(u, lanes(-CUT)))
  const e = code.keep(shiftRightSigned(cut, 23))
  const m = code.keep(addInt(and(cut, lanes(0x7fffff)), lanes(CUT)))
  const top = select(negate(q), sub(m, float(1)), isSame(e, lanes(0)))
  const f = code.keep(div(top, add(m, float(1))))
  const series = polynomial(code, code.keep(mul(f, f)), LOG_SERIES)
  const radius = code.keep(sqrt(add(mul(from(e), float(-2 * Math.LN2)), mul(f, series))))

  const x = code.keep(mul(from(or(shiftLeft(angle, 2), lanes(2))), float(Math.PI / 2 ** 33)))
  const z = code.keep(mul(x, x))
  const sine = code.keep(mul(radius, add(x, mul(mul(x, z), polynomial(code, z, SINE_SERIES)))))
  const unsigned = mul(radius, polynomial(code, z, COSINE_SERIES))
  const cosine = code.keep(xor(unsigned, and(shiftLeft(angle, 1), lanes(0x80000000))))
  const change = code.keep(and(xor(sine, cosine), shiftRightSigned(angle, 31)))
  return [code.keep(xor(cosine, change)), code.keep(xor(sine, change))]
}

/** How many stages share the blocks of a row of `size` numbers. */
export const stagesOf = (size: number): 1 | 2 | 4 => (size === 1 ? 4 : size === 2 ? 2 : 1)

/**
 * The kernel's bytes, for the machine's WebAssembly compiler.
 * @param stages that share a block: see {@link stagesOf}
 */
export function assembleSingleNormalKernel(stages: 1 | 2 | 4): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()

  /** The four normals of a block for each of eight rows: four vectors for the first four rows, four for the others. */
  const blocks = (code: FunctionBody, group: Group, tag: Value, keys: Value): Value[][] => {
    // The first round of the counter (group, 0, 0, tag): the other product is zero.
    const states = [0, 32].map((offset) => {
      const [low, high] = [code.keep(load(keys, offset)), code.keep(load(keys, offset + 16))]
      const k0 = code.keep(shuffle(low, high, [0, 2, 4, 6]))
      const k1 = code.keep(shuffle(low, high, [1, 3, 5, 7]))
      const counter = [k0, lanes(0), xor(group.high, xor(tag, k1)), group.low].map((word) => code.keep(word))
      return [...counter, ...[k0, k1].map((k, i) => code.keep(addInt(k, lanes(KEY_STEPS[i]))))]
    })
    philoxRounds(code, states, SINGLE_ROUNDS - 1)
    return states.map(([w0, w1, w2, w3]) => [...boxMuller(code, w0, w1), ...boxMuller(code, w2, w3)])
  }

  /** What one turn writes, from where the draws of its eight rows begin. */
  const write = {
    /** Rows of one number: each of the four goes to another stage. */
    4: (code: FunctionBody, out: Value, z: readonly Value[][]) => {
      z.forEach((four, i) => {
        for (const [stage, value] of four.entries()) code.store(i32Add(out, i32(CAPACITY * stage + 16 * i)), value)
      })
    },
    /** Rows of two. */
    2: (code: FunctionBody, out: Value, z: readonly Value[][]) => {
      z.forEach((four, i) => {
        for (const stage of [0, 1]) {
          const [x, y] = four.slice(2 * stage)
          const at = 2 * CAPACITY * stage + 32 * i
          code.store(i32Add(out, i32(at)), shuffle(x, y, [0, 4, 1, 5]))
          code.store(i32Add(out, i32(at + 16)), shuffle(x, y, [2, 6, 3, 7]))
        }
      })
    },
    /** Four numbers of larger rows, at any distance. */
    1: (code: FunctionBody, out: Value, z: readonly Value[][], stride: Value) => {
      for (const [a, b, c, d] of z) {
        for (const half of [0, 2]) {
          const order = [half, half + 4, half + 1, half + 5]
          const [ab, cd] = [code.keep(shuffle(a, b, order)), code.keep(shuffle(c, d, order))]
          for (const row of [0, 2]) {
            code.store(out, shuffle(ab, cd, [row, row + 1, row + 4, row + 5]))
            code.advance(out, stride)
          }
        }
      }
    },
  }

  module.define(
    ['i32', 'i32', 'i32'],
    (code, group, rows, size) => {
      const counter = product(code, splat(group), MULTIPLIERS[0])
      const stride = code.keep(i32Mul(size, i32(4)), 'i32')
      const keys = code.keep(i32(KEYS), 'i32')
      const out = code.keep(i32(DRAWS), 'i32')
      code.repeat(i32ShiftRight(rows, i32(3)), () => {
        if (stages === 1) {
          // From the last block to the first: what a row writes too much, the next row then writes over.
          code.repeat(i32ShiftRight(i32Add(size, i32(3)), i32(2)), (block) => {
            const z = blocks(code, counter, splat(i32Add(i32(SINGLE_NORMAL), block)), keys)
            write[stages](code, code.keep(i32Add(out, i32Mul(block, i32(16))), 'i32'), z, stride)
          })
        } else {
          write[stages](code, out, blocks(code, counter, lanes(SINGLE_NORMAL), keys))
        }
        code.advance(keys, i32(64))
        code.advance(out, i32Mul(stride, i32(8)))
      })
      return []
    },
    'draw',
  )
  return module.assemble()
}

/** The kernel, or undefined where {@link instantiate} can make none. */
export function loadSingleNormalKernel(stages: 1 | 2 | 4): SingleNormalKernel | undefined {
  const instance = instantiate<Pick<SingleNormalKernel, 'draw'>>(assembleSingleNormalKernel(stages))
  if (!instance) return undefined
  const { buffer, draw } = instance
  return {
    keys: new Uint32Array(buffer, KEYS, 2 * ROWS),
    draws: new Float32Array(buffer, DRAWS, CAPACITY),
    draw,
  }
}
