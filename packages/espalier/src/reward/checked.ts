import { type DifferentiableReward, isDifferentiable, type Reward } from './reward.ts'
import { type NameSample, RewardError, sampleName } from './reward-error.ts'
import { within } from './within.ts'

/**
 * A reward that checks what it says: one number per sample, each finite or `-Infinity`, and none too late. A gradient
 * that it has is kept, and its values are checked the same way.
 *
 * @param nameSample names sample i of a call in errors. Default `sample i`
 * @param timeout milliseconds for one call. Default: no limit. What never gives way (an endless loop) is not stopped
 * @throws RewardError (at evaluation) that names the reward and the sample: the reward threw, was late, gave another
 * count, NaN or `+Infinity`
 */
export function checkedReward<X>(
  reward: DifferentiableReward<X>,
  nameSample?: NameSample,
  timeout?: number,
): DifferentiableReward<X>
export function checkedReward<X>(reward: Reward<X>, nameSample?: NameSample, timeout?: number): Reward<X>
export function checkedReward<X>(
  reward: Reward<X>,
  nameSample: NameSample = sampleName,
  timeout = Number.POSITIVE_INFINITY,
): Reward<X> {
  /** Asks for an answer about samples; its failures, and those of a reward inside that names its rows, name ours. */
  const ask = async <T>(samples: readonly X[], answer: () => Promise<T>): Promise<T> => {
    try {
      return await within(timeout, answer)
    } catch (cause) {
      if (cause instanceof RewardError) throw cause.moved(0, nameSample)
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw new RewardError(
        (which) => `Reward "${reward.name}" failed on ${which}: ${reason}`,
        { first: 0, count: samples.length },
        { cause, nameSample },
      )
    }
  }
  const check = (values: ArrayLike<number>, count: number) => checkValues(reward.name, values, count, nameSample)
  const evaluate = async (samples: readonly X[]): Promise<ArrayLike<number>> =>
    check(await ask(samples, () => reward.evaluate(samples)), samples.length)
  if (!isDifferentiable(reward)) return { name: reward.name, evaluate }
  return {
    name: reward.name,
    evaluate,
    async differentiate(samples: readonly X[]) {
      const { values, gradients } = await ask(samples, () => reward.differentiate(samples))
      check(values, samples.length)
      if (gradients.length === samples.length) return { values, gradients }
      throw new RewardError(
        (which) =>
          `Reward "${reward.name}" was given ${samples.length} samples and returned ${gradients.length} gradients (${which}).`,
        { first: 0, count: samples.length },
        { nameSample },
      )
    },
  } as DifferentiableReward<X>
}

/** The values, if they are what a reward may return for `count` samples. @throws RewardError */
function checkValues(
  name: string,
  values: ArrayLike<number>,
  count: number,
  nameSample: NameSample,
): ArrayLike<number> {
  if (values?.length !== count) {
    throw new RewardError(
      (which) =>
        `Reward "${name}" was given ${count} samples and returned ${values?.length} numbers (${which}); ` +
        'it must return one per sample, in order.',
      { first: 0, count },
      { nameSample },
    )
  }
  for (let i = 0; i < count; i++) {
    if (typeof values[i] === 'number' && values[i] < Number.POSITIVE_INFINITY) continue
    throw new RewardError(
      (which) =>
        `Reward "${name}" returned ${values[i]} for ${which}; it must be a finite number, or -Infinity for "never".`,
      { first: i, count: 1 },
      { nameSample },
    )
  }
  return values
}
