/** What few steps leave of a posterior's variance, where everything is known: one pixel, N(0.5, 0.3^2) given -0.2. */

import { uniformGrid } from 'espalier/process'
import { moments } from 'espalier/solve'
import { type ChainOfSteps, chains } from './chains.ts'

/** How this part is named in the table. */
export const gaussian = 'Gaussian posterior, exact'
export const kept = 'share of the posterior variance'

const [mean, std, degraded] = [0.5, 0.3, -0.2]

/** Exact variance at the end of a run over that of the data, with a perfect network. */
function shareKept({ solver, process, residual }: ChainOfSteps, steps: number): number {
  const plan = solver(process, uniformGrid(process, steps))
  const { variance } = moments(plan, process, { mean: residual ? mean - degraded : mean, std }, { start: 'noise' })
  return variance[steps] / std ** 2
}

export function varianceTable(): { readonly method: string; readonly steps: number; readonly value: number }[] {
  return [4, 5, 10, 15, 20, 50, 100, 1000].flatMap((steps) =>
    chains(steps).map((chain) => ({ method: chain.method, steps, value: shareKept(chain, steps) })),
  )
}
