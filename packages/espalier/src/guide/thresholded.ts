import type { Denoiser } from '../process/denoiser.ts'
import { convert } from '../process/prediction.ts'
import { quantile } from '../tensor/quantile.ts'
import { row, type Tensor } from '../tensor/tensor.ts'

export interface ThresholdOptions {
  /** `static` clips at `max`; `dynamic` clips at a quantile of the row's own absolute values and scales back to `max`. */
  readonly type: 'static' | 'dynamic'
  /** The data lie in `[-max, max]`. Default 1. */
  readonly max?: number
  /** Dynamic: share of the row's absolute values that is not clipped, 0 to 1. Default 0.995. */
  readonly quantile?: number
  /**
   * Dynamic: the largest threshold; what exceeds it is clipped whatever the quantile. Default: none. Public pipelines
   * call it `sample_max_value`, and default to `max`, which makes the dynamic threshold a static one.
   */
  readonly ceiling?: number
  /** For a process on residuals: the condition that data are measured from, added before clipping. */
  readonly mean?: string
}

/**
 * Keeps the predicted data in their range (Saharia et al. 2022, "Imagen", section 2.3), row by row: with the threshold
 * `c = clamp(quantile(|x_0|), max, ceiling)`, `x_0 <- clip(x_0, -c, c) max / c`. A row within the range is not changed.
 * The noise prediction is recomputed from the clipped data. It wraps the denoiser after guidance, whose large scales it
 * is for, and needs values with a range: pixels, not latents.
 * @throws Error where an option is out of range, or a call leaves out the `mean`
 */
export function thresholded(denoiser: Denoiser, options: ThresholdOptions): Denoiser {
  const { type, max = 1, quantile: share = 0.995, ceiling = Number.POSITIVE_INFINITY, mean } = options
  if (type !== 'static' && type !== 'dynamic') {
    throw new Error(`Thresholding is "static" or "dynamic", got ${JSON.stringify(type)}.`)
  }
  if (!(max > 0 && max < Number.POSITIVE_INFINITY)) throw new Error(`Thresholding needs max > 0, got ${max}.`)
  if (!(share > 0 && share <= 1)) throw new Error(`Thresholding needs a quantile in (0, 1], got ${share}.`)
  if (!(ceiling >= max)) throw new Error(`The ceiling of a threshold is at least max = ${max}, got ${ceiling}.`)
  const { process, event, rowCost } = denoiser
  return {
    process,
    event,
    rowCost,
    async predict(x, t, target, condition, into) {
      const centre = mean === undefined ? undefined : condition?.[mean]
      if (mean !== undefined && !centre) {
        throw new Error(`Thresholding adds the condition "${mean}" before it clips; the call gave none.`)
      }
      const data = await denoiser.predict(x, t, 'data', condition, into)
      if (centre) add(data, centre, 1)
      for (let i = 0; i < t.length; i++) {
        const values = row(data, i)
        const threshold =
          type === 'static' ? max : Math.min(ceiling, Math.max(max, quantile(values.map(Math.abs), share)))
        const scale = max / threshold
        for (let j = 0; j < values.length; j++) {
          values[j] = Math.min(threshold, Math.max(-threshold, values[j])) * scale
        }
      }
      if (centre) add(data, centre, -1)
      return convert(process, 'data', target, data, x, t)
    },
  }
}

function add(out: Tensor, { data, shape }: Tensor, sign: number): void {
  if (data.length !== out.data.length) {
    throw new Error(`The mean of thresholding is [${shape.join(', ')}]; expected [${out.shape.join(', ')}].`)
  }
  for (let i = 0; i < data.length; i++) out.data[i] += sign * data[i]
}
