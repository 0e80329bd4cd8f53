/** Products: vectors, batches that broadcast, transposed and scaled operands. */
import type { OpCase, Size } from '../harness.ts'
import { weight, x } from '../harness.ts'

const matmul = (a: readonly Size[], b: readonly Size[], more: Partial<OpCase> = {}): OpCase => ({
  op: 'MatMul',
  note: `[${a}] [${b}]`,
  inputs: [x(a), x(b)],
  ...more,
})

const gemms = [0, 1].flatMap((transA) =>
  [0, 1].flatMap((transB) =>
    (
      [
        [1, 1, [5]],
        [0.7, 1.3, [3, 5]],
        [2, 0.5, [3, 1]],
        [1, -1, []],
        [0.5, 1, undefined],
      ] as const
    ).map(
      ([alpha, beta, c]): OpCase => ({
        op: 'Gemm',
        note: `transA ${transA} transB ${transB} alpha ${alpha} beta ${beta} C [${c ?? 'none'}]`,
        opset: alpha === 2 ? 11 : 18,
        inputs: [x(transA ? [4, 3] : [3, 4]), x(transB ? [5, 4] : [4, 5]), c && x(c)],
        attributes: { transA, transB, alpha, beta },
      }),
    ),
  ),
)

const einsum = (equation: string, ...shapes: (readonly Size[])[]): OpCase => ({
  op: 'Einsum',
  note: `${equation} ${shapes.map((s) => `[${s}]`).join(' ')}`,
  inputs: shapes.map((s) => x(s)),
  attributes: { equation },
})

export const linearCases: readonly OpCase[] = [
  matmul([3, 4], [4, 5]),
  matmul(['N', 4], [4, 5]),
  matmul(['N', 3, 4], [4, 5]),
  matmul(['N', 2, 3, 4], [4, 1]),
  matmul(['N', 3, 4], ['N', 4, 2]),
  matmul([3, 4], ['N', 4, 2]),
  matmul(['N', 1, 3, 4], [1, 2, 4, 5]),
  matmul(['N', 2, 'N', 4], ['N', 2, 4, 'N']),
  matmul([2, 1, 3, 4], [4, 4, 2]),
  matmul([4], [4]),
  matmul([4], [4, 5]),
  matmul(['N', 4], [4]),
  matmul(['N', 3, 4], [4]),
  matmul([4], ['N', 4, 3]),
  matmul(['N', 1], [1, 3]),
  { op: 'MatMul', note: 'constant weights', inputs: [x(['N', 3, 4]), weight([4, 5])], linear: true },
  { op: 'MatMul', note: 'constant left', inputs: [weight([2, 4]), x(['N', 4, 5])], linear: true },
  {
    op: 'MatMul',
    note: 'the same operand twice',
    inputs: [x(['N', 3, 3])],
    build: (b, [v]) => [b.op('MatMul', [v, v])],
  },
  ...gemms,
  { op: 'Gemm', note: 'free rows', inputs: [x(['N', 4]), x([4, 5]), x([5])] },
  { op: 'Gemm', note: 'free inner size', inputs: [x(['N', 4]), x(['N', 5]), x([1, 5])], attributes: { transA: 1 } },
  { op: 'Gemm', note: 'free rows, bias per row', inputs: [x(['N', 4]), x([4, 5]), x(['N', 1])] },

  einsum('ij,jk->ik', ['N', 4], [4, 5]),
  einsum('ij,jk', [3, 4], [4, 5]),
  einsum('bij,bjk->bik', ['N', 3, 4], ['N', 4, 5]),
  einsum('bhqd,bhkd->bhqk', ['N', 2, 3, 4], ['N', 2, 5, 4]),
  einsum('bqhd,bkhd->bhqk', ['N', 3, 2, 4], ['N', 5, 2, 4]),
  einsum('nchw,cd->ndhw', ['N', 3, 2, 2], [3, 4]),
  einsum('i,i->', [5], [5]),
  einsum('i,j->ij', ['N'], [4]),
  einsum('ij->ji', ['N', 4]),
  einsum('ij->i', ['N', 4]),
  einsum('ij->', [3, 4]),
  einsum('ij', [3, 4]),
  einsum('ij,kj->k', ['N', 4], [3, 4]),
  einsum('bi,bj,bk->ijk', ['N', 2], ['N', 3], ['N', 2]),
  einsum('...ij,...jk->...ik', ['N', 2, 3, 4], ['N', 1, 4, 5]),
  {
    ...einsum('...ij,...jk->...ik', ['N', 2, 3, 4], [2, 4, 5]),
    withoutOrt: 'ONNX Runtime wants ellipses of one rank',
  },
  einsum('...d,d->...', ['N', 3, 4], [4]),
  einsum('b...,b->b...', ['N', 3, 4], ['N']),
  einsum('ii->i', [4, 4]),
  einsum('ii->', [4, 4]),
  einsum('bii->b', ['N', 3, 3]),
  einsum('ij,ij->ij', ['N', 4], ['N', 1]),
  { ...einsum('ij,jk,kl->il', ['N', 2], [2, 3], [3, 2]), opset: 13 },
]
