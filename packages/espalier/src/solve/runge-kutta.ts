import type { Target } from '../process/denoiser.ts'
import { type Conversion, coefficientsAt, conversion } from '../process/prediction.ts'
import type { Process } from '../process/process.ts'
import { type ChurnOptions, checkChurn, churned } from './churn.ts'
import { exponentialStep, type Variable } from './exponential.ts'
import { stageOf } from './multistep.ts'
import { HERE, parsePlan, type Solver, type Stage } from './plan.ts'
import { checkTableau, type Tableau, type TableauName, tableaus } from './tableau.ts'

export interface RungeKuttaOptions extends ChurnOptions {
  /** A tableau, or the name of one. */
  readonly method: TableauName | Tableau
  /** The variable of the ODE. Default `rho`. */
  readonly variable?: Variable
  /** Which prediction the table combines. Default `data`, which also starts where a = 0. */
  readonly target?: Target
}

/**
 * An explicit Runge-Kutta method on the probability-flow ODE, one network call per stage, in one of three variables:
 *
 *     rho:      d(x/a) / drho    = eps            (rhoRK-DEIS, Zhang and Chen 2023; EDM, Karras et al. 2022)
 *     lambda:   d(x/a) / dlambda = -rho eps
 *     time:     dx / dt          = a' x_0 + s' eps
 *
 * in which `x_0` and `eps` are linear in the state and the prediction, so that the table combines the states and the
 * predictions of the stages. Steps that are infinite in the variable, or end at s = 0, are one first-order step: that
 * to s = 0 is the data prediction itself. So a method of p stages costs `p n` NFE, or `p (n - 1) + 1` to s = 0.
 * With `churn` noise is added before each step (see {@link ChurnOptions}).
 * @throws for a tableau that is not consistent or not explicit
 */
export function rungeKutta(options: RungeKuttaOptions): Solver {
  const { method, variable = 'rho', target = 'data', churn = 0 } = options
  const tableau: Tableau = typeof method === 'string' ? tableaus[method] : method
  if (!tableau) throw new Error(`no tableau "${method}": there are ${Object.keys(tableaus).join(', ')}`)
  checkTableau(tableau)
  checkChurn(options)
  const name = `${typeof method === 'string' ? method : 'runge-kutta'}(${variable}${churn ? `,churn=${churn}` : ''})`
  return (process, grid) => {
    const steps = grid.length - 1
    const stages = grid.slice(0, -1).flatMap((start, step): Stage[] => {
      const raised = churned(process, start, step, steps, options)
      const step0 = stepOf(tableau, odeOf(process, variable, target), step, raised?.time ?? start, grid[step + 1])
      return raised ? [raised.stage, ...step0] : step0
    })
    return parsePlan({ type: 'plan', name, process: process.name, target, grid, stages })
  }
}

/** `d(x / scale) / dvalue = slope.x x + slope.output m`. */
interface Ode {
  readonly process: Process
  readonly target: Target
  scale(t: number): number
  value(t: number): number
  time(value: number): number
  slope(t: number): Conversion
}

function odeOf(process: Process, variable: Variable, target: Target): Ode {
  const { a, logSnr, timeOfLogSnr } = process
  const noise = (t: number) => conversion(target, 'noise', coefficientsAt(process, t))
  const rho = (t: number) => Math.exp(-logSnr(t))
  if (variable === 'rho') {
    return { process, target, scale: a, value: rho, time: (v) => timeOfLogSnr(-Math.log(v)), slope: noise }
  }
  if (variable === 'time') {
    const flow = (t: number) => conversion(target, 'flow', coefficientsAt(process, t))
    return { process, target, scale: () => 1, value: (t) => t, time: (t) => t, slope: flow }
  }
  const slope = (t: number) => {
    const { x, output } = noise(t)
    return { x: -rho(t) * x, output: -rho(t) * output }
  }
  return { process, target, scale: a, value: logSnr, time: timeOfLogSnr, slope }
}

/** The stages of one step: stage i asks at `c[i]`, where the stage before has left the state. */
function stepOf({ c, a, b }: Tableau, ode: Ode, step: number, from: number, to: number): Stage[] {
  const { process, target } = ode
  const [start, end, first] = [ode.value(from), ode.value(to), ode.slope(from)]
  if (process.s(to) === 0 || ![start, end, first.x].every(Number.isFinite)) {
    return [stageOf(step, from, exponentialStep({ process, target, from, to, nodes: [from] }))]
  }
  const times = c.map((share) => {
    if (share === 0) return from
    return share === 1 ? to : ode.time(start + share * (end - start))
  })
  const slopes = times.map(ode.slope)
  return times.map((time, i) => {
    const next = times[i + 1] ?? to
    const weights = (a[i + 1] ?? b).map((weight) => ode.scale(next) * weight * (end - start))
    const states = weights.map((weight, j) => weight * slopes[j].x)
    states[0] += ode.scale(next) / ode.scale(from)
    const predictions = weights.map((weight, j) => weight * slopes[j].output)
    return { step, time, ask: HERE, states: states.reverse(), predictions: predictions.reverse(), noise: 0 }
  })
}
