import { functionReward } from '../../reward/function.ts'
import type { Reward } from '../../reward/reward.ts'
import { nextTurn } from '../../runtime/turn.ts'
import type { TokenSample } from '../masked-chain.ts'
import type { TextTokenizer } from '../tokenizer.ts'

/** Milliseconds of scoring after which all else that waits has its turn: a thread may serve others too. */
const TURN = 20

/** A reward of texts that scores each of them alone. */
export function stringReward(name: string, score: (text: string) => number): Reward<string> {
  return functionReward<string>(
    async (texts) => {
      const rewards = new Float64Array(texts.length)
      let since = performance.now()
      for (const [i, text] of texts.entries()) {
        rewards[i] = score(text)
        if (performance.now() - since < TURN) continue
        await new Promise<void>(nextTurn)
        since = performance.now()
      }
      return rewards
    },
    { name },
  )
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
