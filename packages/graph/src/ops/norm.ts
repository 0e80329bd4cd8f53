/**
 * Normalisations. Instance, layer, group and RMS norm share one rule over their axes:
 * `xh = (x - mu) r`, `q = g * scale`, `dx = r (q - mean(q) - xh mean(q xh))`.
 */
import type { Expr } from '../build.ts'
import { reduce } from '../build.ts'
import { axisOf, required } from '../facts.ts'
import { sizeOf, tensor } from '../model.ts'
import type { Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'
import { zip } from './binary.ts'
import { signOf } from './elementwise.ts'
import { foldAxes, reducedCount } from './reduce.ts'
import { alongAxis } from './views.ts'

interface Normalised {
  /** `(x - mu) r`. */
  readonly xh: Expr
  /** `1 / sqrt(variance + epsilon)`, axes kept. */
  readonly r: Expr
}

/** Recomputes what a normalisation over `axes` was made of; `centered` is false for RMS norm. */
function statistics(x: Expr, axes: readonly number[], epsilon: number, centered = true): Normalised {
  const mean = centered ? x.mean(axes, true) : undefined
  const c = mean ? x.sub(mean) : x
  const squares = reduce(c, 'ReduceSumSquare', axes, true, 18)
  const r = squares.div(reducedCount(x, squares)).add(epsilon).sqrt().reciprocal()
  return { xh: c.mul(r), r }
}

/** `dx = r (q - mean(q) - xh mean(q xh))` over the axes. */
function normalise(q: Expr, { xh, r }: Normalised, axes: readonly number[], centered = true): Expr {
  const inner = q.sub(xh.mul(q.mul(xh).mean(axes, true)))
  return r.mul(centered ? inner.sub(q.mean(axes, true)) : inner)
}

/**
 * The same where `q = g * scale` over the last axis alone, with all that it shares with the gradients of scale and
 * bias: the two means are products with the vector `scale / n`.
 */
function normaliseLast(g: Expr, scale: Expr, { xh, r }: Normalised, centered = true): { dx: Expr; gx: Expr } {
  const gx = g.mul(xh)
  const weights = scale.mul(1 / scale.size(0)).reshape([-1, 1])
  const q = g.mul(scale)
  const inner = q.sub(xh.mul(gx.matmul(weights)))
  return { dx: r.mul(centered ? inner.sub(g.matmul(weights)) : inner), gx }
}

/** Whether a scale is one vector along the last axis, and that the only normalised one. */
const isLastAxis = (x: Expr, scale: Expr, axes: readonly number[]): boolean =>
  x.rank > 1 && axes.length === 1 && scale.rank === 1 && scale.shape[0] > 0 && scale.shape[0] === x.shape[x.rank - 1]

/** Normalises contiguous groups of `length` numbers to mean 0 (if centred) and variance 1. */
function normaliseRows(
  x: NdArray,
  length: number,
  epsilon: number,
  center = true,
): { data: Float64Array; mean: number[]; inv: number[] } {
  const data = x.data.slice()
  const mean: number[] = []
  const inv: number[] = []
  for (let at = 0; at < data.length; at += length) {
    const row = data.subarray(at, at + length)
    const mu = center ? row.reduce((a, b) => a + b, 0) / length : 0
    const r = 1 / Math.sqrt(row.reduce((a, b) => a + (b - mu) ** 2, 0) / length + epsilon)
    for (let i = 0; i < length; i++) row[i] = (row[i] - mu) * r
    mean.push(mu)
    inv.push(r)
  }
  return { data, mean, inv }
}

const same = (inputs: readonly (Fact | undefined)[], call: OpCall): Fact => {
  const x = required(inputs, 0, call)
  return { type: x.type, shape: x.shape }
}

/** A per-channel vector [C], viewed so that it broadcasts against [N, C, ...]. */
function perChannel(v: Expr, rank: number): Expr {
  return rank === 1 ? v : v.reshape([-1, ...new Array<number>(rank - 2).fill(1)])
}

const othersThan = (channel: number, rank: number): number[] =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => i !== channel)

const batchNormalization: OpDefinition = {
  infer: (inputs, call) => {
    if (call.int('training_mode', 0))
      call.fail('batch normalisation in training mode is not supported; export the model in evaluation mode')
    return [same(inputs, call)]
  },
  evaluate: ([x, scale, bias, mean, variance], call) => {
    const inner = sizeOf(x!.shape.slice(2))
    const channels = x!.shape[1]
    const e = call.float('epsilon', 1e-5)
    const data = x!.data.map((v, i) => {
      const c = Math.floor(i / inner) % channels
      return ((v - mean!.data[c]) / Math.sqrt(variance!.data[c] + e)) * scale!.data[c] + bias!.data[c]
    })
    return [{ shape: x!.shape, data }]
  },
  vjp: ({ x: [x, scale, , mean, variance], g0, call, needs }) => {
    const r = variance.add(call.float('epsilon', 1e-5)).sqrt().reciprocal()
    const axes = othersThan(1, x.rank)
    const xh = (): Expr => x.sub(perChannel(mean, x.rank)).mul(perChannel(r, x.rank))
    return [
      needs(0) ? g0.mul(perChannel(scale.mul(r), x.rank)) : undefined,
      needs(1) ? g0.mul(xh()).sum(axes) : undefined,
      needs(2) ? g0.sum(axes) : undefined,
      needs(3) ? g0.sum(axes).mul(scale).mul(r).neg() : undefined,
      needs(4) ? g0.mul(xh()).sum(axes).mul(scale).mul(r.square()).mul(-0.5) : undefined,
    ]
  },
}

const instanceNormalization: OpDefinition = {
  infer: (inputs, call) => [same(inputs, call)],
  evaluate: ([x, scale, bias], call) => {
    const inner = sizeOf(x!.shape.slice(2))
    const channels = x!.shape[1]
    const { data } = normaliseRows(x!, inner, call.float('epsilon', 1e-5))
    for (let i = 0; i < data.length; i++) {
      const c = Math.floor(i / inner) % channels
      data[i] = data[i] * scale!.data[c] + bias!.data[c]
    }
    return [{ shape: x!.shape, data }]
  },
  // The scale is constant over the axes, so it leaves the means: dx = scale r (g - mean(g) - xh mean(g xh)).
  vjp: ({ x: [x, scale], g0, call }) => {
    const axes = othersThan(1, x.rank).slice(1)
    const known = statistics(x, axes, call.float('epsilon', 1e-5))
    const { dx, gSum, gxSum } = normaliseScaled(g0, perChannel(scale, x.rank), known, axes)
    return [dx, gxSum.sum([0]).reshapeLike(scale), gSum.sum([0]).reshapeLike(scale)]
  },
}

/** The rule where the scale is constant over the axes; the sums over them are kept for the gradients of scale and bias. */
function normaliseScaled(
  g: Expr,
  scale: Expr,
  { xh, r }: Normalised,
  axes: readonly number[],
): { dx: Expr; gSum: Expr; gxSum: Expr } {
  const [gSum, gxSum] = [g.sum(axes, true), g.mul(xh).sum(axes, true)]
  const slope = scale.mul(r)
  const share = slope.div(reducedCount(g, gSum))
  return {
    dx: g
      .mul(slope)
      .sub(xh.mul(share.mul(gxSum)))
      .sub(share.mul(gSum)),
    gSum,
    gxSum,
  }
}

const layerNormalization: OpDefinition = {
  infer: (inputs, call) => {
    const x = required(inputs, 0, call)
    const axis = axisOf(call.int('axis', -1), x.shape.length, call)
    const statistics = x.shape.map((d, i) => (i < axis ? d : 1))
    // The statistics of a float16 tensor are float32 (`stash_type`).
    const type = x.type === 'float64' ? 'float64' : 'float32'
    return [same(inputs, call), { type, shape: statistics }, { type, shape: statistics }]
  },
  evaluate: ([x, scale, bias], call, outputs) => {
    const axis = axisOf(call.int('axis', -1), x!.shape.length, call)
    const length = sizeOf(x!.shape.slice(axis))
    const { data, mean, inv } = normaliseRows(x!, length, call.float('epsilon', 1e-5))
    for (let i = 0; i < data.length; i++)
      data[i] =
        data[i] * scale!.data[(i % length) % scale!.data.length] +
        (bias ? bias.data[(i % length) % bias.data.length] : 0)
    return [
      { shape: x!.shape, data },
      { shape: outputs[1]?.shape ?? [], data: Float64Array.from(mean) },
      { shape: outputs[2]?.shape ?? [], data: Float64Array.from(inv) },
    ]
  },
  vjp: ({ x: [x, scale, bias], y, g: [, gMean, gInverse], g0, call, needs, extraOutput }) => {
    const axis = axisOf(call.int('axis', -1), x.rank, call)
    const axes = Array.from({ length: x.rank - axis }, (_, i) => axis + i)
    // The operator hands out its statistics; only xh is made again.
    const r = (y[2] ?? extraOutput(2)).cast(x.type)
    const xh = x.sub((y[1] ?? extraOutput(1)).cast(x.type)).mul(r)
    let { dx, gx } = isLastAxis(x, scale, axes)
      ? normaliseLast(g0, scale, { xh, r })
      : { dx: normalise(g0.mul(scale), { xh, r }, axes), gx: g0.mul(xh) }
    const count = sizeOf(axes.map((a) => x.size(a)))
    // The statistics as outputs: d mean = 1/n, d r = -r^2 xh / n.
    if (gMean) dx = dx.add(gMean.cast(x.type).mul(1 / count))
    if (gInverse)
      dx = dx.sub(
        gInverse
          .cast(x.type)
          .mul(r.square())
          .mul(xh)
          .mul(1 / count),
      )
    return [dx, needs(1) ? gx.unbroadcast(scale) : undefined, bias && needs(2) ? g0.unbroadcast(bias) : undefined]
  },
}

const rmsNormalization: OpDefinition = {
  infer: (inputs, call) => [same(inputs, call)],
  evaluate: ([x, scale], call) => {
    const axis = axisOf(call.int('axis', -1), x!.shape.length, call)
    const { data } = normaliseRows(x!, sizeOf(x!.shape.slice(axis)), call.float('epsilon', 1e-5), false)
    return [{ shape: x!.shape, data: data.map((v, i) => v * scale!.data[i % scale!.data.length]) }]
  },
  vjp: ({ x: [x, scale], g0, call, needs }) => {
    const axis = axisOf(call.int('axis', -1), x.rank, call)
    const axes = Array.from({ length: x.rank - axis }, (_, i) => axis + i)
    const known = statistics(x, axes, call.float('epsilon', 1e-5), false)
    const { dx, gx } = isLastAxis(x, scale, axes)
      ? normaliseLast(g0, scale, known, false)
      : { dx: normalise(g0.mul(scale), known, axes, false), gx: g0.mul(known.xh) }
    return [dx, needs(1) ? gx.unbroadcast(scale) : undefined]
  },
}

/** GroupNormalization: scale and bias per group in opset 18 to 20, per channel from 21 on. */
const groupNormalization: OpDefinition = {
  infer: (inputs, call) => [same(inputs, call)],
  evaluate: ([x, scale, bias], call) => {
    const inner = sizeOf(x!.shape.slice(2))
    const channels = x!.shape[1]
    const groups = call.int('num_groups')
    const { data } = normaliseRows(x!, (channels / groups) * inner, call.float('epsilon', 1e-5))
    for (let i = 0; i < data.length; i++) {
      const c = Math.floor(i / inner) % channels
      const at = call.opset >= 21 ? c : Math.floor((c * groups) / channels)
      data[i] = data[i] * scale!.data[at] + bias!.data[at]
    }
    return [{ shape: x!.shape, data }]
  },
  vjp: ({ x: [x, scale], g0, call }) => {
    const groups = call.int('num_groups')
    const channels = x.size(1)
    const positions = sizeOf(x.shape.slice(2).map((_, i) => x.size(i + 2)))
    const epsilon = call.float('epsilon', 1e-5)
    if (call.opset < 21) {
      // One scale per group: an instance norm of the groups.
      const view = (e: Expr): Expr => e.reshape([-1, groups, (channels / groups) * positions])
      const known = statistics(view(x), [2], epsilon)
      const { dx, gSum, gxSum } = normaliseScaled(view(g0), scale.reshape([-1, 1]), known, [2])
      return [dx.reshapeLike(x), gxSum.sum([0]).reshapeLike(scale), gSum.sum([0]).reshapeLike(scale)]
    }
    // Scales differ within a group: sums per channel first, weighed by the scales into the means of the group.
    const view = (e: Expr): Expr => e.reshape([-1, groups, channels / groups, positions])
    const [g, scales] = [view(g0), scale.reshape([groups, channels / groups, 1])]
    const { xh, r } = statistics(view(x), [2, 3], epsilon)
    const [gSum, gxSum] = [g.sum([3], true), g.mul(xh).sum([3], true)]
    const share = r.mul(groups / (channels * positions))
    const mean = gSum.mul(scales).sum([2], true).mul(share)
    const slope = gxSum.mul(scales).sum([2], true).mul(share)
    const dx = g.mul(scales.mul(r)).sub(xh.mul(slope)).sub(mean)
    return [dx.reshapeLike(x), gxSum.sum([0]).reshapeLike(scale), gSum.sum([0]).reshapeLike(scale)]
  },
}

/** `x / ||x||_p` along one axis, p 1 or 2; a zero vector stays zero. */
const lpNormalization: OpDefinition = {
  infer: (inputs, call) => {
    if (![1, 2].includes(call.int('p', 2))) call.fail(`p is ${call.int('p', 2)}, expected 1 or 2`)
    return [same(inputs, call)]
  },
  evaluate: ([x], call) => {
    const axis = axisOf(call.int('axis', -1), x!.shape.length, call)
    const p = call.int('p', 2)
    const shape = x!.shape.map((d, i) => (i === axis ? 1 : d))
    const norms = foldAxes(x!, [axis], shape, (v) => v.reduce((s, e) => s + Math.abs(e) ** p, 0) ** (1 / p))
    return [zip([x!, norms], x!.shape, ([v, norm]) => (norm === 0 ? 0 : v / norm))]
  },
  // p = 2: (g - y <g, y>) / ||x||; p = 1: (g - sign(x) <g, y>) / ||x||.
  vjp: ({ x: [x], y: [y], g0, call }) => {
    const axes = [axisOf(call.int('axis', -1), x.rank, call)]
    const euclidean = call.int('p', 2) === 2
    const norm = euclidean ? x.square().sum(axes, true).sqrt() : x.abs().sum(axes, true)
    const along = (euclidean ? y : signOf(x)).mul(g0.mul(y).sum(axes, true))
    return [norm.equal(0).where(0, g0.sub(along).div(norm))]
  },
}

/** Added to the standard deviation by the standard's definition of MeanVarianceNormalization. */
const tiny = 1e-9

const meanVarianceNormalization: OpDefinition = {
  infer: (inputs, call) => [same(inputs, call)],
  evaluate: ([x], call) => {
    const axes = call.ints('axes', [0, 2, 3])
    const kept = x!.shape.map((d, i) => (axes.includes(i) ? 1 : d))
    const mean = (v: Float64Array): number => v.reduce((a, b) => a + b, 0) / v.length
    const spread = (v: Float64Array): number => {
      const mu = mean(v)
      return Math.sqrt(v.reduce((a, b) => a + (b - mu) ** 2, 0) / v.length)
    }
    const [mu, sigma] = [foldAxes(x!, axes, kept, mean), foldAxes(x!, axes, kept, spread)]
    return [zip([x!, mu, sigma], x!.shape, ([v, m, s]) => (v - m) / (s + tiny))]
  },
  vjp: ({ x: [x], g0, call }) => {
    const axes = call.ints('axes', [0, 2, 3])
    return [normalise(g0, statistics(x, axes, tiny ** 2), axes)]
  },
}

/** Sums over a window of neighbouring channels, as a constant band matrix [C, C]. */
function channelBand(channels: number, size: number): Float64Array {
  const band = new Float64Array(channels * channels)
  const before = Math.floor((size - 1) / 2)
  for (let c = 0; c < channels; c++)
    for (let k = Math.max(0, c - before); k <= Math.min(channels - 1, c + size - 1 - before); k++)
      band[c * channels + k] = 1
  return band
}

/** Local response normalisation: `y = x s^-beta`, `s = bias + alpha / size * sum x^2` over neighbouring channels. */
const lrn: OpDefinition = {
  infer: (inputs, call) => [same(inputs, call)],
  evaluate: ([x], call) => {
    const { alpha, beta, bias, size } = lrnConstants(call)
    const channels = x!.shape[1]
    const inner = sizeOf(x!.shape.slice(2))
    const band = channelBand(channels, size)
    const data = x!.data.map((v, i) => {
      const c = Math.floor(i / inner) % channels
      let sum = 0
      for (let k = 0; k < channels; k++) if (band[c * channels + k]) sum += x!.data[i + (k - c) * inner] ** 2
      return v * (bias + (alpha / size) * sum) ** -beta
    })
    return [{ shape: x!.shape, data }]
  },
  vjp: ({ b, x: [x], y: [y], g0, call }) => {
    const { alpha, beta, bias, size } = lrnConstants(call)
    const channels = x.size(1)
    const band = b.constant(tensor(channelBand(channels, size), [channels, channels], x.type))
    const s = alongAxis(x.square(), 1, band)
      .mul(alpha / size)
      .add(bias)
    const neighbours = alongAxis(g0.mul(y).div(s), 1, band.T)
    return [g0.mul(b.op('Pow', [s, -beta])).sub(x.mul(neighbours).mul((2 * alpha * beta) / size))]
  },
}

function lrnConstants(call: OpCall): { alpha: number; beta: number; bias: number; size: number } {
  return {
    alpha: call.float('alpha', 1e-4),
    beta: call.float('beta', 0.75),
    bias: call.float('bias', 1),
    size: call.int('size'),
  }
}

export const normalisations: OpTable = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  GroupNormalization: groupNormalization,
  LpNormalization: lpNormalization,
  MeanVarianceNormalization: meanVarianceNormalization,
  LRN: lrn,
}
