import type { Condition, Denoiser } from '../process/denoiser.ts'
import type { BufferPool } from '../tensor/buffer-pool.ts'
import { firstNotFinite } from '../tensor/finite.ts'
import type { Precision } from '../tensor/precision.ts'
import { type Key, normal, purpose } from '../tensor/random.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import { arithmeticOf } from './arithmetic.ts'
import { compile, gatherTerms } from './compile.ts'
import { memoryAt, type Plan, type Stage, sameProcess, stepsOf } from './plan.ts'

/** What a run carries from step to step, newest first. `states[0]` is the current state; see {@link memoryAt}. */
export interface Kept {
  readonly states: readonly Tensor[]
  readonly predictions: readonly Tensor[]
}

/** A finished step. The tensors are the run's own: valid until the next step, to be copied if kept. */
export interface StepReport {
  readonly step: number
  readonly steps: number
  /** The time that was reached, `grid[step + 1]`. */
  readonly time: number
  readonly state: Tensor
  /** The latest prediction (`plan.target`) of the network, if it has been asked yet. */
  readonly prediction: Tensor | undefined
}

export interface ExecuteOptions {
  /** One key per row, for the noise: stage i of the plan draws from `fold(key, i)`. Deterministic steps need none. */
  readonly keys?: readonly Key[]
  /**
   * What noise and sums are computed in. `single`, with a denoiser of the same precision, is for worlds of few numbers and
   * many particles; its stage i draws from `keys` by {@link SingleNormals}. Default `double`.
   */
  readonly precision?: Precision
  /** Further inputs of the network, one row per state. */
  readonly condition?: Condition
  /** Whether the states `x` may be overwritten, and returned. Default false. */
  readonly inPlace?: boolean
  /** Where the memory of the run comes from, and goes back to but for what is returned. Default: fresh memory. */
  readonly pool?: BufferPool
  /** The first step to run. Default 0. */
  readonly from?: number
  /** The step to stop before. Default: the end. */
  readonly to?: number
  /** Stops the run before its next network call, with the signal's reason. */
  readonly signal?: AbortSignal
  /** Called after each step, and waited for. */
  readonly onStep?: (report: StepReport) => void | Promise<void>
}

/** Standard deviation of the pure noise that a plan starts from, `s(grid[0])`. */
export function startStd(plan: Plan, { process }: Denoiser): number {
  return process.s(plan.grid[0])
}

/** The rows of pure noise that a plan starts from, each from its own key. Shape `[n, ...event]`. */
export function start(
  plan: Plan,
  denoiser: Denoiser,
  keys: readonly Key[],
  std: number = startStd(plan, denoiser),
): Tensor {
  const size = sizeOf(denoiser.event)
  const data = new Float32Array(keys.length * size)
  for (let row = 0; row < keys.length; row++) normal(purpose(keys[row], 'start'), data, row * size, size)
  for (let i = 0; i < data.length; i++) data[i] *= std
  return { shape: [keys.length, ...denoiser.event], data }
}

/**
 * Runs a plan: the loop that executes every solver.
 *
 * A row's result depends on its own state, key and condition alone: not on the other rows, their order, or on the run
 * being split into blocks of steps.
 * @param x states `[n, ...event]` at time `grid[from]`; not changed, unless `inPlace`
 * @returns the states at time `grid[to]`, a fresh tensor unless `inPlace`
 * @throws where the plan is for another process, where the range or the keys do not fit, where a result is not finite
 *   (naming step, time and row), and for a plan that remembers more than the state at step `from`: use {@link advance}
 */
export async function execute(
  plan: Plan,
  denoiser: Denoiser,
  x: Tensor,
  options: ExecuteOptions = {},
): Promise<Tensor> {
  return (await advance(plan, denoiser, { states: [x], predictions: [] }, options)).states[0]
}

/**
 * {@link execute} for plans with memory: takes and returns all that the plan keeps between steps, so that a run in
 * blocks equals one run.
 */
export async function advance(plan: Plan, denoiser: Denoiser, kept: Kept, options: ExecuteOptions = {}): Promise<Kept> {
  const { keys, condition, from = 0, to = stepsOf(plan), inPlace = false, pool, signal, onStep, precision } = options
  const steps = stepsOf(plan)
  const n = check(plan, denoiser, kept, from, to)
  const stages = compile(plan, from, to)
  const end = memoryAt(plan, to)
  const depth = Math.max(end.states + 1, ...stages.map(({ reach }) => reach.states))
  const memory = Math.max(1, end.predictions, ...stages.map(({ reach }) => reach.predictions))
  const shape = kept.states[0].shape
  const length = sizeOf(shape)
  const lent: Float32Array<ArrayBuffer>[] = []
  const buffer = (): Tensor => {
    const data = pool?.floats(length) ?? new Float32Array(length)
    lent.push(data)
    return { shape, data }
  }
  const states = kept.states.slice(0, depth).map(({ data }) => ({ shape, data: inPlace ? data : data.slice() }))
  const predictions = kept.predictions.slice(0, memory)
  const spare = Array.from({ length: depth - states.length }, buffer)
  const point = stages.some(({ ask }) => ask) ? buffer() : undefined
  const stochastic = stages.some((stage) => stage.noise !== 0)
  if (stochastic && keys?.length !== n) {
    throw new Error(`a stochastic plan needs one key per row: got ${keys?.length ?? 0} keys for ${n} rows`)
  }
  const arithmetic = arithmeticOf(precision, stochastic ? keys : undefined, shape, buffer)
  const times = new Float64Array(n)
  const terms: Tensor[] = []
  // Predictions of this run that no later stage reads: given back to the denoiser to write the next one to.
  const free: Tensor[] = pool ? [buffer()] : []
  let foreign = predictions.length
  let stage = stages[0]?.stage
  const failed = (cause: Error): never => {
    if (signal?.aborted) throw cause
    throw new Error(`${whereIn(plan, stage)}: ${cause.message}`, { cause })
  }

  for (let i = 0; i < stages.length; i++) {
    const { index, ask, update } = stages[i]
    stage = stages[i].stage
    let noise: Tensor | undefined
    if (stage.time !== null) {
      signal?.throwIfAborted()
      if (ask) arithmetic.combine(point!, ask.coefficients, gatherTerms(terms, ask, states, predictions))
      const at = ask ? point! : states[0]
      if (predictions.length === memory) {
        const oldest = predictions.pop()!
        if (foreign > 0) foreign--
        else free.push(oldest)
      }
      const asked = denoiser.predict(at, times.fill(stage.time), plan.target, condition, free.pop())
      // The noise is drawn while the network computes.
      if (stage.noise !== 0) noise = arithmetic.noise(index)
      predictions.unshift(await asked.catch(failed))
    }
    if (stage.noise !== 0 && stage.time === null) noise = arithmetic.noise(index)
    gatherTerms(terms, update, states, predictions, noise)
    // The oldest state makes room for the new one, even where it is a term itself: sums are elementwise.
    const out = states.length < depth ? spare.pop()! : states.pop()!
    states.unshift(out)
    if (!arithmetic.combine(out, update.coefficients, terms)) checkFinite(out, predictions[0], plan, stage)
    if (onStep && stages[i + 1]?.stage.step !== stage.step) {
      const { step } = stage
      await onStep({ step, steps, time: plan.grid[step + 1], state: out, prediction: predictions[0] })
    }
  }
  const reached = { states: states.slice(0, end.states + 1), predictions: predictions.slice(0, end.predictions) }
  if (pool) {
    const returned = new Set([...reached.states, ...reached.predictions].map(({ data }) => data))
    pool.give(lent.filter((data) => !returned.has(data)).map((data) => data.buffer))
  }
  return reached
}

function check(plan: Plan, denoiser: Denoiser, { states, predictions }: Kept, from: number, to: number): number {
  const steps = stepsOf(plan)
  sameProcess(plan, denoiser.process)
  if (!(Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from <= to && to <= steps)) {
    throw new Error(`a plan of ${steps} steps cannot run from step ${from} to step ${to}`)
  }
  const n = states[0].shape[0]
  const { event } = denoiser
  const length = n * sizeOf(event)
  for (const { shape, data } of [...states, ...predictions]) {
    const fits = shape.length === event.length + 1 && shape[0] === n && event.every((size, i) => size === shape[i + 1])
    if (fits && data.length === length) continue
    throw new Error(`states of shape [${[n, ...event]}] expected, got [${shape}] with ${data.length} elements`)
  }
  const memory = memoryAt(plan, from)
  if (states.length - 1 < memory.states || predictions.length < memory.predictions) {
    throw new Error(
      `${plan.name} at step ${from} reads ${memory.states} older states and ${memory.predictions} predictions, ` +
        `got ${states.length - 1} and ${predictions.length}: continue it with advance()`,
    )
  }
  return n
}

function checkFinite(state: Tensor, prediction: Tensor | undefined, plan: Plan, stage: Stage): void {
  const row = brokenRow(state)
  if (row < 0) return
  const { time } = stage
  const guilty = prediction && brokenRow(prediction) === row ? `the ${plan.target} prediction` : 'the state'
  const asked = time === null ? '' : `, network asked at t = ${time}`
  throw new Error(`${whereIn(plan, stage)}: ${guilty} of row ${row} is not finite${asked}`)
}

/** Names a step for errors. */
function whereIn(plan: Plan, { step }: Stage): string {
  return `${plan.name}, step ${step + 1} of ${stepsOf(plan)} (t = ${plan.grid[step]} to ${plan.grid[step + 1]})`
}

/** The first row with a NaN or an infinity, or -1. */
function brokenRow({ shape, data }: Tensor): number {
  const index = firstNotFinite(data)
  return index < 0 ? -1 : Math.floor(index / (data.length / shape[0]))
}
