/** Operators that move numbers: negative axes and steps, free sizes on the moved axis, empty parts, shape arithmetic. */
import { type Attributes, elementCodes, tensor } from '../../../src/index.ts'
import type { OpCase, Operand, Size } from '../harness.ts'
import { index, ints, weight, x } from '../harness.ts'

const moves = (
  op: string,
  shape: readonly Size[],
  inputs: readonly (Operand | undefined)[] = [],
  attributes: Attributes = {},
  more: Partial<OpCase> = {},
): OpCase => ({
  op,
  note: `[${shape}] ${JSON.stringify(attributes)} ${inputs.map((v) => (v ? v.shape.join() : '-')).join(' ')}`.trim(),
  inputs: [x(shape), ...inputs],
  attributes,
  linear: true,
  ...more,
})

const reshape = (shape: readonly Size[], target: number[], attributes: Attributes = {}): OpCase =>
  moves('Reshape', shape, [ints(...target)], attributes, { note: `[${shape}] to [${target}]` })

const slice = (shape: readonly Size[], starts: number[], ends: number[], axes?: number[], steps?: number[]): OpCase =>
  moves(
    'Slice',
    shape,
    [ints(...starts), ints(...ends), axes && ints(...axes), steps && ints(...steps)],
    {},
    { note: `[${shape}] ${starts} to ${ends} axes ${axes ?? 'first'} steps ${steps ?? 1}` },
  )

const pad = (shape: readonly Size[], pads: number[], mode = 'constant', more: Partial<OpCase> = {}): OpCase =>
  moves('Pad', shape, [ints(...pads)], { mode }, { note: `${mode} [${shape}] by ${pads}`, ...more })

const end = 2 ** 53

export const layoutCases: readonly OpCase[] = [
  moves('Identity', ['N', 3]),
  moves('Identity', []),
  moves('Identity', [2, 1, 3], [], {}, { opset: 13 }),
  moves('Dropout', ['N', 3], [], {}, { outputs: 2 }),
  moves('Dropout', ['N', 3], [weight([], [0.3])], {}, { note: 'with a ratio' }),
  moves('Dropout', ['N', 3], [], { ratio: 0.4 }, { opset: 11 }),
  ...['Cast'].flatMap((op) =>
    [elementCodes.float64, elementCodes.float32].map((to) => moves(op, ['N', 3], [], { to }, { firstOnly: '' })),
  ),
  {
    op: 'Cast',
    note: 'to int64 truncates',
    inputs: [x([4], [1.7, -1.7, 0.2, 3])],
    attributes: { to: elementCodes.int64 },
  },
  { op: 'Cast', note: 'to bool', inputs: [x([3], [1.7, 0, -2])], attributes: { to: elementCodes.bool } },
  {
    op: 'Cast',
    note: 'from int64',
    inputs: [index(['N', 2], (r) => r.int(-3, 3))],
    attributes: { to: elementCodes.float32 },
  },
  { op: 'CastLike', note: 'float', inputs: [x(['N', 3]), x([1])], wrt: [0], linear: true },
  { op: 'CastLike', note: 'scalar', inputs: [x([]), x([2])], wrt: [0], linear: true },
  { op: 'CastLike', note: 'to int64', inputs: [x([3], [1.5, -1.5, 2]), index([1], [0])] },

  reshape(['N', 3, 4], [-1, 12]),
  reshape(['N', 3, 4], [0, 4, 3]),
  reshape(['N', 3, 4], [0, -1]),
  reshape(['N', 3, 4], [-1]),
  reshape(['N', 4], [-1, 2, 2, 1]),
  reshape([2, 3], [3, 2]),
  reshape([1], []),
  reshape(['N', 3, 4], [-1, 4, 3], { allowzero: 1 }),
  moves('Flatten', ['N', 3, 4]),
  moves('Flatten', ['N', 3, 4], [], { axis: 0 }),
  moves('Flatten', ['N', 3, 4], [], { axis: -1 }),
  moves('Flatten', [2, 3, 4], [], { axis: 3 }),
  moves('Squeeze', ['N', 1, 3, 1], [ints(1, -1)]),
  moves('Squeeze', [2, 1, 3, 1]),
  moves('Squeeze', ['N', 1, 3], [], { axes: [1] }, { opset: 11 }),
  moves('Unsqueeze', ['N', 3], [ints(1, -1)]),
  moves('Unsqueeze', [], [ints(0)]),
  moves('Unsqueeze', ['N', 3], [], { axes: [0, 3] }, { opset: 11 }),
  moves('Transpose', ['N', 3, 4]),
  moves('Transpose', ['N', 2, 3, 4], [], { perm: [0, 2, 3, 1] }),
  moves('Transpose', [1, 2, 3], [], { perm: [2, 0, 1] }),
  moves('Transpose', [4], [], { perm: [0] }),

  ...(
    [
      [
        1,
        [
          ['N', 2],
          ['N', 3],
          ['N', 1],
        ],
      ],
      [
        -1,
        [
          ['N', 2, 3],
          ['N', 2, 1],
        ],
      ],
      [
        0,
        [
          ['N', 2],
          [3, 2],
        ],
      ],
      [
        0,
        [
          [2, 2],
          ['N', 2],
          [1, 2],
        ],
      ],
      [
        0,
        [
          ['N', 2],
          ['N', 2],
        ],
      ],
      [
        0,
        [
          ['N', 2],
          [1, 2],
          ['N', 2],
          [2, 2],
        ],
      ],
      [1, [[2, 3]]],
    ] as const
  ).map(
    ([axis, shapes]): OpCase => ({
      op: 'Concat',
      note: `axis ${axis} ${shapes.map((s) => `[${s}]`).join(' ')}`,
      inputs: shapes.map((s) => x(s)),
      attributes: { axis },
      linear: true,
    }),
  ),
  {
    op: 'Concat',
    note: 'the same operand twice',
    inputs: [x(['N', 3])],
    build: (b, [v]) => [b.op('Concat', [v, v], { axis: 1 })],
    linear: true,
  },
  {
    op: 'Concat',
    note: 'one part without gradient',
    inputs: [x(['N', 3]), x(['N', 2])],
    wrt: [1],
    attributes: { axis: 1 },
  },
  moves('Split', ['N', 6], [ints(2, 1, 3)], { axis: 1 }, { outputs: 3 }),
  moves('Split', ['N', 6], [], { axis: -1, num_outputs: 3 }, { outputs: 3 }),
  moves('Split', ['N', 7], [], { axis: 1, num_outputs: 3 }, { outputs: 3 }),
  moves('Split', [6, 2], [], {}, { outputs: 2, opset: 13 }),
  moves('Split', [6, 2], [], { split: [1, 5] }, { outputs: 2, opset: 11 }),
  {
    op: 'Split',
    note: 'one output without a use',
    inputs: [x(['N', 6])],
    build: (b, [v]) => b.call('Split', [v], { axis: 1, num_outputs: 3 }, 3).slice(1, 2),
    linear: true,
  },
  {
    op: 'Split',
    note: 'free axis, by name',
    inputs: [x(['N', 2])],
    build: (b, [v]) => {
      const [p, q] = b.call('Split', [b.op('Concat', [v, v], { axis: 0 })], { axis: 0, num_outputs: 2 }, 2)
      return [p.mul(2).add(q)]
    },
    linear: true,
  },

  slice(['N', 5, 4], [1], [4], [1]),
  slice(['N', 5, 4], [1, 0], [-1, 2], [1, 2]),
  slice(['N', 5], [-3], [end], [-1]),
  slice(['N', 7], [0], [end], [1], [2]),
  slice(['N', 7], [1], [6], [1], [3]),
  slice(['N', 7], [-1], [-end], [1], [-1]),
  slice(['N', 7], [5], [1], [1], [-1]),
  slice(['N', 7], [6], [0], [1], [-2]),
  slice(
    ['N', 5, 6, 3],
    [1, -1],
    [5, -end],
    [2, 1],
    [2, -1].map((s) => s),
  ),
  slice([4, 3], [1, 0], [3, 2]),
  slice(['N', 3], [0], [end], [0]),
  slice(['N', 4], [-1], [-end], [0], [-1]),
  slice([5, 2], [9], [-9], [0], [-1]),
  slice(['N', 5], [1], [2], [1]),
  { ...slice(['N', 2], [1], [end], [0]), free: [2, 4], note: 'all but the first row' },
  { ...slice(['N', 2], [0], [-1], [0]), free: [2, 4], note: 'all but the last row' },
  { ...slice(['N', 2], [0], [1], [0]), free: [1, 3], note: 'the first row' },
  { ...slice(['N', 2], [-2], [end], [0]), free: [2, 3], note: 'the last two rows' },

  pad(['N', 2, 3], [0, 1, 2, 0, 0, 1]),
  pad(['N', 5], [0, -1, 0, -2]),
  pad(['N', 5], [0, -1, 0, 3]),
  pad([3], [2, 0]),
  pad(['N', 2], [1, 0, 2, 0]),
  pad(['N', 4, 5], [0, 1, 2, 0, 3, 1], 'reflect'),
  pad(['N', 4, 5], [0, 1, 2, 0, 3, 1], 'edge'),
  pad(['N', 4, 5], [0, 1, 2, 0, 3, 1], 'wrap', { opset: 19 }),
  pad([1, 1, 3], [0, 0, 2, 0, 0, 2], 'reflect'),
  pad(['N', 1], [0, 2, 0, 1], 'edge'),
  { op: 'Pad', note: 'with a value', inputs: [x(['N', 3]), ints(0, 1, 0, 1), weight([], [2.5])] },
  { op: 'Pad', note: 'with a value that has a gradient', inputs: [x(['N', 3]), ints(1, 1, 0, 1), x([])], linear: true },
  { op: 'Pad', note: 'axes input', inputs: [x(['N', 3, 4]), ints(1, 2), undefined, ints(-1)], linear: true },
  { op: 'Pad', note: 'opset 11', opset: 11, inputs: [x(['N', 3]), ints(0, 1, 0, 1)], linear: true },

  moves('Expand', [3, 1], [ints(3, 4)]),
  moves('Expand', [3, 1], [ints(2, 1, 4)]),
  moves('Expand', ['N', 1, 2], [ints(1, 3, 1)]),
  moves('Expand', [], [ints(2, 3)]),
  moves('Expand', ['N', 3], [ints(1, 1)]),
  {
    op: 'Expand',
    note: 'to the shape of another tensor',
    inputs: [x([1, 3]), x(['N', 1])],
    build: (_, [v, w]) => [v.expandLike(v.add(w)).mul(w)],
  },
  moves('Tile', ['N', 3], [ints(1, 2)]),
  moves('Tile', [2, 1, 3], [ints(3, 2, 1)]),
  moves('Tile', ['N', 2], [ints(2, 1)]),
  moves('Tile', ['N', 2], [ints(2, 3)]),
  moves('Tile', ['N', 3], [ints(1, 1)]),
  {
    op: 'Tile',
    note: 'as many times as there are rows',
    inputs: [x([1, 3]), x(['N', 3])],
    build: (b, [v, w]) => {
      const rows = b.op('Slice', [w.shapeOf(), b.int64([0]), b.int64([1])])
      return [b.op('Tile', [v, b.op('Concat', [rows, b.int64([1])], { axis: 0 })]).mul(w)]
    },
  },

  {
    op: 'Shape',
    note: 'part of a shape, back into Reshape',
    inputs: [x(['N', 3, 4])],
    build: (b, [v]) => {
      const head = b.op('Shape', [v], { start: 0, end: 1 })
      return [
        b.op('Reshape', [v, b.op('Concat', [head, b.int64([12])], { axis: 0 })]),
        b.op('Shape', [v], { start: -2 }),
      ]
    },
  },
  { op: 'Size', note: '[N,3]', inputs: [x(['N', 3])] },
  { op: 'ConstantOfShape', note: 'filled', inputs: [ints(2, 3)], attributes: { value: tensor([2.5], [1]) } },
  { op: 'ConstantOfShape', note: 'default', inputs: [ints(2)] },
  { op: 'Constant', note: 'scalar float', inputs: [], attributes: { value_float: 1.5 } },
  { op: 'Constant', note: 'ints', inputs: [], attributes: { value_ints: [1, 2] } },
  { op: 'Constant', note: 'tensor', inputs: [], attributes: { value: tensor([1, 2], [2, 1]) } },
  { op: 'Range', note: 'float', inputs: [0.5, 4, 0.75].map((v) => weight([], [v])) },
  {
    op: 'Range',
    note: 'down in steps of 2',
    inputs: [9, 0, -2].map((v): Operand => ({ ...ints(v), shape: [] })),
  },
]
