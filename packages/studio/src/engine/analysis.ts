import { gridFrom, parseProcess } from 'espalier/process'
import {
  type Analysis,
  analyse,
  type Order,
  orderOf,
  type Plan,
  type StabilityRegion,
  solverFrom,
  stabilityRegion,
} from 'espalier/solve'

/** What the solver view shows. */
export interface SolverSheet {
  readonly plan: Plan
  readonly analysis: Analysis
  readonly region: StabilityRegion | null
  /** Of the solver on fine grids; null where it draws noise. */
  readonly order: Order | null
}

/** Points of the region along each axis. */
const POINTS = 81

/** A solver on a process and a grid: its table, and what follows from the table. @throws one line for what is wrong */
export function analyseSolver(solver: string, process: string, grid: string, steps: number): SolverSheet {
  const model = parseProcess({ type: process })
  const make = solverFrom(solver)
  const plan = make(model, gridFrom(grid)(model, steps))
  const analysis = analyse(plan, model)
  const { stability } = analysis
  const reach = Math.min(20, stability?.limit || 8)
  const box = { re: [-1.3 * reach, 0.5 * reach], im: [-1.2 * reach, 1.2 * reach], points: [POINTS, POINTS] } as const
  return {
    plan,
    analysis,
    region: stability && stabilityRegion(plan, model, box, stability.step),
    order: analysis.stochastic ? null : orderOf(make, { process: model }),
  }
}
