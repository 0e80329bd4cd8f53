/**
 * Pooling over windows of [N, C, ...] and over whole images.
 *
 * A sum over windows is a convolution with a kernel of ones, channel by channel, so every adjoint here is the input
 * gradient of that convolution: of `g / count` for the average, of `g` masked per kernel tap for the maximum.
 */
import type { Expr } from '../build.ts'
import { concat } from '../build.ts'
import { required } from '../facts.ts'
import type { TensorData } from '../model.ts'
import { sizeOf, tensor } from '../model.ts'
import type { Backward, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'
import type { Window } from './conv.ts'
import { convTransposed, extent, tapSlice, unravel, windowedSize, windowOf } from './conv.ts'
import { signOf } from './elementwise.ts'
import { reducedCount } from './reduce.ts'

interface Geometry {
  readonly w: Window
  readonly sizes: readonly number[]
  readonly out: readonly number[]
}

function geometryOf(shape: readonly number[], call: OpCall): Geometry {
  const kernel = call.ints('kernel_shape')
  if (shape.length !== kernel.length + 2)
    call.fail(`expected an input of rank ${kernel.length + 2} for kernel [${kernel}], got shape [${shape}]`)
  const sizes = shape.slice(2)
  const w = windowOf(sizes, kernel, call)
  const out = sizes.map((d, i) => windowedSize(d, w, i, call.int('ceil_mode', 0) !== 0))
  if (out.some((d) => d < 1)) call.fail(`the kernel [${kernel}] is larger than the padded input [${shape}]`)
  return { w, sizes, out }
}

/** Visits, for every output position, the input positions (flat, per channel) that its window sees, with their taps. */
function windows({ w, sizes, out }: Geometry, visit: (o: number, s: number, tap: number) => void): void {
  const taps = sizeOf(w.kernel)
  for (let o = 0; o < sizeOf(out); o++) {
    const position = unravel(o, out)
    for (let k = 0; k < taps; k++) {
      const s = inputPosition(w, sizes, position, unravel(k, w.kernel))
      if (s >= 0) visit(o, s, k)
    }
  }
}

/** Flat input position of one tap of a window, -1 in the padding. */
function inputPosition(
  w: Window,
  sizes: readonly number[],
  position: readonly number[],
  tap: readonly number[],
): number {
  let s = 0
  for (let i = 0; i < w.rank; i++) {
    const at = position[i] * w.strides[i] - w.begins[i] + tap[i] * w.dilations[i]
    if (at < 0 || at >= sizes[i]) return -1
    s = s * sizes[i] + at
  }
  return s
}

/** Numbers that each average divides by: the window without padding, or with the padding that was asked for. */
function divisors({ w, sizes, out }: Geometry, includePad: boolean): Float64Array {
  const perAxis = out.map((n, i) =>
    Array.from({ length: n }, (_, o) => {
      let count = 0
      for (let k = 0; k < w.kernel[i]; k++) {
        const at = o * w.strides[i] - w.begins[i] + k * w.dilations[i]
        // What lies beyond the padded end (`ceil_mode`) never counts.
        if (includePad ? at < sizes[i] + w.ends[i] : at >= 0 && at < sizes[i]) count++
      }
      return count
    }),
  )
  return Float64Array.from({ length: sizeOf(out) }, (_, o) =>
    unravel(o, out).reduce((p, at, i) => p * perAxis[i][at], 1),
  )
}

const planes = (x: NdArray): number => x.shape[0] * x.shape[1]

/** Sum over the window of f(x), for every plane. */
function windowSums(x: NdArray, geometry: Geometry, f: (v: number) => number): Float64Array {
  const [S, L] = [sizeOf(geometry.sizes), sizeOf(geometry.out)]
  const data = new Float64Array(planes(x) * L)
  windows(geometry, (o, s) => {
    for (let p = 0; p < planes(x); p++) data[p * L + o] += f(x.data[p * S + s])
  })
  return data
}

/** The same windows with just as much padding at the end as they reach, so that a convolution has them too. */
function closed({ w, sizes, out }: Geometry): Window {
  const ends = sizes.map((n, i) => Math.max((out[i] - 1) * w.strides[i] + extent(w, i) - n - w.begins[i], 0))
  return { ...w, ends }
}

/**
 * The pool's output as its rule may use it. Before opset 22 shape inference counts a last window that lies in the end
 * padding alone (`ceil_mode`), which no runtime computes; the same windows without `ceil_mode` have no such doubt.
 */
function resultOf({ b, x: [x], y: [y], call }: Backward, geometry: Geometry): Expr {
  const { w, sizes, out } = geometry
  const counted = sizes.map((n, i) => Math.ceil((n + w.begins[i] + w.ends[i] - extent(w, i)) / w.strides[i]) + 1)
  if (!call.int('ceil_mode', 0) || counted.every((n, i) => n === out[i])) return y
  const { ceil_mode: _, auto_pad: __, ...attributes } = call.attributes
  return b.op(call.op, [x], { ...attributes, pads: [...w.begins, ...closed(geometry).ends] })
}

/** Adjoint of the sum over windows: g [N, C, out..], or [N * C, K, out..] with weights [K, 1, k..]. */
function spread(x: Expr, g: Expr, geometry: Geometry, weight?: TensorData): Expr {
  const { w, sizes, out } = geometry
  const taps = weight ? weight.shape[0] : 1
  const ones = weight ?? tensor(1, [1, 1, ...w.kernel], x.type)
  const flat = g.reshape([-1, taps, ...out])
  return convTransposed(flat, x.b.constant(ones), closed(geometry), 1, sizes).reshapeLike(x)
}

function geometryFor({ x: [x], call }: Backward): Geometry {
  return geometryOf(x.facts[0].shape.slice(0, 2).concat(x.shape.slice(2).map((_, i) => x.size(i + 2))), call)
}

const averagePool: OpDefinition = {
  infer: (inputs, call) => {
    const x = required(inputs, 0, call)
    return [{ type: x.type, shape: [...x.shape.slice(0, 2), ...geometryOf(x.shape, call).out] }]
  },
  evaluate: ([x], call, [y]) => {
    const geometry = geometryOf(x!.shape, call)
    const by = divisors(geometry, call.int('count_include_pad', 0) !== 0)
    const data = windowSums(x!, geometry, (v) => v).map((v, i) => v / by[i % by.length])
    return [{ shape: y.shape, data }]
  },
  vjp: (c) => {
    const { b, x, g0, call } = c
    const geometry = geometryFor(c)
    const { w, sizes, out } = geometry
    const by = divisors(geometry, call.int('count_include_pad', 0) !== 0)
    const equal = by.every((d) => d === by[0])
    const share = equal
      ? g0.mul(1 / by[0])
      : g0.mul(
          b.constant(
            tensor(
              by.map((d) => 1 / d),
              [1, 1, ...out],
              g0.type,
            ),
          ),
        )
    const tiles = sizes.every(
      (n, i) => w.kernel[i] === w.strides[i] && w.dilations[i] === 1 && n === out[i] * w.kernel[i],
    )
    const { kernel, begins } = w
    const { ends } = closed(geometry)
    const dense = kernel.every((k, i) => w.strides[i] === 1 && w.dilations[i] === 1 && begins[i] < k && ends[i] < k)
    if (dense) {
      // At stride 1 the adjoint of a window sum is a window sum, and the average has the fastest kernel for it.
      const pads = [...kernel.map((k, i) => k - 1 - begins[i]), ...kernel.map((k, i) => k - 1 - ends[i])]
      const mean = b.op('AveragePool', [share], { kernel_shape: kernel, pads, count_include_pad: 1 })
      return [mean.mul(sizeOf(kernel))]
    }
    if (!tiles) return [spread(x[0], share, geometry)]
    // Windows side by side: every share is repeated over its window.
    const scales = b.constant(tensor([1, 1, ...w.kernel]))
    return [
      b.op('Resize', [share, undefined, scales], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
    ]
  },
}

const maxPool: OpDefinition = {
  infer: (inputs, call) => {
    const x = required(inputs, 0, call)
    const shape = [...x.shape.slice(0, 2), ...geometryOf(x.shape, call).out]
    if (call.int('storage_order', 0)) call.fail('column-major indices (storage_order 1) are not supported')
    return [
      { type: x.type, shape },
      { type: 'int64', shape },
    ]
  },
  evaluate: ([x], call, [y]) => {
    const geometry = geometryOf(x!.shape, call)
    const [S, L] = [sizeOf(geometry.sizes), sizeOf(geometry.out)]
    const data = new Float64Array(sizeOf(y.shape)).fill(Number.NEGATIVE_INFINITY)
    const places = new Float64Array(data.length).fill(-1)
    windows(geometry, (o, s) => {
      for (let p = 0; p < planes(x!); p++) {
        const v = x!.data[p * S + s]
        // The first of equal ones wins.
        if (!(v > data[p * L + o]) && places[p * L + o] >= 0) continue
        data[p * L + o] = v
        places[p * L + o] = p * S + s
      }
    })
    return [
      { shape: y.shape, data },
      { shape: y.shape, data: places },
    ]
  },
  // Tap by tap, the first input that equals the maximum takes what is left of g. (The Indices output would say it too,
  // but a MaxPool with indices takes five times as long as one without.)
  vjp: (c) => {
    const { b, x, g0 } = c
    const geometry = geometryFor(c)
    const y = resultOf(c, geometry)
    const { w, out } = geometry
    const taps = sizeOf(w.kernel)
    const { ends } = closed(geometry)
    const pads = b.int64([0, 0, ...w.begins, 0, 0, ...ends])
    const from = [...w.begins, ...ends].some((p) => p !== 0)
      ? b.op('Pad', [x[0], pads, b.scalar(lowest(x[0]), x[0].type)])
      : x[0]
    const parts: Expr[] = []
    let rest = g0
    for (let k = 0; k < taps; k++) {
      const hit = tapSlice(from, w, out, k, 2).equal(y)
      parts.push(hit.where(rest, 0).reshape([-1, 1, ...out]))
      rest = hit.where(0, rest)
    }
    const eye = new Float64Array(taps * taps)
    for (let k = 0; k < taps; k++) eye[k * taps + k] = 1
    return [spread(x[0], concat(parts, 1), geometry, tensor(eye, [taps, 1, ...w.kernel], g0.type))]
  },
}

/** A number below all others that is no infinity, so that padding never equals a maximum. */
const lowest = (x: Expr): number => (x.type === 'float16' ? -65504 : -3.4028234663852886e38)

const lpPool: OpDefinition = {
  infer: averagePool.infer,
  evaluate: ([x], call, [y]) => {
    const p = call.int('p', 2)
    const sums = windowSums(x!, geometryOf(x!.shape, call), (v) => Math.abs(v) ** p)
    return [{ shape: y.shape, data: sums.map((v) => v ** (1 / p)) }]
  },
  vjp: (c) => {
    const geometry = geometryFor(c)
    return [lpSlope(c, resultOf(c, geometry), (h) => spread(c.x[0], h, geometry))]
  },
}

/** `dx = |x|^(p-1) sign(x) A^T(g y^(1-p))`, 0 where y is. */
function lpSlope({ b, x: [x], g0, call }: Backward, y: Expr, adjoint: (h: Expr) => Expr): Expr {
  const p = call.int('p', 2)
  if (p === 1) return signOf(x).mul(adjoint(g0))
  const power = (e: Expr, n: number): Expr => (n === 1 ? e : b.op('Pow', [e, n]))
  const odd = p === 2 ? x : signOf(x).mul(power(x.abs(), p - 1))
  return odd.mul(adjoint(y.equal(0).where(0, g0.div(power(y, p - 1)))))
}

/** Pooling over all positions: [N, C, ...] to [N, C, 1, ...]. */
function globalPool(f: (values: Float64Array, call: OpCall) => number, dx: (context: Backward) => Expr): OpDefinition {
  return {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      if (x.shape.length < 3) call.fail(`expected an input [N, C, ...], got shape [${x.shape}]`)
      return [{ type: x.type, shape: x.shape.map((d, i) => (i < 2 ? d : 1)) }]
    },
    evaluate: ([x], call, [y]) => {
      const S = sizeOf(x!.shape.slice(2))
      const data = Float64Array.from({ length: planes(x!) }, (_, p) => f(x!.data.subarray(p * S, (p + 1) * S), call))
      return [{ shape: y.shape, data }]
    },
    vjp: (c) => [dx(c)],
  }
}

const spatialAxes = (x: Expr): number[] => x.shape.map((_, i) => i).slice(2)
const total = (values: Float64Array): number => values.reduce((a, b) => a + b, 0)

export const pools: OpTable = {
  AveragePool: averagePool,
  MaxPool: maxPool,
  LpPool: lpPool,
  GlobalAveragePool: globalPool(
    (v) => total(v) / v.length,
    ({ x: [x], y: [y], g0 }) => g0.div(reducedCount(x, y)).expandLike(x),
  ),
  // Ties share equally, as in ReduceMax.
  GlobalMaxPool: globalPool(
    (v) => v.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    ({ x: [x], y: [y], g0 }) => {
      const hit = x.equal(y).cast(x.type)
      return hit.mul(g0.div(hit.sum(spatialAxes(x), true)))
    },
  ),
  GlobalLpPool: globalPool(
    (v, call) => total(v.map((e) => Math.abs(e) ** call.int('p', 2))) ** (1 / call.int('p', 2)),
    (c) => lpSlope(c, c.y[0], (h) => h),
  ),
}
