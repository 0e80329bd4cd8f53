/**
 * Solvers against each other at equal NFE: every method starts from the same noise, on the same kind of grid, and takes
 * as many steps as its budget allows. Deterministic by seed; nothing is kept from one run to the next.
 */

import type { Condition, Denoiser } from '../process/denoiser.ts'
import type { Grid, GridOptions } from '../process/grid.ts'
import { execute, start } from '../solve/execute.ts'
import { undenoised } from '../solve/levels.ts'
import { nfeOf, type Plan, type Solver, stepsOf } from '../solve/plan.ts'
import { fold, key, purpose } from '../tensor/random.ts'
import { concatenate, type Tensor } from '../tensor/tensor.ts'
import { distanceMetric, type Metric } from './metrics.ts'
import type { Results } from './results.ts'

/** What is sampled: a model, bound to a guidance scale and a condition. */
export interface Subject {
  /** Where it stands in the tables, such as `mnist, w = 4`. */
  readonly name: string
  readonly denoiser: Denoiser
  /** The conditions of the samples with these numbers (0, 1, ... in every seed). Default: none. */
  condition?(samples: readonly number[]): Condition
  /** The exact solution of the ODE down to time `to`, where it is known. */
  exact?(x: Tensor, from: number, to: number): Tensor
  /** States in one network call. Default: all samples of a seed. */
  readonly batch?: number
  /** What a row costs beside one of the zoo's networks, for the progress. Default 1. */
  readonly weight?: number
}

export interface Method {
  readonly method: string
  readonly solver: Solver
  /** What is done to the denoiser, such as thresholding. */
  readonly wrap?: (denoiser: Denoiser) => Denoiser
  /** What runs the plan. Default `execute`; another for what is no plan, and takes the plan's grid and cost alone. */
  readonly run?: typeof execute
  /** Default: those of the comparison. */
  readonly budgets?: readonly number[]
}

export interface Comparison {
  readonly subject: Subject
  readonly methods: readonly Method[]
  /** NFE a sample; a guided step costs 2. Methods that cannot stay below one of them are left out there. */
  readonly budgets: readonly number[]
  /** What budgets count. Default `nfe`; with `steps` methods with several calls a step may spend more than others. */
  readonly unit?: 'nfe' | 'steps'
  readonly grid: Grid
  readonly gridOptions?: GridOptions
  /** Samples a seed. */
  readonly samples: number
  /** The solution that distances are taken to, of the first `samples` of each seed. It stands in the table with 0 NFE. */
  readonly reference?: { readonly solver: Solver; readonly steps: number; readonly samples: number }
  readonly metrics: readonly Metric[]
}

/** Tells how many network rows were just computed, and what for. */
export type OnRows = (rows: number, what: string) => void

/** Name of the metric that a `reference` gives (the distance to it), and of the reference as a method in others. */
export const distanceName = 'rms distance'
export const fineSolutionName = 'fine solution'

/** NFE of one sample. */
const costOf = (plan: Plan, denoiser: Denoiser) => nfeOf(plan, 0, stepsOf(plan), denoiser)

/** The plan with the most steps whose NFE (or steps) stay within the budget; undefined where one step costs more. */
export function planWithin(
  comparison: { solver: Solver } & Pick<Comparison, 'subject' | 'grid' | 'gridOptions' | 'unit'>,
  budget: number,
): Plan | undefined {
  const { solver, subject, grid, gridOptions, unit = 'nfe' } = comparison
  const { process } = subject.denoiser
  for (let steps = budget; steps >= 1; steps--) {
    const plan = solver(process, grid(process, steps, gridOptions))
    if (unit === 'steps' || costOf(plan, subject.denoiser) <= budget) return plan
  }
  return undefined
}

/** Network rows that a comparison takes, with its reference. */
export function comparisonNfe(comparison: Comparison, seeds: number): number {
  const { subject, methods, budgets, samples, reference } = comparison
  const cost = (plan: Plan | undefined) => (plan ? costOf(plan, subject.denoiser) : 0)
  const cells = methods.flatMap(({ solver, budgets: own = budgets }) =>
    own.map((budget) => planWithin({ ...comparison, solver }, budget)),
  )
  const nfe = cells.reduce((sum, plan) => sum + cost(plan), 0)
  const fine = reference && !subject.exact ? cost(referencePlan(comparison)) * reference.samples : 0
  return seeds * (nfe * samples + fine)
}

function referencePlan({ subject, reference, grid, gridOptions }: Comparison): Plan {
  const { process } = subject.denoiser
  return reference!.solver(process, grid(process, reference!.steps, gridOptions))
}

/** The first states of every seed: their noise depends on seed and sample number alone. */
const keysOf = (seed: number, from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => fold(purpose(key(seed), 'samples'), from + i))

/** Samples of one plan, one tensor a seed. */
export async function drawSamples(
  { subject, wrap, run = execute }: { subject: Subject } & Pick<Method, 'wrap' | 'run'>,
  plan: Plan,
  seeds: readonly number[],
  samples: number,
  onRows?: (rows: number) => void,
  signal?: AbortSignal,
): Promise<Tensor[]> {
  const denoiser = wrap ? wrap(subject.denoiser) : subject.denoiser
  const { batch = samples } = subject
  const drawn: Tensor[] = []
  for (const seed of seeds) {
    const parts: Tensor[] = []
    for (let from = 0; from < samples; from += batch) {
      const to = Math.min(samples, from + batch)
      const keys = keysOf(seed, from, to)
      const condition = subject.condition?.(keys.map((_, i) => from + i))
      parts.push(await run(plan, denoiser, start(plan, denoiser, keys), { keys, condition, signal }))
      onRows?.((to - from) * costOf(plan, denoiser))
    }
    drawn.push(concatenate(parts))
  }
  return drawn
}

/** The solutions that distances are taken to, one tensor a seed. */
async function referencesOf(
  comparison: Comparison,
  seeds: readonly number[],
  onRows?: OnRows,
  signal?: AbortSignal,
): Promise<Tensor[]> {
  const { subject } = comparison
  const { samples } = comparison.reference!
  const plan = referencePlan(comparison)
  if (!subject.exact)
    return drawSamples(
      { subject },
      plan,
      seeds,
      samples,
      (rows) => onRows?.(rows, `${subject.name}, reference`),
      signal,
    )
  return seeds.map((seed) =>
    subject.exact!(
      start(plan, subject.denoiser, keysOf(seed, 0, samples)),
      plan.grid[0],
      plan.grid[plan.grid.length - 1],
    ),
  )
}

/** Runs a comparison and adds its cells to the results: one value per seed, method, budget and metric. */
async function compare(comparison: Comparison, results: Results, onRows?: OnRows, signal?: AbortSignal): Promise<void> {
  const { subject, methods, budgets, samples } = comparison
  const { seeds } = results
  const metrics = [...comparison.metrics]
  if (comparison.reference) {
    const references = await referencesOf(comparison, seeds, onRows, signal)
    metrics.unshift(distanceMetric(distanceName, references))
    const cell = { method: fineSolutionName, setting: subject.name, nfe: 0 }
    for (const { average, name: metric, values } of comparison.metrics)
      if (average) results.add({ ...cell, metric, values: await values(references) })
  }
  for (const { floor, name: metric } of metrics) {
    const where = { setting: subject.name, metric }
    if (!floor || results.has(floor.name, where)) continue
    results.add({ method: floor.name, ...where, nfe: 0, values: await floor.values() })
  }
  for (const method of methods) {
    for (const budget of method.budgets ?? budgets) {
      const plan = planWithin({ ...comparison, solver: method.solver }, budget)
      if (!plan) continue
      const what = `${subject.name}, ${method.method}`
      const told = (rows: number) => onRows?.(rows, what)
      const drawn = await drawSamples({ ...method, subject }, plan, seeds, samples, told, signal)
      const cell = { method: method.method, setting: subject.name, budget, nfe: costOf(plan, subject.denoiser) }
      // The reference is a path of the ODE, to the end of the grid: no more, no less.
      const { process } = subject.denoiser
      const onPath = !plan.stages.some(({ noise }) => noise !== 0) && undenoised(plan, process) === plan
      for (const { name: metric, pathwise, values } of metrics) {
        if (!pathwise || onPath) results.add({ ...cell, metric, values: await values(drawn) })
      }
    }
  }
}

/**
 * Runs comparisons one after another, telling the share of the network rows that is done.
 * @param signal stops before the next network call, with its reason; the results then hold all that was finished
 */
export async function compareSolvers(
  comparisons: readonly Comparison[],
  results: Results,
  onProgress?: (done: number, what: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const weightOf = ({ subject: { weight = 1 } }: Comparison) => weight
  const total = comparisons.reduce((sum, c) => sum + weightOf(c) * comparisonNfe(c, results.seeds.length), 0)
  let done = 0
  for (const comparison of comparisons) {
    const told: OnRows = (rows, what) => {
      done += rows * weightOf(comparison)
      onProgress?.(Math.min(1, done / total), what)
    }
    await compare(comparison, results, told, signal)
  }
}
