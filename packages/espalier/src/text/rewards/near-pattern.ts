import type { Reward } from '../../reward/reward.ts'
import { type Automaton, automatonOf } from './automaton.ts'
import { stringReward } from './string-reward.ts'

export interface NearPatternOptions {
  /** Edges of the pattern's automaton times characters of a text, at most. Default: no limit. */
  readonly work?: number
}

/**
 * Minus the least number of characters that must be inserted, removed or replaced so that a regular expression is found;
 * 0 where it is. It is the soft form of `patternReward`: a search sees how far it is from the first match, wherever in
 * the text that may come to be. Time is in proportion to the length of the text times the size of the pattern, whatever
 * the pattern.
 *
 * @throws one line where the pattern is not a regular one: see {@link automatonOf}; at evaluation, where a text is more
 *   work than is allowed
 */
export function nearPattern(pattern: RegExp, { work = Infinity }: NearPatternOptions = {}): Reward<string> {
  const automaton = automatonOf(pattern)
  const size = automaton.edges.reduce((sum, edges) => sum + edges.length, 0)
  return stringReward(`near ${pattern}`, (text) => {
    if (size * text.length > work) {
      throw new Error(
        `a pattern of ${size} edges along a text of ${text.length} characters is more work than is allowed (${work}); shorten the pattern`,
      )
    }
    return 0 - leastEdits(automaton, text)
  })
}

/**
 * The least cost of a path through the automaton along a text (approximate matching of regular expressions, Myers and
 * Miller 1989): an edge takes a character that fits at cost 0, or another one (replaced), or none (inserted) at cost 1;
 * to remove a character of the text costs 1.
 *
 * @returns `Infinity` where nothing matches, as `/$a/` does
 */
export function leastEdits({ edges, ends, characters }: Automaton, text: string): number {
  let costs = new Float64Array(edges.length).fill(Infinity)
  let next = new Float64Array(edges.length)
  const open: number[] = []
  /** Costs of the states that are reached without a character of the text. */
  const close = () => {
    costs.forEach((cost, state) => {
      if (cost < Infinity) open.push(state)
    })
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      for (const { test, to } of edges[state]) {
        const cost = costs[state] + (test ? 1 : 0)
        if (!(cost < costs[to])) continue
        costs[to] = cost
        open.push(to)
      }
    }
  }
  costs[0] = 0
  close()
  for (const character of characters(text)) {
    for (let state = 0; state < edges.length; state++) next[state] = costs[state] + 1
    for (let state = 0; state < edges.length; state++) {
      for (const { test, to } of edges[state]) {
        if (test) next[to] = Math.min(next[to], costs[state] + (test(character) ? 0 : 1))
      }
    }
    const spare = costs
    costs = next
    next = spare
    close()
  }
  return costs.reduce((least, cost, state) => (ends[state] ? Math.min(least, cost) : least), Infinity)
}
