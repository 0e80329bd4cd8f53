/**
 * Resize and Upsample. Along every axis the output is `y = A x` with a matrix A that depends on the sizes alone, so the
 * gradient is `A^T g`. The rule gets A by resizing an identity matrix inside the graph: it is then exactly the matrix
 * of the runtime at hand, rounding of coordinates included, and a constant that the runtime folds.
 *
 * The reference kernel follows the ONNX standard (Resize-19) and, for antialiasing, the filter of Pillow.
 */
import type { Expr } from '../build.ts'
import { axisOf, knownInts, required } from '../facts.ts'
import { sizeOf, tensor, toNumbers } from '../model.ts'
import type { Backward, Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'
import { alongAxis } from './views.ts'

/** How one axis of n numbers becomes m. */
interface AxisResize {
  readonly axis: number
  readonly n: number
  readonly m: number
  readonly scale: number
  /** Region of interest in units of the whole axis (`tf_crop_and_resize`). */
  readonly roi: readonly [number, number]
  /** Whether the node states scales (else sizes): the ratio of the sizes may differ from the scale. */
  readonly byScale: boolean
}

const isPresent = (f: Fact | undefined): f is Fact => f !== undefined && sizeOf(f.shape) > 0

/** The axes that a node resizes. */
function resizedAxes(inputs: readonly (Fact | undefined)[], call: OpCall): AxisResize[] {
  const x = required(inputs, 0, call)
  const rank = x.shape.length
  if (call.string('keep_aspect_ratio_policy', 'stretch') !== 'stretch')
    call.fail('a keep_aspect_ratio_policy is not supported; give the sizes that result')
  const axes = call.has('axes')
    ? call.ints('axes').map((a) => axisOf(a, rank, call))
    : Array.from({ length: rank }, (_, i) => i)
  const old = call.op === 'Upsample' || call.opset < 11
  const scalesAt = old ? 1 : 2
  const scales = isPresent(inputs[scalesAt])
    ? knownNumbers(inputs[scalesAt], call, 'the list of scales')
    : old && call.has('scales')
      ? [...call.floats('scales')].map(Math.fround)
      : undefined
  const sizes = !scales && isPresent(inputs[3]) ? knownInts(inputs[3], call, 'the list of sizes') : undefined
  if (!scales && !sizes) call.fail('neither scales nor sizes are given')
  const given = (scales ?? sizes) as number[]
  if (given.length !== axes.length)
    call.fail(`${given.length} scales or sizes were given for ${axes.length} axes (input [${x.shape}])`)
  const crop = call.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize'
  const roi = crop ? knownNumbers(inputs[1] as Fact, call, 'the region of interest') : undefined
  return axes
    .map((axis, i): AxisResize => {
      const n = x.shape[axis]
      // The runtime multiplies in float32: 10 times 1.3 is 13 there.
      const m = scales ? Math.floor(Math.fround(scales[i] * n)) : given[i]
      return {
        axis,
        n,
        m,
        scale: scales ? scales[i] : m / n,
        roi: roi ? [roi[i], roi[i + axes.length]] : [0, 1],
        byScale: scales !== undefined,
      }
    })
    .filter(({ n, m, scale, roi: [start, end] }) => n !== m || scale !== 1 || start !== 0 || end !== 1)
}

function knownNumbers(fact: Fact | undefined, call: OpCall, what: string): number[] {
  if (!fact?.value) call.fail(`${what} depends on data, so the shapes are not fixed; make it a constant`)
  return Array.from(toNumbers(fact.value))
}

/** Where output place o lies between the input places. */
function originalPlace(o: number, { n, m, scale, roi: [start, end] }: AxisResize, call: OpCall): number {
  const old = call.op === 'Upsample' || call.opset < 11
  const mode = old ? 'asymmetric' : call.string('coordinate_transformation_mode', 'half_pixel')
  const halfPixel = (o + 0.5) / scale - 0.5
  switch (mode) {
    case 'half_pixel':
      return halfPixel
    case 'half_pixel_symmetric': {
      const adjustment = m / (scale * n)
      return (n / 2) * (1 - adjustment) + halfPixel
    }
    case 'pytorch_half_pixel':
      return m > 1 ? halfPixel : 0
    case 'align_corners':
      return m === 1 ? 0 : (o * (n - 1)) / (m - 1)
    case 'asymmetric':
      return o / scale
    case 'tf_half_pixel_for_nn':
      return (o + 0.5) / scale
    case 'tf_crop_and_resize':
      return m > 1 ? start * (n - 1) + (o * (end - start) * (n - 1)) / (m - 1) : 0.5 * (start + end) * (n - 1)
    default:
      return call.fail(`coordinate_transformation_mode "${mode}" is not known`)
  }
}

function nearest(at: number, call: OpCall): number {
  const old = call.op === 'Upsample' || call.opset < 11
  const mode = old ? 'floor' : call.string('nearest_mode', 'round_prefer_floor')
  switch (mode) {
    case 'floor':
      return Math.floor(at)
    case 'ceil':
      return Math.ceil(at)
    case 'round_prefer_floor':
      return Math.ceil(at - 0.5)
    case 'round_prefer_ceil':
      return Math.floor(at + 0.5)
    default:
      return call.fail(`nearest_mode "${mode}" is not known`)
  }
}

/** Weights of the places that one output place reads: pairs of (place, weight), places maybe beyond the ends. */
function taps(at: number, resize: AxisResize, call: OpCall): [number, number][] {
  const mode = call.string('mode', 'nearest')
  if (mode === 'nearest') return [[nearest(at, call), 1]]
  const cubic = mode === 'cubic'
  if (!cubic && mode !== 'linear' && mode !== 'bilinear')
    call.fail(`mode "${mode}" is not one of nearest, linear, cubic`)
  const kernel = cubic ? keys(call.float('cubic_coeff_a', -0.75)) : triangle
  const antialias = call.int('antialias', 0) !== 0
  // Shrinking with antialiasing widens the kernel over all the places that an output place stands for.
  const stretch = antialias ? Math.max(1 / resize.scale, 1) : 1
  const support = (cubic ? 2 : 1) * stretch
  const place = cubic || antialias ? at : Math.min(Math.max(at, 0), resize.n - 1)
  const list: [number, number][] = []
  for (let i = Math.ceil(place - support); i <= Math.floor(place + support); i++) {
    const weight = kernel((i - place) / stretch)
    if (weight !== 0) list.push([i, weight])
  }
  const inside = ([i]: [number, number]): boolean => i >= 0 && i < resize.n
  const kept = call.int('exclude_outside', 0) && (cubic || antialias) ? list.filter(inside) : list
  const total = kept.reduce((s, [, w]) => s + w, 0)
  return kept.map(([i, w]) => [i, w / total])
}

const triangle = (t: number): number => Math.max(0, 1 - Math.abs(t))

/** Cubic convolution (Keys, Cubic convolution interpolation for digital image processing, 1981). */
const keys =
  (a: number) =>
  (t: number): number => {
    const d = Math.abs(t)
    if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1
    if (d < 2) return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return 0
  }

/** The matrix [m, n] of one axis, and which output places lie outside the input (`tf_crop_and_resize`). */
function matrixOf(resize: AxisResize, call: OpCall): { matrix: Float64Array; outside: boolean[] } {
  const { n, m } = resize
  const matrix = new Float64Array(m * n)
  const crop = call.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize'
  const outside = new Array<boolean>(m).fill(false)
  for (let o = 0; o < m; o++) {
    const at = originalPlace(o, resize, call)
    if (crop && (at < 0 || at > n - 1)) outside[o] = true
    else for (const [i, w] of taps(at, resize, call)) matrix[o * n + Math.min(Math.max(i, 0), n - 1)] += w
  }
  return { matrix, outside }
}

/** `matrix [m, n]` applied along one axis. */
function apply(x: NdArray, axis: number, matrix: Float64Array, m: number): NdArray {
  const n = x.shape[axis]
  const inner = sizeOf(x.shape.slice(axis + 1))
  const shape = x.shape.map((d, i) => (i === axis ? m : d))
  const data = new Float64Array(sizeOf(shape))
  for (let outer = 0; outer < sizeOf(x.shape.slice(0, axis)); outer++)
    for (let o = 0; o < m; o++)
      for (let k = 0; k < n; k++) {
        const w = matrix[o * n + k]
        if (w === 0) continue
        for (let i = 0; i < inner; i++) data[(outer * m + o) * inner + i] += w * x.data[(outer * n + k) * inner + i]
      }
  return { shape, data }
}

/** The matrix [m, n] of one axis as the runtime computes it: the identity, resized along its rows alone. */
function resizedIdentity({ b, x: [x], call }: Backward, resize: AxisResize): Expr {
  const { n, m, scale, roi, byScale } = resize
  const eye = new Float64Array(n * n)
  for (let i = 0; i < n; i++) eye[i * n + i] = 1
  const identity = b.constant(tensor(eye, [1, 1, n, n], x.type))
  const { axes: _, extrapolation_value: __, scales: ___, ...attributes } = call.attributes
  const scales = byScale ? b.constant(tensor([1, 1, scale, 1])) : undefined
  const cropped = call.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize'
  const region = cropped ? b.constant(tensor([0, 0, roi[0], 0, 1, 1, roi[1], 1])) : undefined
  const inputs =
    call.op === 'Upsample' || call.opset < 11
      ? [identity, scales]
      : [identity, region, scales, byScale ? undefined : b.int64([1, 1, m, n])].slice(0, byScale ? 3 : 4)
  return b.op(call.op, inputs, attributes).reshape([m, n])
}

const resize: OpDefinition = {
  infer: (inputs, call) => {
    const x = required(inputs, 0, call)
    const shape = [...x.shape]
    for (const { axis, m } of resizedAxes(inputs, call)) shape[axis] = m
    return [{ type: x.type, shape }]
  },
  evaluate: ([x], call, [y], facts) => {
    const extrapolation = call.float('extrapolation_value', 0)
    let result = x!
    const out = new Map<number, boolean[]>()
    for (const axis of resizedAxes(facts, call)) {
      const { matrix, outside } = matrixOf(axis, call)
      result = apply(result, axis.axis, matrix, axis.m)
      if (outside.includes(true)) out.set(axis.axis, outside)
    }
    if (out.size === 0) return [result]
    const data = result.data.slice()
    for (let i = 0; i < data.length; i++)
      for (const [axis, outside] of out)
        if (outside[Math.floor(i / sizeOf(y.shape.slice(axis + 1))) % y.shape[axis]]) data[i] = extrapolation
    return [{ shape: y.shape, data }]
  },
  vjp: (c) => {
    const { x, g0, call } = c
    // A free axis is fine as long as it is not resized.
    const axes = resizedAxes(
      x.map((e) => e?.facts[0]),
      call,
    )
    let g = g0
    // The last axis first: it makes g smaller without a transpose.
    for (const axis of axes.reverse()) {
      x[0].size(axis.axis)
      const matrix = resizedIdentity(c, axis)
      const fromEnd = g.rank - 1 - axis.axis
      g = fromEnd === 0 ? g.matmul(matrix) : fromEnd === 1 ? matrix.T.matmul(g) : alongAxis(g, axis.axis, matrix.T)
    }
    return [g]
  },
}

export const resizes: OpTable = { Resize: resize, Upsample: resize }
