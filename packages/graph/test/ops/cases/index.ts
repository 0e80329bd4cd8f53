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

/** All operator cases, by family. */
export const families: Readonly<Record<string, readonly OpCase[]>> = {
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
