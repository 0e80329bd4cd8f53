import { asDifferentiable, type Condition, type Denoiser, type DifferentiableDenoiser } from '../process/denoiser.ts'
import { checkedReward } from '../reward/checked.ts'
import type { DifferentiableReward } from '../reward/reward.ts'
import { firstNotFinite } from '../tensor/finite.ts'
import { row, stack, type Tensor } from '../tensor/tensor.ts'

export interface CleanGradientOptions {
  /** Clean samples are clamped to it before they are scored, as decoded samples are; beyond it the gradient is 0. */
  readonly range?: readonly [low: number, high: number]
  /**
   * `network` (default): `J^T grad r` with `J = d x_0hat / dx`, one gradient evaluation a row.
   * `identity`: the network's prediction of the noise is held fixed, so that `J = I / a(t)`: costs no gradient
   * evaluation, needs no network that can be differentiated, and is another, cruder method. It does not exist where
   * `a(t) = 0`.
   */
  readonly jacobian?: 'network' | 'identity'
  /**
   * For a process on residuals: the condition that the reward's samples are measured from, added before they are
   * scored.
   */
  readonly mean?: string
}

/** What the reward says at noisy states. */
export interface CleanGradient {
  /** `x_0hat(x)`, as the denoiser gives it (not clamped), `[n, ...event]`. */
  readonly clean: Tensor
  /** `r(x_0hat(x))`, one a row. */
  readonly values: Float64Array
  /** `grad_x r(x_0hat(x))`, `[n, ...event]`, fresh. */
  readonly gradient: Tensor
}

/**
 * A {@link CleanGradient} at states and times; with `clean`, where the caller has it already, nothing is paid for it.
 */
export interface CleanGradientFunction {
  (x: Tensor, t: Float64Array, condition?: Condition, clean?: Tensor): Promise<CleanGradient>
  /** Whether a row costs a gradient evaluation. Default true; false with the identity Jacobian. */
  readonly backward?: boolean
}

/**
 * The gradient of a reward of the expected clean sample with respect to the noisy state, `grad_x r(x_0hat(x))`: what
 * DPS (Chung et al. 2023), universal guidance (Bansal et al. 2023) and the twisted proposals of TDS (Wu et al. 2023)
 * and DAS (Kim, Kim, Park 2025) are made of. One NFE, one reward evaluation and one gradient evaluation a row.
 *
 * @throws Error where the denoiser has no gradient; at a call, where the reward fails, or its gradient is not finite
 */
export function cleanGradient(
  denoiser: DifferentiableDenoiser,
  reward: DifferentiableReward<Tensor>,
  options?: CleanGradientOptions,
): CleanGradientFunction
export function cleanGradient(
  denoiser: Denoiser,
  reward: DifferentiableReward<Tensor>,
  options: CleanGradientOptions & { readonly jacobian: 'identity' },
): CleanGradientFunction
export function cleanGradient(
  denoiser: Denoiser,
  reward: DifferentiableReward<Tensor>,
  options: CleanGradientOptions = {},
): CleanGradientFunction {
  const { range, jacobian = 'network', mean } = options
  const { process, event } = denoiser
  const checked = checkedReward(reward, (i) => `the clean sample of row ${i}`)
  const network = jacobian === 'network' ? asDifferentiable(denoiser) : undefined
  const gradientAt: CleanGradientFunction = async (x, t, condition, known) => {
    const clean = known ?? (await denoiser.predict(x, t, 'data', condition))
    const shown = mean === undefined ? clean : measuredFrom(mean, condition, clean)
    const samples = Array.from(t, (_, i): Tensor => ({ shape: event, data: clamped(row(shown, i), range) }))
    const { values, gradients } = await checked.differentiate(samples)
    check(reward.name, gradients, t)
    const cotangent = stack(
      gradients.map(({ data }) => data),
      event,
    )
    if (range) cut(cotangent, shown, range)
    if (network) {
      const gradient = await network.pullback(x, t, cotangent, condition)
      return { clean, values: Float64Array.from(values), gradient }
    }
    for (let i = 0; i < t.length; i++) {
      const a = process.a(t[i])
      if (a === 0) {
        throw new Error(`The identity Jacobian 1 / a does not exist at t = ${t[i]} of ${process.name}, where a = 0.`)
      }
      const slopes = row(cotangent, i)
      for (let j = 0; j < slopes.length; j++) slopes[j] /= a
    }
    return { clean, values: Float64Array.from(values), gradient: cotangent }
  }
  return Object.assign(gradientAt, { backward: jacobian === 'network' })
}

/** Clean residuals with their mean: what they are residuals of. */
function measuredFrom(mean: string, condition: Condition | undefined, clean: Tensor): Tensor {
  const centre = condition?.[mean]
  if (centre?.data.length !== clean.data.length) {
    const given = centre ? `is [${centre.shape.join(', ')}], expected [${clean.shape.join(', ')}]` : 'was not given'
    throw new Error(`The condition "${mean}", which the samples of the reward are measured from, ${given}.`)
  }
  return { shape: clean.shape, data: clean.data.map((v, i) => v + centre.data[i]) }
}

function clamped(data: Float32Array, range: CleanGradientOptions['range']): Float32Array {
  return range ? data.map((v) => Math.min(range[1], Math.max(range[0], v))) : data.slice()
}

/** The gradient of the clamp. */
function cut({ data }: Tensor, clean: Tensor, [low, high]: readonly [number, number]): void {
  for (let i = 0; i < data.length; i++) if (clean.data[i] < low || clean.data[i] > high) data[i] = 0
}

function check(name: string, gradients: readonly Tensor[], t: Float64Array): void {
  gradients.forEach(({ data }, i) => {
    const j = firstNotFinite(data)
    if (j < 0) return
    throw new Error(`Reward "${name}" has the gradient ${data[j]} at the clean sample of row ${i}, t = ${t[i]}.`)
  })
}
