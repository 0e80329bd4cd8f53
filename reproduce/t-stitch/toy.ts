/**
 * The paper's claim in closed form: the large model is the exact one of three clusters, the small one that of the
 * Gaussian with the same mean and covariance. It is all that can be seen through much noise.
 */

import {
  type Comparison,
  energyDistance,
  exactSamples,
  guidedWorld,
  type Method,
  type Metric,
  type Subject,
  worldSubject,
  worldW2,
} from 'espalier/measure'
import { GaussianMixture, uniformGrid, vpLinear } from 'espalier/process'
import { ddim, dpmSolverPlusPlus } from 'espalier/solve'
import { allClasses, oneClass } from '../support/clusters.ts'
import {
  counts,
  guidanceScale,
  guidedCounts,
  largeAlone,
  nameOf,
  type Order,
  type Pair,
  paperShare,
  smallAlone,
  stepsAtEqualCost,
  stitched,
} from './stitched.ts'

const radius = 2
const std = 0.3
/** Corners of an equilateral triangle: their covariance, `radius^2 / 2` in every direction, is that of an isotropic Gaussian. */
export const clusters = new GaussianMixture({
  means: [0, 1, 2].map((k) => [radius * Math.cos((2 * Math.PI * k) / 3), radius * Math.sin((2 * Math.PI * k) / 3)]),
  stds: [std, std, std],
})

/** The Gaussian of a mixture's mean and of its variance, the same in every direction. */
function matched({ means, stds, weights }: GaussianMixture): GaussianMixture {
  const average = (of: (k: number) => number) => weights.reduce((sum, w, k) => sum + w * of(k), 0)
  const centre = Array.from(means[0], (_, i) => average((k) => means[k][i]))
  const between = average((k) => means[k].reduce((sum, v, i) => sum + (v - centre[i]) ** 2, 0) / centre.length)
  return new GaussianMixture({ means: [centre], stds: [Math.sqrt(between + average((k) => stds[k] ** 2))] })
}

const process = vpLinear()
export const steps = 50
export const toyName = 'three clusters, DDIM'
export const guidedToy = `one of three classes, w = ${guidanceScale}, DDIM`
export const energy = 'energy distance to the data'
export const w2 = 'sliced W2 to the data'
export const toyPair = { small: matched(clusters).denoiser(process), large: clusters.denoiser(process) }
/** Shares of the small model. The knee is looked at more closely than that of networks. */
export const toyShares = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]

const guided = (all: GaussianMixture, one: GaussianMixture) => guidedWorld(guidedToy, all, one, guidanceScale, process)
const guidedSubject = guided(allClasses, oneClass)
/** Each of the small predictions, of all data and of the class, is that of a Gaussian. */
const guidedPair = { small: guided(matched(allClasses), matched(oneClass)).denoiser, large: guidedSubject.denoiser }

interface Toy {
  readonly subject: Subject
  readonly pair: Pair
  readonly target: GaussianMixture
  /** NFE a step. */
  readonly cost: number
  readonly counts: readonly number[]
  /** Also swept over r. */
  readonly swept?: number
}

const toys: readonly Toy[] = [
  { subject: worldSubject(toyName, clusters, process), pair: toyPair, target: clusters, cost: 1, counts, swept: steps },
  { subject: guidedSubject, pair: guidedPair, target: oneClass, cost: 2, counts: guidedCounts },
]

export const toyComparisons = (seeds: readonly number[], samples: number): Comparison[] =>
  toys.map(({ subject, pair, target, cost, counts: tried, swept }): Comparison => {
    const method = (order: Order, r: number, n: number, name = nameOf(order, r)): Method => ({
      ...{ method: name, solver: ddim(), budgets: [cost * n] },
      wrap: () => stitched(order, r, pair, uniformGrid(process, n)),
    })
    const sweep = toyShares.filter((r) => r !== paperShare)
    const fewer = [
      ...tried.map((n) => stepsAtEqualCost(n, paperShare)),
      ...(swept ? toyShares.map((r) => stepsAtEqualCost(swept, r)) : []),
    ]
    const large = [...new Set([...tried, ...fewer])].sort((a, b) => a - b)
    const exact = exactSamples(target, 1_000_003, 2 * samples)
    const metric: Metric = {
      name: energy,
      values: (drawn) => drawn.map((of) => energyDistance(of, exact)),
      floor: {
        name: 'exact samples',
        values: () => seeds.map((seed) => energyDistance(exactSamples(target, seed, samples), exact)),
      },
    }
    return {
      ...{ subject, samples, grid: uniformGrid, budgets: [], metrics: [metric, worldW2(target, seeds, samples)] },
      methods: [
        { method: largeAlone, solver: ddim(), budgets: large.map((n) => cost * n) },
        ...tried.flatMap((n) => [
          method('small first', paperShare, n),
          method('large first', paperShare, n),
          method('small first', 1, n, smallAlone),
        ]),
        ...(swept
          ? [
              ...sweep.flatMap((r) => [method('small first', r, swept), method('large first', r, swept)]),
              method('alternating', 0.5, swept),
            ]
          : []),
      ],
      // Exact where there is no guidance.
      reference: { solver: dpmSolverPlusPlus({ order: 3 }), steps: 500, samples: Math.min(250, samples) },
    }
  })
