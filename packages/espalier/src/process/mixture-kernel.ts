/**
 * The rows of mixture-rows.ts by WebAssembly SIMD, four at a time: the same IEEE operations in the same order, hence
 * the same bits.
 */

import {
  add,
  addLong,
  andNot,
  div,
  fromFloats,
  greater,
  i32,
  i32Add,
  i32Mul,
  i32ShiftRight,
  instantiate,
  isLess,
  load,
  loadSplat,
  loadTwo,
  mul,
  shiftLongLeft,
  sub,
  toFloats,
  type Value,
  WasmModule,
} from '../tensor/wasm.ts'
import { evenTerms, LN2_HIGH, LN2_LOW, oddTerms, ROUND, UNDERFLOW } from './exponential.ts'

/** Where the page holds the table of components, their weights (32 bytes each), the states, the predictions. */
const TABLE = 0x400
const WEIGHTS = 0x8000
const STATES = 0xa000
const PREDICTIONS = 0xd000
/** How many numbers the states of one call may have. */
export const CAPACITY = 2048

export interface MixtureKernel {
  readonly table: Float64Array
  readonly states: Float32Array
  readonly predictions: Float32Array
  /** Predicts `rows` states, a multiple of 4, of `d` numbers by the `n` components of the table. */
  readonly data: (rows: number, n: number, d: number) => void
  readonly noise: (rows: number, n: number, d: number) => void
}

/** Whether a mixture's table, and four of its states, fit in the kernel's memory. */
export function fits(n: number, d: number): boolean {
  return 8 * n * (4 + 2 * d) <= WEIGHTS - TABLE && 32 * n <= STATES - WEIGHTS && 4 * d <= CAPACITY
}

export function assembleMixtureKernel(): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  const double = (x: number) => module.double(x)

  /** {@link expNegative} of two vectors. */
  const exponential = module.define(['v128', 'v128'], (code, ...x) => {
    const keep = (make: (half: number) => Value) => [0, 1].map((half) => code.keep(make(half)))
    const shifted = keep((i) => add(mul(x[i], double(Math.LOG2E)), double(ROUND))) // its last bits are n
    const n = keep((i) => sub(shifted[i], double(ROUND)))
    const r = keep((i) => sub(sub(x[i], mul(n[i], double(LN2_HIGH))), mul(n[i], double(LN2_LOW))))
    const z = keep((i) => mul(r[i], r[i]))
    const series = (terms: readonly number[]) => {
      let p = [0, 1].map(() => double(terms[0]))
      for (const term of terms.slice(1)) p = keep((i) => add(mul(p[i], z[i]), double(term)))
      return p
    }
    const [even, odd] = [series(evenTerms), series(oddTerms)]
    const power = (i: number) => shiftLongLeft(addLong(shifted[i], module.bits(1023n)), 52)
    return [0, 1].map((i) => andNot(mul(add(even[i], mul(r[i], odd[i])), power(i)), isLess(x[i], double(UNDERFLOW))))
  })

  for (const target of ['data', 'noise'] as const) {
    module.define(
      ['i32', 'i32', 'i32'],
      (code, rows, n, d) => {
        const bytes = (numbers: Value, size: number) => i32Mul(numbers, i32(size))
        const stride = code.keep(bytes(d, 4), 'i32')
        const x = code.keep(i32(STATES), 'i32')
        const out = code.keep(i32(PREDICTIONS), 'i32')
        const at = (start: number) => code.keep(i32(start), 'i32')
        const two = (first: Value) => fromFloats(loadTwo(first, i32Add(first, stride)))
        const rest = (first: Value) => i32Add(first, i32Mul(stride, i32(2)))
        /** Rows 0 and 1, rows 2 and 3 of the number at an address. */
        const four = (address: Value) => [two(address), two(rest(address))].map((value) => code.keep(value))
        const both = (make: (half: number) => Value): Value[] => [0, 1].map((half) => code.keep(make(half)))
        const change = (locals: readonly Value[], make: (half: number) => Value) =>
          locals.map((local, half) => code.assign(local, make(half)))

        code.repeat(i32ShiftRight(rows, i32(2)), () => {
          const highest = both(() => double(-Infinity))
          const [t, w] = [at(TABLE), at(WEIGHTS)]
          code.repeat(n, () => {
            const square = both(() => double(0))
            const number = code.keep(x, 'i32')
            const center = code.keep(i32Add(t, i32(32)), 'i32')
            code.repeat(d, () => {
              const difference = four(number).map((value) => code.keep(sub(value, loadSplat(center, 0))))
              change(square, (half) => add(square[half], mul(difference[half], difference[half])))
              code.advance(number, i32(4))
              code.advance(center, i32(8))
            })
            const log = both((half) => sub(loadSplat(t, 0), mul(square[half], loadSplat(t, 8))))
            for (const half of [0, 1]) code.store(i32Add(w, i32(16 * half)), log[half])
            change(highest, (half) => greater(highest[half], log[half]))
            code.assign(t, i32Add(center, bytes(d, 8)))
            code.advance(w, i32(32))
          })

          const total = both(() => double(0))
          const slope = both(() => double(0))
          code.assign(w, i32(WEIGHTS))
          code.assign(t, i32(TABLE))
          code.repeat(n, () => {
            const below = (half: number) => sub(load(w, 16 * half), highest[half])
            const e = code.call(exponential, below(0), below(1))
            change(total, (half) => add(total[half], e[half]))
            if (target === 'data') change(slope, (half) => add(slope[half], mul(e[half], loadSplat(t, 16))))
            for (const half of [0, 1]) code.store(i32Add(w, i32(16 * half)), mul(e[half], loadSplat(t, 24)))
            code.advance(t, i32Add(i32(32), bytes(d, 16)))
            code.advance(w, i32(32))
          })
          const scale = both((half) => div(double(1), total[half]))

          const mean = code.keep(i32Add(i32(TABLE + 32), target === 'data' ? bytes(d, 8) : i32(0)), 'i32')
          const result = code.keep(out, 'i32')
          code.repeat(d, () => {
            const value = four(x)
            const sum = both((half) => (target === 'data' ? mul(slope[half], value[half]) : double(0)))
            code.assign(t, mean)
            code.assign(w, i32(WEIGHTS))
            code.repeat(n, () => {
              const point = code.keep(loadSplat(t, 0))
              const term = (half: number) => (target === 'data' ? point : sub(value[half], point))
              change(sum, (half) => add(sum[half], mul(load(w, 16 * half), term(half))))
              code.advance(t, i32Add(i32(32), bytes(d, 16)))
              code.advance(w, i32(32))
            })
            const address = code.keep(result, 'i32')
            for (const half of [0, 1]) {
              const floats = code.keep(toFloats(mul(sum[half], scale[half])))
              for (const lane of [0, 1] as const) {
                code.storeLane(address, floats, lane)
                code.advance(address, stride)
              }
            }
            code.advance(x, i32(4))
            code.advance(mean, i32(8))
            code.advance(result, i32(4))
          })
          code.advance(x, i32Mul(stride, i32(3)))
          code.advance(out, i32Mul(stride, i32(4)))
        })
        return []
      },
      target,
    )
  }
  return module.assemble()
}

/** The kernel, or undefined where {@link instantiate} can make none. */
export function loadMixtureKernel(): MixtureKernel | undefined {
  const instance = instantiate<Pick<MixtureKernel, 'data' | 'noise'>>(assembleMixtureKernel())
  if (!instance) return undefined
  const { buffer, data, noise } = instance
  return {
    table: new Float64Array(buffer, TABLE, (WEIGHTS - TABLE) / 8),
    states: new Float32Array(buffer, STATES, CAPACITY),
    predictions: new Float32Array(buffer, PREDICTIONS, CAPACITY),
    data,
    noise,
  }
}
