import type { Tensor } from '../tensor/tensor.ts'
import { checkedReward } from './checked.ts'
import { type DifferentiableReward, isDifferentiable, type Reward } from './reward.ts'

/** A number made of the rewards `r_1, ..., r_k` of one sample. */
export interface Composition {
  readonly name: string
  value(rewards: Float64Array): number
  /**
   * Its partial derivatives by each reward, for the chain rule; a zero means that the part's gradient is not looked at.
   * Left out, the composition has no gradient.
   */
  readonly slopes?: (rewards: Float64Array) => readonly number[]
  /** The parts that may ever have a slope other than zero. Default: all. */
  readonly slopesOf?: readonly number[]
}

/**
 * A reward made of others, sample by sample: what all combinators are. Where every part that matters to it has a
 * gradient (of tensors), it has one: the sum of slope times gradient.
 *
 * @throws RewardError (at evaluation) that names the part and the sample, where a part fails
 */
export function composedReward(
  parts: readonly DifferentiableReward<Tensor>[],
  composition: Composition & Required<Pick<Composition, 'slopes'>>,
): DifferentiableReward<Tensor>
export function composedReward<X>(parts: readonly Reward<X>[], composition: Composition): Reward<X>
export function composedReward<X>(parts: readonly Reward<X>[], composition: Composition): Reward<X> {
  const { name, value, slopes, slopesOf = parts.map((_, j) => j) } = composition
  if (parts.length === 0) throw new Error(`reward "${name}" is made of no rewards, expected one at least`)
  const checked = parts.map((part) => checkedReward(part))
  const tuple = (columns: readonly ArrayLike<number>[], i: number) => Float64Array.from(columns, (column) => column[i])
  const reward: Reward<X> = {
    name,
    async evaluate(samples) {
      const columns = await Promise.all(checked.map((part) => part.evaluate(samples)))
      return Float64Array.from(samples, (_, i) => value(tuple(columns, i)))
    },
  }
  if (!slopes || !slopesOf.every((j) => isDifferentiable(parts[j]))) return reward

  const differentiate: DifferentiableReward<Tensor>['differentiate'] = async (samples) => {
    const answers = await Promise.all(
      (checked as unknown as Reward<Tensor>[]).map(async (part, j) =>
        slopesOf.includes(j) && isDifferentiable(part)
          ? part.differentiate(samples)
          : { values: await part.evaluate(samples), gradients: undefined },
      ),
    )
    const columns = answers.map(({ values }) => values)
    const gradients = samples.map(({ shape, data }, i) => {
      const sum = new Float64Array(data.length)
      slopes(tuple(columns, i)).forEach((slope, j) => {
        const gradient = answers[j].gradients?.[i].data
        if (slope === 0 || !gradient) return
        for (let k = 0; k < sum.length; k++) sum[k] += slope * gradient[k]
      })
      return { shape, data: Float32Array.from(sum) }
    })
    return { values: Float64Array.from(samples, (_, i) => value(tuple(columns, i))), gradients }
  }
  return { ...reward, differentiate } as unknown as DifferentiableReward<X>
}
