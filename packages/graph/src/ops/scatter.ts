/** Writing by index, and what is found by comparing: TopK, ArgMax, NonZero. */
import type { Expr } from '../build.ts'
import { axisOf, knownInts, required } from '../facts.ts'
import { sizeOf, toNumbers } from '../model.ts'
import type { Backward, Fact, NdArray, OpCall, OpDefinition, OpTable } from '../op.ts'
import { elementPlaces, rowsOf, scatterElementsAdd } from './gather.ts'

const combine: Readonly<Record<string, (a: number, b: number) => number>> = {
  none: (_, b) => b,
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  max: Math.max,
  min: Math.min,
}

const reductionOf = (call: OpCall): string => {
  const name = call.string('reduction', 'none')
  if (!Object.hasOwn(combine, name)) call.fail(`reduction "${name}" is not one of ${Object.keys(combine).join(', ')}`)
  return name
}

/** Gradients of a scatter: what was overwritten gets none, an update gets what lies where it was written. */
function scatterRule(
  { x: [x, index, updates], g0, call, needs }: Backward,
  op: string,
  read: (g: Expr, index: Expr) => Expr,
): (Expr | undefined)[] {
  const reduction = reductionOf(call)
  if (reduction !== 'none' && reduction !== 'add')
    call.fail(`reduction "${reduction}" has no gradient rule; only "none" and "add" have one`)
  const attributes = call.has('axis') ? { axis: call.int('axis') } : {}
  const dx = reduction === 'add' ? g0 : x.b.op(op, [g0, index, updates.zerosLike()], attributes)
  return [needs(0) ? dx : undefined, undefined, needs(2) ? read(g0, index) : undefined]
}

const scatterElements: OpDefinition = {
  infer: (inputs, call) => {
    const [x, index, updates] = [0, 1, 2].map((i) => required(inputs, i, call))
    if (String(index.shape) !== String(updates.shape))
      call.fail(`indices [${index.shape}] and updates [${updates.shape}] must have the same shape`)
    return [{ type: x.type, shape: x.shape }]
  },
  evaluate: ([x, index, updates], call) => {
    const f = combine[reductionOf(call)]
    const data = x!.data.slice()
    const axis = axisOf(call.int('axis', 0), x!.shape.length, call)
    elementPlaces(x!.shape, index!, axis, call).forEach((p, m) => {
      data[p] = f(data[p], updates!.data[m])
    })
    return [{ shape: x!.shape, data }]
  },
  vjp: (c) =>
    scatterRule(c, 'ScatterElements', (g, index) =>
      g.b.op('GatherElements', [g, index], { axis: c.call.int('axis', 0) }),
    ),
}

const scatterNd: OpDefinition = {
  infer: (inputs, call) => {
    const [x, index, updates] = [0, 1, 2].map((i) => required(inputs, i, call))
    const depth = index.shape[index.shape.length - 1]
    const expected = [...index.shape.slice(0, -1), ...x.shape.slice(depth)]
    if (String(expected) !== String(updates.shape))
      call.fail(`updates [${updates.shape}] must have shape [${expected}] for indices [${index.shape}]`)
    return [{ type: x.type, shape: x.shape }]
  },
  evaluate: ([x, index, updates], call) => {
    const f = combine[reductionOf(call)]
    const data = x!.data.slice()
    const length = sizeOf(x!.shape.slice(index!.shape[index!.shape.length - 1]))
    rowsOf(x!.shape, index!, 0, call).forEach((p, m) => {
      for (let k = 0; k < length; k++) data[p + k] = f(data[p + k], updates!.data[m * length + k])
    })
    return [{ shape: x!.shape, data }]
  },
  vjp: (c) => scatterRule(c, 'ScatterND', (g, index) => g.b.op('GatherND', [g, index])),
}

/** Applies f to every row of x along `axis`; f gets the row and writes results of the given length. */
function perRow(
  x: NdArray,
  axis: number,
  length: number,
  f: (row: Float64Array, write: (k: number, v: number) => void) => void,
): NdArray {
  const n = x.shape[axis]
  const inner = sizeOf(x.shape.slice(axis + 1))
  const outer = sizeOf(x.shape.slice(0, axis))
  const shape = x.shape.map((d, i) => (i === axis ? length : d))
  const data = new Float64Array(sizeOf(shape))
  const row = new Float64Array(n)
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      for (let k = 0; k < n; k++) row[k] = x.data[(o * n + k) * inner + i]
      f(row, (k, v) => {
        data[(o * length + k) * inner + i] = v
      })
    }
  return { shape, data }
}

/** Positions of the extremes, in the order of TopK: ties by position. */
function ranking(row: Float64Array, largest: boolean): number[] {
  return Array.from(row, (_, k) => k).sort((a, b) => (largest ? row[b] - row[a] : row[a] - row[b]) || a - b)
}

const argExtreme = (largest: boolean): OpDefinition => ({
  infer: (inputs, call) => {
    const { shape } = required(inputs, 0, call)
    const axis = axisOf(call.int('axis', 0), shape.length, call)
    const keep = call.int('keepdims', 1)
    return [{ type: 'int64', shape: shape.flatMap((d, i) => (i === axis ? (keep ? [1] : []) : [d])) }]
  },
  evaluate: ([x], call, [y]) => {
    const axis = axisOf(call.int('axis', 0), x!.shape.length, call)
    const last = call.int('select_last_index', 0)
    const { data } = perRow(x!, axis, 1, (row, write) => {
      let best = 0
      for (let k = 1; k < row.length; k++) {
        const better = largest ? row[k] > row[best] : row[k] < row[best]
        if (better || (last && row[k] === row[best])) best = k
      }
      write(0, best)
    })
    return [{ shape: y.shape, data }]
  },
  vjp: 'zero',
})

/** An operator whose output shape depends on data: known only where the data are constants. */
const dataDependent = (size: (x: NdArray, call: OpCall) => NdArray): OpDefinition => {
  const result = (inputs: readonly (Fact | undefined)[], call: OpCall): NdArray => {
    const x = required(inputs, 0, call)
    if (!x.value)
      call.fail(
        'the size of its output depends on data, so the graph has no fixed shapes; replace it by a mask (Where)',
      )
    return size({ shape: x.shape, data: toNumbers(x.value) }, call)
  }
  return {
    infer: (inputs, call) => [{ type: 'int64', shape: result(inputs, call).shape }],
    evaluate: (_, call, __, facts) => [result(facts, call)],
    vjp: 'zero',
  }
}

export const scatters: OpTable = {
  ScatterElements: scatterElements,
  Scatter: scatterElements,
  ScatterND: scatterNd,
  TopK: {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      const axis = axisOf(call.int('axis', -1), x.shape.length, call)
      const k = call.opset < 10 ? call.int('k') : knownInts(inputs[1], call, 'the number k')[0]
      if (k > x.shape[axis]) call.fail(`k = ${k} is more than the ${x.shape[axis]} elements of axis ${axis}`)
      const shape = x.shape.map((d, i) => (i === axis ? k : d))
      return [
        { type: x.type, shape },
        { type: 'int64', shape },
      ]
    },
    evaluate: ([x], call, [y]) => {
      const axis = axisOf(call.int('axis', -1), x!.shape.length, call)
      const k = y.shape[axis]
      const pick = (value: boolean): NdArray =>
        perRow(x!, axis, k, (row, write) => {
          ranking(row, call.int('largest', 1) !== 0)
            .slice(0, k)
            .forEach((at, i) => {
              write(i, value ? row[at] : at)
            })
        })
      return [pick(true), pick(false)]
    },
    vjp: ({ x: [x], y, g0, call, extraOutput }) => [
      scatterElementsAdd(x, y[1] ?? extraOutput(1), g0, axisOf(call.int('axis', -1), x.rank, call)),
    ],
  },
  ArgMax: argExtreme(true),
  ArgMin: argExtreme(false),
  NonZero: dataDependent((x) => {
    const found = Array.from(x.data, (v, i) => (v !== 0 ? i : -1)).filter((i) => i >= 0)
    const data = x.shape.flatMap((d, axis) => found.map((i) => Math.floor(i / sizeOf(x.shape.slice(axis + 1))) % d))
    return { shape: [x.shape.length, found.length], data: Float64Array.from(data) }
  }),
}
