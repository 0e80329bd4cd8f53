/** Everything that is compared, with its grid and the numbers of steps; one network call a step. */

import { type Grid, logSnrGrid, uniformGrid } from 'espalier/process'
import { mrSampler, type Solver } from 'espalier/solve'
import { eulerMaruyama, posteriorSampling } from './baselines.ts'

export interface Method {
  readonly method: string
  readonly solver: Solver
  readonly grid: Grid
  readonly budgets: readonly number[]
}

/** The noise form of the SDE multiplies errors by `exp(2 h)`: fewer than 15 steps are not asked of it. */
const few = [4, 5, 10, 20, 50]
const all = [...few, 100]
const many = [20, 50]

const method = (name: string, solver: Solver, budgets: readonly number[] = few, grid: Grid = uniformGrid): Method => ({
  ...{ method: name, solver, grid, budgets },
})

/** As released: with N < 100 steps these hardly leave the noise. With 100 they are the two below. */
export const naivePosterior = method('posterior, released', posteriorSampling({ stride: 'released' }))
export const naiveEuler = method('Euler, released', eulerMaruyama({ stride: 'released' }))
/** With the coefficients of the steps they take. This posterior sampling IS the MR SDE of order 1 with data. */
export const posterior = method('posterior = SDE-data-1', posteriorSampling(), all)
export const euler = method('Euler', eulerMaruyama(), all)
export const first = method('ODE-1', mrSampler({ order: 1 }))
export const second = method('ODE-data-2', mrSampler({ order: 2 }), all)
export const ofNoise = method('ODE-noise-2', mrSampler({ order: 2, prediction: 'noise' }))
export const sde = method('SDE-data-2', mrSampler({ form: 'sde', order: 2 }))
const sdeOfNoise = [1, 2].map((order) =>
  method(`SDE-noise-${order}`, mrSampler({ form: 'sde', order, prediction: 'noise' }), many),
)
const onLambda = [first, second, posterior, sde].map(({ method: name, solver }) =>
  method(`${name}, even lambda`, solver, [4, 5, 10, 20], logSnrGrid),
)

export const methods = [
  naivePosterior,
  naiveEuler,
  posterior,
  euler,
  first,
  second,
  ofNoise,
  sde,
  ...sdeOfNoise,
  ...onLambda,
]

/** Under guidance, in the closed form; a step costs 2 NFE. */
export const guided = {
  methods: [naivePosterior, posterior, euler, first, second, ofNoise, sde],
  budgets: [4, 8, 10, 20, 50],
}
