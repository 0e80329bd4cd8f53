import { type Process, vpLinear } from '../../src/process/index.ts'
import { interpret, type Solver } from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'

/** Problem G of the solver tests: VP linear, 8 time-uniform steps from 1 to 1e-3, three start states. */
export const golden = {
  process: vpLinear(),
  grid: Array.from({ length: 9 }, (_, i) => 1 + ((1e-3 - 1) * i) / 8),
  starts: [-1, 0.3, 2],
}

/** Where a solver takes the three start states, in float64. */
export function goldenEnd(solver: Solver, noise?: (stage: number, out: Float64Array) => void): number[] {
  const { process, grid, starts } = golden
  return starts.map((x) => endOf(solver, process, grid, x, noise))
}

/** Where a solver takes one state of problem G, in float64. */
export function endOf(
  solver: Solver,
  process: Process,
  grid: readonly number[],
  x: number,
  noise?: (stage: number, out: Float64Array) => void,
): number {
  const plan = solver(process, grid)
  return interpret(plan, askOf(process, plan.target), [x], { noise }).states[0][0]
}

/** The exact prediction of problem G, for the interpreter. */
export function askOf(process: Process, target: 'data' | 'noise') {
  return (x: Float64Array, t: number, out: Float64Array) => {
    problemG.predict(x, process.a(t), process.s(t), target, out)
  }
}
