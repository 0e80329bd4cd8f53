import type { Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { type ExponentialCommon, midpointStep } from './dpm-solver.ts'
import { exponentialStep, type LinearStep } from './exponential.ts'
import { stageOf } from './multistep.ts'
import { HERE, parsePlan, type Solver, type Stage } from './plan.ts'

export interface DpmSinglestepOptions {
  /** 1 to 3: the number of network calls of a whole step. Default 2. */
  readonly order?: number
  /** `data` (default): DPM-Solver++ 2S and 3S. `noise`: DPM-Solver-2 and -3. */
  readonly target?: Target
  /** The last stage: `midpoint` (default) uses the first and the newest prediction, `taylor` all of them exactly. */
  readonly type?: 'midpoint' | 'taylor'
  /**
   * What a step of the grid is. `grid` (default): one network call; each outer step takes as many steps of the grid as
   * its order, and the times between are its inner nodes, so that n steps cost n NFE. `ratio`: a whole step, whose
   * inner nodes divide it in lambda by `r1` and `r2`: `order` NFE each.
   */
  readonly inner?: 'grid' | 'ratio'
  /** Default 1/2 for order 2, 1/3 for order 3. */
  readonly r1?: number
  /** Default 2/3. */
  readonly r2?: number
  /** Noise: 0 (default) for the ODE, 1 for the reverse SDE. */
  readonly tau?: number
  /** With `inner: 'grid'`: the orders of the outer steps. They sum to the steps of the grid. Default: {@link orderSchedule}. */
  readonly orders?: readonly number[]
  /**
   * `released`: as diffusers. `midpoint` is used for s2 of 3S too, and for the SDE each node has a noise of its own, from
   * the start of the step. Default: the paper's s2, and noises of one path.
   */
  readonly variant?: 'correct' | 'released'
}

/**
 * Singlestep DPM-Solver(++) (Lu et al. 2022, "DPM-Solver", Algorithms 1 and 2; "DPM-Solver++", Algorithm 1 and its
 * third order). A step from s to t visits inner nodes `s > s1 > s2 > t`:
 *
 *     2S:  x_s1 first order; x_t from the line through m_s and m_s1, at its middle (midpoint) or integrated (taylor)
 *     3S:  x_s1 first order; x_s2 from the line through m_s, m_s1; x_t from that through m_s, m_s2 (midpoint), or from
 *          the parabola through all three (taylor)
 *
 * `plan.grid` holds the outer nodes. With `inner: 'grid'` the last steps have a lower order, see {@link orderSchedule},
 * which caps the order of convergence of 3S at 2; `'ratio'` on a grid that ends at s > 0 keeps it. In the noise form
 * 2S with r1 = 1/2 is also what k-diffusion calls DPM2.
 */
export function dpmSolverSinglestep(options: DpmSinglestepOptions = {}): Solver {
  const { order = 2, target = 'data', type = 'midpoint', inner = 'grid', tau = 0, variant = 'correct' } = options
  const { r1 = order === 3 ? 1 / 3 : 1 / 2, r2 = 2 / 3 } = options
  if (![1, 2, 3].includes(order)) throw new Error(`singlestep DPM-Solver has orders 1 to 3, got ${order}`)
  const shares = [r1, r2].slice(0, order - 1)
  if (!shares.every((r, i) => r > (i === 0 ? 0 : r1) && r < 1)) {
    throw new Error(`singlestep DPM-Solver needs 0 < r1 < r2 < 1, got r1 = ${r1}, r2 = ${r2}`)
  }
  const family = target === 'data' ? 'dpm-solver++' : 'dpm-solver'
  const released = variant === 'released'
  const name = `${family}(${order}S,${type}${tau ? `,tau=${tau}` : ''}${released ? ',released' : ''})`
  return (process, grid) => {
    const steps = inner === 'grid' ? grouped(process, grid, order, options.orders) : divided(process, grid, shares)
    const stages = steps.flatMap((nodes, step) => {
      const common = { process, target, from: nodes[0], tau }
      const wholes = nodes.slice(1).map((to, i) => {
        const last = released || i === nodes.length - 2
        return stageStep(common, nodes.slice(0, i + 1), to, type, last)
      })
      if (released) return wholes.map((whole, i) => fromStart(step, nodes[i], whole, i))
      const inner = nodes.slice(1, -1)
      const parts = inner.map((from, i) => exponentialStep({ ...common, from, to: nodes[i + 2], nodes: [from] }))
      return chained(step, nodes, wholes, parts)
    })
    const outer = [...steps.map((nodes) => nodes[0]), grid[grid.length - 1]]
    return parsePlan({ type: 'plan', name, process: process.name, target, grid: outer, stages })
  }
}

/**
 * The coefficients from the start of a step to a later time, for the predictions at the nodes so far, newest first.
 * @param nodes the start of the step and its inner nodes so far
 * @param last whether `to` is the end of the step, where `type` counts
 */
export function stageStep(
  common: Omit<ExponentialCommon, 'to'>,
  nodes: readonly number[],
  to: number,
  type: 'midpoint' | 'taylor',
  last: boolean,
): LinearStep {
  const step = { ...common, to }
  const newest = nodes[nodes.length - 1]
  if (!last || type === 'taylor') return exponentialStep({ ...step, nodes: [...nodes].reverse() })
  if (nodes.length === 2) return midpointStep(step, [newest, nodes[0]])
  if (nodes.length === 1) return exponentialStep({ ...step, nodes })
  const { x, predictions, noise } = exponentialStep({ ...step, nodes: [newest, nodes[0]] })
  return { x, predictions: [predictions[0], 0, predictions[1]], noise }
}

/** Stage i of a step, taken from the state at the start of the step. */
function fromStart(step: number, time: number, { x, predictions, noise }: LinearStep, i: number): Stage {
  return { step, time, ask: HERE, states: [...Array<number>(i).fill(0), x], predictions, noise }
}

/**
 * The stages of one step through several nodes. `wholes[i]` leads from the start of the step to node i + 1, `parts[i]`
 * (linear part and noise) from node i + 1 to node i + 2. Each stage goes on from the state of the last one,
 *
 *     x_{i+1} = c x_i + sum_j (w_{i+1, j} - c w_{i, j}) m_j + noise z,
 *
 * in which the linear part of the start of the step, and with it the noise that has been added since, is carried: so
 * the noise of the nodes is one path, as that of the SDE is.
 */
export function chained(
  step: number,
  nodes: readonly number[],
  wholes: readonly LinearStep[],
  parts: readonly Pick<LinearStep, 'x' | 'noise'>[],
): Stage[] {
  return wholes.map((whole, i) => {
    if (i === 0) return stageOf(step, nodes[0], whole)
    const { x, noise } = parts[i - 1]
    const before = [0, ...wholes[i - 1].predictions]
    return stageOf(step, nodes[i], { x, predictions: whole.predictions.map((w, j) => w - x * before[j]), noise })
  })
}

/**
 * The orders of the outer steps for n network calls ("DPM-Solver-fast" of Lu et al. 2022): as many of the highest as fit, with
 * one step of order 1 or 2, or 2 and 1, at the end.
 * @throws unless n is a positive integer and the order 1, 2 or 3
 */
export function orderSchedule(n: number, order: number): number[] {
  if (!(Number.isInteger(n) && n >= 1 && [1, 2, 3].includes(order))) {
    throw new Error(`orders are scheduled for 1 call or more and order 1 to 3, got ${n} calls and order ${order}`)
  }
  const full = (count: number, ...rest: number[]) => [...Array<number>(count).fill(order), ...rest]
  if (order === 1) return full(n)
  if (order === 2) return n % 2 === 0 ? full(n / 2) : full((n - 1) / 2, 1)
  const K = Math.floor(n / 3) + 1
  if (n % 3 === 0) return full(K - 2, 2, 1)
  return n % 3 === 1 ? full(K - 1, 1) : full(K - 1, 2)
}

/** The grid, cut into steps by the schedule. A step that is infinite in lambda (to s = 0, from a = 0) has order 1. */
function grouped(process: Process, grid: readonly number[], order: number, given?: readonly number[]): number[][] {
  const n = grid.length - 1
  const first = n > 1 && process.a(grid[0]) === 0 ? 1 : 0
  const orders = given ? [...given] : [...Array<number>(first).fill(1), ...orderSchedule(n - first, order)]
  if (given && (given.reduce((sum, q) => sum + q, 0) !== n || given.some((q) => ![1, 2, 3].includes(q)))) {
    throw new Error(`orders of 1 to 3 that sum to the ${n} steps of the grid are needed, got ${given.join(', ')}`)
  }
  if (process.s(grid[n]) === 0 && orders[orders.length - 1] === 2) orders.splice(-1, 1, 1, 1)
  let start = 0
  return orders.map((q) => {
    start += q
    return grid.slice(start - q, start + 1)
  })
}

/** Every step of the grid, divided in lambda. */
function divided(process: Process, grid: readonly number[], shares: readonly number[]): number[][] {
  return grid.slice(0, -1).map((from, k) => {
    const to = grid[k + 1]
    const [start, h] = [process.logSnr(from), process.logSnr(to) - process.logSnr(from)]
    const inner = Number.isFinite(h) ? shares.map((r) => process.timeOfLogSnr(start + r * h)) : []
    return [from, ...inner, to]
  })
}
