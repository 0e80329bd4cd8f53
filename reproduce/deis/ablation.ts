/** The two solvers that the paper starts from. They are no members of the library: nobody should sample with them. */

import type { Process } from 'espalier/process'
import { oneStepPlan, type Solver } from 'espalier/solve'

const named =
  (name: string, update: (process: Process, from: number, to: number) => readonly [x: number, eps: number]): Solver =>
  (process, grid) =>
    oneStepPlan(name, process, grid, 'noise', (from, to) => {
      const [x, prediction] = update(process, from, to)
      return { x, prediction, noise: 0 }
    })

/** Euler's method on `dx/dt = (a'/a) x + (s' - s a'/a) eps`, nothing solved exactly. */
export const eulerInTime = named('euler(time)', ({ a, s, da, ds }, from, to) => {
  const drift = da(from) / a(from)
  const width = to - from
  return [1 + width * drift, width * (ds(from) - s(from) * drift)]
})

/**
 * The exponential integrator on the score (the paper's equation 9): the linear part is exact, and `-eps / s` is frozen
 * over the step. For `a^2 + s^2 = 1` the weight `1/2 int g^2 a_to / a dt` is `1 - a_to / a_from`.
 */
export const exponentialOfScore = named('ei(score)', ({ a, s }, from, to) => {
  const ratio = a(to) / a(from)
  return [ratio, (1 - ratio) / s(from)]
})
