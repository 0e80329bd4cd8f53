/** Unary operators: three shapes each, attributes, and the points where a derivative has a pole or a kink. */
import type { Attributes } from '../../../src/index.ts'
import type { OpCase, Random } from '../harness.ts'
import { between, x } from '../harness.ts'

type Domain = (random: Random) => number

const shapes = [['N', 3, 5], [7], [1, 2, 1, 3], []] as const

const over = (op: string, domain?: Domain, more: Partial<OpCase> = {}): OpCase[] =>
  shapes.map((shape) => ({ op, note: `[${shape}]`, inputs: [x(shape, domain)], ...more }))

const withAttributes = (op: string, attributes: Attributes, more: Partial<OpCase> = {}): OpCase => ({
  op,
  note: JSON.stringify(attributes),
  inputs: [x(['N', 4, 3])],
  attributes,
  ...more,
})

const positive = between(0.2, 3)
const wide: Domain = (r) => 4 * r.normal()

/** A case at fixed points, where the expected gradients are known. */
const at = (
  op: string,
  note: string,
  points: readonly number[],
  gradient: readonly number[],
  more: Partial<OpCase> = {},
): OpCase => ({ op, note, inputs: [x([points.length], points)], gradients: [gradient], ...more })

export const elementwiseCases: readonly OpCase[] = [
  ...over('Neg', undefined, { linear: true }),
  ...over('Abs'),
  ...over('Exp'),
  ...over('Log', positive),
  ...over('Sqrt', positive),
  ...over('Reciprocal', positive),
  ...over('Erf', wide),
  ...over('Sin', wide),
  ...over('Cos', wide),
  ...over('Tan', between(-1.2, 1.2)),
  ...over('Asin', between(-0.9, 0.9)),
  ...over('Acos', between(-0.9, 0.9)),
  ...over('Atan', wide),
  ...over('Sinh'),
  ...over('Cosh'),
  ...over('Tanh'),
  ...over('Asinh', wide),
  ...over('Acosh', between(1.2, 4)),
  ...over('Atanh', between(-0.8, 0.8)),
  ...over('Sigmoid', wide),
  ...over('Softplus', wide),
  ...over('Softsign', wide),
  ...over('Relu'),
  ...over('LeakyRelu'),
  ...over('ThresholdedRelu', wide),
  ...over('Elu'),
  ...over('Celu'),
  ...over('Selu'),
  ...over('HardSigmoid', wide),
  ...over('HardSwish', wide),
  ...over('Mish', wide),
  ...over('Gelu', wide, { opset: 20 }),
  ...over('Shrink'),
  ...over('Sign'),
  ...over('Floor', wide),
  ...over('Ceil', wide),
  ...over('Round', wide),
  ...over('Swish', wide, { opset: 24 }),
  withAttributes('LeakyRelu', { alpha: 0.3 }),
  withAttributes('ThresholdedRelu', { alpha: 0.4 }),
  withAttributes('Elu', { alpha: 0.7 }),
  withAttributes('Celu', { alpha: 0.6 }),
  withAttributes('Selu', { alpha: 1.1, gamma: 1.3 }),
  withAttributes('HardSigmoid', { alpha: 0.3, beta: 0.4 }),
  withAttributes('Gelu', { approximate: 'tanh' }, { opset: 20 }),
  withAttributes('Shrink', { lambd: 0.7, bias: 0.2 }),
  withAttributes('Swish', { alpha: 1.7 }, { opset: 24 }),
  ...[11, 13, 21].flatMap((opset) =>
    ['Tanh', 'Relu', 'Exp', 'Sigmoid'].flatMap((op) => over(op, undefined, { opset })),
  ),

  at('Abs', 'at 0', [0, -1, 2], [0, -1, 1]),
  at('Relu', 'at 0', [0, -1, 2], [0, 0, 1]),
  at('LeakyRelu', 'at 0', [0, -1, 2], [0.5, 0.5, 1], { attributes: { alpha: 0.5 } }),
  at('HardSigmoid', 'at its corners', [-2, 2, 0], [0, 0, 0.25], { attributes: { alpha: 0.25, beta: 0.5 } }),
  at('Round', 'halves to even', [0.5, 1.5, 2.5, -0.5, -1.5], [0, 0, 0, 0, 0]),
  at('Tanh', 'saturated', [-40, 40], [0, 0]),
  at('Sigmoid', 'saturated', [-800, 800], [0, 0]),
  at('Softplus', 'large arguments', [-800, 800], [0, 1]),
  at('Mish', 'large arguments', [-800, 800], [0, 1]),
  at('Gelu', 'large arguments', [-60, 60], [0, 1], { opset: 20 }),
  at('Elu', 'large arguments', [-800, 800], [0, 1]),
  at('Celu', 'large arguments', [-800, 800], [0, 1]),
  // A masked branch: nothing flows into the pole, so the gradient there is 0 and not 0 * inf.
  ...(
    [
      ['Sqrt', [0, 4], [0, 0.25]],
      ['Log', [0, 2], [0, 0.5]],
      ['Reciprocal', [0, 2], [0, -0.25]],
    ] as const
  ).map(
    ([op, points, gradient]): OpCase => ({
      ...at(op, 'behind Where at its pole', points, gradient),
      build: (b, [v]) => [v.greater(0).where(b.op(op, [v]), 0)],
    }),
  ),
  ...(
    [
      ['Asin', [1, 0], [0, 1]],
      ['Acos', [1, 0], [0, -1]],
      ['Atanh', [1, 0], [0, 1]],
    ] as const
  ).map(
    ([op, points, gradient]): OpCase => ({
      ...at(op, 'behind Where at its pole', points, gradient),
      build: (b, [v]) => [v.less(1).where(b.op(op, [v]), 0)],
    }),
  ),
  {
    ...at('Acosh', 'behind Where at its pole', [1, 2], [0, 1 / Math.sqrt(3)]),
    build: (b, [v]) => [v.greater(1).where(b.op('Acosh', [v]), 0)],
  },
]
