/** Pools: overlap, gaps, padding that counts or not, windows that reach over the end; ties and all-negative inputs. */
import type { Attributes } from '../../../src/index.ts'
import type { OpCase, Size } from '../harness.ts'
import { x } from '../harness.ts'

const shape = ['N', 2, 7, 6] as const

const geometries: readonly (readonly [string, readonly Size[], Attributes])[] = [
  ['side by side', ['N', 2, 6, 4], { kernel_shape: [2, 2], strides: [2, 2] }],
  ['side by side, leftover', shape, { kernel_shape: [2, 4], strides: [2, 4] }],
  ['overlap', shape, { kernel_shape: [3, 3], strides: [2, 2] }],
  ['stride 1', shape, { kernel_shape: [3, 2] }],
  ['stride 1, padded', shape, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }],
  ['asymmetric pads', shape, { kernel_shape: [3, 3], strides: [2, 2], pads: [0, 1, 2, 1] }],
  ['gaps', shape, { kernel_shape: [2, 1], strides: [3, 2] }],
  ['over the end', shape, { kernel_shape: [2, 3], strides: [2, 2], ceil_mode: 1 }],
  ['over the end, padded', shape, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }],
  ['SAME_UPPER', shape, { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_UPPER' }],
  ['SAME_LOWER', shape, { kernel_shape: [3, 2], strides: [2, 2], auto_pad: 'SAME_LOWER' }],
  ['one dimension', ['N', 3, 9], { kernel_shape: [3], strides: [2], pads: [1, 0] }],
  ['three dimensions', [2, 1, 4, 3, 4], { kernel_shape: [2, 2, 3], strides: [2, 1, 2], pads: [0, 1, 0, 0, 0, 1] }],
  ['whole image', ['N', 2, 3, 3], { kernel_shape: [3, 3] }],
]

const over = (op: string, opset: number, extra: Attributes = {}, more: Partial<OpCase> = {}): OpCase[] =>
  geometries.map(([note, size, attributes]) => ({
    op,
    opset,
    note: Object.keys(extra).length > 0 ? `${note} ${JSON.stringify(extra)}` : note,
    inputs: [x(size)],
    attributes: { ...attributes, ...extra },
    ...more,
  }))

const globals = (op: string, attributes: Attributes = {}): OpCase[] =>
  [['N', 3, 4, 5] as const, ['N', 2, 7] as const, [1, 1, 2, 1, 3] as const].map((size) => ({
    op,
    note: `[${size}] ${JSON.stringify(attributes)}`,
    inputs: [x(size)],
    attributes,
  }))

const dilated: Attributes = { kernel_shape: [2, 3], dilations: [2, 2], strides: [2, 1], pads: [1, 0, 0, 2] }

export const poolCases: readonly OpCase[] = [
  ...over('MaxPool', 18),
  ...over('MaxPool', 12),
  { op: 'MaxPool', note: 'dilated', inputs: [x(shape)], attributes: dilated },
  {
    op: 'MaxPool',
    note: 'with indices',
    inputs: [x(shape)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2] },
    outputs: 2,
  },
  {
    op: 'MaxPool',
    note: 'all negative, padded',
    inputs: [x(['N', 1, 3, 3], (r) => -1 - r.uniform())],
    attributes: { kernel_shape: [2, 2], pads: [1, 1, 1, 1] },
  },
  {
    op: 'MaxPool',
    note: 'ties take the first',
    inputs: [x([1, 1, 4], [2, 2, 2, 1])],
    attributes: { kernel_shape: [2], strides: [1] },
    gradients: [[1, 1, 1, 0]],
  },
  ...over('AveragePool', 18, { count_include_pad: 0 }, { linear: true }),
  ...over('AveragePool', 18, { count_include_pad: 1 }, { linear: true }),
  ...over('AveragePool', 11, { count_include_pad: 1 }, { linear: true }).filter((c) => !c.attributes?.ceil_mode),
  { op: 'AveragePool', note: 'dilated', opset: 19, inputs: [x(shape)], attributes: dilated, linear: true },
  {
    op: 'AveragePool',
    note: 'dilated, padding counts',
    opset: 19,
    inputs: [x(shape)],
    attributes: { ...dilated, count_include_pad: 1 },
    linear: true,
  },
  ...over('LpPool', 18),
  ...over('LpPool', 18, { p: 1 }).slice(0, 4),
  ...over('LpPool', 18, { p: 3 }).slice(0, 4),
  ...globals('GlobalAveragePool'),
  ...globals('GlobalMaxPool'),
  ...globals('GlobalLpPool'),
  ...globals('GlobalLpPool', { p: 1 }),
  ...globals('GlobalLpPool', { p: 3 }),
  { op: 'GlobalAveragePool', note: 'free image size', inputs: [x([2, 3, 'H', 'H'])], linear: true },
  {
    op: 'GlobalMaxPool',
    note: 'ties share equally',
    inputs: [x([1, 1, 2, 2], [3, 1, 3, 0])],
    gradients: [[0.5, 0, 0.5, 0]],
  },
  {
    op: 'GlobalLpPool',
    note: 'zeros',
    inputs: [x([1, 2, 2], [0, 0, 3, 4])],
    gradients: [[0, 0, 0.6, 0.8]],
  },
]
