import type { GaussianMixture } from '../process/gaussian-mixture.ts'
import type { Grid } from '../process/grid.ts'
import { uniformGrid } from '../process/grids.ts'
import type { Process } from '../process/process.ts'
import { fold, key, stream } from '../tensor/random.ts'
import { type Ask, interpret } from './interpret.ts'
import { timesOfStates } from './levels.ts'
import { type Plan, type Solver, sameProcess } from './plan.ts'

/** The exact probability flow of some states of a world along a grid. */
export interface Reference {
  readonly world: GaussianMixture
  readonly process: Process
  readonly grid: readonly number[]
  /** All states side by side, at the first times of the grid: at least at `grid[0]`. */
  readonly first: readonly Float64Array[]
  /** The states at the end of the grid. */
  readonly end: Float64Array
}

export interface ReferenceOptions {
  /** States at `grid[0]`. Default: 8 draws from their exact law. */
  readonly starts?: readonly ArrayLike<number>[]
  /** For this many steps the exact states are known one by one. Default 0. */
  readonly exactSteps?: number
}

/** Solves the probability-flow ODE of a world from `grid[0]`, to a relative 1e-12. */
export function referenceFlow(
  world: GaussianMixture,
  process: Process,
  grid: readonly number[],
  options: ReferenceOptions = {},
): Reference {
  const { exactSteps = 0, starts = draws(world, process, grid[0], 8) } = options
  const d = world.dimension
  const flow = (states: Float64Array, from: number, to: number) => {
    const moved = new Float64Array(states.length)
    for (let i = 0; i < states.length; i += d) moved.set(world.flow(process, states.subarray(i, i + d), from, to), i)
    return moved
  }
  const first = [Float64Array.from(starts.flatMap((state) => Array.from(state)))]
  for (let k = 0; k < exactSteps; k++) first.push(flow(first[k], grid[k], grid[k + 1]))
  return { world, process, grid, first, end: flow(first[exactSteps], grid[exactSteps], grid[grid.length - 1]) }
}

function draws(world: GaussianMixture, process: Process, t: number, n: number): Float64Array[] {
  return Array.from({ length: n }, (_, i) => {
    const own = fold(key(0), i)
    const { normal } = stream(fold(own, 1))
    return world.sample(fold(own, 0)).map((x) => process.a(t) * x + process.s(t) * normal())
  })
}

/**
 * The root mean square error of a deterministic plan at the end of its grid. At the first times, where the reference knows
 * the exact state, it takes the place of the plan's own: what is left is the error of the method without its start.
 */
export function flowError(plan: Plan, reference: Reference): number {
  const { world, process, first, end } = reference
  sameProcess(plan, process)
  if (plan.grid.some((t, i) => t !== reference.grid[i])) throw new Error('the plan and the reference have other grids')
  const exact = new Map(first.map((state, k) => [plan.grid[k], state] as const))
  const d = world.dimension
  const ask: Ask = (x, t, out) => {
    for (let i = 0; i < x.length; i += d) {
      world.predict(x.subarray(i, i + d), process.a(t), process.s(t), plan.target, out.subarray(i, i + d))
    }
  }
  const times = timesOfStates(plan, process)
  const onStage = (stage: number) => {
    const time = times[stage]
    return time === undefined ? undefined : exact.get(time)
  }
  const { states } = interpret(plan, ask, first[0], { onStage })
  return Math.sqrt(states[0].reduce((sum, v, i) => sum + (v - end[i]) ** 2, 0) / end.length)
}

export interface ConvergenceOptions {
  /** Default: even times. */
  readonly grid?: Grid
  /** The times that it runs between. Default 0.7 to 0.05. */
  readonly from?: number
  readonly to?: number
  /** The part of the steps, from the first, that end with the exact state. Default 0: the solver's own start. */
  readonly exactStart?: number
  readonly starts?: ReferenceOptions['starts']
}

export interface Convergence {
  readonly ns: readonly number[]
  readonly errors: readonly number[]
  /** `-d log error / d log n` between the last two that the reference is exact enough for: the measured order. */
  readonly slope: number
}

/**
 * Errors of a solver against the exact flow of a world, for several numbers of steps, and their slope.
 * @param ns increasing numbers of steps, two or more
 */
export function convergence(
  solver: Solver,
  world: GaussianMixture,
  process: Process,
  ns: readonly number[],
  options: ConvergenceOptions = {},
): Convergence {
  const { grid = uniformGrid, from = 0.7, to = 0.05, exactStart = 0, starts } = options
  const errors = ns.map((n) => {
    const times = grid(process, n, { from, to })
    const exactSteps = Math.ceil(exactStart * n)
    return flowError(solver(process, times), referenceFlow(world, process, times, { starts, exactSteps }))
  })
  return { ns, errors, slope: slopeOf(ns, errors) }
}

/** Below this, errors are those of the reference. */
const ACCURACY = 1e-11

/** `-d log error / d log n` between the last two errors above the accuracy of the reference; NaN where there are none. */
export function slopeOf(ns: readonly number[], errors: readonly number[]): number {
  let last = errors.length - 1
  while (last > 1 && errors[last] < ACCURACY) last--
  if (last < 1 || errors[last] < ACCURACY) return Number.NaN
  return Math.log(errors[last - 1] / errors[last]) / Math.log(ns[last] / ns[last - 1])
}
