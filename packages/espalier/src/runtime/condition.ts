import { toFloat16 } from '@espalier/graph'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import type { ConditionCard } from './card.ts'
import type { RuntimeTensor, ValueMetadata } from './runtime.ts'

/**
 * What a graph's input is fed for n rows of a condition: the given rows or the card's default, checked, encoded, and
 * cast to the type that the graph declares.
 *
 * @throws Error where rows are missing, of the wrong shape, or a label is out of range
 */
export function conditionFeed(
  input: ValueMetadata,
  card: ConditionCard,
  given: Tensor | undefined,
  n: number,
): RuntimeTensor {
  const { name } = input
  const { shape = [], values: count } = card
  const size = sizeOf(shape)
  const rows = given ? given.data : defaults(name, card, n, size)
  if (given && (given.shape[0] !== n || rows.length !== n * size)) {
    throw new Error(`Condition "${name}" is [${given.shape.join(', ')}]; expected [${[n, ...shape].join(', ')}].`)
  }
  if (count !== undefined) {
    for (let i = 0; i < rows.length; i++) {
      if (!(Number.isInteger(rows[i]) && rows[i] >= 0 && rows[i] < count)) {
        throw new Error(`Condition "${name}" of row ${Math.floor(i / size)} is ${rows[i]}; expected 0 to ${count - 1}.`)
      }
    }
  }
  // A graph may declare `[n]` or `[n, 1]` for one number a row.
  const fed = size === 1 ? [n, ...input.shape.slice(1).map(() => 1)] : [n, ...shape]
  return { type: input.type, shape: fed, data: cast(input.type, rows) }
}

function defaults(name: string, card: ConditionCard, n: number, size: number): Float32Array {
  const row = card.default
  if (!row) {
    const shape = ['n', ...(card.shape ?? [])].join(', ')
    throw new Error(`This model needs the condition "${name}" [${shape}], and none was given.`)
  }
  const rows = new Float32Array(n * size)
  for (let at = 0; at < rows.length; at += size) for (let i = 0; i < size; i++) rows[at + i] = row[i]
  return rows
}

/** Numbers in the element type that an input declares; integers by rounding. */
export function cast(type: RuntimeTensor['type'], values: ArrayLike<number>): RuntimeTensor['data'] {
  switch (type) {
    case 'float32':
      return values instanceof Float32Array ? values : new Float32Array(values)
    case 'float64':
      return new Float64Array(values)
    case 'int64':
      return BigInt64Array.from(Array.from(values, (value) => BigInt(Math.round(value))))
    case 'int32':
      return Int32Array.from(values, Math.round)
    case 'bool':
    case 'uint8':
      return Uint8Array.from(values, Math.round)
    case 'float16':
      return Uint16Array.from(values, toFloat16)
  }
}
