import type { Target } from '../process/denoiser.ts'
import type { Process } from '../process/process.ts'
import { type Combination, HERE, type Plan, parsePlan, type Stage } from './plan.ts'

/**
 * Terms by number instead of by age: state 0 is the start and row i makes state i + 1; the i-th network call makes
 * prediction i. Coefficients of 0 may be left out.
 */
export type Terms = readonly (readonly [number: number, coefficient: number])[]

/** A stage whose terms are numbered. `rows.push(row)` is the number of the state that the row makes. */
export interface Row {
  readonly step: number
  readonly time: number | null
  /** Where the network is asked. Default: the newest state. */
  readonly ask?: { readonly states: Terms; readonly predictions: Terms }
  readonly states: Terms
  readonly predictions: Terms
  /** Default 0. */
  readonly noise?: number
}

/** The plan of numbered rows. Terms with the same number are added. */
export function planOf(
  name: string,
  process: Process,
  target: Target,
  grid: readonly number[],
  rows: readonly Row[],
): Plan {
  let asked = 0
  const stages = rows.map(({ step, time, ask, states, predictions, noise = 0 }, i): Stage => {
    const before = asked
    if (time !== null) asked++
    return {
      step,
      time,
      ask: ask ? { states: byAge(ask.states, i), predictions: byAge(ask.predictions, before - 1) } : HERE,
      states: byAge(states, i),
      predictions: byAge(predictions, asked - 1),
      noise,
    }
  })
  return parsePlan({ type: 'plan', name, process: process.name, target, grid, stages })
}

/** The rows of a plan: the inverse of {@link planOf}, with zeros left out. */
export function rowsOf({ stages }: Plan): Row[] {
  let asked = 0
  return stages.map(({ step, time, ask, states, predictions, noise }, i): Row => {
    const before = asked
    if (time !== null) asked++
    const numbered = { step, time, states: byNumber(states, i), predictions: byNumber(predictions, asked - 1), noise }
    if (time === null || isHere(ask)) return numbered
    return { ...numbered, ask: { states: byNumber(ask.states, i), predictions: byNumber(ask.predictions, before - 1) } }
  })
}

function isHere({ states, predictions }: Combination): boolean {
  return states.every((c, j) => c === (j === 0 ? 1 : 0)) && predictions.every((c) => c === 0) && states.length > 0
}

function byAge(terms: Terms, newest: number): number[] {
  const list: number[] = []
  for (const [number, c] of terms) {
    if (c === 0) continue
    while (list.length <= newest - number) list.push(0)
    list[newest - number] += c
  }
  return list
}

function byNumber(list: readonly number[], newest: number): Terms {
  return list.map((c, age) => [newest - age, c] as const).filter(([, c]) => c !== 0)
}
