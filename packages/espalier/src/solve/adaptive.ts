import type { Condition, Denoiser, Target } from '../process/denoiser.ts'
import type { GridOptions } from '../process/grid.ts'
import { logSnrGrid } from '../process/grids.ts'
import type { Process } from '../process/process.ts'
import { combine } from '../tensor/combine.ts'
import { gather, row as rowOf, stack, type Tensor } from '../tensor/tensor.ts'
import { stageStep } from './dpm-singlestep.ts'
import { exponentialStep, type LinearStep } from './exponential.ts'

export interface AdaptiveOptions extends GridOptions {
  /** 2: DPM-Solver-12, 3 (default): DPM-Solver-23. Also the network calls of an attempt. */
  readonly order?: 2 | 3
  /** Default `data`, as in DPM-Solver++; the paper's own is `noise`. */
  readonly target?: Target
  /** A step may be wrong by the larger of `absolute` and `relative` times the state. Default 0.0078 (2/256) and 0.05. */
  readonly absolute?: number
  readonly relative?: number
  /** The first step tried, in lambda. Default 0.05. */
  readonly firstStep?: number
  /** Further inputs of the network, one row per state. */
  readonly condition?: Condition
  /** Stops the run before its next network call, with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface AdaptiveResult {
  /** The states at the end, a fresh tensor. */
  readonly state: Tensor
  /** The times that each row visited: its own grid. */
  readonly times: readonly (readonly number[])[]
  /** Rows sent through the network, and attempts that were refused, of each row. */
  readonly calls: readonly number[]
  readonly rejected: readonly number[]
}

/** One row of the batch on its way. */
interface Walker {
  readonly index: number
  readonly times: number[]
  x: Tensor
  /** The low-order result of the last accepted step, which scales the tolerance. */
  low: Tensor
  h: number
  /** The prediction at x, once asked. */
  first?: Tensor
  calls: number
  rejected: number
}

const SAFETY = 0.9
const INNER = { 2: [1 / 2], 3: [1 / 3, 2 / 3] } as const

/**
 * DPM-Solver with step size control (Lu et al. 2022, "DPM-Solver", sec. 3.3 and appendix C): each attempt gives a
 * result of order p and one of order p - 1 from the same predictions; where they agree to the tolerance it is
 * accepted, and the next step is `0.9 h E^(-1/p)`, E the root mean square of their difference over the tolerance.
 *
 * The steps depend on the states, so it is no table and has its own loop. Every row has its own steps (the public code
 * takes the worst row's for all), hence its result does not depend on the other rows; rows that are still on their way
 * share a batch, each at its own time. A refused attempt keeps its first prediction.
 * @param x states at time `from`, not changed; the range is that of `logSnrGrid`, and a run to clean data ends with a
 *   jump from `last`
 * @throws where a result is not finite or a step vanishes, naming row and time
 */
export async function executeAdaptive(
  denoiser: Denoiser,
  x: Tensor,
  options: AdaptiveOptions = {},
): Promise<AdaptiveResult> {
  const { order = 3, target = 'data', absolute = 0.0078, relative = 0.05, firstStep = 0.05, condition } = options
  if (order !== 2 && order !== 3) throw new Error(`executeAdaptive has orders 2 and 3, got ${order}`)
  if (!(absolute >= 0 && relative >= 0 && absolute + relative > 0 && firstStep > 0)) {
    throw new Error(
      `executeAdaptive needs positive tolerances and first step, got ${absolute}, ${relative} and ${firstStep}`,
    )
  }
  const { process, event } = denoiser
  const [from, last, to] = logSnrGrid(process, 2, options)
  const jumps = options.last !== undefined || options.rhoMin !== undefined || process.logSnr(to) === Infinity
  const end = jumps ? last : to
  const walkers = Array.from({ length: x.shape[0] }, (_, index): Walker => {
    const state = { shape: event, data: rowOf(x, index).slice() }
    return { index, times: [from], x: state, low: state, h: firstStep, calls: 0, rejected: 0 }
  })

  const ask = async (rows: readonly Walker[], states: readonly Tensor[], times: ArrayLike<number>) => {
    if (rows.length === 0) return []
    options.signal?.throwIfAborted()
    const batch = stack(
      states.map(({ data }) => data),
      event,
    )
    const indices = rows.map(({ index }) => index)
    const given = condition && Object.entries(condition).map(([name, tensor]) => [name, gather(tensor, indices)])
    const all = await denoiser.predict(batch, Float64Array.from(times), target, given && Object.fromEntries(given))
    return rows.map((row, i): Tensor => {
      row.calls++
      return { shape: event, data: rowOf(all, i) }
    })
  }
  const askFirst = async (rows: readonly Walker[]) => {
    const fresh = rows.filter(({ first }) => !first)
    const predictions = await ask(
      fresh,
      fresh.map((row) => row.x),
      fresh.map((row) => timeOf(row)),
    )
    fresh.forEach((row, i) => {
      row.first = predictions[i]
    })
  }

  for (;;) {
    const active = walkers.filter((row) => timeOf(row) > end)
    if (active.length === 0) break
    await askFirst(active)
    const attempts = active.map((row) => attemptOf(process, target, order, row, end))
    for (let stage = 0; stage < order - 1; stage++) {
      const states = attempts.map(({ row, stages, predictions }) => apply(stages[stage], row.x, predictions))
      const predictions = await ask(
        active,
        states,
        attempts.map(({ nodes }) => nodes[stage + 1]),
      )
      attempts.forEach((attempt, i) => {
        attempt.predictions.unshift(predictions[i])
      })
    }
    for (const { row, nodes, low, high, predictions, h } of attempts) {
      const lower = apply(low, row.x, predictions.slice(-low.predictions.length))
      const higher = apply(high, row.x, predictions)
      const error = distance(lower.data, higher.data, row.low.data, absolute, relative)
      if (!Number.isFinite(error)) throw new Error(`executeAdaptive: row ${row.index} is not finite at t = ${nodes[0]}`)
      if (error <= 1) {
        row.x = higher
        row.low = lower
        row.first = undefined
        row.times.push(nodes[order])
      } else row.rejected++
      row.h = SAFETY * h * error ** (-1 / order)
    }
  }
  if (jumps) {
    const step = exponentialStep({ process, target, from: last, to, nodes: [last] })
    await askFirst(walkers)
    for (const row of walkers) {
      row.x = apply(step, row.x, [row.first!])
      row.times.push(to)
    }
  }
  return {
    state: stack(
      walkers.map((row) => row.x.data),
      event,
    ),
    times: walkers.map(({ times }) => times),
    calls: walkers.map(({ calls }) => calls),
    rejected: walkers.map(({ rejected }) => rejected),
  }
}

const timeOf = ({ times }: Walker) => times[times.length - 1]

/** The coefficients of one attempt of a row, which goes at most to `end`. `predictions` is newest first. */
function attemptOf(process: Process, target: Target, order: 2 | 3, row: Walker, end: number) {
  const from = timeOf(row)
  const start = process.logSnr(from)
  const rest = process.logSnr(end) - start
  const h = Math.min(row.h, rest)
  const inner = INNER[order].map((r) => process.timeOfLogSnr(start + r * h))
  const nodes = [from, ...inner, h === rest ? end : process.timeOfLogSnr(start + h)]
  if (!nodes.every((t, i) => i === 0 || t < nodes[i - 1])) {
    throw new Error(`executeAdaptive: the step of row ${row.index} at t = ${from} vanishes; allow larger errors`)
  }
  const common = { process, target, from }
  const to = (i: number, count: number, last: boolean) =>
    stageStep(common, nodes.slice(0, count), nodes[i], 'midpoint', last)
  return {
    row,
    h,
    nodes,
    predictions: [row.first!],
    stages: inner.map((_, i) => to(i + 1, i + 1, false)),
    low: to(order, order - 1, true),
    high: to(order, order, true),
  }
}

/** `step.x x + sum_j step.predictions[j] m_j`. */
function apply(step: LinearStep, x: Tensor, predictions: readonly Tensor[]): Tensor {
  const coefficients = Float64Array.of(step.x, ...step.predictions)
  const out = { shape: x.shape, data: new Float32Array(x.data.length) }
  return combine(out, coefficients, [x, ...predictions], coefficients.length)
}

/** Root mean square of the difference of two results over what is allowed. */
function distance(
  lower: Float32Array,
  higher: Float32Array,
  previous: Float32Array,
  absolute: number,
  relative: number,
): number {
  let sum = 0
  for (let i = 0; i < lower.length; i++) {
    const allowed = Math.max(absolute, relative * Math.max(Math.abs(lower[i]), Math.abs(previous[i])))
    const difference = higher[i] - lower[i]
    if (difference !== 0) sum += (difference / allowed) ** 2 // 0 is allowed where nothing else is
  }
  return Math.sqrt(sum / lower.length)
}
