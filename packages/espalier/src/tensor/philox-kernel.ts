import { addInt, type FunctionBody, i32, multiplyHigh, multiplyLow, shuffle, splat, type Value, xor } from './wasm.ts'

/** What the keys of Philox grow by from round to round. */
export const KEY_STEPS = [0x9e3779b9, 0xbb67ae85] as const
export const MULTIPLIERS = [0xd2511f53, 0xcd9e8d57] as const

const lanes = (n: number) => splat(i32(n))

/** Low and high words of the products of four lanes. */
export function product(code: FunctionBody, c: Value, factor: number): { readonly low: Value; readonly high: Value } {
  const [p, q] = [code.keep(multiplyLow(c, lanes(factor))), code.keep(multiplyHigh(c, lanes(factor)))]
  return { low: code.keep(shuffle(p, q, [0, 2, 4, 6])), high: code.keep(shuffle(p, q, [1, 3, 5, 7])) }
}

/**
 * The last rounds of {@link philox}, on vectors of states `(c0, c1, c2, c3, k0, k1)` in locals, which change. Give two of
 * them: a round is a chain that leaves half of the machine idle.
 */
export function philoxRounds(code: FunctionBody, states: readonly (readonly Value[])[], rounds: number): void {
  code.repeat(i32(rounds), () => {
    for (const [c0, c1, c2, c3, k0, k1] of states) {
      const first = product(code, c0, MULTIPLIERS[0])
      const second = product(code, c2, MULTIPLIERS[1])
      code.assign(c0, xor(second.high, xor(c1, k0)))
      code.assign(c2, xor(first.high, xor(c3, k1)))
      code.assign(c1, second.low)
      code.assign(c3, first.low)
      code.assign(k0, addInt(k0, lanes(KEY_STEPS[0])))
      code.assign(k1, addInt(k1, lanes(KEY_STEPS[1])))
    }
  })
}
