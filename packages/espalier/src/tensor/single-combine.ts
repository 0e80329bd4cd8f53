/** {@link combine} in float32, by WebAssembly SIMD where the engine has it, to the same bits everywhere. */

import { checkTerms } from './combine.ts'
import { firstNotFinite } from './finite.ts'
import type { Tensor } from './tensor.ts'
import { float, floats, i32, instantiate, load, loadFloatSplat, WasmModule } from './wasm.ts'

/** Where the page holds the coefficients, four sums of `0 x`, and the terms, the first of which the sum replaces. */
const COEFFICIENTS = 0x400
const CHECK = 0x410
const TERMS = 0x1000
/** How many terms, and how many numbers of each, one call takes: sixteen in a turn. */
const TOGETHER = 3
const CAPACITY = 4096
const TURN = 16

interface Kernel {
  readonly coefficients: Float32Array
  readonly check: Float32Array
  readonly terms: readonly Float32Array[]
  /**
   * By the number of terms, from 1 on: sums 16 `turns` numbers of them, and 0 times the sums to {@link check}, which is
   * NaN where a number is not finite.
   */
  readonly sum: readonly ((turns: number) => void)[]
}

export function assembleSingleCombine(): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  const { add, mul } = floats
  for (let n = 1; n <= TOGETHER; n++) {
    module.define(
      ['i32'],
      (code, turns) => {
        const at = code.keep(i32(TERMS), 'i32')
        const factors = Array.from({ length: n }, (_, j) => code.keep(loadFloatSplat(i32(COEFFICIENTS + 4 * j))))
        const checks = [0, 1, 2, 3].map(() => code.keep(float(0)))
        code.repeat(turns, () => {
          for (const check of checks) {
            const products = factors.map((factor, j) => mul(factor, load(at, 4 * CAPACITY * j)))
            const sum = code.keep(products.reduce((total, product) => add(total, product)))
            code.assign(check, add(check, mul(sum, float(0))))
            code.store(at, sum)
            code.advance(at, i32(16))
          }
        })
        code.store(
          i32(CHECK),
          checks.reduce((sum, check) => add(sum, check)),
        )
        return []
      },
      `sum${n}`,
    )
  }
  return module.assemble()
}

function loadKernel(): Kernel | undefined {
  const instance = instantiate<Readonly<Record<string, (turns: number) => void>>>(assembleSingleCombine())
  if (!instance) return undefined
  const { buffer, ...functions } = instance
  const each = Array.from({ length: TOGETHER }, (_, j) => j)
  return {
    coefficients: new Float32Array(buffer, COEFFICIENTS, TOGETHER),
    check: new Float32Array(buffer, CHECK, 4),
    terms: each.map((j) => new Float32Array(buffer, TERMS + 4 * CAPACITY * j, CAPACITY)),
    sum: each.map((j) => functions[`sum${j + 1}`]),
  }
}

/** The kernel, from the first call on; undefined where the engine has none. */
let kernel: Kernel | undefined | 'not loaded' = 'not loaded'

/**
 * `out = sum_j coefficients[j] * tensors[j]` in float32: coefficients, products and sums are rounded, terms in order. An
 * element's result depends on its own operands alone. `out` may be one of the tensors.
 * @param n how many terms to take, by default all; no terms give zeros
 * @returns whether all elements are finite
 * @throws if the sizes differ
 */
export function combineSingle(
  out: Tensor,
  coefficients: ArrayLike<number>,
  tensors: readonly Tensor[],
  n = tensors.length,
): boolean {
  checkTerms(out, coefficients, tensors, n)
  if (n === 0) {
    out.data.fill(0)
    return true
  }
  if (kernel === 'not loaded') kernel = loadKernel()
  return kernel
    ? combineBy(kernel, out.data, coefficients, tensors, n)
    : combineByElement(out.data, coefficients, tensors, n)
}

function combineBy(
  { coefficients: factors, check, terms, sum }: Kernel,
  out: Float32Array,
  coefficients: ArrayLike<number>,
  tensors: readonly Tensor[],
  n: number,
): boolean {
  let finite = true
  for (let from = 0; from < out.length; from += CAPACITY) {
    const some = Math.min(CAPACITY, out.length - from)
    const turns = Math.ceil(some / TURN)
    // The sum so far is the first of the next terms, with the factor 1.
    for (let j = 0, place = 0; j < n; j++) {
      factors[place] = coefficients[j]
      terms[place].set(tensors[j].data.subarray(from, from + some))
      if (some < CAPACITY) terms[place].fill(0, some, TURN * turns)
      place++
      if (place < TOGETHER && j + 1 < n) continue
      sum[place - 1](turns)
      if (check[0] + check[1] + check[2] + check[3] !== 0) finite = false
      factors[0] = 1
      place = 1
    }
    out.set(some === CAPACITY ? terms[0] : terms[0].subarray(0, some), from)
  }
  return finite
}

/** The definition. */
export function combineByElement(
  out: Float32Array,
  coefficients: ArrayLike<number>,
  tensors: readonly Tensor[],
  n: number,
): boolean {
  const round = Math.fround
  for (let i = 0; i < out.length; i++) {
    let sum = round(round(coefficients[0]) * tensors[0].data[i])
    for (let j = 1; j < n; j++) sum = round(sum + round(round(coefficients[j]) * tensors[j].data[i]))
    out[i] = sum
  }
  return firstNotFinite(out) < 0
}
