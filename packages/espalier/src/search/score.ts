import type { Reward } from '../reward/reward.ts'

/**
 * Evaluates a reward and checks what it says.
 *
 * @param name names sample i in an error, such as `rollout 17`
 * @throws if the reward throws, gives another number of values than samples, or gives NaN or +Infinity
 */
export async function score<X>(
  reward: Reward<X>,
  samples: readonly X[],
  name: (i: number) => string,
): Promise<Float64Array> {
  const which = samples.length === 1 ? name(0) : `${name(0)} to ${name(samples.length - 1)}`
  let values: ArrayLike<number>
  try {
    values = await reward.evaluate(samples)
  } catch (cause) {
    throw new Error(`reward '${reward.name}' failed on ${which}: ${message(cause)}`, { cause })
  }
  if (values?.length !== samples.length) {
    throw new Error(
      `reward '${reward.name}' was given ${samples.length} samples (${which}) and returned ${values?.length} numbers; ` +
        'it must return one per sample, in order',
    )
  }
  const checked = new Float64Array(samples.length)
  for (let i = 0; i < checked.length; i++) {
    const value = values[i]
    if (typeof value !== 'number' || !(value < Infinity)) {
      throw new Error(
        `reward '${reward.name}' returned ${value} for ${name(i)}; a finite number is needed (or -Infinity: never)`,
      )
    }
    checked[i] = value
  }
  return checked
}

export function message(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
