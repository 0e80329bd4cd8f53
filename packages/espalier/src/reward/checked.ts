import type { Reward } from './reward.ts'

/**
 * A reward that checks what it says: one number per sample, each finite or `-Infinity`.
 *
 * @param nameSample names sample i of a call in errors. Default `sample i`
 * @throws Error (at evaluation) that names the reward and the sample: the reward threw, gave another count, NaN or
 * `+Infinity`
 */
export function checkedReward<X>(reward: Reward<X>, nameSample = (i: number) => `sample ${i}`): Reward<X> {
  return {
    name: reward.name,
    async evaluate(samples) {
      let values: ArrayLike<number>
      try {
        values = await reward.evaluate(samples)
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause)
        const which = samples.length === 1 ? nameSample(0) : `${samples.length} samples from ${nameSample(0)} on`
        throw new Error(`Reward "${reward.name}" failed on ${which}: ${reason}`, { cause })
      }
      if (values?.length !== samples.length) {
        throw new Error(
          `Reward "${reward.name}" was given ${samples.length} samples and returned ${values?.length} numbers; ` +
            'it must return one per sample, in order.',
        )
      }
      for (let i = 0; i < samples.length; i++) {
        if (!(typeof values[i] === 'number' && values[i] < Number.POSITIVE_INFINITY)) {
          throw new Error(
            `Reward "${reward.name}" returned ${values[i]} for ${nameSample(i)}; ` +
              'it must be a finite number, or -Infinity for "never".',
          )
        }
      }
      return values
    },
  }
}
