/** Two numbers in place of a picture: six narrow clusters around the degraded value, and one class of them under guidance. */

import { type Comparison, guidedWorld, worldSubject, worldW2 } from 'espalier/measure'
import { GaussianMixture, type Grid, meanReverting } from 'espalier/process'
import { mrSampler } from 'espalier/solve'
import { allClasses, oneClass } from '../support/clusters.ts'
import type { Method } from './methods.ts'

const scale = 4
/** How these parts are named in the table. */
export const plane = 'two numbers, six clusters'
export const w2 = 'sliced W2 to the exact law'
export const guidedPlane = `two numbers, one class asked for, w = ${scale}`

/** The process of the paper, of pictures in [0, 1]. */
const process = meanReverting()

/** The law of `a x + s eps`. */
const mapped = ({ means, stds }: GaussianMixture, a: number, s = 0) =>
  new GaussianMixture({
    means: means.map((mean) => mean.map((v) => a * v)),
    stds: stds.map((std) => Math.hypot(a * std, s)),
  })

/** Of the residual, clean minus degraded. */
const [all, one] = [allClasses, oneClass].map((mixture) => mapped(mixture, 0.4))

interface Run {
  /** Without and with guidance, where a step costs 2 NFE. */
  readonly methods: readonly Method[]
  readonly guided: { readonly methods: readonly Method[]; readonly budgets: readonly number[] }
  readonly seeds: readonly number[]
  readonly samples: number
}

/** Sliced W2 to the exact law at the end of a run, where a little noise is left, and the distance of ODEs to the exact path. */
export function planeComparisons({ methods, guided, seeds, samples }: Run): Comparison[] {
  const metric = (mixture: GaussianMixture) => ({
    ...worldW2(mapped(mixture, process.a(0), process.s(0)), seeds, samples),
    name: w2,
  })
  const reference = { solver: mrSampler({ order: 2 }), steps: 500, samples: Math.min(250, samples) }
  const compare = (grid: Grid, own: readonly Method[]): Comparison => ({
    ...{ grid, samples, reference, budgets: [], methods: own },
    ...{ subject: worldSubject(plane, all, process), metrics: [metric(all)] },
  })
  const grids = [...new Set(methods.map(({ grid }) => grid))]
  return [
    ...grids.map((grid) =>
      compare(
        grid,
        methods.filter((method) => method.grid === grid),
      ),
    ),
    {
      ...compare(
        grids[0],
        guided.methods.map((method) => ({ ...method, budgets: guided.budgets })),
      ),
      ...{ subject: guidedWorld(guidedPlane, all, one, scale, process), metrics: [metric(one)] },
    },
  ]
}
