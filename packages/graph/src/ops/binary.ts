/** Broadcasting element-wise operators; gradients are summed back over broadcast axes. */
import type { Expr } from '../build.ts'
import { broadcast, required } from '../facts.ts'
import type { DataType } from '../model.ts'
import { sizeOf, toNumbers } from '../model.ts'
import type { NdArray, OpCall, OpDefinition, OpTable, Rule } from '../op.ts'

/** Combines arrays element by element under broadcasting. */
export function zip(inputs: readonly NdArray[], shape: readonly number[], f: (values: number[]) => number): NdArray {
  const data = new Float64Array(sizeOf(shape))
  const rank = shape.length
  const strides = inputs.map((x) => broadcastStrides(x.shape, rank))
  const index = new Array<number>(rank).fill(0)
  const at = new Array<number>(inputs.length).fill(0)
  const values = new Array<number>(inputs.length)
  for (let i = 0; i < data.length; i++) {
    for (let k = 0; k < inputs.length; k++) values[k] = inputs[k].data[at[k]]
    data[i] = f(values)
    for (let axis = rank - 1; axis >= 0; axis--) {
      index[axis]++
      for (let k = 0; k < inputs.length; k++) at[k] += strides[k][axis]
      if (index[axis] < shape[axis]) break
      for (let k = 0; k < inputs.length; k++) at[k] -= strides[k][axis] * shape[axis]
      index[axis] = 0
    }
  }
  return { shape, data }
}

function broadcastStrides(shape: readonly number[], rank: number): number[] {
  const strides = new Array<number>(rank).fill(0)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[rank - shape.length + i] = shape[i] === 1 ? 0 : step
    step *= shape[i]
  }
  return strides
}

interface Options {
  readonly type?: DataType
  readonly vjp?: Rule | 'zero'
}

/** An operator on any number of broadcast inputs. */
function pointwise(
  f: (values: number[], integer: boolean, call: OpCall) => number,
  { type, vjp }: Options = {},
): OpDefinition {
  return {
    infer: (inputs, call) => {
      const facts = inputs.map((_, i) => required(inputs, i, call))
      for (const fact of facts)
        if (fact.type !== facts[0].type && call.op !== 'Where' && call.op !== 'Pow')
          call.fail(`inputs have types ${facts.map((x) => x.type).join(' and ')}; cast one of them`)
      const of = call.op === 'Where' ? facts[1] : facts[0]
      return [
        {
          type: type ?? of.type,
          shape: broadcast(
            facts.map((x) => x.shape),
            call.label,
          ),
        },
      ]
    },
    evaluate: (inputs, call, outputs, facts) => {
      const integer = /int/.test(facts[0]!.type)
      return [zip(inputs as NdArray[], outputs[0].shape, (values) => f(values, integer, call))]
    },
    vjp,
  }
}

const compare = (f: (a: number, b: number) => boolean): OpDefinition =>
  pointwise(([a, b]) => Number(f(a, b)), { type: 'bool', vjp: 'zero' })

/** `Where(g = 0, 0, naive)`: see the poles in elementwise.ts. */
const guard = (g: Expr, naive: Expr): Expr => g.equal(0).where(0, naive)

const isSigmoidOf = (s: Expr, x: Expr): boolean => {
  const node = s.b.producerOf(s)
  return node?.op === 'Sigmoid' && node.domain === '' && node.inputs[0] === x.name
}

/** Gradient of Max and Min: ties share equally. */
function extreme(pick: 'Max' | 'Min'): OpDefinition {
  const f = pick === 'Max' ? Math.max : Math.min
  return pointwise((values) => f(...values), {
    vjp: ({ x, y: [y], g0, needs }) => {
      if (x.length === 1) return [g0]
      const hits = x.map((v) => v.equal(y).cast(y.type))
      const count = hits.reduce((a, v) => a.add(v))
      const share = g0.div(count)
      return x.map((v, i) => (needs(i) ? share.mul(hits[i]).unbroadcast(v) : undefined))
    },
  })
}

export const binary: OpTable = {
  Add: pointwise(([a, b]) => a + b, { vjp: ({ x: [a, b], g0 }) => [g0.unbroadcast(a), g0.unbroadcast(b)] }),
  Sub: pointwise(([a, b]) => a - b, {
    vjp: ({ x: [a, b], g0, needs }) => [g0.unbroadcast(a), needs(1) ? g0.neg().unbroadcast(b) : undefined],
  }),
  Mul: pointwise(([a, b]) => a * b, {
    vjp: ({ x: [a, b], y: [y], g0, needs }) => {
      // x * sigmoid(x), as SiLU is exported, has one gradient in one: g s (1 + x - y), two passes fewer.
      if (needs(0) && needs(1) && isSigmoidOf(b, a)) return [g0.mul(b.mul(a.sub(y).add(1))), undefined]
      if (needs(0) && needs(1) && isSigmoidOf(a, b)) return [undefined, g0.mul(a.mul(b.sub(y).add(1)))]
      return [needs(0) ? g0.mul(b).unbroadcast(a) : undefined, needs(1) ? g0.mul(a).unbroadcast(b) : undefined]
    },
  }),
  Div: pointwise(([a, b], integer) => (integer ? Math.trunc(a / b) : a / b), {
    vjp: ({ x: [a, b], y: [y], g0, needs }) => [
      needs(0) ? guard(g0, g0.div(b)).unbroadcast(a) : undefined,
      needs(1) ? guard(g0, g0.mul(y).div(b).neg()).unbroadcast(b) : undefined,
    ],
  }),
  Pow: pointwise(([a, p]) => a ** p, { vjp: powRule }),
  Mod: pointwise(
    ([a, b], _, call) => {
      if (call.int('fmod', 0)) return a % b
      const r = a % b
      return r !== 0 && r < 0 !== b < 0 ? r + b : r
    },
    {
      vjp: ({ x: [a, b], y: [y], g0, needs }) => [
        g0.unbroadcast(a),
        // y = a - k b; the quotient k is a whole number up to rounding, and constant almost everywhere.
        needs(1)
          ? g0
              .mul(a.b.op('Floor', [a.sub(y).div(b).add(0.5)]))
              .neg()
              .unbroadcast(b)
          : undefined,
      ],
    },
  ),
  PRelu: pointwise(([x, slope]) => (x >= 0 ? x : slope * x), {
    vjp: ({ x: [x, slope], g0, needs }) => [
      needs(0) ? x.less(0).where(g0.mul(slope), g0) : undefined,
      needs(1) ? x.less(0).where(g0.mul(x), 0).unbroadcast(slope) : undefined,
    ],
  }),
  Max: extreme('Max'),
  Min: extreme('Min'),
  Sum: pointwise((values) => values.reduce((a, b) => a + b, 0), {
    vjp: ({ x, g0 }) => x.map((v) => g0.unbroadcast(v)),
  }),
  Mean: pointwise((values) => values.reduce((a, b) => a + b, 0) / values.length, {
    vjp: ({ x, g0 }) => x.map((v) => g0.mul(1 / x.length).unbroadcast(v)),
  }),
  Where: pointwise(([c, a, b]) => (c ? a : b), {
    vjp: ({ x: [c, a, b], g0, needs }) => [
      undefined,
      needs(1) ? c.where(g0, 0).unbroadcast(a) : undefined,
      needs(2) ? c.where(0, g0).unbroadcast(b) : undefined,
    ],
  }),
  Clip: {
    infer: (inputs, call) => [{ type: required(inputs, 0, call).type, shape: inputs[0]!.shape }],
    evaluate: ([x, lo, hi], call) => {
      const [a, b] = clipBounds(lo?.data[0], hi?.data[0], call)
      return [{ shape: x!.shape, data: x!.data.map((v) => Math.min(Math.max(v, a), b)) }]
    },
    vjp: ({ x: [x, lo, hi], g0, call, needs }) => {
      // Bounds before opset 11 are attributes.
      const low = lo ?? (call.has('min') ? x.b.scalar(call.float('min'), x.type) : undefined)
      const high = hi ?? (call.has('max') ? x.b.scalar(call.float('max'), x.type) : undefined)
      let dx = g0
      if (low) dx = x.less(low).where(0, dx)
      if (high) dx = x.greater(high).where(0, dx)
      return [
        dx,
        low && needs(1) ? x.less(low).where(g0, 0).sum().reshapeLike(low) : undefined,
        high && needs(2) ? x.greater(high).where(g0, 0).sum().reshapeLike(high) : undefined,
      ]
    },
  },
  Equal: compare((a, b) => a === b),
  Greater: compare((a, b) => a > b),
  GreaterOrEqual: compare((a, b) => a >= b),
  Less: compare((a, b) => a < b),
  LessOrEqual: compare((a, b) => a <= b),
  And: compare((a, b) => a !== 0 && b !== 0),
  Or: compare((a, b) => a !== 0 || b !== 0),
  Xor: compare((a, b) => (a !== 0) !== (b !== 0)),
  Not: {
    infer: (inputs, call) => [{ type: 'bool', shape: required(inputs, 0, call).shape }],
    evaluate: ([x]) => [{ shape: x!.shape, data: x!.data.map((v) => Number(v === 0)) }],
    vjp: 'zero',
  },
  IsNaN: {
    infer: (inputs, call) => [{ type: 'bool', shape: required(inputs, 0, call).shape }],
    evaluate: ([x]) => [{ shape: x!.shape, data: x!.data.map((v) => Number(Number.isNaN(v))) }],
    vjp: 'zero',
  },
  IsInf: {
    infer: (inputs, call) => [{ type: 'bool', shape: required(inputs, 0, call).shape }],
    evaluate: ([x]) => [
      { shape: x!.shape, data: x!.data.map((v) => Number(Math.abs(v) === Number.POSITIVE_INFINITY)) },
    ],
    vjp: 'zero',
  },
}

export function clipBounds(lo: number | undefined, hi: number | undefined, call: OpCall): [number, number] {
  return [
    lo ?? (call.has('min') ? call.float('min') : Number.NEGATIVE_INFINITY),
    hi ?? (call.has('max') ? call.float('max') : Number.POSITIVE_INFINITY),
  ]
}

/** `d x^p`: the common constant exponents without a second Pow; a tensor exponent through `y log x` where x > 0. */
function powRule({ b, x: [x, p], y: [y], g0, needs }: Parameters<Rule>[0]): (Expr | undefined)[] {
  // An exponent that is itself differentiated may change between steps.
  const constant = !needs(1) && p.value && p.value.data.length === 1 ? toNumbers(p.value)[0] : undefined
  let dx: Expr | undefined
  if (needs(0)) {
    if (constant === 0) dx = undefined
    else if (constant === 1) dx = g0
    else if (constant === 2) dx = g0.mul(x).mul(2)
    else if (constant === 3) dx = g0.mul(x.square()).mul(3)
    else if (constant === 0.5) dx = guard(g0, g0.mul(0.5).div(y))
    else if (constant === -1) dx = guard(g0, g0.mul(y.square()).neg())
    else {
      const exponent = p.type === x.type ? p : p.cast(x.type)
      const naive = g0.mul(exponent).mul(b.op('Pow', [x, exponent.sub(1)]))
      dx = constant !== undefined && constant > 1 ? naive : guard(g0, naive)
    }
    dx = dx?.unbroadcast(x)
  }
  if (!needs(1)) return [dx, undefined]
  const positive = x.greater(0)
  const slope = y.mul(positive.where(x, 1).log())
  return [dx, g0.mul(positive.where(slope, 0)).unbroadcast(p)]
}
