/** Broadcasting operators: equal shapes, missing axes, axes of size 1, a free batch axis on one or both sides. */
import { float } from '../../../src/index.ts'
import type { OpCase, Operand, Random } from '../harness.ts'
import { between, index, ints, weight, x } from '../harness.ts'

type Value = (random: Random, i: number) => number

const pairs = [
  [
    ['N', 3, 5],
    ['N', 3, 5],
  ],
  [['N', 3, 5], [5]],
  [
    ['N', 3, 5],
    [1, 3, 1],
  ],
  [
    ['N', 1, 4],
    [3, 1],
  ],
  [[], ['N', 2]],
  [
    [1, 1],
    [7, 1],
  ],
  [
    [1, 4],
    ['N', 4],
  ],
] as const

const over = (op: string, a?: Value, b?: Value, more: Partial<OpCase> = {}): OpCase[] =>
  pairs.map(([p, q]) => ({ op, note: `[${p}] [${q}]`, inputs: [x(p, a), x(q, b)], ...more }))

const away: Value = (r) => (r.uniform() < 0.5 ? -1 : 1) * r.uniform(0.4, 3)
const positive = between(0.3, 2.5)

const at = (
  op: string,
  note: string,
  points: readonly (readonly number[])[],
  gradients: readonly (readonly number[])[],
  more: Partial<OpCase> = {},
): OpCase => ({ op, note, inputs: points.map((p) => x([p.length], p)), gradients, ...more })

const power = (note: string, p: number | readonly number[], value: Value): OpCase => ({
  op: 'Pow',
  note,
  inputs: [x(['N', 3, 2], value), weight(typeof p === 'number' ? [] : [p.length], typeof p === 'number' ? [p] : p)],
})

const mask = (shape: Operand['shape']): Operand => index(shape, (r) => Number(r.uniform() < 0.5), 'bool')
const scalar = (value: number): Operand => weight([], [value])

export const binaryCases: readonly OpCase[] = [
  ...over('Add', undefined, undefined, { linear: true }),
  ...over('Sub', undefined, undefined, { linear: true }),
  ...over('Mul'),
  ...over('Div', undefined, away),
  ...over('Pow', positive),
  ...over('Mod', away, between(0.5, 2), { attributes: { fmod: 1 } }),
  ...over('Max'),
  ...over('Min'),
  ...over('Sum', undefined, undefined, { linear: true }),
  ...over('Mean', undefined, undefined, { linear: true }),
  ...over('Add', undefined, undefined, { opset: 13 }),
  ...over('Max', undefined, undefined, { opset: 13 }),
  ...['Max', 'Min', 'Sum', 'Mean'].flatMap((op): OpCase[] => [
    { op, note: 'one operand', inputs: [x(['N', 3])] },
    { op, note: 'four operands', inputs: [x(['N', 3]), x([3]), x([1, 1]), x(['N', 1])] },
    { op, note: 'the same operand twice', inputs: [x(['N', 3])], build: (b, [v]) => [b.op(op, [v, v])] },
  ]),
  at(
    'Max',
    'ties share equally',
    [
      [1, 2, 3],
      [1, 5, 3],
    ],
    [
      [0.5, 0, 0.5],
      [0.5, 1, 0.5],
    ],
  ),
  at(
    'Min',
    'a tie of three',
    [
      [1, 2],
      [1, 5],
      [1, 0],
    ],
    [
      [1 / 3, 0],
      [1 / 3, 0],
      [1 / 3, 1],
    ],
  ),

  ...[0, 1, 2, 3, 4, -2].map((p) => power(`constant ${p}, negative base`, p, away)),
  ...[0.5, -1, -0.5, 1.7].map((p) => power(`constant ${p}`, p, positive)),
  power('constant exponents of a list', [2, 3], away),
  { op: 'Pow', note: 'integer exponent of type int64', inputs: [x(['N', 3], away), ints(3)] },
  { op: 'Pow', note: 'scalar base', inputs: [x([], positive), x(['N', 3])] },
  at('Pow', 'squared at 0', [[0, -2, 3]], [[0, -4, 6]], { inputs: [x([3], [0, -2, 3]), scalar(2)] }),
  at('Pow', 'cubed at 0', [[0]], [[0, 12]], { inputs: [x([2], [0, -2]), scalar(3)] }),
  at('Pow', 'power 0', [[0]], [[0, 0]], { inputs: [x([2], [0, -2]), scalar(0)] }),
  at('Pow', 'power 1', [[0]], [[1, 1]], { inputs: [x([2], [0, -2]), scalar(1)] }),
  at('Pow', 'power 4 at 0 and below', [[0]], [[0, -32]], { inputs: [x([2], [0, -2]), scalar(4)] }),
  at('Pow', 'power 1.5 at 0', [[0]], [[0, 3]], { inputs: [x([2], [0, 4]), scalar(1.5)] }),
  {
    ...at('Pow', 'square root behind Where at 0', [[0, 4]], [[0, 0.25]]),
    build: (b, [v]) => [v.greater(0).where(b.op('Pow', [v, b.scalar(0.5, v.type)]), 0)],
  },
  at(
    'Pow',
    'tensor exponent: base 0 and below gives no gradient to the exponent',
    [
      [0, -2, 2],
      [2, 2, 3],
    ],
    [
      [0, -4, 12],
      [0, 0, 8 * Math.LN2],
    ],
    { tolerance: 1e-5 },
  ),
  {
    ...at(
      'Div',
      'behind Where at a zero divisor',
      [
        [3, 3],
        [0, 2],
      ],
      [
        [0, 0.5],
        [0, -0.75],
      ],
    ),
    build: (b, [p, q]) => [q.greater(0).where(b.op('Div', [p, q]), 0)],
  },

  { op: 'Mul', note: 'by its own sigmoid', inputs: [x(['N', 3, 5])], build: (_, [v]) => [v.mul(v.sigmoid())] },
  { op: 'Mul', note: 'a sigmoid by its argument', inputs: [x([7])], build: (_, [v]) => [v.sigmoid().mul(v)] },
  {
    op: 'Mul',
    note: 'by its own sigmoid, which has another use',
    inputs: [x([7])],
    build: (_, [v]) => [v.mul(v.sigmoid()).add(v.sigmoid().square())],
  },

  { op: 'PRelu', note: 'slope per channel', inputs: [x(['N', 3, 4]), x([3, 1])] },
  { op: 'PRelu', note: 'one slope', inputs: [x(['N', 3, 4]), x([1])] },
  { op: 'PRelu', note: 'slope per element', inputs: [x([2, 3]), x([2, 3])] },
  at(
    'PRelu',
    'at 0',
    [
      [0, -1],
      [0.5, 0.5],
    ],
    [
      [1, 0.5],
      [0, -1],
    ],
  ),

  ...pairs.map(
    ([p, q]): OpCase => ({ op: 'Where', note: `[${p}] [${q}]`, inputs: [mask([1]), x(p), x(q)], linear: true }),
  ),
  { op: 'Where', note: 'mask of the full shape', inputs: [mask(['N', 3, 4]), x([4]), x(['N', 1, 1])], linear: true },
  { op: 'Where', note: 'mask that broadcasts both', inputs: [mask(['N', 3]), x([]), x([])], linear: true },

  ...[11, 13, 18].flatMap((opset): OpCase[] => [
    { op: 'Clip', note: 'both bounds', opset, inputs: [x(['N', 3, 4]), scalar(-0.5), scalar(0.8)] },
    { op: 'Clip', note: 'lower bound', opset, inputs: [x(['N', 3]), scalar(-0.5)] },
    { op: 'Clip', note: 'upper bound', opset, inputs: [x([1, 5]), undefined, scalar(0.5)] },
    { op: 'Clip', note: 'no bound', opset, inputs: [x([5])] },
  ]),
  { op: 'Clip', note: 'bounds as data', inputs: [x(['N', 7]), x([], [-0.5]), x([], [0.4])] },
  {
    op: 'Clip',
    note: 'bounds as attributes',
    opset: 10,
    inputs: [x([7])],
    attributes: { min: float(-0.5), max: float(0.4) },
  },
  at('Clip', 'at its bounds', [[-1, 0, 1, 2]], [[1, 1, 1, 0]], {
    inputs: [x([4], [-1, 0, 1, 2]), scalar(-1), scalar(1)],
  }),

  ...['Equal', 'Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'].flatMap((op) =>
    pairs.map(
      ([p, q]): OpCase => ({
        op,
        note: `[${p}] [${q}]`,
        inputs: [x(p, (r) => r.int(-1, 1)), x(q, (r) => r.int(-1, 1))],
      }),
    ),
  ),
  ...['And', 'Or', 'Xor'].flatMap((op) =>
    pairs.map(([p, q]): OpCase => ({ op, note: `[${p}] [${q}]`, inputs: [mask(p), mask(q)] })),
  ),
  { op: 'Not', note: '[N,3]', inputs: [mask(['N', 3])] },
  { op: 'IsNaN', note: '[4]', inputs: [x([4], [0, Number.NaN, 1, Number.NEGATIVE_INFINITY])], wrt: [] },
  { op: 'IsInf', note: '[4]', inputs: [x([4], [0, Number.NaN, 1, Number.NEGATIVE_INFINITY])], wrt: [], opset: 20 },
  { op: 'Mod', note: 'integers of both signs', inputs: [index([4], [7, -7, 7, -7]), index([4], [3, 3, -3, -3])] },
  { op: 'Div', note: 'integers truncate', inputs: [index([4], [7, -7, 7, -7]), index([4], [3, 3, -3, -3])] },
]
