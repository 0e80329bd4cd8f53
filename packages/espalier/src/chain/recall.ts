import { conditionRows } from '../guide/conditioned.ts'
import type { Denoiser } from '../process/denoiser.ts'
import { convert } from '../process/prediction.ts'
import type { Plan } from '../solve/plan.ts'
import { gather, type Tensor } from '../tensor/tensor.ts'

/**
 * What a chain remembers of the states that were looked at: the predicted clean data of each, for as long as the state
 * itself lives. Keyed by the object: a copy of a particle brings it along, a state read from a file does not.
 */
export class Recollection {
  readonly #seen = new WeakMap<Float32Array, { readonly level: number; readonly clean: Float32Array }>()

  recall(state: Float32Array, level: number): Float32Array | undefined {
    const seen = this.#seen.get(state)
    return seen?.level === level ? seen.clean : undefined
  }

  remember(state: Float32Array, level: number, clean: Float32Array): void {
    this.#seen.set(state, { level, clean })
  }
}

/** Whether the first network call from `step` on is at the very state and time that a look-ahead sees. */
export function asksHere({ stages, grid }: Plan, step: number): boolean {
  const first = stages.find((stage) => stage.step >= step)
  if (first?.time !== grid[step]) return false
  const { states, predictions } = first.ask
  return states[0] === 1 && [...states.slice(1), ...predictions].every((c) => c === 0)
}

/**
 * The denoiser for one run whose FIRST call is at states of which some predictions are known: those are given,
 * converted to the target, and the network is asked for the other rows alone.
 * @param known clean data of each row of the run, where known
 */
export function recalling(denoiser: Denoiser, known: readonly (Float32Array | undefined)[]): Denoiser {
  const open = known.flatMap((clean, i) => (clean ? [] : [i]))
  if (open.length === known.length) return denoiser
  const { process, event, rowCost } = denoiser
  let asked = false
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      if (asked) return denoiser.predict(x, t, target, condition, into)
      asked = true
      const answer =
        open.length > 0
          ? await denoiser.predict(
              gather(x, open),
              Float64Array.from(open, (i) => t[i]),
              target,
              condition && conditionRows(condition, open),
            )
          : undefined
      const size = x.data.length / t.length
      const out: Tensor = { shape: x.shape, data: new Float32Array(x.data.length) }
      known.forEach((clean, i) => {
        if (clean) out.data.set(clean, i * size)
      })
      convert(process, 'data', target, out, x, t)
      open.forEach((i, k) => {
        out.data.set(answer!.data.subarray(k * size, (k + 1) * size), i * size)
      })
      return out
    },
  }
}
