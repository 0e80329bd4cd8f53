/** The same remedies on two numbers, whose variance says little of their noise: the clusters of one class, as they are and under guidance. */

import {
  type Comparison,
  exactSamples,
  guidedWorld,
  type Method,
  mean,
  type Subject,
  variance,
  worldSubject,
  worldW2,
} from 'espalier/measure'

import { uniformGrid } from 'espalier/process'
import { dpmSolverPlusPlus } from 'espalier/solve'
import { row } from 'espalier/tensor'
import { allClasses, oneClass } from '../support/clusters.ts'
import {
  attempt,
  bases,
  guidedBases,
  guidedSteps,
  nameOf,
  planOf,
  type Remedy,
  scale,
  schedule,
  usual,
} from './variants.ts'

/** How these parts are named in the table. */
export const plane = 'two numbers, clusters'
export const guidedPlane = `${plane}, w = ${scale}`
export const w2 = 'sliced W2 to the data'

const remedies: readonly (Remedy | undefined)[] = [undefined, 'raw', 'calibrated', 'constant', 'scaled']
const counts = [4, 5, 10, 20, 50]

/** Within one sample, on average: what the calibrated rule takes for the data's. */
function varianceWithin(): number {
  const real = exactSamples(oneClass, 1_000_003, 5000)
  return mean(Array.from({ length: real.shape[0] }, (_, i) => variance(row(real, i))))
}

export function planeComparisons(seeds: readonly number[], samples: number): Comparison[] {
  const dataVariance = varianceWithin()
  const compare = (subject: Subject, which: typeof bases, steps: readonly number[], cost: number): Comparison => ({
    ...{ subject, samples, budgets: [], grid: uniformGrid, metrics: [worldW2(oneClass, seeds, samples)] },
    methods: which.flatMap((base) =>
      remedies.flatMap((remedy) =>
        steps.map((n): Method => {
          const { wrap } = attempt(remedy, usual, planOf(base, schedule, n), base, dataVariance)
          return { method: nameOf(base, remedy), solver: base.solver, wrap, budgets: [n * cost] }
        }),
      ),
    ),
    reference: { solver: dpmSolverPlusPlus({ order: 3 }), steps: 500, samples: Math.min(250, samples) },
  })
  const one = bases.filter(({ warmup }) => warmup === undefined)
  return [
    compare(worldSubject(plane, oneClass, schedule), one, counts, 1),
    compare(guidedWorld(guidedPlane, allClasses, oneClass, scale, schedule), guidedBases, guidedSteps, 2),
  ]
}
