/** Normalisations: batch (inference), instance, layer, group, RMS, Lp, mean-variance, local response. */
import type { OpCase, Size } from '../harness.ts'
import { between, x } from '../harness.ts'

const scale = between(0.5, 1.5)

const perChannel = (op: string, shape: readonly Size[], more: Partial<OpCase> = {}): OpCase => ({
  op,
  note: `[${shape}]`,
  inputs: [x(shape), x([shape[1]], scale), x([shape[1]])],
  ...more,
})

const batchNorm = (shape: readonly Size[], more: Partial<OpCase> = {}): OpCase => ({
  op: 'BatchNormalization',
  note: `[${shape}]`,
  inputs: [x(shape), x([shape[1]], scale), x([shape[1]]), x([shape[1]]), x([shape[1]], scale)],
  ...more,
})

const layerNorm = (shape: readonly Size[], axis: number, rank: number, more: Partial<OpCase> = {}): OpCase => ({
  op: 'LayerNormalization',
  note: `[${shape}] axis ${axis}`,
  inputs: [x(shape), x(shape.slice(-rank), scale), x(shape.slice(-rank))],
  attributes: { axis, epsilon: 1e-3 },
  ...more,
})

const groupNorm = (shape: readonly Size[], groups: number, opset: number): OpCase => {
  const size = opset >= 21 ? shape[1] : groups
  return {
    op: 'GroupNormalization',
    opset,
    note: `[${shape}] groups ${groups}`,
    inputs: [x(shape), x([size], scale), x([size])],
    attributes: { num_groups: groups },
  }
}

export const normCases: readonly OpCase[] = [
  batchNorm(['N', 3, 4, 5]),
  batchNorm(['N', 3]),
  batchNorm(['N', 1, 7], { attributes: { epsilon: 0.1 }, note: 'epsilon 0.1' }),
  batchNorm([2, 3, 1, 2], { opset: 13 }),
  perChannel('InstanceNormalization', ['N', 3, 4, 5]),
  perChannel('InstanceNormalization', ['N', 2, 7], { opset: 13 }),
  perChannel('InstanceNormalization', [1, 1, 2, 3, 2], { attributes: { epsilon: 1e-2 } }),
  layerNorm(['N', 3, 5], -1, 1),
  layerNorm(['N', 3, 5], 1, 2),
  layerNorm(['N', 2, 3, 2], 2, 2, { opset: 17 }),
  layerNorm(['N', 4], -1, 1, { note: 'free rows' }),
  { ...layerNorm(['N', 3, 5], -1, 1), note: 'without bias', inputs: [x(['N', 3, 5]), x([5], scale)] },
  { ...layerNorm(['N', 3, 5], -1, 1), note: 'scale that broadcasts', inputs: [x(['N', 3, 5]), x([1], scale), x([1])] },
  { ...layerNorm(['N', 3, 5], -1, 1), note: 'with statistics', outputs: 3 },
  groupNorm(['N', 4, 3, 2], 2, 18),
  groupNorm(['N', 4, 3, 2], 2, 21),
  groupNorm(['N', 4, 5], 4, 18),
  groupNorm(['N', 6, 5], 3, 21),
  groupNorm([1, 4, 2, 3], 1, 18),
  groupNorm([1, 4, 2, 3], 1, 21),
  ...(
    [
      [['N', 3, 5], -1, 1],
      [['N', 3, 5], 1, 2],
      [[2, 7], -1, 1],
    ] as const
  ).map(
    ([shape, axis, rank]): OpCase => ({
      op: 'RMSNormalization',
      opset: 23,
      note: `[${shape}] axis ${axis}`,
      inputs: [x(shape), x(shape.slice(-rank), scale)],
      attributes: { axis },
    }),
  ),
  ...[1, 2].flatMap((p) =>
    [-1, 1].map(
      (axis): OpCase => ({
        op: 'LpNormalization',
        note: `p ${p} axis ${axis}`,
        inputs: [x(['N', 3, 5])],
        attributes: { p, axis },
      }),
    ),
  ),
  { op: 'LpNormalization', note: 'vector', inputs: [x([7])] },
  {
    op: 'LpNormalization',
    note: 'a zero vector',
    inputs: [x([2, 2], [0, 0, 3, 4])],
    gradients: [[0, 0, (4 * 4 - 3 * 4) / 125, (3 * 3 - 3 * 4) / 125]],
  },
  { op: 'MeanVarianceNormalization', note: 'default axes', inputs: [x(['N', 3, 4, 2])] },
  { op: 'MeanVarianceNormalization', note: 'axes 1', inputs: [x(['N', 5])], attributes: { axes: [1] } },
  { op: 'MeanVarianceNormalization', note: 'axes 0 and 2', inputs: [x([2, 3, 4])], attributes: { axes: [0, 2] } },
  { op: 'LRN', note: 'size 3', inputs: [x(['N', 5, 3, 2])], attributes: { size: 3, alpha: 0.5, beta: 0.6, bias: 2 } },
  { op: 'LRN', note: 'size 5', inputs: [x(['N', 7, 2, 2])], attributes: { size: 5, alpha: 0.5 } },
  { op: 'LRN', note: 'defaults, one channel', inputs: [x([2, 1, 3, 3])], attributes: { size: 1 } },
]
