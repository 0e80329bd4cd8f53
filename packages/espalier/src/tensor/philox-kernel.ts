import { addInt, type FunctionBody, i32, multiplyHigh, multiplyLow, shuffle, splat, type Value, xor } from './wasm.ts'

/** What the keys of Philox grow by from round to round. */
export const KEY_STEPS = [0x9e3779b9, 0xbb67ae85] as const

/**
 * The last rounds of {@link philox}, on vectors of states `(c0, c1, c2, c3, k0, k1)` in locals, which change. Give two of
 * them: a round is a chain that leaves half of the machine idle.
 */
export function philoxRounds(code: FunctionBody, states: readonly (readonly Value[])[], rounds: number): void {
  const lanes = (n: number) => splat(i32(n))
  /** Low and high words of the products of four lanes. */
  const product = (c: Value, factor: number) => {
    const [p, q] = [code.keep(multiplyLow(c, lanes(factor))), code.keep(multiplyHigh(c, lanes(factor)))]
    return { low: code.keep(shuffle(p, q, [0, 2, 4, 6])), high: shuffle(p, q, [1, 3, 5, 7]) }
  }
  code.repeat(i32(rounds), () => {
    for (const [c0, c1, c2, c3, k0, k1] of states) {
      const first = product(c0, 0xd2511f53)
      const second = product(c2, 0xcd9e8d57)
      code.assign(c0, xor(second.high, xor(c1, k0)))
      code.assign(c2, xor(first.high, xor(c3, k1)))
      code.assign(c1, second.low)
      code.assign(c3, first.low)
      code.assign(k0, addInt(k0, lanes(KEY_STEPS[0])))
      code.assign(k1, addInt(k1, lanes(KEY_STEPS[1])))
    }
  })
}
