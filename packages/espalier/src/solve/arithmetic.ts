import { combine } from '../tensor/combine.ts'
import { isSingle, type Precision } from '../tensor/precision.ts'
import { type Key, keyTable, normalRows } from '../tensor/random.ts'
import { combineSingle } from '../tensor/single-combine.ts'
import { SingleNormals } from '../tensor/single-normals.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'

/** What the {@link Precision} of a run changes: its noise and its sums. */
export interface Arithmetic {
  /**
   * The noise of a stage, one row per key. Valid until the next call.
   * @param index of the stage in the plan
   */
  noise(index: number): Tensor
  /** `out = sum_j coefficients[j] * terms[j]`. @returns true if all elements are known to be finite */
  combine(out: Tensor, coefficients: Float64Array, terms: readonly Tensor[]): boolean
}

/**
 * @param keys one per row, where there is noise
 * @param shape of the states
 * @param buffer gives memory for as many numbers
 */
export function arithmeticOf(
  precision: Precision | undefined,
  keys: readonly Key[] | undefined,
  shape: readonly number[],
  buffer: () => Tensor,
): Arithmetic {
  const streams = keyTable(keys ?? [])
  if (isSingle(precision)) {
    const normals = new SingleNormals(streams, sizeOf(shape.slice(1)))
    return {
      noise: (index) => ({ shape, data: normals.at(index) }),
      combine: (out, coefficients, terms) => combineSingle(out, coefficients, terms, coefficients.length),
    }
  }
  let noise: Tensor | undefined
  return {
    noise: (index) => {
      noise ??= buffer()
      normalRows(streams, index, noise.data)
      return noise
    },
    combine: (out, coefficients, terms) => {
      combine(out, coefficients, terms, coefficients.length)
      return false
    },
  }
}
