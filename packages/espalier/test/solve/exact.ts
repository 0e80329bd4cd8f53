import type { Process } from '../../src/process/index.ts'
import { type InterpretOptions, interpret, type Memory, memoryAt, type Solver } from '../../src/solve/index.ts'
import { problemG } from '../process/worlds.ts'
import { askOf } from './golden.ts'
import { order } from './helpers.ts'

/** Three states of problem G, spread as the marginal at the start of the grid is. */
const STARTS = [-0.9, 0.1, 1.1]

/** Times of n steps that are even in rho or in lambda, between the noise levels rho = 1.2 and 0.5, or others. */
export function evenGrid(
  process: Process,
  n: number,
  variable: 'rho' | 'lambda',
  [high, low]: readonly [number, number] = [1.2, 0.5],
): number[] {
  const time = (rho: number) => process.timeOfLogSnr(-Math.log(rho))
  return Array.from({ length: n + 1 }, (_, i) => {
    const u = i / n
    return time(variable === 'rho' ? high + (low - high) * u : high * (low / high) ** u)
  })
}

/**
 * Largest error at the end of the grid, where the solver has had exact states for the first steps.
 * @param exact how many; `kept`: so many older states and predictions are exact too, `current`: the state after each of
 *   the steps is put right, and all that follows from it is the solver's own
 */
export function errorOf(
  solver: Solver,
  process: Process,
  grid: readonly number[],
  exact: number,
  mode: 'kept' | 'current' = 'kept',
): number {
  const plan = solver(process, grid)
  const ask = askOf(process, plan.target)
  return Math.max(
    ...STARTS.map((x) => {
      const path: Float64Array[] = [Float64Array.of(x)]
      for (let k = 0; k < exact; k++) path.push(problemG.flow(process, path[k], grid[k], grid[k + 1]))
      const options: InterpretOptions =
        mode === 'kept' ? { from: exact } : { onStep: (step) => (step < exact ? path[step + 1] : undefined) }
      const start = mode === 'kept' ? memoryOf(path) : path[0]
      const end = interpret(plan, ask, start, options).states[0]
      return Math.abs(end[0] - problemG.flow(process, path[exact], grid[exact], grid[grid.length - 1])[0])
    }),
  )

  function memoryOf(path: readonly Float64Array[]): Memory {
    const memory = memoryAt(plan, exact)
    const older = path.slice(0, exact).reverse()
    const predictions = older.slice(0, memory.predictions).map((state, j) => {
      const out = new Float64Array(1)
      ask(state, grid[exact - 1 - j], out)
      return out
    })
    return { states: [path[exact], ...older.slice(0, memory.states)], predictions }
  }
}

/** The measured order on ever finer grids. */
export function measuredOrder(
  solver: Solver,
  process: Process,
  gridOf: (n: number) => number[],
  ns: readonly number[],
  exact: number,
  mode: 'kept' | 'current' = 'kept',
): number {
  return order(
    ns,
    ns.map((n) => errorOf(solver, process, gridOf(n), exact, mode)),
  )
}
