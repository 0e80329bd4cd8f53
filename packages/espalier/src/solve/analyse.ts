import type { Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import type { Variable } from './exponential.ts'
import { type Gaussian, type Moments, moments } from './moments.ts'
import { degreeOfExactness, orderConditions, TREES, worstByOrder } from './order.ts'
import { isStochastic, memoryAt, nfeOf, type Plan, sameProcess, stepsOf } from './plan.ts'
import { stabilityLimit, steadyStep } from './stability.ts'

/** All that is computed from a table alone. Plain JSON. */
export interface Analysis {
  readonly name: string
  readonly process: string
  readonly target: Target
  readonly steps: number
  /** Network evaluations per row. */
  readonly nfe: number
  readonly stochastic: boolean
  /** The most that a run keeps between steps, beside the current state. */
  readonly memory: { readonly states: number; readonly predictions: number }
  /** Null for a stochastic plan, and for one whose {@link steadyStep} starts from a = 0. */
  readonly order: OrderAnalysis | null
  /** Of the steady step; null as `order` is, but for stochastic plans. */
  readonly stability: {
    readonly step: number
    /** The real stability interval, see {@link stabilityLimit}; null where it has no end. */
    readonly limit: number | null
  } | null
  /** The law of the state at each time of the grid for Gaussian data, from a start with the exact law. */
  readonly moments: Pick<Moments, 'times' | 'mean' | 'variance' | 'exact'> & { readonly data: Gaussian }
}

export interface OrderAnalysis {
  /** The step that stands for all. */
  readonly step: number
  /**
   * The number of leading orders of the Taylor series of which that step takes every term right to within one half. It is
   * a property of the table on its grid: a method of a high order has a lower one on a coarse grid. The order of the
   * solver that made the table is the limit on fine grids: `orderOf`.
   */
  readonly apparent: number
  /** The relative error of the term of every rooted tree, see {@link orderConditions}. */
  readonly conditions: readonly { readonly tree: string; readonly order: number; readonly defect: number }[]
  /** See {@link degreeOfExactness}; null where a step has no end in lambda. */
  readonly degrees: Readonly<Record<Variable, number>> | null
  /** The largest defects of the trees of 1 to 5 vertices, for up to 64 steps. */
  readonly steps: readonly { readonly step: number; readonly defects: readonly number[] }[]
}

export interface AnalyseOptions {
  /** The Gaussian data of {@link Analysis.moments}. Default mean 1 and standard deviation 0.5. */
  readonly data?: Gaussian
}

/**
 * What a table is, computed from it: its order conditions, its stability, and what it does to Gaussian data.
 * @throws where the plan is for another process
 */
export function analyse(plan: Plan, process: Process, options: AnalyseOptions = {}): Analysis {
  sameProcess(plan, process)
  const { data = { mean: 1, std: 0.5 } } = options
  const steps = Array.from({ length: stepsOf(plan) }, (_, step) => step)
  const stochastic = steps.some((step) => isStochastic(plan, step))
  const step = steadyStep(plan)
  const finite = process.a(plan.grid[step]) !== 0
  const limit = finite ? stabilityLimit(plan, process, step) : 0
  const kept = steps.map((k) => memoryAt(plan, k))
  const { times, mean, variance, exact } = moments(plan, process, data)
  return {
    name: plan.name,
    process: plan.process,
    target: plan.target,
    steps: steps.length,
    nfe: nfeOf(plan),
    stochastic,
    memory: {
      states: Math.max(...kept.map(({ states }) => states)),
      predictions: Math.max(...kept.map(({ predictions }) => predictions)),
    },
    order: finite && !stochastic ? orderAnalysis(plan, process, step) : null,
    stability: finite ? { step, limit: Number.isFinite(limit) ? limit : null } : null,
    moments: { data, times, mean, variance, exact },
  }
}

function orderAnalysis(plan: Plan, process: Process, step: number): OrderAnalysis {
  const defects = orderConditions(plan, process, step)
  const worst = worstByOrder(defects)
  const wrong = worst.findIndex((defect) => !(defect < 0.5))
  const degree = (variable: Variable) => degreeOfExactness(plan, process, step, variable)
  const all = stepsOf(plan)
  const stride = Math.ceil(all / 64)
  const steps = Array.from({ length: Math.ceil(all / stride) }, (_, i) => i * stride)
  return {
    step,
    apparent: wrong < 0 ? worst.length : wrong,
    conditions: TREES.map(({ name, order }, i) => ({ tree: name, order, defect: defects[i] })),
    degrees:
      process.s(plan.grid[step + 1]) === 0
        ? null
        : { rho: degree('rho'), lambda: degree('lambda'), time: degree('time') },
    steps: steps
      .filter((k) => process.a(plan.grid[k]) !== 0)
      .map((k) => ({ step: k, defects: worstByOrder(orderConditions(plan, process, k)) })),
  }
}
