/** {@link combine} in float32, by WebAssembly SIMD where the engine has it, to the same bits everywhere. */

import { checkTerms } from './combine.ts'
import { firstNotFinite } from './finite.ts'
import type { Tensor } from './tensor.ts'
import { float, floats, i32, i32Add, instantiate, load, loadFloatSplat, WasmModule } from './wasm.ts'

/** Where the page holds the coefficient, four sums of `0 x`, a term, and the sum of the terms. */
const COEFFICIENT = 0x400
const CHECK = 0x410
const TERM = 0x1000
const SUM = 0x8000
/** How many numbers of a term one call takes: sixteen in a turn. */
const CAPACITY = 4096
const TURN = 16

interface Kernel {
  readonly coefficient: Float32Array
  readonly check: Float32Array
  readonly term: Float32Array
  readonly sum: Float32Array
  /** `sum = coefficient term`, for 16 `turns` numbers. */
  readonly first: (turns: number) => void
  /** `sum += coefficient term`. */
  readonly next: (turns: number) => void
  /** Adds 0 times the sum to {@link check}: NaN where a number is not finite. */
  readonly test: (turns: number) => void
}

export function assembleSingleCombine(): Uint8Array<ArrayBuffer> {
  const module = new WasmModule()
  const { add, mul } = floats
  for (const name of ['first', 'next', 'test'] as const) {
    module.define(
      ['i32'],
      (code, turns) => {
        const at = code.keep(i32(0), 'i32')
        const c = code.keep(loadFloatSplat(i32(COEFFICIENT)))
        const checks = [0, 1, 2, 3].map(() => code.keep(float(0)))
        code.repeat(turns, () => {
          for (const check of checks) {
            const sum = load(at, SUM)
            const term = mul(c, load(at, TERM))
            if (name === 'test') code.assign(check, add(check, mul(sum, float(0))))
            else code.store(i32Add(at, i32(SUM)), name === 'first' ? term : add(sum, term))
            code.advance(at, i32(16))
          }
        })
        if (name === 'test')
          code.store(
            i32(CHECK),
            checks.reduce((sum, check) => add(sum, check)),
          )
        return []
      },
      name,
    )
  }
  return module.assemble()
}

function loadKernel(): Kernel | undefined {
  const instance = instantiate<Pick<Kernel, 'first' | 'next' | 'test'>>(assembleSingleCombine())
  if (!instance) return undefined
  const { buffer, ...functions } = instance
  return {
    coefficient: new Float32Array(buffer, COEFFICIENT, 1),
    check: new Float32Array(buffer, CHECK, 4),
    term: new Float32Array(buffer, TERM, CAPACITY),
    sum: new Float32Array(buffer, SUM, CAPACITY),
    ...functions,
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
  { coefficient, check, term, sum, first, next, test }: Kernel,
  out: Float32Array,
  coefficients: ArrayLike<number>,
  tensors: readonly Tensor[],
  n: number,
): boolean {
  let finite = true
  for (let from = 0; from < out.length; from += CAPACITY) {
    const some = Math.min(CAPACITY, out.length - from)
    const turns = Math.ceil(some / TURN)
    for (let j = 0; j < n; j++) {
      coefficient[0] = coefficients[j]
      term.set(tensors[j].data.subarray(from, from + some))
      if (some < CAPACITY) term.fill(0, some, TURN * turns)
      if (j === 0) first(turns)
      else next(turns)
    }
    test(turns)
    if (check[0] + check[1] + check[2] + check[3] !== 0) finite = false
    out.set(some === CAPACITY ? sum : sum.subarray(0, some), from)
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
