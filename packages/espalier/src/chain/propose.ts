import type { CleanGradientFunction } from '../guide/clean-gradient.ts'
import { conditionRows } from '../guide/conditioned.ts'
import type { Condition, Denoiser } from '../process/denoiser.ts'
import { convert } from '../process/prediction.ts'
import { type Plan, type Stage, stepsOf } from '../solve/plan.ts'
import { combine } from '../tensor/combine.ts'
import { firstNotFinite } from '../tensor/finite.ts'
import { type Key, normalRows } from '../tensor/random.ts'
import { gather, row, sizeOf, type Tensor } from '../tensor/tensor.ts'
import type { GuidedChain } from './chain.ts'
import { recalling } from './recall.ts'

/** Part of a plan, and what its steps are moved along. */
export interface ProposeOptions {
  readonly gradient: CleanGradientFunction
  /** Largest norm of a row's gradient; longer ones are shortened to it. Default: none. */
  readonly clip?: number
  readonly keys: readonly Key[]
  readonly from: number
  readonly to: number
  readonly strength: Parameters<GuidedChain<unknown, unknown>['propose']>[3]
  /** The conditions of the denoiser, and of the gradient. */
  readonly condition?: Condition
  readonly fullCondition?: Condition
  /** Clean predictions of rows that are known already at the first step. */
  readonly known: readonly (Float32Array | undefined)[]
}

/**
 * The steps `from` to `to` of a plan, each stage with noise drawn about a moved mean: where the plan has
 * `x' = m + c z`, this has `x' = m + c^2 strength g + c z`, with the same z. In `u = c strength g`,
 *
 *     log p(x') - log q(x') = (|z|^2 - |z + u|^2) / 2 = -z.u - |u|^2 / 2,
 *
 * summed over the stages (Wu et al. 2023, "Practical and asymptotically exact conditional sampling in diffusion
 * models", eq. 10). Stages without noise are not moved and ask for no gradient. With a strength of 0 the states are
 * those of `execute`, bit for bit.
 */
export async function propose(
  plan: Plan,
  denoiser: Denoiser,
  x: Tensor,
  { gradient, clip = Infinity, keys, from, to, strength, condition, fullCondition, known }: ProposeOptions,
): Promise<{ readonly reached: Tensor; readonly logRatio: Float64Array }> {
  const n = x.shape[0]
  const size = sizeOf(denoiser.event)
  const logRatio = new Float64Array(n)
  const z: Tensor = { shape: x.shape, data: new Float32Array(x.data.length) }
  const unknown = known.map(() => undefined)
  let state = x
  let given: typeof known = known
  for (const [index, stage] of plan.stages.entries()) {
    if (stage.step < from || stage.step >= to) continue
    const where = `${plan.name}, step ${stage.step + 1} of ${stepsOf(plan)}`
    const t = new Float64Array(n).fill(stage.time as number)
    const out: Tensor = { shape: x.shape, data: new Float32Array(x.data.length) }
    const [a, b, c] = [stage.states[0] ?? 0, stage.predictions[0] ?? 0, stage.noise]
    if (c === 0) {
      const prediction = await recalling(denoiser, given).predict(state, t, plan.target, condition)
      combine(out, [a, b], [state, prediction])
    } else {
      const factor = strength(stage.step + 1, stepsOf(plan))
      if (!Number.isFinite(factor)) throw new Error(`${where}: the strength of the gradient is ${factor}`)
      const found = await gradientWith(gradient, state, t, fullCondition, given)
      const g = shortened(found.gradient, clip, where)
      const prediction = convert(denoiser.process, 'data', plan.target, found.clean, state, t)
      normalRows(keys, index, z.data)
      combine(out, [a, b, c, c * c * factor], [state, prediction, z, g])
      for (let i = 0; i < n; i++) logRatio[i] += logRatioOf(z.data, g.data, i * size, size, c * factor)
    }
    checkFinite(out, where)
    state = out
    given = unknown
  }
  return { reached: state, logRatio }
}

/** Whether the kernel of every step is a Gaussian about a mean that one prediction at the step's state decides. */
export function hasGaussianSteps({ stages }: Plan): boolean {
  return stages.every(isGaussian)
}

function isGaussian({ time, ask, states, predictions }: Stage): boolean {
  const here = ask.states.length === 1 && ask.states[0] === 1 && ask.predictions.length === 0
  return time !== null && here && states.length <= 1 && predictions.length <= 1
}

/** `-z.u - |u|^2 / 2` of a row, for `u = scale g`. */
function logRatioOf(z: Float32Array, g: Float32Array, offset: number, size: number, scale: number): number {
  let sum = 0
  for (let j = offset; j < offset + size; j++) {
    const u = scale * g[j]
    sum -= u * (z[j] + u / 2)
  }
  return sum
}

/** The gradient of all rows: without a forward pass for those whose prediction is known. A fresh `clean`. */
async function gradientWith(
  gradient: CleanGradientFunction,
  x: Tensor,
  t: Float64Array,
  condition: Condition | undefined,
  known: readonly (Float32Array | undefined)[],
): Promise<{ clean: Tensor; gradient: Tensor }> {
  const groups = [true, false].map((looked) => Array.from(t.keys()).filter((i) => (known[i] !== undefined) === looked))
  const clean: Tensor = { shape: x.shape, data: new Float32Array(x.data.length) }
  const slope: Tensor = { shape: x.shape, data: new Float32Array(x.data.length) }
  const ask = async (rows: readonly number[], looked: boolean) => {
    if (rows.length === 0) return
    const states = gather(x, rows)
    const seen: Tensor | undefined = looked
      ? { shape: states.shape, data: new Float32Array(states.data.length) }
      : undefined
    if (seen)
      rows.forEach((i, k) => {
        row(seen, k).set(known[i] as Float32Array)
      })
    const times = Float64Array.from(rows, (i) => t[i])
    const found = await gradient(states, times, condition && conditionRows(condition, rows), seen)
    rows.forEach((i, k) => {
      row(clean, i).set(known[i] ?? row(found.clean, k))
      row(slope, i).set(row(found.gradient, k))
    })
  }
  await Promise.all([ask(groups[0], true), ask(groups[1], false)])
  return { clean, gradient: slope }
}

/** Rows longer than `most` at that length, in place. */
function shortened(gradient: Tensor, most: number, where: string): Tensor {
  for (let i = 0; i < gradient.shape[0]; i++) {
    const g = row(gradient, i)
    const norm = Math.sqrt(g.reduce((sum, v) => sum + v * v, 0))
    if (!Number.isFinite(norm)) throw new Error(`${where}: the gradient of row ${i} is not finite`)
    if (norm > most) for (let j = 0; j < g.length; j++) g[j] *= most / norm
  }
  return gradient
}

function checkFinite(state: Tensor, where: string): void {
  const index = firstNotFinite(state.data)
  if (index < 0) return
  throw new Error(
    `${where}: the state of row ${Math.floor(index / (state.data.length / state.shape[0]))} is not finite`,
  )
}
