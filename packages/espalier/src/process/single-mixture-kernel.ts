/**
 * The predictions of mixture-rows.ts in float32, eight rows at a time by WebAssembly SIMD: for states of few numbers, of
 * which there are many. Responsibilities are powers of two, so that no exponent is reduced by a rounded `ln 2`.
 */

import {
  addInt,
  type FunctionBody,
  float,
  floats,
  i32,
  i32Add,
  i32ShiftRight,
  instantiate,
  load,
  loadFloatSplat,
  loadLane,
  shiftLeft,
  shuffle,
  type Value,
  WasmModule,
} from '../tensor/wasm.ts'
import type { Target } from './denoiser.ts'
import { POWER_SERIES } from './exponential.ts'

/** Where the page holds the table of components, their weights (32 bytes each), the states, the predictions. */
const TABLE = 0x400
const WEIGHTS = 0x4000
const STATES = 0x6000
const PREDICTIONS = 0xa800
/** How many numbers the states of one call may have. */
export const SINGLE_CAPACITY = 4096
/** How many numbers a state may have: the kernel's loops over them are unrolled. */
const LARGEST = 8
/** Numbers of the table before a component's `a mean` and, for data, its share of the prediction. */
export const HEADER = 3
/** Adding and taking away this rounds to an integer. */
const ROUND = 1.5 * 2 ** 23

export interface SingleMixtureKernel {
  /**
   * Per component: `log2(w) - d/2 log2 v`, `log2(e) / (2 v)`, the factor of x (data) or of `x - a mean` (noise),
   * `a mean`, the factor of the mean times the mean.
   */
  readonly table: Float32Array
  readonly states: Float32Array
  readonly predictions: Float32Array
  /** Predicts `rows` states, a multiple of 8, by the `n` components of the table. */
  readonly data: (rows: number, n: number) => void
  readonly noise: (rows: number, n: number) => void
}

/** `2^y` of two vectors, for y <= 0; at least 2^-127. */
function power(code: FunctionBody, exponents: readonly Value[]): Value[] {
  const { add, sub, mul, greater } = floats
  const y = exponents.map((exponent) => code.keep(greater(exponent, float(-126))))
  const shifted = y.map((value) => code.keep(add(value, float(ROUND)))) // its last bits are n
  const f = y.map((value, half) => code.keep(sub(value, sub(shifted[half], float(ROUND)))))
  const square = f.map((value) => code.keep(mul(value, value)))
  const [c6, c5, c4, c3, c2, c1, c0] = POWER_SERIES.map(float)
  const line = (p: Value, q: Value) => f.map((value) => code.keep(add(mul(p, value), q)))
  const [l5, l3, l1] = [line(c5, c4), line(c3, c2), line(c1, c0)]
  const up = (x: Value[], y: Value[]) => x.map((value, half) => code.keep(add(mul(value, square[half]), y[half])))
  const p = up(up(up([c6, c6], l5), l3), l1)
  // As bits: n is added to the exponent of 2^f.
  return p.map((value, half) => code.keep(addInt(value, shiftLeft(shifted[half], 23))))
}

/** The kernel's bytes for states of `d` numbers, for the machine's WebAssembly compiler. */
export function assembleSingleMixtureKernel(d: number): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  const { add, sub, mul, div, greater } = floats
  const each = <T>(make: (i: number) => T): T[] => Array.from({ length: d }, (_, i) => make(i))
  for (const target of ['data', 'noise'] as const) {
    module.define(
      ['i32', 'i32'],
      (code, rows, n) => {
        const at = (start: number) => code.keep(i32(start), 'i32')
        const both = <T>(make: (half: number) => T): T[] => [make(0), make(1)]
        /** A number of the component at `t`. */
        const number = (t: Value, i: number) => code.keep(loadFloatSplat(t, 4 * i))
        const [x, out] = [at(STATES), at(PREDICTIONS)]
        const change = (locals: readonly Value[], make: (half: number) => Value) =>
          locals.map((local, half) => code.assign(local, make(half)))
        code.repeat(i32ShiftRight(rows, i32(3)), () => {
          const state = both((half) => loadFour(code, half === 0 ? x : code.keep(i32Add(x, i32(16 * d)), 'i32'), d))
          const highest = both(() => code.keep(float(-Infinity)))
          const stride = 4 * (HEADER + 2 * d)
          const components = (work: (t: Value, w: Value) => void) => {
            const [t, w] = [at(TABLE), at(WEIGHTS)]
            code.repeat(n, () => {
              work(t, w)
              code.advance(t, i32(stride))
              code.advance(w, i32(32))
            })
          }
          components((t, w) => {
            const square: Value[] = []
            for (let i = 0; i < d; i++) {
              const center = number(t, HEADER + i)
              for (const half of [0, 1]) {
                const difference = code.keep(sub(state[half][i], center))
                const term = mul(difference, difference)
                square[half] = code.keep(i === 0 ? term : add(square[half], term))
              }
            }
            const [weight, inverse] = [number(t, 0), number(t, 1)]
            const log = both((half) => code.keep(sub(weight, mul(square[half], inverse))))
            for (const half of [0, 1]) code.store(i32Add(w, i32(16 * half)), log[half])
            change(highest, (half) => greater(highest[half], log[half]))
          })
          const total = both(() => code.keep(float(0)))
          const slope = both(() => code.keep(float(0)))
          const sums = both(() => each(() => code.keep(float(0))))
          components((t, w) => {
            const e = power(
              code,
              both((half) => sub(load(w, 16 * half), highest[half])),
            )
            change(total, (half) => add(total[half], e[half]))
            const factor = number(t, 2)
            const share = both((half) => code.keep(mul(e[half], factor)))
            if (target === 'data') change(slope, (half) => add(slope[half], share[half]))
            for (let i = 0; i < d; i++) {
              const point = number(t, HEADER + i + (target === 'data' ? d : 0))
              const term = (half: number) =>
                target === 'data' ? mul(e[half], point) : mul(share[half], sub(state[half][i], point))
              for (const half of [0, 1]) code.assign(sums[half][i], add(sums[half][i], term(half)))
            }
          })
          for (const half of [0, 1]) {
            const scale = code.keep(div(float(1), total[half]))
            const sum = sums[half].map((value, i) =>
              code.keep(mul(target === 'data' ? add(mul(slope[half], state[half][i]), value) : value, scale)),
            )
            storeFour(code, out, sum)
            code.advance(out, i32(16 * d))
          }
          code.advance(x, i32(32 * d))
        })
        return []
      },
      target,
    )
  }
  return module.assemble()
}

/** The numbers of four rows at an address, one vector for each of the `d` of a row. */
function loadFour(code: FunctionBody, address: Value, d: number): Value[] {
  if (d === 1) return [code.keep(load(address))]
  if (d === 2) {
    const [p, q] = [code.keep(load(address)), code.keep(load(address, 16))]
    return [code.keep(shuffle(p, q, [0, 2, 4, 6])), code.keep(shuffle(p, q, [1, 3, 5, 7]))]
  }
  return Array.from({ length: d }, (_, i) => {
    let four = loadFloatSplat(address, 4 * i)
    for (const lane of [1, 2, 3] as const) four = loadLane(i32Add(address, i32(4 * (d * lane + i))), four, lane)
    return code.keep(four)
  })
}

/** The reverse of {@link loadFour}. */
function storeFour(code: FunctionBody, address: Value, values: readonly Value[]): void {
  const d = values.length
  if (d === 1) code.store(address, values[0])
  else if (d === 2) {
    code.store(address, shuffle(values[0], values[1], [0, 4, 1, 5]))
    code.store(i32Add(address, i32(16)), shuffle(values[0], values[1], [2, 6, 3, 7]))
  } else {
    values.forEach((value, i) => {
      for (const lane of [0, 1, 2, 3] as const) code.storeLane(i32Add(address, i32(4 * (d * lane + i))), value, lane)
    })
  }
}

/**
 * The table of the kernel for a mixture, from that of {@link MixtureRows} for the same target.
 * @param table per component: `log(w) - d/2 log v`, `1 / (2 v)`, the factors of x and of the mean, `a mean`, `mean`
 */
export function fillSingleTable(table: Float64Array, d: number, target: Target, out: Float32Array): void {
  for (let t = 0, o = 0; t < table.length; t += 4 + 2 * d, o += HEADER + 2 * d) {
    out[o] = table[t] * Math.LOG2E
    out[o + 1] = table[t + 1] * Math.LOG2E
    out[o + 2] = target === 'data' ? table[t + 2] : table[t + 3]
    for (let i = 0; i < d; i++) {
      out[o + HEADER + i] = table[t + 4 + i]
      out[o + HEADER + d + i] = table[t + 3] * table[t + 4 + d + i]
    }
  }
}

const kernels = new Map<number, SingleMixtureKernel | undefined>()

/**
 * The kernel for mixtures of n components in d dimensions, assembled once for each d; undefined where they are too many, or
 * where {@link instantiate} can make none.
 */
export function singleMixtureKernel(n: number, d: number): SingleMixtureKernel | undefined {
  if (d > LARGEST || 4 * n * (HEADER + 2 * d) > WEIGHTS - TABLE || 32 * n > STATES - WEIGHTS) return undefined
  if (!kernels.has(d)) kernels.set(d, loadKernel(d))
  return kernels.get(d)
}

function loadKernel(d: number): SingleMixtureKernel | undefined {
  const instance = instantiate<Record<Target, SingleMixtureKernel['data']>>(assembleSingleMixtureKernel(d))
  if (!instance) return undefined
  const { buffer, data, noise } = instance
  return {
    table: new Float32Array(buffer, TABLE, (WEIGHTS - TABLE) / 4),
    states: new Float32Array(buffer, STATES, SINGLE_CAPACITY),
    predictions: new Float32Array(buffer, PREDICTIONS, SINGLE_CAPACITY),
    data,
    noise,
  }
}
