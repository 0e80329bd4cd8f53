/** Reductions and softmax: which axes, axes as an input and as an attribute, kept or not, zeros and ties. */
import { type Attributes, tensor } from '../../../src/index.ts'
import type { OpCase, Random, Size } from '../harness.ts'
import { between, ints, x } from '../harness.ts'

type Value = (random: Random, i: number) => number

interface Layout {
  readonly shape: readonly Size[]
  readonly axes?: readonly number[]
  readonly keepdims: 0 | 1
}

const layouts: readonly Layout[] = [
  { shape: ['N', 3, 5], axes: [1], keepdims: 1 },
  { shape: ['N', 3, 5], axes: [-1], keepdims: 0 },
  { shape: ['N', 3, 2], axes: [2, 1], keepdims: 0 },
  { shape: ['N', 3, 4, 2], axes: [0, 2], keepdims: 0 },
  { shape: ['N', 4], axes: [0], keepdims: 1 },
  { shape: [3, 1, 2], axes: [1], keepdims: 0 },
  { shape: [2, 3], keepdims: 0 },
  { shape: [2, 3], keepdims: 1 },
  { shape: ['N', 3], keepdims: 0 },
  { shape: [7], axes: [0], keepdims: 0 },
]

// A product over a free axis would need one copy of x per row.
const fixedReduction = ({ shape, axes }: Layout): boolean =>
  !shape.some((d, i) => typeof d === 'string' && (!axes || axes.includes(i)))

const over = (op: string, value?: Value, more: Partial<OpCase> = {}): OpCase[] =>
  [13, 18].flatMap((opset) =>
    layouts
      .filter((layout) => op !== 'ReduceProd' || fixedReduction(layout))
      .map(({ shape, axes, keepdims }): OpCase => {
        const asInput = axes && opset >= (op === 'ReduceSum' ? 13 : 18)
        return {
          op,
          opset,
          note: `[${shape}] axes ${axes ?? 'all'}${keepdims ? ' kept' : ''}`,
          inputs: asInput ? [x(shape, value), ints(...axes)] : [x(shape, value)],
          attributes: { keepdims, axes: asInput ? undefined : axes },
          ...more,
        }
      }),
  )

const positive = between(0.2, 2)

const at = (
  op: string,
  note: string,
  shape: readonly number[],
  points: readonly number[],
  gradient: readonly number[],
  axes: readonly number[] = [-1],
): OpCase => ({
  op,
  note,
  inputs: [x(shape, points), ints(...axes)],
  attributes: { keepdims: 0 },
  gradients: [gradient],
})

const normalised = (op: string): OpCase[] => [
  ...[-1, 1, 0].map((axis): OpCase => ({ op, note: `axis ${axis}`, inputs: [x(['N', 3, 5])], attributes: { axis } })),
  { op, note: 'default axis', inputs: [x(['N', 4])] },
  { op, note: 'one class', inputs: [x(['N', 1])] },
  { op, note: 'vector', inputs: [x([6])] },
  { op, note: 'large logits', inputs: [x([2, 4], (r) => 60 * r.normal())] },
  ...[0, 1, 2, 3].map(
    (axis): OpCase => ({
      op,
      opset: 11,
      note: `flattened from axis ${axis}`,
      inputs: [x(['N', 2, 3, 2])],
      attributes: { axis },
    }),
  ),
  { op, opset: 11, note: 'default axis before 13', inputs: [x(['N', 2, 3])] },
]

const noop = (op: string, attributes: Attributes): OpCase => ({
  op,
  note: `empty axes ${JSON.stringify(attributes)}`,
  inputs: [x(['N', 3], positive), ints()],
  attributes,
})

export const reduceCases: readonly OpCase[] = [
  ...over('ReduceSum', undefined, { linear: true }),
  ...over('ReduceMean', undefined, { linear: true }),
  ...over('ReduceMax'),
  ...over('ReduceMin'),
  ...over('ReduceProd'),
  ...over('ReduceL1'),
  ...over('ReduceL2', undefined, { tolerance: 5e-5 }),
  ...over('ReduceSumSquare'),
  ...over('ReduceLogSum', positive),
  ...over('ReduceLogSumExp'),
  ...['ReduceSum', 'ReduceMean', 'ReduceMax', 'ReduceL2', 'ReduceProd'].map((op) =>
    noop(op, { noop_with_empty_axes: 1 }),
  ),
  { op: 'ReduceSum', note: 'a scalar', inputs: [x([])], linear: true },
  { op: 'ReduceMax', note: 'a scalar', inputs: [x([])] },

  at('ReduceMax', 'ties share equally', [2, 3], [1, 2, 2, 5, 5, 5], [0, 0.5, 0.5, 1 / 3, 1 / 3, 1 / 3]),
  at('ReduceMin', 'ties share equally', [2, 3], [1, 1, 2, 5, 6, 5], [0.5, 0.5, 0, 0.5, 0, 0.5]),
  at('ReduceL1', 'at 0', [3], [0, -2, 3], [0, -1, 1]),
  at('ReduceL2', 'a row of zeros', [2, 2], [0, 0, 3, 4], [0, 0, 0.6, 0.8]),
  at('ReduceSumSquare', 'at 0', [2], [0, 3], [0, 6]),
  { op: 'ReduceProd', note: 'a long axis', inputs: [x(['N', 37], between(0.6, 1.5)), ints(1)] },
  at('ReduceProd', 'no zero', [3], [2, 3, 4], [12, 8, 6]),
  at('ReduceProd', 'one zero', [3], [2, 0, 4], [0, 8, 0]),
  at('ReduceProd', 'two zeros', [3], [2, 0, 0], [0, 0, 0]),
  at('ReduceProd', 'two axes with a zero', [2, 1, 2], [2, 0, 4, 5], [0, 40, 0, 0], [0, 2]),
  { ...at('ReduceLogSumExp', 'large arguments', [2], [1000, 900], [1, 0]) },

  ...normalised('Softmax'),
  ...normalised('LogSoftmax'),
  ...normalised('Hardmax'),
  {
    op: 'Softmax',
    note: 'masked entries at -inf',
    inputs: [
      x([2, 3], [Math.log(3), 0, Number.NEGATIVE_INFINITY, 0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]),
    ],
    build: (b, [v]) => [b.op('Softmax', [v]).mul(b.constant(tensor([4, 0, 0], [3], v.type)))],
    gradients: [[0.75, -0.75, 0, 0, 0, 0]],
    tolerance: 1e-6,
  },
]
