/** `--reward` of a model of text. */

import { functionReward, httpTextReward, type Reward } from 'espalier/reward'
import { type TokenSample, textReward } from 'espalier/text'
import { asUserError } from './errors.ts'
import { imageRewardKinds } from './image-rewards.ts'
import { readReward } from './reward-grammar.ts'
import { prepared, type RewardKinds } from './reward-kinds.ts'
import { type TextRewardContext, textRewardKinds } from './text-reward-kinds.ts'

export type { TextRewardContext } from './text-reward-kinds.ts'

/** What a module exports as `reward`: one number per text, in order. */
type TextFunction = (texts: string[], tokens: Int32Array[]) => ArrayLike<number> | Promise<ArrayLike<number>>

const textKinds: RewardKinds<TokenSample, TextRewardContext> = {
  of: 'text',
  kinds: textRewardKinds,
  module:
    (fn, options) =>
    ({ tokenizer }) =>
      functionReward<TokenSample>((samples) => {
        const tokens = samples.map((sample) => sample.tokens)
        return (fn as unknown as TextFunction)(tokens.map(tokenizer.decode), tokens)
      }, options),
  server: (url) => {
    const reward = httpTextReward(url)
    return ({ tokenizer }) => textReward(tokenizer, reward)
  },
  others: { of: 'images', names: imageRewardKinds.map(({ name }) => name) },
}

/**
 * Opens a reward of a model of text as it is written.
 *
 * @param option the one that it stands behind, for errors
 * @throws UserError one line: what is not understood, is not there, or does not fit the model
 */
export async function textRewardFrom(
  text: string,
  context: TextRewardContext,
  option = '--reward',
): Promise<Reward<TokenSample>> {
  return asUserError(`${option} ${text}`, async () => prepared(readReward(text), textKinds)(context))
}
