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

/** The exact prediction of a one-dimensional world (default: problem G), for the interpreter; each number is a state. */
export function askOf(process: Process, target: 'data' | 'noise', world = problemG) {
  const out1 = new Float64Array(1)
  return (x: Float64Array, t: number, out: Float64Array) => {
    const [a, s] = [process.a(t), process.s(t)]
    for (let i = 0; i < x.length; i++) out[i] = world.predict([x[i]], a, s, target, out1)[0]
  }
}
