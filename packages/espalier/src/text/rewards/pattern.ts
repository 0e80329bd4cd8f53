import type { Reward } from '../../reward/reward.ts'
import { stringReward } from './string-reward.ts'

/** What of the matches is the reward: whether there is one, how many, or the share of the text that lies in them. */
export type PatternMeasure = 'found' | 'count' | 'share'

/** What finds the matches of a pattern that do not overlap, in order. */
export interface Matcher {
  /** The pattern as it is written. */
  readonly name: string
  matches(text: string): readonly string[]
}

/**
 * Matches of a regular expression: `found` 1 or 0, `count` the number of matches that do not overlap, `share` the
 * characters in them divided by all (0 for an empty text). The last two grow step by step, so that a search has
 * something to follow.
 *
 * A match is not interrupted. With a `RegExp` a pattern that repeats what is itself repeated, such as `(a+)+b`, may take
 * time exponential in the length of a text that nearly matches: write `a+b`, and try a pattern on `'a'.repeat(30)` first.
 * Patterns of strangers want a matcher whose time is linear.
 */
export function patternReward(pattern: RegExp | Matcher, measure: PatternMeasure = 'found'): Reward<string> {
  const { name, matches } = pattern instanceof RegExp ? backtracking(pattern) : pattern
  const score = {
    found: (text: string) => (matches(text).length > 0 ? 1 : 0),
    count: (text: string) => matches(text).length,
    share: (text: string) =>
      text === '' ? 0 : matches(text).reduce((sum, match) => sum + match.length, 0) / text.length,
  }[measure]
  return stringReward(`${measure === 'found' ? 'matches' : measure} ${name}`, score)
}

/** The matcher of the language. */
function backtracking(pattern: RegExp): Matcher {
  // Of the caller's own object nothing is moved on, and a sticky one would stop at the first gap.
  const all = new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, '')}g`)
  return { name: String(pattern), matches: (text) => text.match(all) ?? [] }
}
