/** Small models and comparisons that several tests share. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { Attribute, Graph, Model, NdArray, Node, TensorData, Value } from '../src/index.ts'
import { evaluate, sizeOf, writeModel } from '../src/index.ts'

export const open = (model: Model | Uint8Array, options: InferenceSession.SessionOptions = {}) =>
  InferenceSession.create(model instanceof Uint8Array ? model : writeModel(model), { logSeverityLevel: 3, ...options })

/** A node by hand. */
export const node = (
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, Attribute>> = {},
  domain = '',
): Node => ({ name: `${op.toLowerCase()}_${outputs.find((o) => o) ?? ''}`, op, domain, inputs, outputs, attributes })

export const value = (name: string, shape: Value['shape'], type: Value['type'] = 'float32'): Value => ({
  name,
  type,
  shape,
})

/** A graph by hand. */
export const graphOf = (
  nodes: readonly Node[],
  inputs: readonly Value[],
  outputs: readonly (Value | string)[],
  initializers: Readonly<Record<string, TensorData>> = {},
): Graph => ({
  name: 'test',
  nodes,
  inputs,
  outputs: outputs.map((v) => (typeof v === 'string' ? { name: v, type: undefined, shape: undefined } : v)),
  initializers: new Map(Object.entries(initializers)),
  values: [],
})

/** A model by hand. */
export const modelOf = (graph: Graph, opset = 17, more: Partial<Model> = {}): Model => ({
  opset,
  domains: {},
  irVersion: 8,
  producer: 'test',
  metadata: {},
  functions: [],
  graph,
  ...more,
})

/** Numbers in (-1, 1), different for every seed. */
export function numbers(size: number, seed = 1): Float32Array {
  let state = Math.imul(seed, 747796405) + 2891336453
  return Float32Array.from({ length: size }, () => {
    state = Math.imul(state, 1664525) + 1013904223
    return (state >>> 8) / 2 ** 23 - 1
  })
}

/** A float32 array of a shape for the interpreter. */
export const array = (shape: readonly number[], seed = 1): NdArray => ({
  shape,
  data: Float64Array.from(numbers(sizeOf(shape), seed)),
})

/** Runs a model in ONNX Runtime on float inputs. */
export async function runFloat(
  model: Model,
  inputs: Readonly<Record<string, NdArray>>,
  options: InferenceSession.SessionOptions = {},
): Promise<Record<string, NdArray>> {
  const session = await open(model, options)
  const feeds = Object.entries(inputs).map(
    ([name, x]) => [name, new Tensor('float32', Float32Array.from(x.data), x.shape)] as const,
  )
  const got = await session.run(Object.fromEntries(feeds))
  await session.release()
  return Object.fromEntries(
    Object.entries(got).map(([name, t]) => [
      name,
      { shape: t.dims, data: Float64Array.from(t.data as ArrayLike<number>, Number) },
    ]),
  )
}

/** Largest difference, relative to the largest number (or to 1). */
export function difference(a: NdArray, b: NdArray): number {
  if (String(a.shape) !== String(b.shape)) return Number.POSITIVE_INFINITY
  let d = 0
  let scale = 1
  for (let i = 0; i < a.data.length; i++) {
    const e = Math.abs(a.data[i]! - b.data[i]!)
    d = Number.isNaN(e) ? Number.POSITIVE_INFINITY : Math.max(d, e)
    scale = Math.max(scale, Math.abs(b.data[i]!))
  }
  return d / scale
}

export const dot = (a: NdArray, b: NdArray): number => a.data.reduce((sum, v, i) => sum + v * b.data[i]!, 0)

/**
 * Largest error of a gradient model against central differences of the interpreter, along one direction per input:
 * `<grad_x, v>` against `d/dh <grad_y, f(x + h v)>`.
 */
export function gradientError(
  model: Model,
  gradient: Model,
  inputs: Readonly<Record<string, NdArray>>,
  wrt: readonly string[],
  h = 1e-6,
): number {
  const y = evaluate(model, inputs)
  const given = gradient.graph.inputs.map((v) => v.name).filter((name) => !(name in inputs))
  const seeds = Object.fromEntries(given.map((name, i) => [name, array(y[name.replace(/^grad_/, '')]!.shape, 90 + i)]))
  const got = evaluate(gradient, { ...inputs, ...seeds })
  let worst = 0
  wrt.forEach((name, k) => {
    const x = inputs[name]!
    const v = array(x.shape, 50 + k)
    const moved = (step: number): number => {
      const at = { shape: x.shape, data: x.data.map((e, i) => e + step * v.data[i]!) }
      const out = evaluate(model, { ...inputs, [name]: at })
      return given.reduce((sum, g) => sum + dot(seeds[g]!, out[g.replace(/^grad_/, '')]!), 0)
    }
    const numeric = (moved(h) - moved(-h)) / (2 * h)
    const exact = dot(got[`grad_${name}`]!, v)
    const error = Math.abs(numeric - exact) / Math.max(1, Math.abs(numeric))
    worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(worst, error)
  })
  return worst
}
