import { z } from 'zod/mini'
import { type Denoiser, rowCostAt, type Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { parseWith } from '../tensor/parse.ts'

/** More than any solver makes; a file that has more is refused before it is read number by number. */
const LIMITS = { times: 10_001, stages: 50_000, terms: 1_000, name: 200 }

/** A list whose length is checked before its items are; the second bounds are for the JSON schema. */
function list<T extends z.ZodMiniType>(item: T, most: number, least = 0) {
  const length = [z.minLength(least), z.maxLength(most)] as const
  return z.pipe(z.array(z.unknown()).check(...length), z.array(item).check(...length))
}

const coefficients = list(z.number(), LIMITS.terms)
const name = z.string().check(z.maxLength(LIMITS.name), z.regex(/^\P{Cc}*$/u, 'expected text in one line'))

/**
 * A combination of what a run keeps, newest first: `sum_j states[j] x_j + sum_j predictions[j] m_j`.
 * `x_0` is the current state and `m_0` the latest prediction; lists end where the coefficients do.
 */
const combination = z.strictObject({ states: coefficients, predictions: coefficients })

/**
 * One network call and one update:
 *
 *     m <- network(ask of kept states and predictions, time)        and m is kept
 *     x <- sum_j states[j] x_j + sum_j predictions[j] m_j + noise z  and x is kept
 *
 * A stage whose `time` is null calls no network: it only updates. So this is a general linear method (Butcher 1966),
 * with noise: a one-step method reads `x_0` and `m_0`, a multistep method reads older predictions, an intermediate
 * stage leaves a state that later stages of its step read, a corrector asks the network at a predicted point
 * (`ask`) and updates another, and momentum or a noise that two stages share is a state of its own.
 */
const stage = z.strictObject({
  /** The grid step that this stage is part of; it runs from `grid[step]` to `grid[step + 1]`. */
  step: z.int().check(z.nonnegative()),
  /** Where the network is asked. */
  time: z.nullable(z.number().check(z.gte(0), z.lte(1))),
  ask: combination,
  states: coefficients,
  predictions: coefficients,
  /** Standard deviation of the fresh Gaussian noise; 0 for a deterministic stage. */
  noise: z.number().check(z.nonnegative()),
})

const plan = z.strictObject({
  type: z.literal('plan'),
  name,
  /** Name of the process that the coefficients were computed from. */
  process: name,
  /** Which prediction the stages combine. */
  target: z.enum(['data', 'noise']),
  grid: list(z.number().check(z.gte(0), z.lte(1)), LIMITS.times, 2),
  stages: list(stage, LIMITS.stages),
})

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

export type Combination = DeepReadonly<z.infer<typeof combination>>
export type Stage = DeepReadonly<z.infer<typeof stage>>

/** A solver on a grid, as plain JSON: keep it, diff it, tune it, share it. */
export type Plan = DeepReadonly<z.infer<typeof plan>>

/** The JSON schema of a {@link Plan}; {@link parsePlan} checks more, as a schema cannot say what a stage may read. */
export function planSchema(): object {
  return z.toJSONSchema(plan)
}

/** A solver is a function from a grid to a table. */
export type Solver = (process: Process, grid: readonly number[]) => Plan

/** The input of a stage that asks the network at the current state. */
export const HERE: Combination = { states: [1], predictions: [] }

/**
 * Reads a plan from a JSON value and checks that it can be executed: the grid decreases, every step has its stages in
 * order, and no stage reaches back beyond what has been kept.
 * @throws one line that names the field
 */
export function parsePlan(json: unknown): Plan {
  const parsed = parseWith(plan, json, 'plan')
  const { grid, stages } = parsed
  for (let i = 1; i < grid.length; i++) {
    if (!(grid[i] < grid[i - 1])) {
      throw new Error(`plan.grid[${i}]: times must decrease, got ${grid[i]} after ${grid[i - 1]}`)
    }
  }
  const reach = (where: string, count: number, kept: number, what: string) => {
    if (count > kept) throw new Error(`plan.${where}: reads ${count} ${what} where only ${kept} are kept`)
  }
  let step = 0
  let predictions = 0
  stages.forEach((stage, i) => {
    const where = `stages[${i}]`
    const next = i === 0 ? 0 : step + 1
    if (stage.step !== next && (i === 0 || stage.step !== step)) {
      throw new Error(`plan.${where}.step: expected ${i === 0 ? 0 : `${step} or ${next}`}, got ${stage.step}`)
    }
    step = stage.step
    if (stage.time !== null) {
      if (stage.ask.states.length + stage.ask.predictions.length === 0) {
        throw new Error(`plan.${where}.ask: the network is asked at no state, expected one coefficient or more`)
      }
      reach(`${where}.ask.states`, stage.ask.states.length, i + 1, 'states')
      reach(`${where}.ask.predictions`, stage.ask.predictions.length, predictions, 'predictions')
      predictions++
    }
    reach(`${where}.states`, stage.states.length, i + 1, 'states')
    reach(`${where}.predictions`, stage.predictions.length, predictions, 'predictions')
  })
  if (stages.length === 0 || step !== grid.length - 2) {
    throw new Error(
      `plan.stages: a grid of ${grid.length} times has ${grid.length - 1} steps, got ${step + (stages.length ? 1 : 0)}`,
    )
  }
  return parsed
}

/** `x_to = x * x_from + prediction * m + noise * z` of a one-step solver. */
export interface Update {
  readonly x: number
  readonly prediction: number
  readonly noise: number
}

/** The plan of a solver with one stage per step that keeps nothing between steps. */
export function oneStepPlan(
  name: string,
  process: Process,
  grid: readonly number[],
  target: Target,
  update: (from: number, to: number) => Update,
): Plan {
  const stages = grid.slice(0, -1).map((from, step) => {
    const { x, prediction, noise } = update(from, grid[step + 1])
    return { step, time: from, ask: HERE, states: x === 0 ? [] : [x], predictions: [prediction], noise }
  })
  return parsePlan({ type: 'plan', name, process: process.name, target, grid, stages })
}

/** @throws where a plan was computed from another process */
export function sameProcess(plan: Plan, process: Process): void {
  if (plan.process !== process.name) {
    throw new Error(`the plan is for the process ${plan.process}, got ${process.name}`)
  }
}

/** Number of grid steps. */
export function stepsOf({ grid }: Plan): number {
  return grid.length - 1
}

/**
 * Network evaluations that one row costs from step `from` up to, not including, step `to`.
 * @param model the denoiser that the plan is run with, where its rows do not cost 1
 */
export function nfeOf(plan: Plan, from = 0, to = stepsOf(plan), model: Pick<Denoiser, 'rowCost'> = {}): number {
  let nfe = 0
  for (const { step, time } of plan.stages) {
    if (step >= from && step < to && time !== null) nfe += rowCostAt(model, time)
  }
  return nfe
}

/** Whether a step draws fresh noise. Rows that are equal before a step that does not are equal after it. */
export function isStochastic(plan: Plan, step: number): boolean {
  return plan.stages.some((stage) => stage.step === step && stage.noise !== 0)
}

/** How many older states and predictions a run that starts at `step` reads, beside the current state. */
export function memoryAt({ stages }: Plan, step: number): { readonly states: number; readonly predictions: number } {
  let states = 0
  let predictions = 0
  let pushed = 0
  let asked = 0
  for (const stage of stages) {
    if (stage.step < step) continue
    if (stage.time !== null) {
      states = Math.max(states, stage.ask.states.length - pushed - 1)
      predictions = Math.max(predictions, stage.ask.predictions.length - asked)
      asked++
    }
    states = Math.max(states, stage.states.length - pushed - 1)
    predictions = Math.max(predictions, stage.predictions.length - asked)
    pushed++
  }
  return { states, predictions }
}
