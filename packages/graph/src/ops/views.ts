/** What the layout rules share: strided reading, and sizes that may be known at run time only. */
import type { Expr } from '../build.ts'
import { sizeOf } from '../model.ts'
import type { NdArray } from '../op.ts'

/** Row-major strides. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

/** Reads `source` at a linear function of the output's index: offset + sum_i index_i * step_i. */
export function strided(source: NdArray, shape: readonly number[], steps: readonly number[], offset = 0): NdArray {
  const data = new Float64Array(sizeOf(shape))
  const index = new Array<number>(shape.length).fill(0)
  let at = offset
  for (let i = 0; i < data.length; i++) {
    data[i] = source.data[at]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis]++
      at += steps[axis]
      if (index[axis] < shape[axis]) break
      at -= steps[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return { shape, data }
}

/** `matrix @ x` along one axis. */
export function alongAxis(x: Expr, axis: number, matrix: Expr): Expr {
  const perm = Array.from({ length: x.rank }, (_, i) => i)
  perm.push(...perm.splice(axis, 1))
  const inverse = perm.map((_, i) => perm.indexOf(i))
  return x.transpose(perm).matmul(matrix.T).transpose(inverse)
}

/** A number of places, or an int64 expression of shape [1] where it depends on a free size. */
export type Amount = number | Expr

/** Pads with zeros and crops (negative amounts) at once. */
export function padded(x: Expr, begins: readonly Amount[], ends: readonly Amount[]): Expr {
  const amounts = [...begins, ...ends]
  if (amounts.every((p) => p === 0)) return x
  const { b } = x
  const known = amounts.filter((p) => typeof p === 'number')
  const pads =
    known.length === amounts.length
      ? b.int64(known)
      : b.op(
          'Concat',
          amounts.map((p) => (typeof p === 'number' ? b.int64([p]) : p)),
          { axis: 0 },
        )
  return b.op('Pad', [x, pads])
}

/** Views x with sizes of which several may be known at run time only. */
export function viewAs(x: Expr, sizes: readonly Amount[]): Expr {
  const { b } = x
  const known = sizes.filter((d) => typeof d === 'number')
  if (known.length === sizes.length) return x.reshape(known)
  if (known.length === sizes.length - 1 && !known.includes(-1) && !known.includes(0))
    return x.reshape(sizes.map((d) => (typeof d === 'number' ? d : -1)))
  const parts = sizes.map((d) => (typeof d === 'number' ? b.int64([d]) : d))
  return b.op('Reshape', [x, b.op('Concat', parts, { axis: 0 })])
}

/** The size of one axis as an int64 expression of shape [1], read at run time where it is free. */
export function sizeAt(x: Expr, axis: number): Expr {
  const { b } = x
  if (x.shape[axis] >= 0) return b.int64([x.shape[axis]])
  return b.op('Slice', [x.shapeOf(), b.int64([axis]), b.int64([axis + 1])])
}
