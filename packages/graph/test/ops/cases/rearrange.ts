/** Blocks of pixels, running sums, triangles. */
import type { OpCase, Operand } from '../harness.ts'
import { ints, x } from '../harness.ts'

const scalar = (value: number): Operand => ({ ...ints(value), shape: [] })

export const rearrangeCases: readonly OpCase[] = [
  ...['DCR', 'CRD'].flatMap((mode) =>
    [
      [['N', 8, 2, 3], 2],
      [['N', 9, 1, 2], 3],
      [[1, 4, 3, 3], 2],
    ].map(
      ([shape, blocksize]): OpCase => ({
        op: 'DepthToSpace',
        note: `[${shape}] ${mode} ${blocksize}`,
        inputs: [x(shape as number[])],
        attributes: { mode, blocksize: blocksize as number },
        linear: true,
      }),
    ),
  ),
  ...[
    [['N', 2, 4, 6], 2],
    [['N', 1, 3, 6], 3],
    [[1, 3, 2, 2], 2],
  ].map(
    ([shape, blocksize]): OpCase => ({
      op: 'SpaceToDepth',
      note: `[${shape}] ${blocksize}`,
      inputs: [x(shape as number[])],
      attributes: { blocksize: blocksize as number },
      linear: true,
    }),
  ),
  ...[0, 1].flatMap((exclusive) =>
    [0, 1].flatMap((reverse) =>
      [1, -1, 0].map(
        (axis): OpCase => ({
          op: 'CumSum',
          note: `axis ${axis} exclusive ${exclusive} reverse ${reverse}`,
          inputs: [x(['N', 4, 3]), scalar(axis)],
          attributes: { exclusive, reverse },
          linear: true,
        }),
      ),
    ),
  ),
  { op: 'CumSum', note: 'axis as a list', inputs: [x([5]), ints(0)], linear: true },
  ...[0, 1].flatMap((upper) =>
    [undefined, 0, 1, -2, 9].map(
      (k): OpCase => ({
        op: 'Trilu',
        note: `upper ${upper} diagonal ${k ?? 'not given'}`,
        inputs: k === undefined ? [x(['N', 3, 4])] : [x(['N', 3, 4]), scalar(k)],
        attributes: { upper },
        linear: true,
      }),
    ),
  ),
  { op: 'Trilu', note: 'free matrix', inputs: [x(['N', 'N'])], linear: true },
  { op: 'EyeLike', note: 'k 0', inputs: [x([3, 4])] },
  { op: 'EyeLike', note: 'k -1, int64', inputs: [x([3, 4])], attributes: { k: -1, dtype: 7 } },
]
