/**
 * Checks one operator case in every way that we know:
 * the interpreter against ONNX Runtime, the gradient rule against finite differences of the interpreter in float64,
 * the emitted gradient graph in ONNX Runtime, second derivatives against differences of the first,
 * and for linear operators the adjoint identity.
 */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import {
  type Attributes,
  type DataType,
  type Expr,
  evaluate,
  GraphBuilder,
  isFloat,
  type Model,
  type NdArray,
  sizeOf,
  tensor,
  vjp,
  writeModel,
} from '../../src/index.ts'

/** A size; a letter is a free dimension, which takes the sizes of `free`. */
export type Size = number | string

export interface Operand {
  readonly shape: readonly Size[]
  /** Element type; `float` is float64 for the interpreter and float32 for ONNX Runtime. */
  readonly type: DataType | 'float'
  readonly value: (random: Random, i: number) => number
  /** An initialiser instead of a graph input. */
  readonly constant: boolean
}

export interface OpCase {
  readonly op: string
  /** What is special about this case. */
  readonly note: string
  readonly opset?: number
  readonly inputs: readonly (Operand | undefined)[]
  readonly attributes?: Attributes
  /** Number of outputs that the node names. Default 1. */
  readonly outputs?: number
  /** Builds more than one node around the operator, such as Where(x > 0, Sqrt(x), 0). */
  readonly build?: (b: GraphBuilder, inputs: readonly Expr[]) => readonly Expr[]
  /** Positions of the inputs to differentiate. Default: the float ones that are not constants. */
  readonly wrt?: readonly number[]
  /** Sizes to try for every free dimension. Default [1, 3]. */
  readonly free?: readonly number[]
  /** Linear in its differentiated inputs together (homogeneous): the adjoint identity must hold. */
  readonly linear?: boolean
  /** Expected gradients per differentiated input under cotangents of 1: where differences do not exist (kinks, ties). */
  readonly gradients?: readonly (readonly number[])[]
  /** Skip the second derivatives, with the reason. */
  readonly firstOnly?: string
  /** ONNX Runtime has no kernel for this case; the reason. */
  readonly withoutOrt?: string
  /** Tolerance of the float32 comparisons relative to the largest value. Default 1e-5. */
  readonly tolerance?: number
}

/** Largest relative errors of one case; absent where a check does not apply. */
export interface Report {
  forward?: number
  runtime?: number
  finite?: number
  second?: number
  adjoint?: number
  exact?: number
}

/** mulberry32: a few thousand reproducible numbers for tests. */
export class Random {
  #state: number
  constructor(seed: number) {
    this.#state = seed >>> 0
  }
  uniform(low = 0, high = 1): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return low + (high - low) * (((t ^ (t >>> 14)) >>> 0) / 2 ** 32)
  }
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.uniform())) * Math.cos(2 * Math.PI * this.uniform())
  }
  int(low: number, high: number): number {
    return Math.floor(this.uniform(low, high + 1))
  }
}

/** A float input of normal numbers, or of the given ones. */
export function x(
  shape: readonly Size[],
  value: readonly number[] | ((random: Random, i: number) => number) = (r) => r.normal(),
): Operand {
  return {
    shape,
    type: 'float',
    constant: false,
    value: typeof value === 'function' ? value : (_, i) => value[i % value.length],
  }
}

/** A float initialiser. */
export function weight(shape: readonly number[], value?: Parameters<typeof x>[1]): Operand {
  return { ...x(shape, value), constant: true }
}

/** Constant int64 numbers: axes, shapes, pads. */
export function ints(...values: number[]): Operand {
  return { shape: [values.length], type: 'int64', constant: true, value: (_, i) => values[i] }
}

/** An integer (or bool) input that is data. */
export function index(
  shape: readonly Size[],
  value: readonly number[] | ((random: Random, i: number) => number),
  type: DataType = 'int64',
): Operand {
  return { ...x(shape, value), type }
}

/** Uniform numbers. */
export const between =
  (low: number, high: number) =>
  (random: Random): number =>
    random.uniform(low, high)

type FloatType = 'float32' | 'float64'
export type Arrays = Record<string, NdArray>

export const opsetOf = (c: OpCase): number => c.opset ?? 18
export const nameOf = (c: OpCase): string => `${c.op}-${opsetOf(c)} ${c.note}`

function seedOf(text: string): number {
  let h = 2166136261
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619)
  return h
}

export const wrtOf = (c: OpCase): number[] =>
  c.wrt ? [...c.wrt] : c.inputs.map((v, i) => (v && v.type === 'float' && !v.constant ? i : -1)).filter((i) => i >= 0)

/** The model of a case: inputs x0, x1, ...; outputs y0, y1, ... */
export function modelOf(c: OpCase, float: FloatType): Model {
  const b = new GraphBuilder({ opset: opsetOf(c) })
  const random = new Random(seedOf(`${nameOf(c)} constants`))
  const exprs = c.inputs.map((v, i) => {
    if (!v) return undefined
    const type = v.type === 'float' ? float : v.type
    if (!v.constant) return b.input(`x${i}`, v.shape, type)
    const shape = v.shape as number[]
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, k) => v.value(random, k))
    return b.parameter(`x${i}`, tensor(float === 'float64' ? data : round(data, type), shape, type))
  })
  const outputs = c.build
    ? c.build(b, exprs as Expr[])
    : b.call(c.op, exprs, c.attributes, c.outputs ?? 1).filter((e) => e !== undefined)
  outputs.forEach((y, i) => {
    b.output(`y${i}`, y)
  })
  return b.build()
}

/** Numbers as float32 holds them, so that both runtimes see the same. */
const round = (data: Float64Array, type: DataType): Float64Array =>
  isFloat(type) ? data.map((v) => Math.fround(v)) : data

/** One assignment of numbers to the inputs of a model whose free dimensions are `size`. */
export function feedsOf(c: OpCase, size: number): Arrays {
  const random = new Random(seedOf(`${nameOf(c)} ${size}`))
  const feeds: Arrays = {}
  c.inputs.forEach((v, i) => {
    if (!v || v.constant) return
    const shape = v.shape.map((d) => (typeof d === 'number' ? d : size))
    const data = Float64Array.from({ length: sizeOf(shape) }, (_, k) => v.value(random, k))
    feeds[`x${i}`] = { shape, data: v.type === 'float' ? round(data, 'float32') : data }
  })
  return feeds
}

export const like = (a: NdArray, random: Random): NdArray => ({
  shape: a.shape,
  data: a.data.map(() => Math.fround(random.normal())),
})

const arrayTypes: Partial<Record<DataType, (data: Float64Array) => Tensor['data']>> = {
  float32: (d) => Float32Array.from(d),
  float64: (d) => d,
  int64: (d) => BigInt64Array.from(d, (v) => BigInt(v)),
  int32: (d) => Int32Array.from(d),
  bool: (d) => Uint8Array.from(d),
}

/** What onnxruntime-node and onnxruntime-web have in common. */
export interface Runtime {
  readonly InferenceSession: Pick<typeof InferenceSession, 'create'>
  readonly Tensor: typeof Tensor
}

/** Opens a model in ONNX Runtime, by default in Node with one thread and all optimisations. */
export async function openOrt(
  model: Model,
  options: InferenceSession.SessionOptions = {},
  runtime: Runtime = { InferenceSession, Tensor },
): Promise<(feeds: Arrays) => Promise<Arrays>> {
  const session = await runtime.InferenceSession.create(writeModel(model), {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    graphOptimizationLevel: 'all',
    ...options,
  })
  return async (feeds) => {
    const tensors: Record<string, Tensor> = {}
    for (const { name, type } of model.graph.inputs) {
      const convert = arrayTypes[type as DataType]
      if (!convert) throw new Error(`the harness cannot feed ${type}`)
      tensors[name] = new runtime.Tensor(type as 'float32', convert(feeds[name].data) as Float32Array, [
        ...feeds[name].shape,
      ])
    }
    const got = await session.run(tensors)
    return Object.fromEntries(
      Object.entries(got).map(([name, t]) => [
        name,
        { shape: t.dims, data: Float64Array.from(t.data as Float32Array, Number) },
      ]),
    )
  }
}

const largest = (data: Float64Array): number =>
  data.reduce((m, v) => Math.max(m, Number.isFinite(v) ? Math.abs(v) : m), 0)

/** Largest difference over the largest value (at least `floor`); infinite where shapes or non-finite values differ. */
export function difference(got: NdArray | undefined, want: NdArray, floor = 1e-2): number {
  if (!got || String(got.shape) !== String(want.shape)) return Number.POSITIVE_INFINITY
  let worst = 0
  for (let i = 0; i < want.data.length; i++) {
    const [a, b] = [got.data[i], want.data[i]]
    if (Object.is(a, b) || a === b) continue
    const d = Math.abs(a - b)
    worst = Math.max(worst, Number.isNaN(d) ? Number.POSITIVE_INFINITY : d)
  }
  return worst / Math.max(largest(want.data), floor)
}

const dot = (a: NdArray, b: NdArray): number => a.data.reduce((s, v, i) => s + v * b.data[i], 0)
const weighed = (a: NdArray, b: NdArray): number => a.data.reduce((s, v, i) => s + Math.abs(v * b.data[i]), 0)

/**
 * Directional derivative of `u . outputs` by central differences against `gradients . v`.
 * @param model a graph in float64
 * @param gradients the claimed gradients per input name, for the cotangents `u` per output name
 */
function finiteDifference(model: Model, feeds: Arrays, gradients: Arrays, u: Arrays, random: Random): number {
  const h = 1e-5
  let worst = 0
  for (let repeat = 0; repeat < 2; repeat++) {
    const v = Object.fromEntries(Object.entries(gradients).map(([name]) => [name, like(feeds[name], random)]))
    const moved = (sign: number): Arrays => {
      const at = { ...feeds }
      for (const name of Object.keys(v))
        at[name] = { shape: feeds[name].shape, data: feeds[name].data.map((w, i) => w + sign * h * v[name].data[i]) }
      return evaluate(model, at)
    }
    const [plus, minus] = [moved(1), moved(-1)]
    let slope = 0
    let size = 0
    for (const [name, w] of Object.entries(u)) {
      // Differences of the outputs first: their sum would lose digits.
      for (let i = 0; i < w.data.length; i++) {
        const d = plus[name].data[i] - minus[name].data[i]
        if (w.data[i] !== 0) slope += (w.data[i] * d) / (2 * h)
      }
      // Outputs that hardly move are measured by their own size: rounding is relative to that.
      for (let i = 0; i < w.data.length; i++)
        size += 1e-3 * Math.abs(w.data[i]) * (0.1 + Math.abs(plus[name].data[i] || 0))
    }
    let claimed = 0
    for (const name of Object.keys(v)) {
      claimed += dot(gradients[name], v[name])
      size += weighed(gradients[name], v[name])
    }
    const error = Math.abs(claimed - slope) / Math.max(size, 1e-12)
    worst = Math.max(worst, Number.isNaN(error) ? Number.POSITIVE_INFINITY : error)
  }
  return worst
}

export const prefixed = (prefix: string, arrays: Arrays): Arrays =>
  Object.fromEntries(Object.entries(arrays).map(([name, a]) => [`${prefix}${name}`, a]))

const isLive = (c: OpCase, i: number): boolean => c.inputs[i] !== undefined && !(c.inputs[i] as Operand).constant

/** Runs all checks of one case. Numbers are relative errors; the caller compares them with {@link limits}. */
export async function checkCase(c: OpCase): Promise<Report> {
  const report: Report = {}
  const worse = (key: keyof Report, error: number): void => {
    report[key] = Math.max(report[key] ?? 0, error)
  }
  const free = c.inputs.some((v) => v?.shape.some((d) => typeof d === 'string')) ? (c.free ?? [1, 3]) : [0]
  const forward64 = modelOf(c, 'float64')
  const wrt = wrtOf(c).map((i) => `x${i}`)
  const floatOutputs = forward64.graph.outputs.filter((o) => isFloat(o.type)).map((o) => o.name)
  const differentiable = wrt.length > 0 && floatOutputs.length > 0
  const forward32 = modelOf(c, 'float32')
  const model32 = differentiable ? vjp(forward32, { wrt, outputs: floatOutputs, keepOutputs: true }) : forward32
  const ort = c.withoutOrt ? undefined : await openOrt(model32)
  // Gradient graphs are of opset 17 or more; an older operator must also be run as it is.
  const ortForward = ort && opsetOf(c) < 17 && differentiable ? await openOrt(forward32) : undefined
  const gradient64 = differentiable ? vjp(forward64, { wrt, outputs: floatOutputs }) : undefined
  const again =
    differentiable && !c.firstOnly ? vjp(forward64, { wrt, outputs: floatOutputs, prefix: 'd_' }) : undefined
  const liveWrt = wrtOf(c)
    .filter((i) => isLive(c, i))
    .map((i) => `x${i}`)
  const secondWrt = [...liveWrt, ...floatOutputs.map((name) => `d_${name}`)]
  const secondOutputs = wrt.map((name) => `d_${name}`)
  const second64 = again ? vjp(again, { wrt: secondWrt, outputs: secondOutputs }) : undefined
  const second32 =
    again && ort
      ? vjp(vjp(forward32, { wrt, outputs: floatOutputs, prefix: 'd_' }), { wrt: secondWrt, outputs: secondOutputs })
      : undefined
  const ortSecond = second32 ? await openOrt(second32) : undefined

  for (const size of free) {
    const random = new Random(seedOf(`${nameOf(c)} directions ${size}`))
    const feeds = feedsOf(c, size)
    const y = evaluate(forward32, feeds)
    const u = Object.fromEntries(floatOutputs.map((name) => [name, like(y[name], random)]))
    const seeded = { ...feeds, ...prefixed('grad_', u) }
    const g32 = differentiable ? evaluate(model32, seeded) : y
    const got = await ort?.(seeded)
    if (ortForward) {
      const own = await ortForward(feeds)
      for (const name of Object.keys(y)) worse('forward', difference(own[name], y[name]))
    }
    if (got) {
      for (const name of Object.keys(y)) worse('forward', difference(got[name], y[name]))
      if (differentiable) for (const name of wrt) worse('runtime', difference(got[`grad_${name}`], g32[`grad_${name}`]))
    }
    if (!gradient64) continue
    const g = evaluate(gradient64, seeded)
    if (c.gradients) {
      const ones = Object.fromEntries(
        floatOutputs.map((name) => [name, { shape: y[name].shape, data: y[name].data.map(() => 1) }]),
      )
      const exact = evaluate(gradient64, { ...feeds, ...prefixed('grad_', ones) })
      wrt.forEach((name, i) => {
        const { shape } = exact[`grad_${name}`]
        worse('exact', difference(exact[`grad_${name}`], { shape, data: Float64Array.from(c.gradients![i]) }))
      })
      continue
    }
    const liveGradients = Object.fromEntries(liveWrt.map((name) => [name, g[`grad_${name}`]]))
    if (liveWrt.length > 0) worse('finite', finiteDifference(forward64, feeds, liveGradients, u, random))
    if (c.linear && got) {
      // <u, A x> = <A^T u, x>, both sides from ONNX Runtime in float32.
      const left = floatOutputs.reduce((s, name) => s + dot(u[name], got[name]), 0)
      const right = wrt.reduce((s, name) => s + dot(got[`grad_${name}`], feeds[name]), 0)
      const scale = floatOutputs.reduce((s, name) => s + weighed(u[name], got[name]), 0)
      worse('adjoint', Math.abs(left - right) / Math.max(scale, 1e-12))
    }
    if (!again || !second64) continue
    const at = { ...feeds, ...prefixed('d_', u) }
    const w = Object.fromEntries(secondOutputs.map((name) => [name, like(g[name.replace(/^d_/, 'grad_')], random)]))
    const seededAgain = { ...at, ...prefixed('grad_', w) }
    const gg = evaluate(second64, seededAgain)
    const claimed = Object.fromEntries(secondWrt.map((name) => [name, gg[`grad_${name}`]]))
    worse('second', finiteDifference(again, at, claimed, w, random))
    if (ortSecond && second32) {
      const want = evaluate(second32, seededAgain)
      const have = await ortSecond(seededAgain)
      for (const name of Object.keys(want)) worse('runtime', difference(have[name], want[name]))
    }
  }
  return report
}

/** Largest errors that pass. */
export const limits: Readonly<Record<keyof Report, number>> = {
  forward: 1e-5,
  runtime: 1e-5,
  finite: 1e-7,
  second: 1e-7,
  adjoint: 1e-5,
  exact: 1e-12,
}

/** The checks of a report that fail, in words. */
export function failures(c: OpCase, report: Report): string[] {
  return (Object.keys(limits) as (keyof Report)[])
    .filter((key) => {
      const limit = key !== 'finite' && key !== 'second' ? (c.tolerance ?? limits[key]) : limits[key]
      return report[key] !== undefined && !(report[key] <= limit)
    })
    .map((key) => `${key}: relative error ${report[key]?.toExponential(1)}`)
}
