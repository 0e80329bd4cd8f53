/**
 * Convolutions of spatial rank 1 to 3. Pads are begins then ends.
 *
 * Input gradient: at stride 1 a Conv with the flipped, transposed weights, else ConvTranspose with the same weights.
 * Weight gradient: x to channels-last once, then one Slice + MatMul per kernel tap (the fastest form on CPU).
 */
import type { Expr } from '../build.ts'
import { concat } from '../build.ts'
import { required } from '../facts.ts'
import { sizeOf, tensor } from '../model.ts'
import type { Backward, Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'

export interface Window {
  readonly rank: number
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begins: readonly number[]
  readonly ends: readonly number[]
}

/** Extent of a dilated kernel. */
export const extent = (w: Window, i: number): number => (w.kernel[i] - 1) * w.dilations[i] + 1

/** Window geometry of Conv and the pools, with `auto_pad` resolved against the input's size. */
export function windowOf(spatial: readonly number[], kernel: readonly number[], call: OpCall): Window {
  const rank = kernel.length
  const ones = new Array<number>(rank).fill(1)
  const strides = call.ints('strides', ones)
  const dilations = call.ints('dilations', ones)
  const pads = call.ints('pads', new Array<number>(2 * rank).fill(0))
  const auto = call.string('auto_pad', 'NOTSET')
  const window = { rank, kernel, strides, dilations, begins: pads.slice(0, rank), ends: pads.slice(rank) }
  if (auto === 'NOTSET') return window
  const begins: number[] = []
  const ends: number[] = []
  for (let i = 0; i < rank; i++) {
    const out = Math.ceil(spatial[i] / strides[i])
    const total = auto === 'VALID' ? 0 : Math.max((out - 1) * strides[i] + extent(window, i) - spatial[i], 0)
    const small = Math.floor(total / 2)
    begins.push(auto === 'SAME_LOWER' ? total - small : small)
    ends.push(auto === 'SAME_LOWER' ? small : total - small)
  }
  return { ...window, begins, ends }
}

export function windowedSize(size: number, w: Window, i: number, ceil = false): number {
  const exact = (size + w.begins[i] + w.ends[i] - extent(w, i)) / w.strides[i] + 1
  if (!ceil) return Math.floor(exact)
  // A window may not start in the end padding.
  const up = Math.ceil(exact)
  return (up - 1) * w.strides[i] >= size + w.begins[i] ? up - 1 : up
}

/** The spatial sizes of [N, C, ...]; they must be fixed because weights meet them. */
function spatialOf(x: Expr): number[] {
  return x.shape.slice(2).map((_, i) => x.size(i + 2))
}

const attributes = (w: Window, group: number) => ({
  kernel_shape: w.kernel,
  strides: w.strides,
  dilations: w.dilations,
  pads: [...w.begins, ...w.ends],
  group,
})

/** Weights [G*o, c, k..] with in and out swapped within each group and the taps reversed: [G*c, o, k..]. */
function flipped(weight: Expr, group: number): Expr {
  const { b } = weight
  const [o, c, ...kernel] = weight.shape
  const taps = sizeOf(kernel)
  let w = weight
  if (taps > 1) {
    // MatMul with the reversed identity is cheaper than a Slice of step -1.
    const reverse = new Float32Array(taps * taps)
    for (let i = 0; i < taps; i++) reverse[i * taps + (taps - 1 - i)] = 1
    w = w.reshape([o * c, taps]).matmul(b.constant(tensor(reverse, [taps, taps], w.type)))
  }
  return w
    .reshape([group, o / group, c, taps])
    .transpose([0, 2, 1, 3])
    .reshape([group * c, o / group, ...kernel])
}

/** Adjoint of a convolution in its input: g [N, O, out..] back to [N, C, in..]. */
export function convInputGradient(g: Expr, weight: Expr, w: Window, group: number, sizes: readonly number[]): Expr {
  const { b } = g
  if (w.strides.every((s) => s === 1)) {
    const begins = w.begins.map((p, i) => extent(w, i) - 1 - p)
    const ends = w.ends.map((p, i) => extent(w, i) - 1 - p)
    // Conv refuses negative pads: crop g first where a pad was larger than the kernel's reach.
    let cropped = g
    if ([...begins, ...ends].some((p) => p < 0))
      cropped = padSpatial(
        g,
        begins.map((p) => Math.min(p, 0)),
        ends.map((p) => Math.min(p, 0)),
      )
    const positive = { ...w, begins: begins.map((p) => Math.max(p, 0)), ends: ends.map((p) => Math.max(p, 0)) }
    return b.op('Conv', [cropped, flipped(weight, group)], attributes(positive, group))
  }
  return convTransposed(g, weight, w, group, sizes)
}

/** The same adjoint as a ConvTranspose, at any stride. */
export function convTransposed(g: Expr, weight: Expr, w: Window, group: number, sizes: readonly number[]): Expr {
  const out = spatialOf(g)
  // The rows that the stride left over at the end.
  const output_padding = sizes.map((n, i) => n - ((out[i] - 1) * w.strides[i] + extent(w, i) - w.begins[i] - w.ends[i]))
  return g.b.op('ConvTranspose', [g, weight], { ...attributes(w, group), output_padding })
}

/** Pads (or, where negative, crops) the spatial axes of [N, C, ...] with zeros. */
export function padSpatial(x: Expr, begins: readonly number[], ends: readonly number[]): Expr {
  if (begins.every((p) => p === 0) && ends.every((p) => p === 0)) return x
  return x.b.op('Pad', [x, x.b.int64([0, 0, ...begins, 0, 0, ...ends])])
}

/** Gradient of a convolution in its weights: x [N, C, in..], g [N, O, out..] to [O, C/G, k..]. */
export function convWeightGradient(x: Expr, g: Expr, w: Window, group: number): Expr {
  const { b } = x
  const { rank } = w
  const [c, o] = [x.size(1), g.size(1)]
  const out = spatialOf(g)
  const positions = sizeOf(out)
  const taps = sizeOf(w.kernel)
  const sameGrid = w.strides.every((s) => s === 1) && [...w.begins, ...w.ends].every((p) => p === 0)
  if (taps === 1 && group === 1 && sameGrid && spatialOf(x).every((d, i) => d === out[i])) {
    // 1x1: per-row products, summed over the batch.
    const gl = g.reshape([-1, o, positions])
    const xl = x.reshape([-1, c, positions])
    return gl
      .matmul(xl.T)
      .sum([0])
      .reshape([o, c, ...w.kernel])
  }
  if (c === group) return depthwiseWeightGradient(x, g, w)
  const last = [0, ...Array.from({ length: rank }, (_, i) => i + 2), 1]
  let xp = x.transpose(last)
  if ([...w.begins, ...w.ends].some((p) => p !== 0))
    xp = b.op('Pad', [xp, b.int64([0, ...w.begins, 0, 0, ...w.ends, 0])])
  const gFirst = g.transpose([1, 0, ...last.slice(1, -1)])
  // [O, N*L], or per group [G, O/G, N*L]
  const g2 = group === 1 ? gFirst.reshape([o, -1]) : gFirst.reshape([group, o / group, -1])
  const parts = Array.from({ length: taps }, (_, t) => {
    const tap = tapSlice(xp, w, out, t, 1)
    return group === 1
      ? g2.matmul(tap.reshape([-1, c]))
      : g2.matmul(tap.reshape([-1, group, c / group]).transpose([1, 0, 2]))
  })
  const cg = c / group
  // [.., O, K*C] -> [O, C, K]
  return concat(parts, group === 1 ? 1 : 2)
    .reshape([o, taps, cg])
    .transpose([0, 2, 1])
    .reshape([o, cg, ...w.kernel])
}

/** Where the window's tap t starts and ends in the padded input, for a Slice with the strides as steps. */
export function tapSlice(x: Expr, w: Window, out: readonly number[], t: number, firstAxis: number): Expr {
  const { b } = x
  const start = unravel(t, w.kernel).map((k, i) => k * w.dilations[i])
  const end = start.map((a, i) => a + (out[i] - 1) * w.strides[i] + 1)
  const axes = w.kernel.map((_, i) => i + firstAxis)
  return b.op('Slice', [x, b.int64(start), b.int64(end), b.int64(axes), b.int64(w.strides)])
}

/** One input channel per group: per tap a product and a sum over positions; no matrix product has enough to do. */
function depthwiseWeightGradient(x: Expr, g: Expr, w: Window): Expr {
  const [c, o] = [x.size(1), g.size(1)]
  const out = spatialOf(g)
  const positions = sizeOf(out)
  const xp = padSpatial(x, w.begins, w.ends)
  const gl = g.reshape([-1, c, o / c, positions])
  const parts = Array.from({ length: sizeOf(w.kernel) }, (_, t) =>
    tapSlice(xp, w, out, t, 2).reshape([-1, c, 1, positions]).mul(gl).sum([3]).sum([0]).reshape([o, 1]),
  )
  return concat(parts, 1).reshape([o, 1, ...w.kernel])
}

export function unravel(flat: number, sizes: readonly number[]): number[] {
  const out = new Array<number>(sizes.length)
  for (let i = sizes.length - 1; i >= 0; i--) {
    out[i] = flat % sizes[i]
    flat = Math.floor(flat / sizes[i])
  }
  return out
}

/** Visits every (input, weight, output) triple that the window connects: the direct sum that defines a convolution. */
function correlate(
  w: Window,
  group: number,
  out: readonly number[],
  visit: (xAt: number, wAt: number, yAt: number) => void,
  channels: { in: number; out: number },
  n: number,
  spatial: readonly number[],
): void {
  const [cin, cout] = [channels.in, channels.out]
  const [ig, og] = [cin / group, cout / group]
  const L = sizeOf(out)
  const S = sizeOf(spatial)
  const K = sizeOf(w.kernel)
  for (let l = 0; l < L; l++) {
    const position = unravel(l, out)
    for (let k = 0; k < K; k++) {
      const tap = unravel(k, w.kernel)
      let s = 0
      let ok = true
      for (let i = 0; i < w.rank; i++) {
        const at = position[i] * w.strides[i] - w.begins[i] + tap[i] * w.dilations[i]
        if (at < 0 || at >= spatial[i]) ok = false
        s = s * spatial[i] + at
      }
      if (!ok) continue
      for (let row = 0; row < n; row++)
        for (let gi = 0; gi < group; gi++)
          for (let o = 0; o < og; o++)
            for (let c = 0; c < ig; c++)
              visit(
                (row * cin + gi * ig + c) * S + s,
                ((gi * og + o) * ig + c) * K + k,
                (row * cout + gi * og + o) * L + l,
              )
    }
  }
}

function addBias(y: Float64Array, bias: NdArray | undefined, channels: number, length: number): void {
  if (!bias) return
  for (let i = 0; i < y.length; i++) y[i] += bias.data[Math.floor(i / length) % channels]
}

function checkChannels(x: Fact, weight: Fact, call: OpCall, expected: number, rank: number): void {
  if (x.shape.length !== rank + 2)
    call.fail(`expected an input of rank ${rank + 2}, got shape [${x.shape}] for weights [${weight.shape}]`)
  if (x.shape[1] !== expected)
    call.fail(`input has ${x.shape[1]} channels, the weights [${weight.shape}] expect ${expected}`)
}

const conv: OpDefinition = {
  infer: (inputs, call) => {
    const [x, weight] = [required(inputs, 0, call), required(inputs, 1, call)]
    const rank = weight.shape.length - 2
    const group = call.int('group', 1)
    checkChannels(x, weight, call, weight.shape[1] * group, rank)
    const w = windowOf(x.shape.slice(2), weight.shape.slice(2), call)
    const out = x.shape.slice(2).map((d, i) => windowedSize(d, w, i))
    if (out.some((d) => d < 1)) call.fail(`the kernel [${w.kernel}] is larger than the padded input [${x.shape}]`)
    return [{ type: x.type, shape: [x.shape[0], weight.shape[0], ...out] }]
  },
  evaluate: ([x, weight, bias], call, [y]) => {
    const w = windowOf(x!.shape.slice(2), weight!.shape.slice(2), call)
    const data = new Float64Array(sizeOf(y.shape))
    const out = y.shape.slice(2)
    correlate(
      w,
      call.int('group', 1),
      out,
      (xAt, wAt, yAt) => {
        data[yAt] += x!.data[xAt] * weight!.data[wAt]
      },
      { in: x!.shape[1], out: y.shape[1] },
      x!.shape[0],
      x!.shape.slice(2),
    )
    addBias(data, bias, y.shape[1], sizeOf(out))
    return [{ shape: y.shape, data }]
  },
  vjp: ({ x: [x, weight, bias], g0, call, needs }) => {
    const sizes = spatialOf(x)
    const w = windowOf(sizes, spatialOf(weight), call)
    const group = call.int('group', 1)
    return [
      needs(0) ? convInputGradient(g0, weight, w, group, sizes) : undefined,
      needs(1) ? convWeightGradient(x, g0, w, group) : undefined,
      bias && needs(2) ? channelSum(g0) : undefined,
    ]
  },
}

/** Sum over rows and positions, per channel (positions first: cheaper than one reduction over both). */
export function channelSum(g: Expr): Expr {
  return g
    .reshape([-1, g.size(1), sizeOf(spatialOf(g))])
    .sum([2])
    .sum([0])
}

/** ConvTranspose's window, with `output_shape` and `auto_pad` resolved: it is the adjoint of the Conv with this window. */
function transposedWindow(
  spatial: readonly number[],
  kernel: readonly number[],
  call: OpCall,
): { w: Window; out: number[] } {
  const rank = kernel.length
  const base = windowOf(spatial, kernel, call)
  const extra = call.ints('output_padding', new Array<number>(rank).fill(0))
  const auto = call.string('auto_pad', 'NOTSET')
  const full = spatial.map((d, i) => base.strides[i] * (d - 1) + extra[i] + extent(base, i))
  let [begins, ends] = [[...base.begins], [...base.ends]]
  let target: readonly number[] | undefined
  if (call.has('output_shape')) target = call.ints('output_shape').slice(-rank)
  else if (auto.startsWith('SAME')) target = spatial.map((d, i) => d * base.strides[i])
  else if (auto === 'VALID') [begins, ends] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)]
  if (target)
    for (let i = 0; i < rank; i++) {
      const total = full[i] - target[i]
      const small = Math.floor(total / 2)
      begins[i] = auto === 'SAME_UPPER' ? small : total - small
      ends[i] = total - begins[i]
    }
  const w = { ...base, begins, ends }
  return { w, out: full.map((d, i) => d - begins[i] - ends[i]) }
}

const convTranspose: OpDefinition = {
  infer: (inputs, call) => {
    const [x, weight] = [required(inputs, 0, call), required(inputs, 1, call)]
    const rank = weight.shape.length - 2
    checkChannels(x, weight, call, weight.shape[0], rank)
    const { out } = transposedWindow(x.shape.slice(2), weight.shape.slice(2), call)
    return [{ type: x.type, shape: [x.shape[0], weight.shape[1] * call.int('group', 1), ...out] }]
  },
  evaluate: ([x, weight, bias], call, [y]) => {
    const { w, out } = transposedWindow(x!.shape.slice(2), weight!.shape.slice(2), call)
    const data = new Float64Array(sizeOf(y.shape))
    correlate(
      w,
      call.int('group', 1),
      x!.shape.slice(2),
      (yAt, wAt, xAt) => {
        data[yAt] += x!.data[xAt] * weight!.data[wAt]
      },
      { in: y.shape[1], out: x!.shape[1] },
      x!.shape[0],
      out,
    )
    addBias(data, bias, y.shape[1], sizeOf(out))
    return [{ shape: y.shape, data }]
  },
  vjp: ({ b, x: [x, weight, bias], g0, call, needs }: Backward) => {
    const sizes = spatialOf(x)
    const { w } = transposedWindow(sizes, spatialOf(weight), call)
    const group = call.int('group', 1)
    const crop = (dx: Expr): Expr =>
      dx.sameShape(x)
        ? dx
        : padSpatial(
            dx,
            sizes.map(() => 0),
            sizes.map((d, i) => d - dx.size(i + 2)),
          )
    return [
      needs(0) ? crop(b.op('Conv', [g0, weight], attributes(w, group))) : undefined,
      needs(1) ? convWeightGradient(g0, x, w, group) : undefined,
      bias && needs(2) ? channelSum(g0) : undefined,
    ]
  },
}

export const convolutions: OpTable = { Conv: conv, ConvTranspose: convTranspose }
