import type { Reward } from '../../reward/reward.ts'
import { stringReward } from './string-reward.ts'

/** What of the matches is the reward: whether there is one, how many, or the share of the text that lies in them. */
export type PatternMeasure = 'found' | 'count' | 'share'

/**
 * Matches of a regular expression: `found` 1 or 0, `count` the number of matches that do not overlap, `share` the
 * characters in them divided by all (0 for an empty text). The last two grow step by step, so that a search has
 * something to follow.
 *
 * A match is not interrupted. A pattern that repeats what is itself repeated, such as `(a+)+b`, may take time
 * exponential in the length of a text that nearly matches: write `a+b`, and try a pattern on `'a'.repeat(30)` first.
 */
export function patternReward(pattern: RegExp, measure: PatternMeasure = 'found'): Reward<string> {
  // Of the caller's own object nothing is moved on, and a sticky one would stop at the first gap.
  const flags = `${pattern.flags.replace(/[gy]/g, '')}g`
  const all = new RegExp(pattern.source, flags)
  const score = {
    found: (text: string) => (text.search(all) >= 0 ? 1 : 0),
    count: (text: string) => [...text.matchAll(all)].length,
    share: (text: string) =>
      text === '' ? 0 : [...text.matchAll(all)].reduce((sum, [match]) => sum + match.length, 0) / text.length,
  }[measure]
  return stringReward(`${measure === 'found' ? 'matches' : measure} ${pattern}`, score)
}
