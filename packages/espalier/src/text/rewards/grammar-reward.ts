import type { Reward } from '../../reward/reward.ts'
import { recogniser } from './earley.ts'
import { type Grammar, readGrammar } from './grammar.ts'
import { stringReward } from './string-reward.ts'

export interface GrammarRewardOptions {
  /** How errors and reports name it. Default `grammar`. */
  readonly name?: string
  /** Whether the beginning of a text of the language is as good as a whole one: for texts that are cut. Default false. */
  readonly cut?: boolean
}

/**
 * How far a text follows a context-free grammar, 0 to 1: of a text of n characters whose longest prefix that can still
 * become a text of the language has k, the reward is `k / (n + 1)`, and 1 where the whole text is in the language (its
 * end is the last step). With `cut` it is `k / n`. The constraint itself is `threshold(reward, 1)`, or
 * `constraint(reward, { atLeast: 1 }, other)`.
 *
 * @param grammar in the notation of {@link readGrammar}, or read
 * @throws one line where the grammar is not understood
 */
export function grammarReward(
  grammar: string | Grammar,
  { name = 'grammar', cut = false }: GrammarRewardOptions = {},
): Reward<string> {
  const recognise = recogniser(typeof grammar === 'string' ? readGrammar(grammar) : grammar)
  return stringReward(name, (text) => {
    const { viable, complete } = recognise(text)
    const length = Array.from(text).length
    if (complete || (cut && viable === length)) return 1
    return viable / (cut ? length : length + 1)
  })
}
