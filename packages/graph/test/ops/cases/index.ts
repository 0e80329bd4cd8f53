import type { OpCase } from '../harness.ts'
import { binaryCases } from './binary.ts'
import { convCases } from './conv.ts'
import { elementwiseCases } from './elementwise.ts'
import { indexCases } from './index-ops.ts'
import { layoutCases } from './layout.ts'
import { linearCases } from './linear.ts'
import { normCases } from './norm.ts'
import { poolCases } from './pool.ts'
import { rearrangeCases } from './rearrange.ts'
import { reduceCases } from './reduce.ts'
import { resizeCases } from './resize.ts'

const byFamily: Readonly<Record<string, readonly OpCase[]>> = {
  elementwise: elementwiseCases,
  binary: binaryCases,
  reductions: reduceCases,
  products: linearCases,
  normalisations: normCases,
  convolutions: convCases,
  layout: layoutCases,
  rearrangements: rearrangeCases,
  indexing: indexCases,
  pools: poolCases,
  resize: resizeCases,
}

// Operators that opset 13 lacks, or writes in another way than 18 (which has cases of its own).
const newerThan13 =
  /^(Reduce(?!Sum$)|GroupNorm|LayerNorm|RMSNorm|CastLike|Mish|Gelu|Swish|HardSwish|Trilu|Split|Shape|IsInf|LpPool|Pad|Resize|Upsample|Scatter|AveragePool|NonZero|Tile)/
const changedBy21 = /^(GroupNorm|RMSNorm|Swish|Gelu|Upsample|Scatter$)/

/** The first plain case of every operator in the oldest and in the newest operator set that we promise. */
function acrossOpsets(cases: readonly OpCase[]): OpCase[] {
  const plain = cases.filter((c) => c.opset === undefined)
  const first = [...new Set(plain.map((c) => c.op))].map((op) => plain.find((c) => c.op === op) as OpCase)
  return [
    ...first.filter((c) => !newerThan13.test(c.op)).map((c) => ({ ...c, opset: 13 })),
    ...first.filter((c) => !changedBy21.test(c.op)).map((c) => ({ ...c, opset: 21 })),
  ]
}

/** All operator cases, by family. */
export const families: Readonly<Record<string, readonly OpCase[]>> = {
  ...byFamily,
  opsets: acrossOpsets(Object.values(byFamily).flat()),
}
