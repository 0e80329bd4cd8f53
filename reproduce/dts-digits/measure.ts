/** What is measured of the samples that a method stands for. */

import { fitGaussian, frechetDistance, type GaussianFit, mean } from 'espalier/measure'
import type { Tensor } from 'espalier/tensor'
import { spread } from '../support/digits.ts'
import { type Posterior, rowsOf } from './posterior.ts'
import type { Judgement, Task, World } from './world.ts'

export const metrics = {
  posterior: 'CNN-FID to the posterior',
  real: 'CNN-FID to real digits',
  histogram: 'distance of the class histogram',
  reward: 'mean log p',
  spread: 'spread of the samples',
  distinct: 'distinct samples',
} as const

export type Values = Partial<Record<keyof typeof metrics, number>>

/** What samples of a task are held against. */
export interface Truth {
  readonly posterior: Posterior
  /** Features of the real digits of its classes. */
  readonly real: GaussianFit
}

/** @param read samples, the same object where they are repeated */
export async function measured(world: World, task: Task, truth: Truth, read: readonly Tensor[]): Promise<Values> {
  const distinct = [...new Set(read)]
  const place = new Map(distinct.map((sample, i) => [sample, i]))
  const judged = await world.judge(distinct)
  const rewards = Array.from(await world.reward(task).evaluate(distinct))
  const at = read.map((sample) => place.get(sample) as number)
  return {
    ...valuesOf(
      truth,
      { features: at.map((i) => judged.features[i]), classes: Uint8Array.from(at, (i) => judged.classes[i]) },
      task,
    ),
    reward: mean(at.map((i) => rewards[i])),
    distinct: distinct.length,
  }
}

/** What follows from what the judge sees. */
export function valuesOf(
  { posterior, real }: Pick<Truth, 'real'> & { readonly posterior: Pick<Posterior, 'fit' | 'classes'> },
  { features, classes }: Judgement,
  { labels }: Task,
): Values {
  const fit = fitGaussian(rowsOf(features))
  return {
    posterior: frechetDistance(posterior.fit, fit),
    real: frechetDistance(real, fit),
    spread: spread(features),
    // Of one class the histogram says nothing that the reward does not say better.
    ...(labels.length > 1 && { histogram: totalVariation(posterior.classes, classes) }),
  }
}

function totalVariation(masses: Float64Array, classes: Uint8Array): number {
  const own = new Float64Array(masses.length)
  for (const k of classes) own[k] += 1 / classes.length
  return masses.reduce((sum, mass, k) => sum + Math.abs(mass - own[k]) / 2, 0)
}
