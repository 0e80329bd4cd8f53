import {
  type Condition,
  type Denoiser,
  type DifferentiableDenoiser,
  isDifferentiableDenoiser,
} from '../process/denoiser.ts'
import { type Key, purpose, stream } from '../tensor/random.ts'
import { gather, type Tensor } from '../tensor/tensor.ts'

/** `n` copies of a condition's only row. @throws Error when a tensor has more than one row */
export function repeated(condition: Condition, n: number): Condition {
  const out: Record<string, Tensor> = {}
  for (const name in condition) {
    const { shape } = condition[name]
    if (shape[0] !== 1) throw new Error(`Condition "${name}" is [${shape.join(', ')}]; give one row, [1, ...].`)
    out[name] = gather(condition[name], new Uint32Array(n))
  }
  return out
}

/** The rows of a condition with these indices. */
export function conditionRows(condition: Condition, indices: ArrayLike<number>): Condition {
  return Object.fromEntries(Object.entries(condition).map(([name, tensor]) => [name, gather(tensor, indices)]))
}

/** Number of rows of a condition. @throws Error when its tensors have different ones */
export function rowsOf(condition: Condition): number {
  const counts = new Set(Object.values(condition).map(({ shape }) => shape[0]))
  if (counts.size > 1) throw new Error(`The conditions have ${[...counts].join(' and ')} rows; give the same number.`)
  return [...counts][0] ?? 1
}

/**
 * One of `count` conditions for each key, all equally likely: with them the prior is the mixture of the conditional
 * laws, such as digits of any class.
 */
export function drawConditions(count: number, keys: readonly Key[]): Uint32Array {
  return Uint32Array.from(keys, (key) => stream(purpose(key, 'condition')).integer(count))
}

/**
 * Binds one condition (tensors `[1, ...]`) to every row of a denoiser; what a call gives itself goes first.
 */
export function conditioned(denoiser: Denoiser, condition: Condition): Denoiser {
  repeated(condition, 1)
  const { process, event, rowCost, predictEach } = denoiser
  const merged = (given: Condition | undefined, n: number) => ({ ...repeated(condition, n), ...given })
  return {
    process,
    event,
    rowCost,
    predict: (x, t, target, given, into) => denoiser.predict(x, t, target, merged(given, t.length), into),
    ...(predictEach && {
      predictEach: (x, t, targets, given) => predictEach.call(denoiser, x, t, targets, merged(given, t.length)),
    }),
    ...(isDifferentiableDenoiser(denoiser) && {
      pullback: (x, t, cotangent, given) => denoiser.pullback(x, t, cotangent, merged(given, t.length)),
    }),
  } satisfies Denoiser | DifferentiableDenoiser
}
