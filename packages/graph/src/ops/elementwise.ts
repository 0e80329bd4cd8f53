/** Unary element-wise operators: `dx = g * f'(x)`, with `f'` written from y where that saves memory. */
import type { Expr } from '../build.ts'
import { required, requireFloat } from '../facts.ts'
import type { Backward, OpCall, OpDefinition, OpTable, Rule } from '../op.ts'

type Scalar = (x: number, call: OpCall) => number

/** An operator that maps each element by itself. */
function map(f: Scalar, vjp?: Rule | 'zero', float = true): OpDefinition {
  return {
    infer: (inputs, call) => {
      const x = required(inputs, 0, call)
      if (float) requireFloat(x, call)
      return [{ type: x.type, shape: x.shape }]
    },
    evaluate: ([x], call) => [{ shape: x!.shape, data: x!.data.map((v) => f(v, call)) }],
    vjp,
  }
}

/** `dx = g * factor`. */
const times =
  (factor: (context: Backward) => Expr): Rule =>
  (c) => [c.g0.mul(factor(c))]

/** Guards a pole of the derivative: where nothing flows back (g = 0) the gradient is 0, not 0 * inf = NaN. */
const guarded =
  (naive: (context: Backward) => Expr): Rule =>
  (c) => [c.g0.equal(0).where(0, naive(c))]

const { sqrt, exp, log, abs, PI } = Math

/** Error function by its series and continued fraction, to float64 rounding. */
export function erf(x: number): number {
  const a = abs(x)
  if (a > 6) return Math.sign(x)
  if (a < 2.5) {
    let term = x
    let sum = x
    for (let n = 1; abs(term) > 1e-17 * abs(sum) && n < 200; n++) {
      term *= (-x * x) / n
      sum += term / (2 * n + 1)
    }
    return (2 / sqrt(PI)) * sum
  }
  let fraction = a
  for (let k = 60; k >= 1; k--) fraction = a + k / 2 / fraction
  return Math.sign(x) * (1 - exp(-a * a) / (sqrt(PI) * fraction))
}

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)))
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(exp(-abs(x)))
const roundHalfEven = (x: number): number => {
  const r = Math.round(x)
  return abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}

const selu = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }
const alphaOf = (call: OpCall, fallback: number): number => call.float('alpha', fallback)
const geluTanh = { c: sqrt(2 / PI), k: 0.044715 }

export const elementwise: OpTable = {
  Neg: map(
    (x) => -x,
    (c) => [c.g0.neg()],
    false,
  ),
  Abs: map(
    abs,
    times(({ x: [x] }) => signOf(x)),
    false,
  ),
  Exp: map(
    exp,
    times(({ y: [y] }) => y),
  ),
  Log: map(
    log,
    guarded(({ x: [x], g0 }) => g0.div(x)),
  ),
  Sqrt: map(
    sqrt,
    guarded(({ y: [y], g0 }) => g0.mul(0.5).div(y)),
  ),
  Reciprocal: map(
    (x) => 1 / x,
    guarded(({ y: [y], g0 }) => g0.mul(y.square()).neg()),
  ),
  Erf: map(
    erf,
    times(({ x: [x] }) =>
      x
        .square()
        .neg()
        .exp()
        .mul(2 / sqrt(PI)),
    ),
  ),
  Sin: map(
    Math.sin,
    times(({ x: [x] }) => x.cos()),
  ),
  Cos: map(
    Math.cos,
    times(({ x: [x] }) => x.sin().neg()),
  ),
  Tan: map(
    Math.tan,
    times(({ y: [y] }) => y.square().add(1)),
  ),
  Asin: map(
    Math.asin,
    guarded(({ x: [x], g0 }) => g0.div(one(x).sub(x.square()).sqrt())),
  ),
  Acos: map(
    Math.acos,
    guarded(({ x: [x], g0 }) => g0.div(one(x).sub(x.square()).sqrt()).neg()),
  ),
  Atan: map(Math.atan, (c) => [c.g0.div(c.x[0].square().add(1))]),
  Sinh: map(
    Math.sinh,
    times(({ x: [x], b }) => b.op('Cosh', [x])),
  ),
  Cosh: map(
    Math.cosh,
    times(({ x: [x], b }) => b.op('Sinh', [x])),
  ),
  Tanh: map(
    Math.tanh,
    times(({ y: [y] }) => one(y).sub(y.square())),
  ),
  Asinh: map(Math.asinh, (c) => [c.g0.div(c.x[0].square().add(1).sqrt())]),
  Acosh: map(
    Math.acosh,
    guarded(({ x: [x], g0 }) => g0.div(x.square().sub(1).sqrt())),
  ),
  Atanh: map(
    Math.atanh,
    guarded(({ x: [x], g0 }) => g0.div(one(x).sub(x.square()))),
  ),
  Sigmoid: map(
    sigmoid,
    times(({ y: [y] }) => y.mul(one(y).sub(y))),
  ),
  Softplus: map(
    softplus,
    times(({ x: [x] }) => x.sigmoid()),
  ),
  Softsign: map(
    (x) => x / (1 + abs(x)),
    (c) => [c.g0.div(c.x[0].abs().add(1).square())],
  ),
  Relu: map(
    (x) => Math.max(x, 0),
    (c) => [c.x[0].greater(0).where(c.g0, 0)],
    false,
  ),
  LeakyRelu: map(
    (x, call) => (x >= 0 ? x : alphaOf(call, 0.01) * x),
    (c) => [c.x[0].greater(0).where(c.g0, c.g0.mul(alphaOf(c.call, 0.01)))],
  ),
  ThresholdedRelu: map(
    (x, call) => (x > alphaOf(call, 1) ? x : 0),
    (c) => [c.x[0].greater(alphaOf(c.call, 1)).where(c.g0, 0)],
  ),
  Elu: map(
    (x, call) => (x >= 0 ? x : alphaOf(call, 1) * Math.expm1(x)),
    (c) => [c.x[0].greater(0).where(c.g0, c.g0.mul(c.y[0].add(alphaOf(c.call, 1))))],
  ),
  Celu: map(
    (x, call) => Math.max(x, 0) + Math.min(0, alphaOf(call, 1) * Math.expm1(x / alphaOf(call, 1))),
    (c) => [c.x[0].greater(0).where(c.g0, c.g0.mul(c.x[0].div(alphaOf(c.call, 1)).exp()))],
  ),
  Selu: map(
    (x, call) => call.float('gamma', selu.gamma) * (x > 0 ? x : alphaOf(call, selu.alpha) * Math.expm1(x)),
    (c) => {
      const gamma = c.call.float('gamma', selu.gamma)
      return [c.x[0].greater(0).where(c.g0.mul(gamma), c.g0.mul(c.y[0].add(gamma * alphaOf(c.call, selu.alpha))))]
    },
  ),
  HardSigmoid: map(
    (x, call) => Math.min(1, Math.max(0, alphaOf(call, 0.2) * x + call.float('beta', 0.5))),
    (c) => [
      inside(c.x[0].mul(alphaOf(c.call, 0.2)).add(c.call.float('beta', 0.5)), 0, 1, c.g0.mul(alphaOf(c.call, 0.2))),
    ],
  ),
  HardSwish: map(
    (x) => x * Math.min(1, Math.max(0, x / 6 + 0.5)),
    ({ x: [x], g0 }) => [x.greater(3).where(g0, x.less(-3).where(0, g0.mul(x.mul(1 / 3).add(0.5))))],
  ),
  Swish: map(
    (x, call) => x * sigmoid(alphaOf(call, 1) * x),
    times(({ x: [x], call }) => {
      const alpha = alphaOf(call, 1)
      const s = (alpha === 1 ? x : x.mul(alpha)).sigmoid()
      const slope = x.mul(one(s).sub(s))
      return s.mul((alpha === 1 ? slope : slope.mul(alpha)).add(1))
    }),
  ),
  Mish: map(
    (x) => x * Math.tanh(softplus(x)),
    times(({ x: [x] }) => {
      const t = softplusOf(x).tanh()
      return t.add(x.mul(x.sigmoid()).mul(one(t).sub(t.square())))
    }),
  ),
  Gelu: map(
    (x, call) =>
      call.string('approximate', 'none') === 'tanh'
        ? 0.5 * x * (1 + Math.tanh(geluTanh.c * (x + geluTanh.k * x ** 3)))
        : 0.5 * x * (1 + erf(x / Math.SQRT2)),
    times(({ x: [x], b, call }) => {
      if (call.string('approximate', 'none') === 'tanh') {
        const t = x.add(x.square().mul(x).mul(geluTanh.k)).mul(geluTanh.c).tanh()
        const slope = x.mul(one(t).sub(t.square())).mul(
          x
            .square()
            .mul(3 * geluTanh.k)
            .add(1),
        )
        return t
          .add(1)
          .mul(0.5)
          .add(slope.mul(geluTanh.c / 2))
      }
      const cdf = b
        .op('Erf', [x.mul(Math.SQRT1_2)])
        .add(1)
        .mul(0.5)
      return cdf.add(x.mul(x.square().mul(-0.5).exp()).mul(1 / sqrt(2 * PI)))
    }),
  ),
  Shrink: map(
    (x, call) => {
      const [l, bias] = [call.float('lambd', 0.5), call.float('bias', 0)]
      return x < -l ? x + bias : x > l ? x - bias : 0
    },
    (c) => [c.x[0].abs().greater(c.call.float('lambd', 0.5)).where(c.g0, 0)],
  ),
  Sign: map(Math.sign, 'zero', false),
  Floor: map(Math.floor, 'zero'),
  Ceil: map(Math.ceil, 'zero'),
  Round: map(roundHalfEven, 'zero'),
}

/** A scalar one of x's type. */
function one(x: Expr): Expr {
  return x.b.scalar(1, x.type)
}

/** `log(1 + e^x)`, without overflow, from operators that have a kernel in every runtime. */
function softplusOf(x: Expr): Expr {
  return x.abs().neg().exp().add(1).log().add(x.relu())
}

/** `sign(x)`, written with Where because the browser's GPU has no Sign kernel. */
export function signOf(x: Expr): Expr {
  const { b, type } = x
  return x.greater(0).where(b.scalar(1, type), x.less(0).where(b.scalar(-1, type), b.scalar(0, type)))
}

/** g where `lo < v < hi`, else 0. */
function inside(v: Expr, lo: number, hi: number, g: Expr): Expr {
  return v.greater(lo).where(v.less(hi).where(g, 0), 0)
}
