/** What is measured on the samples of a method: one value a seed, so that methods can be compared seed by seed. */

import { key } from '../tensor/random.ts'
import { concatenate, type Tensor } from '../tensor/tensor.ts'
import { fitGaussian, frechetDistance } from './frechet.ts'
import { type MagnitudeScoreOptions, magnitudeScore, rmsDistance } from './pairs.ts'
import { slicedWasserstein2 } from './samples.ts'
import { jackknife, mean } from './statistics.ts'

export interface Metric {
  readonly name: string
  /** @param samples one tensor a seed @returns one value a seed */
  values(samples: readonly Tensor[]): readonly number[] | Promise<readonly number[]>
  /** Whether it is an average over samples, so that few of them do: then the fine solution is measured too. */
  readonly average?: boolean
  /** Whether it follows single paths of the ODE: then it is not of solvers that draw noise or add a last data prediction. */
  readonly pathwise?: boolean
  /** What real data gets, in the same numbers. */
  readonly floor?: { readonly name: string; values(): readonly number[] | Promise<readonly number[]> }
}

/** Root mean square distance of each sample to its reference, averaged. The references may be of the first samples only. */
export function distanceMetric(name: string, references: readonly Tensor[]): Metric {
  return {
    name,
    pathwise: true,
    values: (samples) =>
      samples.map((drawn, i) => {
        const { shape, data } = references[i]
        if (drawn.data.length < data.length)
          throw new Error(`${shape[0]} references for ${drawn.shape[0]} samples of a seed; at most as many are needed`)
        return mean(rmsDistance({ shape, data: drawn.data.subarray(0, data.length) }, references[i]))
      }),
  }
}

/** Share of values (pixels, coordinates) that lie outside of [-limit, limit]. */
export function shareOutsideMetric(name: string, limit: number): Metric {
  return {
    ...{ name, average: true },
    values: (samples) =>
      samples.map(({ data }) => data.reduce((sum, v) => sum + (Math.abs(v) > limit ? 1 : 0), 0) / data.length),
  }
}

/** Average magnitude score; see `magnitudeScore`. */
export function magnitudeMetric(options: MagnitudeScoreOptions): Metric {
  return {
    name: 'magnitude score',
    average: true,
    values: (samples) => samples.map((drawn) => mean(magnitudeScore(drawn, options))),
  }
}

/** Sliced W2 of each seed's samples to exact ones. @param exact a tensor for each seed, for the floor, and one to compare with */
export function slicedW2Metric(exact: { readonly target: Tensor; readonly floor: readonly Tensor[] }): Metric {
  const of = (drawn: Tensor) => slicedWasserstein2(drawn, exact.target, { key: key(0), directions: 50 })
  return {
    name: 'sliced W2 to the data',
    values: (samples) => samples.map(of),
    floor: { name: 'exact samples', values: () => exact.floor.map(of) },
  }
}

/**
 * Frechet distance of the features of all seeds' samples to real ones, as jackknife pseudo-values with the seeds as
 * groups: nearly without the bias that falls as one over the number of samples, which would hide good samplers.
 * @param features of images, `[n, d]`
 */
export function frechetMetric(
  name: string,
  features: (images: Tensor) => Promise<Tensor>,
  real: { readonly target: Tensor; readonly floor: readonly Tensor[]; readonly floorName: string },
): Metric {
  const target = features(real.target).then(fitGaussian)
  // A failure shows up where the values are asked for.
  target.catch(() => {})
  const values = async (samples: readonly Tensor[]) => {
    const { shape, data } = await features(concatenate(samples))
    const [n, d] = shape
    const size = (n / samples.length) * d
    const parts = samples.map(
      (_, i): Tensor => ({ shape: [size / d, d], data: data.subarray(i * size, (i + 1) * size) }),
    )
    const goal = await target
    return jackknife(parts.length, (kept) => frechetDistance(goal, fitGaussian(concatenate(kept.map((j) => parts[j])))))
  }
  return { name, values, floor: { name: real.floorName, values: () => values(real.floor) } }
}
