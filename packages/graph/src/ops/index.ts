import type { OpDefinition, OpTable } from '../op.ts'
import { binary } from './binary.ts'
import { constants } from './constant.ts'
import { convolutions } from './conv.ts'
import { einsum } from './einsum.ts'
import { elementwise } from './elementwise.ts'
import { gathers } from './gather.ts'
import { linear } from './linear.ts'
import { normalisations } from './norm.ts'
import { pools } from './pool.ts'
import { rearrangements } from './rearrange.ts'
import { reductions } from './reduce.ts'
import { resizes } from './resize.ts'
import { scatters } from './scatter.ts'
import { shapes } from './shape.ts'
import { slices } from './slice.ts'
import { softmaxes } from './softmax.ts'

/** Every operator of the standard domain that this package knows. */
export const operators: OpTable = {
  ...elementwise,
  ...binary,
  ...reductions,
  ...softmaxes,
  ...linear,
  ...einsum,
  ...convolutions,
  ...constants,
  ...shapes,
  ...slices,
  ...rearrangements,
  ...pools,
  ...resizes,
  ...gathers,
  ...scatters,
  ...normalisations,
}

export function definitionOf(op: string, domain: string): OpDefinition | undefined {
  return domain === '' && Object.hasOwn(operators, op) ? operators[op] : undefined
}

/** Names of the operators that have a gradient rule (or a gradient that is zero almost everywhere). */
export function differentiableOps(): string[] {
  return Object.keys(operators)
    .filter((name) => operators[name].vjp !== undefined)
    .sort()
}
