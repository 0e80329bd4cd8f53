/**
 * The paper's claim in closed form: the large model is the exact one of three clusters, the small one that of the
 * Gaussian with the same mean and covariance. It is all that can be seen through much noise.
 */

import { type Comparison, energyDistance, exactSamples, type Method, type Metric, worldSubject } from 'espalier/measure'
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { ddim } from 'espalier/solve'
import { largeAlone, nameOf, type Order, smallAlone, stepsAtEqualCost, stitched } from './stitched.ts'

const radius = 2
const std = 0.3
/** Corners of an equilateral triangle: their covariance, `radius^2 / 2` in every direction, is that of an isotropic Gaussian. */
export const clusters = new GaussianMixture({
  means: [0, 1, 2].map((k) => [radius * Math.cos((2 * Math.PI * k) / 3), radius * Math.sin((2 * Math.PI * k) / 3)]),
  stds: [std, std, std],
})
const matched = new GaussianMixture({ means: [[0, 0]], stds: [Math.hypot(radius / Math.SQRT2, std)] })

const process = vpLinear()
export const steps = 50
export const toyName = `three clusters, DDIM, ${steps} steps`
export const energy = 'energy distance to the data'
export const toyPair = { small: matched.denoiser(process), large: clusters.denoiser(process) }
/** Shares of the small model. The knee is looked at more closely than that of networks. */
export const toyShares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

export function toyComparison(seeds: readonly number[], samples: number): Comparison {
  const subject = worldSubject(toyName, clusters, process)
  const grid = uniformGrid(process, steps)
  const method = (order: Order, r: number, name = nameOf(order, r)): Method => ({
    method: name,
    solver: ddim(),
    wrap: () => stitched(order, r, toyPair, grid),
  })
  const target = exactSamples(clusters, 1_000_003, 2 * samples)
  const metric: Metric = {
    name: energy,
    values: (drawn) => drawn.map((of) => energyDistance(of, target)),
    floor: {
      name: 'exact samples',
      values: () => seeds.map((seed) => energyDistance(exactSamples(clusters, seed, samples), target)),
    },
  }
  return {
    ...{ subject, samples, grid: uniformGrid, budgets: [steps] },
    methods: [
      { method: largeAlone, solver: ddim(), budgets: [steps, ...toyShares.map((r) => stepsAtEqualCost(steps, r))] },
      ...toyShares.map((r) => method('small first', r)),
      method('small first', 1, smallAlone),
      ...toyShares.map((r) => method('large first', r)),
      method('alternating', 0.5),
    ],
    reference: { solver: ddim(), steps, samples: Math.min(250, samples) },
    metrics: [metric],
  }
}
