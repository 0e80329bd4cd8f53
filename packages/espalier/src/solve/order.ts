import type { Grid } from '../process/grid.ts'
import { uniformGrid } from '../process/grids.ts'
import type { Process } from '../process/process.ts'
import { vpLinear } from '../process/variance-preserving.ts'
import { integral, type Variable } from './exponential.ts'
import { type Ask, interpret } from './interpret.ts'
import { timesOfStates, undenoised } from './levels.ts'
import { type Plan, type Solver, sameProcess, stepsOf } from './plan.ts'
import { type RootedTree, rootedTrees } from './trees.ts'

/** The trees whose conditions are looked at: an order up to 4 is told from a higher one. */
export const TREES: readonly RootedTree[] = rootedTrees(5)
const HIGHEST = 5

/** A value that is left of exact cancellation. */
const ROUNDING = 1e-9

/**
 * How far one step of a plan is from taking each term of the Taylor series of the solution right.
 *
 * In `y = x / a` and `rho = s / a` the probability-flow ODE of any process is `dy / drho = eps(y, rho)`, and any plan
 * without noise is a method for it (general linear, with coefficients that depend on the step). For each rooted tree there
 * is a polynomial system, `z' = product of the z of its subtrees`, that has this term alone: from `z = 0` it goes to
 * `h^order / gamma` (Butcher 1963; Hairer, Norsett, Wanner, "Solving ODEs I", II.2). The plan is run on all of them, with
 * exact states up to the step.
 * @returns per tree of {@link TREES} the relative error of the term, 0 for a condition that holds
 */
export function orderConditions(plan: Plan, process: Process, step: number): Float64Array {
  const errors = seriesErrors(plan, process, step, step + 1)
  return errors.map((error, i) => error * TREES[i].gamma)
}

/** The errors of the terms after the steps `from` to `to`, in powers of the width of the first of them. */
function seriesErrors(plan: Plan, process: Process, from: number, to: number): Float64Array {
  check(plan, process, from, to)
  const rho = (t: number) => process.s(t) / process.a(t)
  const origin = rho(plan.grid[from])
  const width = rho(plan.grid[from + 1]) - origin
  /** `z` at a time. */
  const exact = (t: number) => {
    const u = (rho(t) - origin) / width
    return Float64Array.from(TREES, ({ order, gamma }) => u ** order / gamma)
  }
  const ask: Ask = (x, t, out) => {
    const a = process.a(t)
    if (a === 0) return
    TREES.forEach(({ children }, i) => {
      let slope = 1 / width
      for (const child of children) slope *= x[child] / a
      out[i] = plan.target === 'noise' ? slope : x[i] / a - rho(t) * slope
    })
  }
  const state = (t: number) => exact(t).map((z) => (process.a(t) === 0 ? 0 : process.a(t) * z))
  const end = runFromExact(plan, process, from, to, ask, state)
  const a = process.a(plan.grid[to])
  return exact(plan.grid[to]).map((z, i) => end[i] / a - z)
}

/** The largest of the defects of the trees of each order, 1 to 5. */
export function worstByOrder(defects: ArrayLike<number>): number[] {
  const worst = new Array<number>(HIGHEST).fill(0)
  TREES.forEach(({ order }, i) => {
    worst[order - 1] = Math.max(worst[order - 1], Math.abs(defects[i]))
  })
  return worst
}

/**
 * The highest degree of a polynomial in lambda, rho or time for which a step is exact: predictions that are this function
 * of time alone. -1 where not even constant ones are. It tells DEIS (time) from DPM-Solver (lambda) and the
 * Adams-Bashforth methods (rho).
 * @returns a degree of at most 5
 */
export function degreeOfExactness(plan: Plan, process: Process, step: number, variable: Variable): number {
  check(plan, process, step, step + 1)
  const [from, to] = [plan.grid[step], plan.grid[step + 1]]
  if (process.s(to) === 0) throw new Error(`step ${step} of ${plan.name} ends at s = 0, where lambda is infinite`)
  const at = (lambda: number) =>
    variable === 'lambda' ? lambda : variable === 'rho' ? Math.exp(-lambda) : process.timeOfLogSnr(lambda)
  const origin = at(process.logSnr(from))
  const unit = at(process.logSnr(to)) - origin
  const degrees = Array.from({ length: HIGHEST + 1 }, (_, degree) => degree)
  const power = (lambda: number, degree: number) => ((at(lambda) - origin) / unit) ** degree
  const exact = (t: number) =>
    Float64Array.from(degrees, (degree) =>
      t === from || process.a(t) === 0
        ? 0
        : integral({ process, target: plan.target, from, to: t }, (lambda) => power(lambda, degree)),
    )
  const ask: Ask = (_, t, out) => {
    for (const degree of degrees) out[degree] = process.a(t) === 0 ? 0 : power(process.logSnr(t), degree)
  }
  const end = runFromExact(plan, process, step, step + 1, ask, exact)
  const wanted = exact(to)
  const wrong = degrees.findIndex((degree) => Math.abs(end[degree] - wanted[degree]) > ROUNDING * Math.abs(wanted[0]))
  return wrong < 0 ? HIGHEST : wrong - 1
}

/** The state at `grid[to]`, where the plan was run from its start and every state up to `grid[from]` was the exact one. */
function runFromExact(
  plan: Plan,
  process: Process,
  from: number,
  to: number,
  ask: Ask,
  exact: (t: number) => Float64Array,
): Float64Array {
  const times = timesOfStates(plan, process)
  const onStage = (stage: number) => {
    const time = times[stage]
    return plan.stages[stage].step < from && time !== undefined ? exact(time) : undefined
  }
  return interpret(plan, ask, exact(plan.grid[0]), { to, onStage }).states[0]
}

function check(plan: Plan, process: Process, from: number, to: number): void {
  sameProcess(plan, process)
  if (plan.stages.some(({ noise }) => noise !== 0)) {
    throw new Error(`${plan.name} is stochastic: order conditions are those of an ODE; see its moments`)
  }
  if (!(Number.isInteger(from) && from >= 0 && from < to && to <= stepsOf(plan))) {
    throw new Error(`a plan of ${stepsOf(plan)} steps has no step ${from}`)
  }
  if (process.a(plan.grid[from]) === 0) {
    throw new Error(`step ${from} of ${plan.name} starts at a = 0, where rho is infinite: it has no order conditions`)
  }
}

export interface OrderOptions {
  /** Default VP linear. */
  readonly process?: Process
  /** A smooth grid. Default: even times, which are even neither in lambda nor in rho. */
  readonly grid?: Grid
  /** The times that it runs between. Default 0.5 to 0.494, so that the steps are short. */
  readonly from?: number
  readonly to?: number
}

/** Orders of convergence, as far as rooted trees of up to 5 vertices tell: 5 stands for 5 or more. */
export interface Order {
  /** That of the method well inside the run: with exact first steps. */
  readonly steady: number
  /** That of a run from its own first steps to its own last ones. */
  readonly effective: number
}

/**
 * The order of a solver, from its tables on a smooth grid and on two that are twice as fine, and four times.
 *
 * If the term of a tree of order q is wrong by a part of the size `h^r`, the error is `h^(q + r)`. What one step more
 * adds to it, deep in the run, is added in each of the `1 / h` steps: the order is the least `q + r - 1` of that. The error
 * of the first few steps, from the solver's own start, and that of the last few occur once: the order of the whole run is
 * at most their least `q + r`. A last data prediction (`denoised`) is no step of the ODE and left out.
 * @throws for a stochastic solver
 */
export function orderOf(solver: Solver, options: OrderOptions = {}): Order {
  const { process = vpLinear(), grid = uniformGrid, from = 0.5, to = 0.494 } = options
  const planOf = (n: number) => undenoised(solver(process, grid(process, n, { from, to })), process)
  // A singlestep solver takes several steps of the grid for one of its own: as many of these are wanted.
  const share = Math.ceil(GRIDS[0] / stepsOf(planOf(GRIDS[0])))
  const plans = GRIDS.map((n) => planOf(share * n))
  const few = 4
  const run = (plan: Plan, step: number) => seriesErrors(plan, process, step, step + few)
  /** The least power of h in errors. */
  const power = (errors: (plan: Plan) => Float64Array) => {
    const [coarse, middle, fine] = plans.map((plan) => worstByOrder(errors(plan)))
    const powers = coarse.map((_, i) => i + 1 + powerOf(coarse[i], middle[i], fine[i], CANCELLED * few ** (i + 1)))
    return Math.min(HIGHEST + 1, ...powers)
  }
  const added = power((plan) => {
    const step = Math.floor(0.7 * stepsOf(plan)) // deep in the run, but not among steps that count down
    const shorter = seriesErrors(plan, process, step, step + few - 1)
    return run(plan, step).map((error, i) => error - shorter[i])
  })
  const first = power((plan) => run(plan, 0))
  const last = power((plan) => run(plan, stepsOf(plan) - few))
  return { steady: added - 1, effective: Math.min(added - 1, first, last) }
}

/** Steps of the grids that an order is found from, each twice as fine as the one before. */
const GRIDS = [20, 40, 80] as const

/** An error that is left of exact cancellation, per step. */
const CANCELLED = 1e-12

/**
 * The power of h in positive errors at h, h / 2 and h / 4: their slope, extrapolated to h = 0 where it has settled (what
 * is left of the start of a velocity falls exponentially, not with a power of h).
 */
function powerOf(coarse: number, middle: number, fine: number, rounding: number): number {
  if (fine < rounding) return HIGHEST
  const [before, after] = [Math.log2(coarse / middle), Math.log2(middle / fine)]
  return Math.round(Math.abs(after - before) < 1 ? 2 * after - before : after)
}
