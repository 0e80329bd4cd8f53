import type { Reward } from '../../reward/reward.ts'
import { stringReward } from './string-reward.ts'
import { wordsOf } from './words.ts'

export interface SentimentOptions {
  /** How many words after a negation (`not`, `never`, `nor`, `n't` ...) count with the other sign. Default 3; 0 is none. */
  readonly reach?: number
}

const negations = new Set(['no', 'not', 'never', 'nor', 'neither', 'none', 'without', 'cannot'])

/**
 * Mean score of the words of a text: the sum of the scores of those that a lexicon knows, divided by the number of all
 * words, so that neither length nor dull words help. 0 where there are no words.
 *
 * A word within `reach` words after a negation, in the same clause (no sign of punctuation between), counts with the
 * other sign; two negations cancel.
 *
 * @param lexicon scores of words in lower case, such as AFINN's from -5 to 5 (Nielsen 2011, arXiv 1103.2903); entries
 *   of several words are not found
 */
export function sentimentReward(
  lexicon: Readonly<Record<string, number>>,
  { reach = 3 }: SentimentOptions = {},
): Reward<string> {
  return stringReward('sentiment', (text) => {
    let sum = 0
    let count = 0
    for (const clause of text.split(/[^\p{L}\p{N}\s'’-]+/u)) {
      const words = wordsOf(clause)
      const negated = words.map((word) => negations.has(word) || word.endsWith("n't"))
      words.forEach((word, i) => {
        count++
        if (!Object.hasOwn(lexicon, word) || negations.has(word)) return
        const before = negated.slice(Math.max(0, i - reach), i).filter(Boolean).length
        sum += before % 2 === 0 ? lexicon[word] : -lexicon[word]
      })
    }
    return count === 0 ? 0 : sum / count
  })
}
