import type { Reward } from '../../reward/reward.ts'
import { distinctShare } from '../distinct.ts'
import { stringReward } from './string-reward.ts'
import { wordsOf } from './words.ts'

/** The share of a text's words that a list (in lower case) holds; 0 where there are no words. */
export function validWordShare(text: string, list: ReadonlySet<string>): number {
  const words = wordsOf(text)
  return words.length === 0 ? 0 : words.filter((word) => list.has(word)).length / words.length
}

/** {@link validWordShare} as a reward. */
export function validWords(list: ReadonlySet<string>): Reward<string> {
  return stringReward('valid words', (text) => validWordShare(text, list))
}

/**
 * The share of a text's runs of n words that are different from each other (distinct-n, Li et al. 2016, arXiv
 * 1510.03055). A text that was made to please another reward repeats itself: add this one to it.
 */
export function distinctness(n = 2): Reward<string> {
  distinctShare([], n)
  return stringReward(`distinct-${n}`, (text) => distinctShare([wordsOf(text)], n))
}

/** The share of neighbouring words that begin with the same letter; a word beside itself does not count. */
export function alliteration(): Reward<string> {
  return stringReward('alliteration', (text) => {
    const words = wordsOf(text)
    const alike = words.filter((word, i) => i > 0 && word !== words[i - 1] && word[0] === words[i - 1][0])
    return words.length < 2 ? 0 : alike.length / (words.length - 1)
  })
}
