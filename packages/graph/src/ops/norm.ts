/**
 * Normalisations. Instance, layer, group and RMS norm share one rule over their axes:
 * `xh = (x - mu) r`, `q = g * scale`, `dx = r (q - mean(q) - xh mean(q xh))`.
 */
import type { Expr } from '../build.ts'
import { axisOf, required } from '../facts.ts'
import { sizeOf } from '../model.ts'
import type { Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'

/** The shared rule. `center` is false for RMS norm. Returns dx and the normalised xh. */
function normalise(
  x: Expr,
  q: Expr,
  axes: readonly number[],
  epsilon: number,
  center = true,
): { dx: Expr; xh: Expr; r: Expr } {
  const centred = center ? x.sub(x.mean(axes, true)) : x
  const r = centred.square().mean(axes, true).add(epsilon).sqrt().reciprocal()
  const xh = centred.mul(r)
  const inner = q.sub(xh.mul(q.mul(xh).mean(axes, true)))
  return { dx: r.mul(center ? inner.sub(q.mean(axes, true)) : inner), xh, r }
}

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
  vjp: ({ x: [x, scale], g0, call, needs }) => {
    const axes = othersThan(1, x.rank).slice(1)
    const { dx, xh } = normalise(x, g0.mul(perChannel(scale, x.rank)), axes, call.float('epsilon', 1e-5))
    return [dx, needs(1) ? g0.mul(xh).sum(axes).sum([0]) : undefined, needs(2) ? g0.sum(axes).sum([0]) : undefined]
  },
}

const layerNormalization: OpDefinition = {
  infer: (inputs, call) => {
    const x = required(inputs, 0, call)
    const axis = axisOf(call.int('axis', -1), x.shape.length, call)
    const statistics = x.shape.map((d, i) => (i < axis ? d : 1))
    return [same(inputs, call), { type: x.type, shape: statistics }, { type: x.type, shape: statistics }]
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
  vjp: ({ x: [x, scale, bias], g: [, gMean, gInverse], g0, call, needs }) => {
    const axis = axisOf(call.int('axis', -1), x.rank, call)
    const axes = Array.from({ length: x.rank - axis }, (_, i) => axis + i)
    const { dx: dy, xh, r } = normalise(x, g0.mul(scale), axes, call.float('epsilon', 1e-5))
    const count = sizeOf(axes.map((a) => x.size(a)))
    let dx = dy
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
    return [
      dx,
      needs(1) ? g0.mul(xh).unbroadcast(scale) : undefined,
      bias && needs(2) ? g0.unbroadcast(bias) : undefined,
    ]
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
    const { dx, xh } = normalise(x, g0.mul(scale), axes, call.float('epsilon', 1e-5), false)
    return [dx, needs(1) ? g0.mul(xh).unbroadcast(scale) : undefined]
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
  vjp: ({ x: [x, scale], g0, call, needs }) => {
    const groups = call.int('num_groups')
    const channels = x.size(1)
    const spatial = x.rank - 2
    const grouped = (e: Expr): Expr => e.reshape([-1, groups, (channels / groups) * sizeOf(x.shape.slice(2))])
    const perScale = call.opset >= 21 ? perChannel(scale, x.rank) : undefined
    const q = perScale ? grouped(g0.mul(perScale)) : grouped(g0).mul(scale.reshape([-1, 1]))
    const { dx, xh } = normalise(grouped(x), q, [2], call.float('epsilon', 1e-5))
    const positions = Array.from({ length: spatial }, (_, i) => i + 2)
    const gather = (e: Expr): Expr => (perScale ? e.reshapeLike(x).sum([0, ...positions]) : grouped(e).sum([0, 2]))
    const g = perScale ? g0 : grouped(g0)
    return [
      dx.reshapeLike(x),
      needs(1) ? gather(perScale ? g.mul(xh.reshapeLike(x)) : g.mul(xh)) : undefined,
      needs(2) ? gather(g) : undefined,
    ]
  },
}

export const normalisations: OpTable = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  GroupNormalization: groupNormalization,
}
