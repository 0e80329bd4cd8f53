import type { Condition, Denoiser } from '../process/denoiser.ts'
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
    predict: (x, t, target, given) => denoiser.predict(x, t, target, merged(given, t.length)),
    ...(predictEach && {
      predictEach: (x, t, targets, given) => predictEach.call(denoiser, x, t, targets, merged(given, t.length)),
    }),
  } satisfies Denoiser
}
