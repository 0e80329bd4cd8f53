import type { Plan, Stage } from './plan.ts'
import { memoryAt, stepsOf } from './plan.ts'

/** What a run in float64 keeps, newest first: the float64 twin of `Kept`, for one state. */
export interface Memory {
  readonly states: readonly Float64Array[]
  readonly predictions: readonly Float64Array[]
}

/** Writes the prediction (`plan.target`) at state x and time t to `out`. */
export type Ask = (x: Float64Array, t: number, out: Float64Array) => void

export interface InterpretOptions {
  /** The first step to run. Default 0. */
  readonly from?: number
  /** The step to stop before. Default: the end. */
  readonly to?: number
  /** Writes the standard normal noise of a stage (its index in the plan) to `out`. Stochastic plans need it. */
  readonly noise?: (stage: number, out: Float64Array) => void
  /** Called after each stage (its index in the plan) with the state that it made; a returned state replaces it. */
  readonly onStage?: (stage: number, state: Float64Array) => Float64Array | undefined
  /** Called after each step with the state at `grid[step + 1]`; what it returns, if anything, replaces that state. */
  readonly onStep?: (step: number, state: Float64Array) => Float64Array | undefined
}

/**
 * Runs a plan in float64, for one state (a vector of any length) and a function in place of a network.
 *
 * It is `execute` read literally, and the oracle for it: slow, exact to rounding, and open, as the memory that it
 * starts from and the noise are the caller's. Order, stability and moments of a table are computed with it.
 * @param memory the state at `grid[from]`, or all that the plan keeps at that step (see `memoryAt`)
 * @throws where a stage reads what was not kept, or a stochastic plan is given no noise
 */
export function interpret(
  plan: Plan,
  ask: Ask,
  memory: Memory | ArrayLike<number>,
  options: InterpretOptions = {},
): Memory {
  const { from = 0, to = stepsOf(plan), noise, onStage, onStep } = options
  const kept = 'states' in memory ? memory : { states: [Float64Array.from(memory)], predictions: [] }
  const states = [...kept.states]
  const predictions = [...kept.predictions]
  const { depth, reach } = longest(plan.stages)
  const size = states[0].length
  const needed = memoryAt(plan, from)
  if (states.length - 1 < needed.states || predictions.length < needed.predictions) {
    throw new Error(
      `${plan.name} at step ${from} reads ${needed.states} older states and ${needed.predictions} predictions, ` +
        `got ${states.length - 1} and ${predictions.length}`,
    )
  }
  const sum = ({ states: a, predictions: b }: Pick<Stage, 'states' | 'predictions'>): Float64Array => {
    const out = new Float64Array(size)
    a.forEach((c, j) => {
      if (c !== 0) for (let i = 0; i < size; i++) out[i] += c * states[j][i]
    })
    b.forEach((c, j) => {
      if (c !== 0) for (let i = 0; i < size; i++) out[i] += c * predictions[j][i]
    })
    return out
  }
  const fresh = new Float64Array(size)
  plan.stages.forEach((stage, index) => {
    if (stage.step < from || stage.step >= to) return
    if (stage.time !== null) {
      const prediction = new Float64Array(size)
      ask(sum(stage.ask), stage.time, prediction)
      predictions.unshift(prediction)
      predictions.length = Math.min(predictions.length, reach)
    }
    const next = sum(stage)
    if (stage.noise !== 0) {
      if (!noise) throw new Error(`${plan.name} is stochastic: interpret it with a source of noise`)
      noise(index, fresh)
      for (let i = 0; i < size; i++) next[i] += stage.noise * fresh[i]
    }
    states.unshift(onStage?.(index, next) ?? next)
    states.length = Math.min(states.length, depth)
    if (onStep && plan.stages[index + 1]?.step !== stage.step) states[0] = onStep(stage.step, states[0]) ?? states[0]
  })
  return { states, predictions }
}

/** The longest lists that a stage reads. */
function longest(stages: readonly Stage[]): { readonly depth: number; readonly reach: number } {
  let depth = 1
  let reach = 1
  for (const { ask, states, predictions } of stages) {
    depth = Math.max(depth, ask.states.length, states.length)
    reach = Math.max(reach, ask.predictions.length, predictions.length)
  }
  return { depth, reach }
}
