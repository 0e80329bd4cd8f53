import type { Tensor } from './tensor.ts'

/**
 * `out = sum_j coefficients[j] * tensors[j]`, in one pass and without allocation. Sums are in float64, terms in order,
 * and rounded to float32 once: an element's result depends on its own operands alone. `out` may be one of the tensors.
 * @param n how many terms to take, by default all; no terms give zeros
 * @returns `out`
 * @throws if the sizes differ
 */
export function combine(
  out: Tensor,
  coefficients: ArrayLike<number>,
  tensors: readonly Tensor[],
  n = tensors.length,
): Tensor {
  checkTerms(out, coefficients, tensors, n)
  const o = out.data
  const size = o.length
  if (n === 0) {
    o.fill(0)
  } else if (n === 1) {
    const c0 = coefficients[0]
    const x0 = tensors[0].data
    for (let i = 0; i < size; i++) o[i] = c0 * x0[i]
  } else if (n === 2) {
    const c0 = coefficients[0]
    const c1 = coefficients[1]
    const x0 = tensors[0].data
    const x1 = tensors[1].data
    for (let i = 0; i < size; i++) o[i] = c0 * x0[i] + c1 * x1[i]
  } else if (n === 3) {
    const c0 = coefficients[0]
    const c1 = coefficients[1]
    const c2 = coefficients[2]
    const x0 = tensors[0].data
    const x1 = tensors[1].data
    const x2 = tensors[2].data
    for (let i = 0; i < size; i++) o[i] = c0 * x0[i] + c1 * x1[i] + c2 * x2[i]
  } else if (n === 4) {
    const c0 = coefficients[0]
    const c1 = coefficients[1]
    const c2 = coefficients[2]
    const c3 = coefficients[3]
    const x0 = tensors[0].data
    const x1 = tensors[1].data
    const x2 = tensors[2].data
    const x3 = tensors[3].data
    for (let i = 0; i < size; i++) o[i] = c0 * x0[i] + c1 * x1[i] + c2 * x2[i] + c3 * x3[i]
  } else {
    for (let i = 0; i < size; i++) {
      let sum = 0
      for (let j = 0; j < n; j++) sum += coefficients[j] * tensors[j].data[i]
      o[i] = sum
    }
  }
  return out
}

/** @throws where coefficients or tensors are too few, or sizes differ */
export function checkTerms(out: Tensor, coefficients: ArrayLike<number>, tensors: readonly Tensor[], n: number): void {
  if (coefficients.length < n || tensors.length < n) {
    throw new Error(`cannot combine ${tensors.length} tensors with ${coefficients.length} coefficients as ${n} terms`)
  }
  for (let j = 0; j < n; j++) {
    if (tensors[j].data.length !== out.data.length) {
      throw new Error(`cannot combine tensors of shapes [${out.shape}] and [${tensors[j].shape}]`)
    }
  }
}
