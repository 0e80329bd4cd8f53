import type { Tensor } from '../tensor/tensor.ts'
import type { Combination, Plan, Stage } from './plan.ts'

/** The terms of a combination that count: which list each is taken from, where, and its coefficient. */
export interface Sum {
  readonly sources: readonly ('states' | 'predictions' | 'noise')[]
  readonly indices: readonly number[]
  readonly coefficients: Float64Array
}

export interface CompiledStage {
  readonly stage: Stage
  /** Index in the whole plan: the number of its noise stream. */
  readonly index: number
  readonly noise: number
  /** Undefined where the network is asked at the current state itself. */
  readonly ask: Sum | undefined
  readonly update: Sum
  readonly reach: { readonly states: number; readonly predictions: number }
}

/** What was compiled of each plan: a search runs the same few blocks thousands of times. */
const known = new WeakMap<Plan, Map<string, readonly CompiledStage[]>>()

/** The stages of the steps `from` to `to`, with every zero coefficient dropped. */
export function compile(plan: Plan, from: number, to: number): readonly CompiledStage[] {
  let blocks = known.get(plan)
  if (!blocks) known.set(plan, (blocks = new Map()))
  const block = `${from} ${to}`
  let stages = blocks.get(block)
  if (!stages) blocks.set(block, (stages = stagesOf(plan, from, to)))
  return stages
}

function stagesOf(plan: Plan, from: number, to: number): CompiledStage[] {
  return plan.stages.flatMap((stage, index) => {
    if (stage.step < from || stage.step >= to) return []
    const { ask, noise } = stage
    const asksHere = stage.time === null || (sumOf(ask).coefficients.length === 1 && ask.states[0] === 1)
    const reach = {
      states: Math.max(ask.states.length, stage.states.length),
      predictions: Math.max(ask.predictions.length, stage.predictions.length),
    }
    return [{ stage, index, noise, ask: asksHere ? undefined : sumOf(ask), update: sumOf(stage, noise), reach }]
  })
}

function sumOf({ states, predictions }: Combination, noise = 0): Sum {
  const terms = [
    ...states.map((c, index) => ({ source: 'states' as const, index, c })),
    ...predictions.map((c, index) => ({ source: 'predictions' as const, index, c })),
    { source: 'noise' as const, index: 0, c: noise },
  ].filter(({ c }) => c !== 0)
  return {
    sources: terms.map(({ source }) => source),
    indices: terms.map(({ index }) => index),
    coefficients: Float64Array.from(terms, ({ c }) => c),
  }
}

/** Writes the tensors of a sum to `terms`, which is used again and again. */
export function gatherTerms(
  terms: Tensor[],
  { sources, indices }: Sum,
  states: readonly Tensor[],
  predictions: readonly Tensor[],
  noise?: Tensor,
): Tensor[] {
  for (let j = 0; j < sources.length; j++) {
    terms[j] = sources[j] === 'states' ? states[indices[j]] : sources[j] === 'noise' ? noise! : predictions[indices[j]]
  }
  return terms
}
