/** Everything that is compared: a network, its sampler, and the numbers of steps, one network call each. */

import { customGrid, type Grid, uniformGrid } from 'espalier/process'
import { ddim, ddpm, dpmSolverPlusPlus, resShift, type Solver } from 'espalier/solve'

export interface Method {
  readonly method: string
  /** In the zoo. */
  readonly network: string
  readonly solver: Solver
  readonly grid: Grid
  readonly budgets: readonly number[]
}

const four = 'fashion-sr-resshift4'
const fifteen = 'fashion-sr-resshift15'
const conditional = 'fashion-sr-ddpm'

const method = (
  name: string,
  network: string,
  solver: Solver,
  budgets: readonly number[],
  grid = uniformGrid,
): Method => ({
  ...{ method: name, network, solver, budgets, grid },
})

export const regression = method('regression (L2)', 'fashion-sr-l2', ddim(), [1])
/** Two networks, one for each number of steps; one name, as they are one method. */
export const resShift4 = method('ResShift', four, resShift(), [4])
export const resShift15 = method('ResShift', fifteen, resShift(), [15])
/** The network of 15 steps at fewer of its times: what training for four is good for, and chains of other lengths. */
const someOf15: Grid = (process, steps) =>
  customGrid({ times: Array.from({ length: steps + 1 }, (_, k) => Math.round(15 * (1 - k / steps)) / 15) })(
    process,
    steps,
  )
export const strided = method('ResShift for 15, in fewer', fifteen, resShift(), [4, 5, 10], someOf15)
/** The same networks on the ODE of the residual, which draws no noise. */
export const odes = [
  method('ResShift as an ODE', four, ddim(), [4]),
  method('ResShift as an ODE', fifteen, ddim(), [15]),
]
/** A diffusion from noise has no length of its own. */
const few = [4, 5, 10, 15, 20, 50]
const all = [...few, 100]
/** From pure noise, given the same picture: the counterpart of the latent diffusion of the paper. */
export const fromNoise = method('DDIM from noise', conditional, ddim(), all)
/** The same network with a solver of second order: at few steps the fairer opponent. */
export const fromNoise2 = method('2M from noise', conditional, dpmSolverPlusPlus(), few)
export const ancestral = method('DDPM from noise', conditional, ddpm(), all)

export const methods = [...[regression, resShift4, resShift15, strided, ...odes], ...[fromNoise, fromNoise2, ancestral]]
