import { functionReward } from '../../reward/function.ts'
import type { Reward } from '../../reward/reward.ts'
import type { TokenSample } from '../masked-chain.ts'
import type { TextTokenizer } from '../tokenizer.ts'

/** A reward of texts that scores each of them alone. */
export function stringReward(name: string, score: (text: string) => number): Reward<string> {
  return functionReward<string>((texts) => texts.map(score), { name })
}

/**
 * A reward of texts as one of token samples: decodes them first. Every token must be real; those of look-aheads and of
 * final states are.
 */
export function textReward({ decode }: Pick<TextTokenizer, 'decode'>, reward: Reward<string>): Reward<TokenSample> {
  return {
    name: reward.name,
    evaluate: async (samples) => reward.evaluate(samples.map(({ tokens }) => decode(tokens))),
  }
}
