import type { OpCase } from '../harness.ts'
import { binaryCases } from './binary.ts'
import { elementwiseCases } from './elementwise.ts'

/** All operator cases, by family. */
export const families: Readonly<Record<string, readonly OpCase[]>> = {
  elementwise: elementwiseCases,
  binary: binaryCases,
}
