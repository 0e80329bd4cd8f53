import { concat, type Expr, reduce } from '@espalier/graph'
import type { GraphRewardOptions } from './graph.ts'
import { valueGradient } from './value-gradient.ts'

type Picked = Pick<GraphRewardOptions, 'name' | 'index' | 'transform'>

/** {@link valueGradient} of the number that a reward reads from a row of a graph's output. */
export function graphGradient(
  model: Uint8Array,
  names: { readonly input: string; readonly output: string },
  options: Picked,
): Uint8Array {
  return valueGradient(model, names, (rows, width) => picked(rows, width, options))
}

/** The number as a formula of the graph: what `graphReward` reads in float64. */
function picked(rows: Expr, width: number, { name, index = 0, transform = 'none' }: Picked): Expr {
  if (index >= width) throw new Error(`Reward "${name}" reads number ${index} of a row, and rows have ${width}.`)
  const at = (y: Expr) => y.slice(1, index, index + 1).squeeze([1])
  if (transform === 'none') return at(rows)
  if (transform === 'softmax') return at(rows.softmax())
  if (transform === 'log-softmax') return at(rows.logSoftmax())
  if (width === 1) throw new Error(`Reward "${name}": rows of one number have no odds; take the transform "none".`)
  const others = [rows.slice(1, 0, index), rows.slice(1, index + 1, width)]
  const kept = others.filter((part) => part.size(1) > 0)
  return at(rows).sub(reduce(concat(kept, 1), 'ReduceLogSumExp', [1], false, 18))
}
