import { type GaussianMixture, gridFrom, type Process, parseGaussianMixture, parseProcess } from 'espalier/process'
import {
  type Analysis,
  analyse,
  interpret,
  type Order,
  orderOf,
  type Plan,
  parsePlan,
  type Solver,
  type StabilityRegion,
  solverFrom,
  stabilityRegion,
} from 'espalier/solve'
import { fold, key, normal } from 'espalier/tensor'
import { mixture } from './models.ts'

/** What the solver view shows. */
export interface SolverSheet {
  readonly plan: Plan
  readonly analysis: Analysis
  readonly region: StabilityRegion | null
  /** Of the solver on fine grids; null where it draws noise, and where the plan came as a file. */
  readonly order: Order | null
}

/** Points of the plane on their way from noise to data. */
export interface Bundle {
  /**
   * By point, then by time of the grid: two numbers each, over `sqrt(a^2 + s^2)` of the process, so that noise and data of
   * any process fit one picture.
   */
  readonly paths: readonly (readonly (readonly [number, number])[])[]
  /** The same by the exact probability flow, which starts at the same noise. */
  readonly exact: readonly (readonly (readonly [number, number])[])[]
  /** Centres of the mixture. */
  readonly means: readonly (readonly [number, number])[]
  /** Root mean square distance of the ends; null where the solver draws noise, so that ends do not correspond. */
  readonly error: number | null
}

/** Points of the region along each axis. */
const POINTS = 81
/** Paths of a bundle. */
const PATHS = 24
/** Processes that a plan may be for, where it was not made here. */
export const processTypes = ['vp-linear', 'vp-cosine', 'vp-scaled-linear', 'sub-vp', 've', 'edm', 'flow'] as const

/** A solver on a process and a grid: its table, and what follows from the table. @throws one line for what is wrong */
export function analyseSolver(solver: string, process: string, grid: string, steps: number): SolverSheet {
  const model = parseProcess({ type: process })
  const make = solverFrom(solver)
  return sheetOf(make(model, gridFrom(grid)(model, steps)), model, make)
}

/** The same of a table from a file. @throws one line: the field, what was expected there */
export function analysePlan(json: unknown): SolverSheet {
  const plan = parsePlan(json)
  return sheetOf(plan, processOf(plan))
}

function sheetOf(plan: Plan, model: Process, make?: Solver): SolverSheet {
  const analysis = analyse(plan, model)
  const { stability } = analysis
  const reach = Math.min(20, stability?.limit || 8)
  const box = { re: [-1.3 * reach, 0.5 * reach], im: [-1.2 * reach, 1.2 * reach], points: [POINTS, POINTS] } as const
  return {
    plan,
    analysis,
    region: stability && stabilityRegion(plan, model, box, stability.step),
    order: analysis.stochastic || !make ? null : orderOf(make, { process: model }),
  }
}

/**
 * Runs a plan on the mixture of five Gaussians of the plane, from noise drawn with fixed keys, beside the exact flow
 * from the same noise.
 */
export function bundleOf(plan: Plan): Bundle {
  const process = processOf(plan)
  const { process: _, ...world } = mixture.card as unknown as { readonly process?: unknown }
  const data = parseGaussianMixture(world)
  const { grid, target } = plan
  const paths: [number, number][][] = []
  const exact: [number, number][][] = []
  let square = 0
  const scaled = ([x, y]: readonly [number, number], i: number): [number, number] => {
    const size = Math.hypot(process.a(grid[i]), process.s(grid[i]))
    return [x / size, y / size]
  }
  for (let i = 0; i < PATHS; i++) {
    const start = new Float64Array(2)
    normal(key(i), start)
    const from = start.map((v) => v * process.s(grid[0]))
    const path: [number, number][] = [[from[0], from[1]]]
    interpret(plan, (x, t, out) => data.predict(x, process.a(t), process.s(t), target, out), from, {
      noise: (stage, out) => normal(fold(key(i), stage), out),
      onStep: (_step, state) => void path.push([state[0], state[1]]),
    })
    const flow = flowOf(data, process, from, grid)
    const [end, right] = [path[path.length - 1], flow[flow.length - 1]]
    square += ((end[0] - right[0]) ** 2 + (end[1] - right[1]) ** 2) / PATHS
    paths.push(path.map(scaled))
    exact.push(flow.map(scaled))
  }
  const noisy = plan.stages.some(({ noise }) => noise !== 0)
  return {
    paths,
    exact,
    means: data.means.map(([x, y]) => [x, y] as const),
    error: noisy ? null : Math.sqrt(square),
  }
}

/** The exact flow at every time of a grid, leg by leg. */
function flowOf(data: GaussianMixture, process: Process, start: Float64Array, grid: readonly number[]) {
  let state = start
  return grid.map((time, i): [number, number] => {
    if (i > 0) state = data.flow(process, state, grid[i - 1], time)
    return [state[0], state[1]]
  })
}

/** The process that a plan was made for, among those with numbers by default. @throws one line where it is none */
function processOf(plan: Plan): Process {
  const found = processTypes.map((type) => parseProcess({ type })).find(({ name }) => name === plan.process)
  if (found) return found
  throw new Error(`the plan is for the process ${plan.process}; here are ${processTypes.join(', ')}`)
}
