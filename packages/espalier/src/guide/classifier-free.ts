import type { Condition, Denoiser } from '../process/denoiser.ts'
import { concatenate, type Tensor } from '../tensor/tensor.ts'
import { repeated } from './conditioned.ts'

export interface ClassifierFreeOptions {
  /** `w` of `u + w (c - u)`: 0 is unconditional, 1 conditional (no guidance), above 1 extrapolates. */
  readonly scale: number
  /** One row (tensors `[1, ...]`) that means "no condition" to the network. */
  readonly unconditional: Condition
}

/**
 * Classifier-free guidance (Ho and Salimans 2022, eq. 6, with `w` for their `1 + w`): the prediction
 * `u + w (c - u)` from the unconditional `u` and the conditional `c`. The same `w` for every prediction type: at a
 * given state the types are affine in one another, and the weights sum to one.
 *
 * Every row costs 2 NFE, sent as one batch of 2n; `w = 0` and `w = 1` need one of the two and cost 1.
 *
 * @throws Error at a call that leaves out a condition which `unconditional` names
 */
export function classifierFree(denoiser: Denoiser, options: ClassifierFreeOptions): Denoiser {
  const { scale, unconditional } = options
  if (!Number.isFinite(scale)) throw new Error(`The guidance scale is ${scale}; give a finite number.`)
  repeated(unconditional, 1)
  const { process, event, rowCost = 1 } = denoiser
  const names = Object.keys(unconditional)
  const check = (given: Condition | undefined) => {
    for (const name of names) {
      if (!given?.[name])
        throw new Error(`Guidance needs the condition "${name}" for its conditional rows; none was given.`)
    }
  }
  return {
    process,
    event,
    rowCost: scale === 0 || scale === 1 ? rowCost : 2 * rowCost,
    async predict(x, t, target, given) {
      check(given)
      const n = t.length
      if (scale === 1) return denoiser.predict(x, t, target, given)
      const none = { ...given, ...repeated(unconditional, n) }
      if (scale === 0) return denoiser.predict(x, t, target, none)
      const condition: Record<string, Tensor> = {}
      for (const name in none) condition[name] = concatenate([given![name], none[name]])
      const times = new Float64Array(2 * n)
      times.set(t)
      times.set(t, n)
      const { data } = await denoiser.predict(concatenate([x, x]), times, target, condition)
      const half = data.length / 2
      const guided = new Float32Array(half)
      for (let i = 0; i < half; i++) guided[i] = data[half + i] + scale * (data[i] - data[half + i])
      return { shape: x.shape, data: guided }
    },
  }
}
