/** Reductions. `yk` and `gk` are y and g with the reduced axes kept, so that they broadcast against x. */
import type { Expr } from '../build.ts'
import { countOf } from '../build.ts'
import { axesOf, axisOf, required } from '../facts.ts'
import { sizeOf } from '../model.ts'
import type { Backward, Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'
import { signOf } from './elementwise.ts'
import { sizeAt, viewAs } from './views.ts'

/** Reduced axes, sorted; `undefined` where the op is the identity (`noop_with_empty_axes`). */
function reducedAxes(inputs: readonly (Fact | undefined)[], call: OpCall): number[] | undefined {
  const rank = required(inputs, 0, call).shape.length
  const axes = axesOf(inputs, 1, call)
  if (axes === undefined || axes.length === 0) {
    if (call.int('noop_with_empty_axes', 0)) return undefined
    return Array.from({ length: rank }, (_, i) => i)
  }
  return axes.map((a) => axisOf(a, rank, call)).sort((a, b) => a - b)
}

/** Applies f to every slice along `axes`. */
export function foldAxes(
  x: NdArray,
  axes: readonly number[],
  shape: readonly number[],
  f: (values: Float64Array) => number,
): NdArray {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i))
  const strides = x.shape.map((_, i) => sizeOf(x.shape.slice(i + 1)))
  const outer = kept.map((i) => x.shape[i])
  const inner = axes.map((i) => x.shape[i])
  const buffer = new Float64Array(sizeOf(inner))
  const data = new Float64Array(sizeOf(outer))
  const offset = (flat: number, sizes: readonly number[], of: readonly number[]): number => {
    let at = 0
    for (let k = sizes.length - 1; k >= 0; k--) {
      at += (flat % sizes[k]) * strides[of[k]]
      flat = Math.floor(flat / sizes[k])
    }
    return at
  }
  for (let o = 0; o < data.length; o++) {
    const base = offset(o, outer, kept)
    for (let i = 0; i < buffer.length; i++) buffer[i] = x.data[base + offset(i, inner, axes)]
    data[o] = f(buffer)
  }
  return { shape, data }
}

interface Kept extends Backward {
  readonly gk: Expr
  readonly yk: Expr
  readonly axes: readonly number[]
}

function reduction(f: (values: Float64Array) => number, dx: (context: Kept) => Expr): OpDefinition {
  return {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const axes = reducedAxes(inputs, call)
      if (!axes) return [{ type: x.type, shape: x.shape }]
      const keep = call.int('keepdims', 1)
      const shape = keep
        ? x.shape.map((d, i) => (axes.includes(i) ? 1 : d))
        : x.shape.filter((_, i) => !axes.includes(i))
      return [{ type: x.type, shape }]
    },
    evaluate: ([x], call, outputs, facts) => {
      const axes = reducedAxes(facts, call)
      return [axes ? foldAxes(x!, axes, outputs[0].shape, f) : x!]
    },
    vjp: (c) => {
      const axes = reducedAxes(
        c.x.map((e) => e?.facts[0]),
        c.call,
      )
      if (!axes) return [c.g0]
      const keep = (e: Expr): Expr => (c.call.int('keepdims', 1) || axes.length === 0 ? e : e.unsqueeze(axes))
      return [dx({ ...c, needs: c.needs, axes, gk: keep(c.g0), yk: keep(c.y[0]) }), undefined]
    },
  }
}

const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0)

/** g shared equally among the elements that attain the extreme. */
function shared({ x: [x], gk, yk, axes }: Kept): Expr {
  const hit = x.equal(yk).cast(x.type)
  return hit.mul(gk.div(hit.sum(axes, true)))
}

/** Number of elements that each result was made of, as a float expression (free sizes are read at run time). */
export function reducedCount(x: Expr, y: Expr): Expr {
  const [p, q] = countOf(x).map((n, i) => n / Math.max(countOf(y)[i], 1))
  if (p === q) return x.b.scalar(p, x.type)
  const size = (e: Expr): Expr => x.b.op('Size', [e]).cast(x.type)
  return size(x).div(size(y))
}

/**
 * Each element's product of all others, never by division, so that zeros are safe: products of what comes before times
 * products of what comes after, both by doubling steps (Hillis & Steele, Data parallel algorithms, 1986).
 */
function product({ x: [x], gk, axes }: Kept): Expr {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i))
  const perm = [...kept, ...axes]
  const inverse = perm.map((_, i) => perm.indexOf(i))
  // The reduced axes last, as one.
  const row =
    axes.length === 1
      ? x
      : viewAs(x.transpose(perm), [...kept.map((i) => (x.shape[i] < 0 ? sizeAt(x, i) : x.shape[i])), -1])
  const axis = axes.length === 1 ? axes[0] : row.rank - 1
  const others = runningProducts(row, axis, 1).mul(runningProducts(row, axis, -1))
  if (axes.length === 1) return others.mul(gk)
  return others.reshapeLike(x.transpose(perm)).transpose(inverse).mul(gk)
}

/** Product of all elements before (direction 1) or after (direction -1) each one along an axis of fixed size. */
function runningProducts(x: Expr, axis: number, direction: 1 | -1): Expr {
  const { b } = x
  const n = x.size(axis)
  const shifted = (e: Expr, by: number): Expr => {
    const ends = [direction * by, -direction * by]
    const pads = [0, 1].flatMap((side) => e.shape.map((_, i) => (i === axis ? ends[side] : 0)))
    return b.op('Pad', [e, b.int64(pads), b.scalar(1, e.type)])
  }
  let products = shifted(x, 1)
  for (let step = 1; step < n - 1; step *= 2) products = products.mul(shifted(products, step))
  return products
}

const logSumExp = (values: Float64Array): number => {
  const m = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
  if (!Number.isFinite(m)) return m
  return m + Math.log(values.reduce((a, b) => a + Math.exp(b - m), 0))
}

export const reductions: OpTable = {
  ReduceSum: reduction(total, ({ x: [x], gk }) => gk.expandLike(x)),
  ReduceMean: reduction(
    (v) => total(v) / v.length,
    ({ x: [x], y: [y], gk }) => gk.div(reducedCount(x, y)).expandLike(x),
  ),
  ReduceMax: reduction((v) => v.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY), shared),
  ReduceMin: reduction((v) => v.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY), shared),
  ReduceProd: reduction((v) => v.reduce((a, b) => a * b, 1), product),
  ReduceL1: reduction(
    (v) => v.reduce((a, b) => a + Math.abs(b), 0),
    ({ x: [x], gk }) => signOf(x).mul(gk),
  ),
  ReduceL2: reduction(
    (v) => Math.sqrt(v.reduce((a, b) => a + b * b, 0)),
    ({ x: [x], gk, yk }) => x.mul(yk.equal(0).where(0, gk.div(yk))),
  ),
  ReduceSumSquare: reduction(
    (v) => v.reduce((a, b) => a + b * b, 0),
    ({ x: [x], gk }) => x.mul(gk.mul(2)),
  ),
  ReduceLogSum: reduction(
    (v) => Math.log(total(v)),
    ({ x: [x], gk, yk }) => gk.mul(yk.neg().exp()).expandLike(x),
  ),
  ReduceLogSumExp: reduction(logSumExp, ({ x: [x], gk, yk }) => gk.mul(x.sub(yk).exp())),
}
