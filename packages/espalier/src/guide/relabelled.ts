import type { Denoiser } from '../process/denoiser.ts'
import { coefficientsAt, conversion } from '../process/prediction.ts'
import type { Process } from '../process/process.ts'
import { row, type Tensor } from '../tensor/tensor.ts'

/**
 * A denoiser whose network is told another time than the state's own: the noise is predicted at the time
 * `label(x, i, t[i])`, and the data follow from that noise at the true level. A row that keeps its time is not touched.
 *
 * @param label the time to tell for row i of the states; must depend on that row and its time alone
 * @param rowCost NFE at a (true) time
 */
export function relabelled(
  denoiser: Denoiser,
  label: (x: Tensor, i: number, t: number) => number,
  rowCost: Denoiser['rowCost'],
): Denoiser {
  const { process, event } = denoiser
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      const told = Float64Array.from(t, (time, i) => label(x, i, time))
      // Asked for the target itself, so that one call serves rows with and without a shift.
      const answer = await denoiser.predict(x, told, target, condition, into)
      if (target === 'noise') return answer
      for (let i = 0; i < t.length; i++) {
        if (told[i] !== t[i]) relevel(process, told[i], t[i], row(answer, i), row(x, i))
      }
      return answer
    },
  }
}

/** Data predicted at level `told`, to noise there, to data at level `t`: in place, for one row. */
function relevel(process: Process, told: number, t: number, data: Float32Array, x: Float32Array): void {
  const noise = conversion('data', 'noise', coefficientsAt(process, told))
  const clean = conversion('noise', 'data', coefficientsAt(process, t))
  const ofState = clean.x + clean.output * noise.x
  const ofData = clean.output * noise.output
  if (!(Number.isFinite(ofState) && Number.isFinite(ofData))) {
    throw new Error(`A noise prediction made for t = ${told} gives no data at t = ${t} of ${process.name}.`)
  }
  for (let i = 0; i < data.length; i++) data[i] = ofState * x[i] + ofData * data[i]
}

/**
 * The cost of a row, for wrappers whose label depends on the state.
 * @throws Error where the cost depends on the time: such a wrapper (guidance in an interval) goes outside
 */
export function constantCost({ rowCost }: Denoiser, wrapper: string): number | undefined {
  if (typeof rowCost !== 'function') return rowCost
  throw new Error(`${wrapper} must wrap the network itself, inside guidance that costs more at some times than others.`)
}
