/** Convolutions: rank, stride, dilation, groups, padding; more combinations in window-grid.test.ts. */
import type { Attributes } from '../../../src/index.ts'
import type { OpCase, Size } from '../harness.ts'
import { weight, x } from '../harness.ts'

const conv = (
  op: 'Conv' | 'ConvTranspose',
  note: string,
  shape: readonly Size[],
  kernel: readonly number[],
  attributes: Attributes = {},
  bias?: number,
): OpCase => ({
  op,
  note,
  inputs: [x(shape), x(kernel), bias === undefined ? undefined : x([bias])],
  attributes,
})

/** The odd corners of the geometry, shared by both operators (weights are [6, 3 or 2, ...]). */
const geometries: readonly (readonly [string, Attributes])[] = [
  ['plain', {}],
  ['same padding', { pads: [1, 1, 1, 1] }],
  ['asymmetric pads', { pads: [0, 2, 1, 0] }],
  ['stride 2, leftover rows', { strides: [2, 2] }],
  ['stride 3', { strides: [3, 3], pads: [1, 1, 1, 1] }],
  ['dilation 2', { dilations: [2, 1], pads: [2, 0, 2, 0] }],
  ['stride and dilation', { strides: [2, 1], dilations: [1, 2], pads: [1, 1, 0, 2] }],
]

const auto = ['SAME_UPPER', 'SAME_LOWER', 'VALID'].flatMap((auto_pad) =>
  [1, 2].map((s): readonly [string, Attributes] => [`${auto_pad} stride ${s}`, { auto_pad, strides: [s, s] }]),
)

export const convCases: readonly OpCase[] = [
  ...[...geometries, ...auto].map(([note, attributes]) =>
    conv('Conv', note, ['N', 3, 7, 6], [6, 3, 3, 2], attributes, 6),
  ),
  ...geometries.map(([note, attributes]) =>
    conv('Conv', `two groups, ${note}`, ['N', 4, 7, 6], [6, 2, 3, 2], { ...attributes, group: 2 }),
  ),
  conv('Conv', 'depthwise', ['N', 3, 5, 5], [3, 1, 3, 3], { group: 3, pads: [1, 1, 1, 1] }, 3),
  conv('Conv', 'depthwise, multiplier 2', ['N', 2, 5, 4], [4, 1, 2, 3], { group: 2, strides: [2, 1] }, 4),
  conv('Conv', '1x1', ['N', 3, 4, 5], [2, 3, 1, 1], {}, 2),
  conv('Conv', '1x1 stride 2', ['N', 3, 5, 5], [2, 3, 1, 1], { strides: [2, 2] }),
  conv('Conv', '1x1 padded', ['N', 3, 4, 4], [2, 3, 1, 1], { pads: [1, 1, 1, 1] }),
  conv('Conv', '1x1 in groups', ['N', 4, 3, 3], [4, 2, 1, 1], { group: 2 }),
  conv('Conv', 'pads larger than the kernel', ['N', 2, 4, 3], [3, 2, 2, 2], { pads: [3, 2, 2, 3] }),
  conv('Conv', 'kernel smaller than the stride', ['N', 2, 8, 7], [3, 2, 2, 2], { strides: [3, 3] }),
  conv('Conv', 'one dimension', ['N', 3, 9], [4, 3, 3], { pads: [1, 1], strides: [2] }, 4),
  conv('Conv', 'one dimension, size 1', ['N', 3, 1], [4, 3, 1]),
  conv(
    'Conv',
    'three dimensions',
    ['N', 2, 4, 3, 5],
    [3, 2, 2, 3, 2],
    { pads: [1, 1, 0, 0, 1, 1], strides: [1, 2, 1] },
    3,
  ),
  conv('Conv', 'one channel, batch 1', [1, 1, 4, 4], [1, 1, 3, 3]),
  { ...conv('Conv', 'opset 11', ['N', 2, 4, 4], [3, 2, 3, 3], { pads: [1, 1, 1, 1] }, 3), opset: 11 },
  {
    op: 'Conv',
    note: 'constant weights',
    inputs: [x(['N', 2, 5, 5]), weight([3, 2, 3, 3])],
    attributes: { pads: [1, 1, 1, 1] },
    linear: true,
  },

  ...geometries.map(([note, attributes]) => conv('ConvTranspose', note, ['N', 6, 4, 5], [6, 3, 3, 2], attributes, 3)),
  ...geometries.map(([note, attributes]) =>
    conv('ConvTranspose', `two groups, ${note}`, ['N', 6, 4, 5], [6, 2, 3, 2], { ...attributes, group: 2 }, 4),
  ),
  conv('ConvTranspose', 'output padding', ['N', 2, 3, 4], [2, 3, 3, 3], { strides: [2, 2], output_padding: [1, 0] }),
  conv('ConvTranspose', 'output padding beyond the kernel', ['N', 2, 3, 3], [2, 2, 1, 1], {
    strides: [3, 3],
    output_padding: [2, 1],
  }),
  conv('ConvTranspose', 'output shape', ['N', 2, 3, 3], [2, 2, 3, 3], { strides: [2, 2], output_shape: [7, 6] }),
  ...['SAME_UPPER', 'SAME_LOWER', 'VALID'].map((auto_pad) =>
    conv('ConvTranspose', auto_pad, ['N', 2, 3, 4], [2, 3, 3, 3], { auto_pad, strides: [2, 2] }),
  ),
  conv(
    'ConvTranspose',
    'depthwise',
    ['N', 3, 4, 4],
    [3, 1, 4, 4],
    { group: 3, strides: [2, 2], pads: [1, 1, 1, 1] },
    3,
  ),
  conv('ConvTranspose', 'one dimension', ['N', 3, 5], [3, 2, 4], { strides: [2], pads: [1, 1] }, 2),
  conv('ConvTranspose', 'three dimensions', ['N', 2, 2, 3, 2], [2, 2, 2, 2, 2], { strides: [2, 1, 2] }),
  {
    op: 'ConvTranspose',
    note: 'constant weights',
    inputs: [x(['N', 2, 4, 4]), weight([2, 3, 4, 4])],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
    linear: true,
  },
]
