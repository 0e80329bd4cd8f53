/** Reading and writing by index: duplicates, negative indices, free axes, constant and computed indices. */
import { type Attributes, tensor } from '../../../src/index.ts'
import type { OpCase, Operand, Random, Size } from '../harness.ts'
import { index, ints, weight, x } from '../harness.ts'

const upTo =
  (n: number, low = 0) =>
  (random: Random): number =>
    random.int(low, n - 1)

/** A constant index tensor. */
const fixed = (shape: readonly number[], values: readonly number[]): Operand => ({
  ...index(shape, values),
  constant: true,
})

const gather = (data: readonly Size[], at: Operand, axis = 0, more: Partial<OpCase> = {}): OpCase => ({
  op: 'Gather',
  note: `[${data}] axis ${axis} ${at.constant ? 'constant' : 'data'} indices [${at.shape}]`,
  inputs: [x(data), at],
  attributes: { axis },
  linear: true,
  ...more,
})

const elements = (data: readonly Size[], at: Operand, axis: number, more: Partial<OpCase> = {}): OpCase => ({
  op: 'GatherElements',
  note: `[${data}] axis ${axis} indices [${at.shape}]`,
  inputs: [x(data), at],
  attributes: { axis },
  linear: true,
  ...more,
})

const nd = (data: readonly Size[], at: Operand, attributes: Attributes = {}, more: Partial<OpCase> = {}): OpCase => ({
  op: 'GatherND',
  note: `[${data}] indices [${at.shape}] ${JSON.stringify(attributes)}`,
  inputs: [x(data), at],
  attributes,
  linear: true,
  ...more,
})

const scatter = (
  op: string,
  data: readonly Size[],
  at: Operand,
  updates: readonly Size[],
  attributes: Attributes = {},
  more: Partial<OpCase> = {},
): OpCase => ({
  op,
  note: `[${data}] indices [${at.shape}] ${JSON.stringify(attributes)}`,
  inputs: [x(data), at, x(updates)],
  attributes,
  linear: true,
  ...more,
})

const topK = (shape: readonly Size[], k: number, attributes: Attributes = {}, outputs = 2): OpCase => ({
  op: 'TopK',
  note: `[${shape}] k ${k} ${JSON.stringify(attributes)}${outputs === 1 ? ' values only' : ''}`,
  inputs: [x(shape), ints(k)],
  attributes,
  outputs,
})

const integers = (shape: readonly Size[]): Operand => x(shape, (r) => r.int(-2, 2))

export const indexCases: readonly OpCase[] = [
  // Embeddings: few rows (one-hot product) and many (ScatterND); duplicates and negative indices.
  gather([7, 4], index(['N', 5], upTo(7))),
  gather([7, 4], index(['N', 5], upTo(7, -7)), 0, { note: 'negative indices, few rows' }),
  gather([200, 3], index(['N', 5], upTo(3)), 0, { note: 'duplicates, many rows' }),
  gather([200, 3], index(['N', 5], upTo(200, -200)), 0, { note: 'negative indices, many rows' }),
  gather([200, 3], index(['N', 5], upTo(5)), 0, { note: 'opset 13', opset: 13 }),
  gather([200], index([5], upTo(200)), 0),
  gather([150, 2, 1, 3], index([2, 2], upTo(150)), 0),
  gather(['N', 6, 3], index([4], upTo(6)), 1),
  gather(['N', 6, 3], index(['N', 2], upTo(6)), 1),
  gather(['N', 200], index(['N', 2], upTo(200)), 1),
  gather(['N', 'N', 130], index(['N'], upTo(130)), -1),
  gather([3, 5], index([], upTo(5)), -1, { note: 'a scalar index that is data' }),
  gather(
    ['N', 4],
    index(['N'], () => 0),
    0,
    { note: 'along a free axis' },
  ),
  gather(
    ['N', 4],
    index([3], () => -1),
    0,
    { note: 'along a free axis, opset 13', opset: 13 },
  ),
  gather(['N', 5, 2], fixed([], [1]), 1),
  gather(['N', 5, 2], fixed([], [-1]), 1, { note: 'the last' }),
  gather(['N', 5, 2], fixed([1], [3]), 1),
  gather(['N', 5, 2], fixed([1, 1], [3]), -1, {
    note: 'index of shape [1,1]',
    inputs: [x(['N', 5, 4]), fixed([1, 1], [3])],
  }),
  gather(['N', 3], fixed([], [0]), 0, { note: 'the first row of the batch' }),
  gather(['N', 3], fixed([], [-1]), 0, { note: 'the last row of the batch' }),
  gather(['N', 5], fixed([3], [4, 0, 4]), 1, { note: 'constant indices with a duplicate' }),
  gather(['N', 3, 140], fixed([3], [139, 0, -1]), 2, { note: 'constant indices, many rows' }),

  elements(['N', 5], index(['N', 3], upTo(5, -5)), 1),
  elements([4, 3], index([2, 3], upTo(4)), 0),
  elements(['N', 3, 4], index(['N', 3, 2], upTo(4)), -1),
  elements(['N', 3, 4], index(['N', 3, 6], upTo(4)), 2, { note: 'more indices than data' }),
  elements([6, 30], index([2, 7], upTo(30)), 1, { note: 'index smaller than the data' }),
  elements(
    ['N', 3],
    index([2, 3], () => 0),
    0,
    { note: 'along a free axis' },
  ),
  elements([4, 3], index([2, 3], upTo(4)), 0, { opset: 13, note: 'opset 13' }),

  nd([4, 5], index([3, 2], upTo(4))),
  nd([4, 5, 2], index(['N', 1], upTo(4, -4))),
  nd([4, 5, 2], index(['N', 3, 2], upTo(4, -4))),
  nd(['N', 4, 3], index(['N', 2, 1], upTo(4, -4)), { batch_dims: 1 }),
  nd(['N', 2, 4, 3], index(['N', 2, 3, 2], upTo(3)), { batch_dims: 2 }),
  nd([150, 3], index([4, 1], upTo(150)), {}, { opset: 13, note: 'opset 13' }),

  scatter('ScatterElements', [4, 3], fixed([2, 3], [0, 1, 2, 3, 0, 1]), [2, 3], { axis: 0 }),
  scatter('ScatterElements', ['N', 5], fixed([1, 3], [0, 4, 2]), [1, 3], { axis: 1 }),
  scatter('ScatterElements', [3, 5], fixed([3, 2], [0, -1, 4, 0, 2, 1]), [3, 2], { axis: 1 }),
  scatter('ScatterElements', ['N', 5], index(['N', 4], upTo(5)), ['N', 4], { axis: 1, reduction: 'add' }),
  scatter('ScatterElements', [3], fixed([2], [2, 0]), [2], {}, { opset: 11 }),
  scatter('Scatter', [3], fixed([2], [2, 0]), [2], {}, { opset: 9 }),
  scatter('Scatter', [4, 3], fixed([1, 3], [3, 0, 1]), [1, 3], {}, { opset: 10 }),
  scatter('Scatter', ['N', 5], fixed([1, 2], [4, 1]), [1, 2], { axis: 1 }, { opset: 10 }),
  {
    op: 'ScatterElements',
    note: 'maximum, forward only',
    inputs: [x([3]), fixed([4], [0, 1, 1, 2]), x([4])],
    attributes: { reduction: 'max' },
    wrt: [],
  },
  scatter('ScatterND', [5, 3], fixed([2, 1], [4, 0]), [2, 3]),
  scatter('ScatterND', [4, 3, 2], fixed([3, 2], [0, 1, 2, 2, -1, 0]), [3, 2]),
  scatter('ScatterND', [5, 3], index(['N', 1], upTo(5)), ['N', 3], { reduction: 'add' }),
  scatter('ScatterND', [5], index(['N', 4, 1], upTo(5)), ['N', 4], { reduction: 'add' }),
  scatter('ScatterND', ['N', 3], fixed([1, 1], [0]), [1, 3], {}, { note: 'first row of a free batch' }),
  {
    op: 'ScatterND',
    note: 'product, forward only',
    inputs: [x([3]), fixed([4, 1], [0, 1, 1, 2]), x([4])],
    attributes: { reduction: 'mul' },
    opset: 18,
    wrt: [],
  },

  {
    op: 'OneHot',
    note: 'last axis',
    inputs: [index(['N', 3], upTo(4, -4)), ints(4), x([2])],
    linear: true,
  },
  {
    op: 'OneHot',
    note: 'axis 0, indices out of range',
    inputs: [index([2, 3], upTo(7, -7)), { ...ints(4), shape: [] }, x([2])],
    attributes: { axis: 0 },
  },
  { op: 'OneHot', note: 'constant values', inputs: [index(['N'], upTo(3)), ints(3), weight([2], [0, 1])] },

  topK(['N', 7], 3),
  topK(['N', 7], 3, { largest: 0 }),
  topK(['N', 5, 3], 2, { axis: 1 }),
  topK(['N', 5, 3], 5, { axis: -2 }),
  topK([6], 1, { axis: 0 }),
  topK(['N', 7], 3, {}, 1),
  {
    op: 'TopK',
    note: 'ties take the first',
    inputs: [x([4], [1, 3, 3, 2]), ints(1)],
    outputs: 2,
    gradients: [[0, 1, 0, 0]],
  },
  ...['ArgMax', 'ArgMin'].flatMap((op): OpCase[] => [
    { op, note: 'ties take the first', inputs: [integers(['N', 7])], attributes: { axis: 1 } },
    { op, note: 'ties take the last', inputs: [integers(['N', 7])], attributes: { axis: 1, select_last_index: 1 } },
    { op, note: 'axis dropped', inputs: [x([3, 4, 2])], attributes: { axis: -2, keepdims: 0 } },
  ]),
  {
    op: 'NonZero',
    note: 'of a constant shape',
    inputs: [x([2, 3])],
    build: (b, [v]) => {
      const places = b.op('NonZero', [b.op('ConstantOfShape', [v.shapeOf()], { value: tensor([1], [1]) })])
      return [b.op('GatherND', [v, places.transpose([1, 0])])]
    },
  },
]
