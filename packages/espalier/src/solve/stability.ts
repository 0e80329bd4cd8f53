import type { Process } from '../process/process.ts'
import { interpret } from './interpret.ts'
import { levelsOf } from './levels.ts'
import { memoryAt, type Plan, sameProcess, stepsOf } from './plan.ts'
import { spectralRadius } from './spectral-radius.ts'

/** A complex number. */
export interface Complex {
  readonly re: number
  readonly im: number
}

export interface Box {
  readonly re: readonly [number, number]
  readonly im: readonly [number, number]
  /** Points along each axis. */
  readonly points: readonly [number, number]
}

export interface StabilityRegion {
  readonly step: number
  readonly re: readonly number[]
  readonly im: readonly number[]
  /** `radius[i][j]` is the spectral radius at `re[j] + i im[i]`: the step is stable where it is at most 1. */
  readonly radius: readonly (readonly number[])[]
}

/** A spectral radius is 1 up to this. */
const ROUNDING = 1e-7

/**
 * How one step of a plan multiplies errors, on the linear test equation.
 *
 * In `y = x / a` and `rho = s / a` the probability-flow ODE is `dy / drho = eps`, and the test equation `eps = L y`. The
 * step is frozen: its coefficients are used again and again, and `L` stays what it is. Then everything that is kept is
 * multiplied by one matrix per step, which depends on `z = L (rho_to - rho_from)` alone; the exact factor is `exp(z)`.
 * What is kept is counted in units that do not change from step to step: a state by what it is for `y = 1, eps = 0` (a
 * velocity, which is 0 there, by 1), and a prediction by the point `y` that the network was asked at, as
 * `eps = L y` and `x_0 = (1 - rho L) y` there.
 */
export interface Amplification {
  readonly step: number
  /** The spectral radius of the matrix at z. */
  radius(z: Complex): number
}

/**
 * @param step a step from a time with a > 0. Default {@link steadyStep}
 * @throws where the plan is for another process, and where there is no such step
 */
export function amplification(plan: Plan, process: Process, step = steadyStep(plan)): Amplification {
  sameProcess(plan, process)
  const stages = plan.stages.filter((stage) => stage.step === step)
  if (stages.length === 0) throw new Error(`a plan of ${stepsOf(plan)} steps has no step ${step}`)
  const rho = (t: number) => process.s(t) / process.a(t)
  const width = rho(plan.grid[step + 1]) - rho(plan.grid[step])
  if (!Number.isFinite(width)) throw new Error(`step ${step} of ${plan.name} starts at a = 0: no linear test there`)
  const only = { ...plan, stages }
  const memory = memoryAt(only, step)
  const states = memory.states + 1
  const size = states + memory.predictions
  // What the states were before the step and after it, newest first, for y = 1 and eps = 0.
  const units = [process.a(plan.grid[0]), ...levelsOf(plan, process).map(({ a }) => a)]
  const first = plan.stages.indexOf(stages[0])
  const unit = (newest: number, age: number) => (Math.abs(units[newest - age]) > 1e-9 ? units[newest - age] : 1)
  const asked = plan.stages.filter((stage) => stage.step < step).flatMap(({ time }) => time ?? [])

  // A value is a vector: how much of each kept thing is in it, real and imaginary parts side by side.
  const kept = (j: number, scale = 1) => {
    const vector = new Float64Array(2 * size)
    vector[2 * j] = scale
    return vector
  }
  /** The matrix at z, row by row. */
  const matrixAt = (z: Complex): Float64Array => {
    const predict = (point: Float64Array, t: number) => {
      const r = plan.target === 'noise' ? 1 / width : -rho(t) / width
      const [re, im] = [r * z.re + (plan.target === 'noise' ? 0 : 1), r * z.im]
      return point.map((v, i) => (i % 2 === 0 ? re * v - im * point[i + 1] : re * v + im * point[i - 1]))
    }
    const points = Array.from({ length: memory.predictions }, (_, j) => kept(states + j))
    const end = interpret(
      only,
      (x, t, out) => {
        const point = x.map((v) => v / process.a(t))
        points.unshift(point)
        out.set(predict(point, t))
      },
      {
        states: Array.from({ length: states }, (_, j) => kept(j, unit(first, j))),
        predictions: points.map((point, j) => predict(point, asked[asked.length - 1 - j])),
      },
      { from: step, to: step + 1, noise: (_, out) => out.fill(0) },
    )
    const matrix = new Float64Array(2 * size * size)
    for (let j = 0; j < states; j++) {
      const scale = unit(first + stages.length, j)
      matrix.set(
        end.states[j].map((v) => v / scale),
        2 * size * j,
      )
    }
    for (let j = states; j < size; j++) matrix.set(points[j - states], 2 * size * j)
    return matrix
  }
  return { step, radius: (z) => spectralRadius(matrixAt(z), size) }
}

/**
 * The step that stands for all: of the commonest kind, the one nearest the middle. A kind is how many numbers the stages
 * of a step read, and the longer is taken of two that are as common: the first and last steps of a run are often others.
 */
export function steadyStep(plan: Plan): number {
  const kinds = new Map<string, { readonly length: number; readonly steps: number[] }>()
  for (let step = 0; step < stepsOf(plan); step++) {
    const lists = plan.stages
      .filter((stage) => stage.step === step)
      .flatMap(({ ask, states, predictions }) => [ask.states, ask.predictions, states, predictions])
      .map((list) => list.length)
    const kind = kinds.get(lists.join()) ?? { length: lists.reduce((sum, n) => sum + n, 0), steps: [] }
    kinds.set(lists.join(), kind)
    kind.steps.push(step)
  }
  const [{ steps }] = [...kinds.values()].sort((a, b) => b.steps.length - a.steps.length || b.length - a.length)
  const middle = (stepsOf(plan) - 1) / 2
  return steps.reduce((best, step) => (Math.abs(step - middle) < Math.abs(best - middle) ? step : best))
}

/** Spectral radii over a box of the complex plane, to be plotted: stable where at most 1. See {@link Amplification}. */
export function stabilityRegion(plan: Plan, process: Process, box: Box, step?: number): StabilityRegion {
  const { step: at, radius } = amplification(plan, process, step)
  const axis = ([low, high]: readonly [number, number], n: number) =>
    Array.from({ length: n }, (_, i) => (n === 1 ? (low + high) / 2 : low + ((high - low) * i) / (n - 1)))
  const re = axis(box.re, box.points[0])
  const im = axis(box.im, box.points[1])
  // Coefficients are real: the region is symmetric about the real axis.
  const known = new Map<number, number[]>()
  const row = (v: number) => {
    const found = known.get(Math.abs(v)) ?? re.map((u) => radius({ re: u, im: v }))
    known.set(Math.abs(v), found)
    return found
  }
  return { step: at, re, im, radius: im.map(row) }
}

/**
 * The real stability interval: the largest Z for which the step is stable at every z in [-Z, 0]. Directions of the ODE in
 * which `|rho_to - rho_from| deps/dy` is beyond Z grow from step to step. Infinity where none is found up to 1000.
 */
export function stabilityLimit(plan: Plan, process: Process, step?: number): number {
  const { radius } = amplification(plan, process, step)
  const stable = (z: number) => radius({ re: -z, im: 0 }) <= 1 + ROUNDING
  let low = 0
  let high = 0.01
  while (stable(high)) {
    low = high
    high = Math.max(high + 0.01, high * 1.02)
    if (high > 1000) return Infinity
  }
  while (high - low > 1e-6) {
    const middle = (low + high) / 2
    if (stable(middle)) low = middle
    else high = middle
  }
  return high < 0.02 && low < 1e-3 ? 0 : low
}
