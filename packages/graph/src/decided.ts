import type { Expr } from './expr.ts'
import type { Node } from './model.ts'
import { isFloat } from './model.ts'

const words = (text: string): string[] => text.split(' ')

/** Arithmetic: where its results agree for two sizes of a free dimension, they do not depend on it. */
const arithmetic = new Set(
  words('Add Sub Mul Neg Sum Identity Concat Exp Log Sqrt Reciprocal Pow ReduceSum ReduceProd'),
)

/** Operators that move elements about; only the elements (input 0) may differ, not where they go. */
const moving = new Set(
  words('Gather GatherElements GatherND Slice Split Squeeze Unsqueeze Reshape Flatten Expand Tile Transpose'),
)

/**
 * Whether equal results for the stand-ins of a free size prove nothing. `N = 1`, `min(N, 64)`, `N / 1000` are equal
 * for many sizes and not for all, and so is whatever is computed from them. Asked of nodes whose values follow from
 * shapes and constants.
 */
export function undecided(node: Node, inputs: readonly (Expr | undefined)[]): boolean {
  if (node.op === 'Shape' || node.op === 'Size') return false
  if (inputs.some((e) => e?.undecided)) return true
  const varies = inputs.map((e) => e?.varies === true)
  if (!varies.includes(true) || arithmetic.has(node.op)) return false
  if (moving.has(node.op)) return varies.slice(1).includes(true)
  if (node.op === 'Where') return varies[0]
  const real = isFloat(inputs[0]?.type)
  if (node.op === 'Div') return !real
  const { to } = node.attributes
  // Casting to bool or from float to an integer rounds.
  return !(node.op === 'Cast' && to?.kind === 'int' && to.value !== 9 && (!real || [1, 10, 11, 16].includes(to.value)))
}
