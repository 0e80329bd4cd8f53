import type { MatcherOf } from '@espalier/engine'
import { RE2JS } from 're2js'

/**
 * What a pattern of a stranger and one text may cost, states (or edges) times characters: half a second or so, in which
 * all others wait. 80 states along 100 000 characters, or 1600 along 5000.
 */
export const textWork = 2 ** 23
/** Milliseconds of looking for all matches of one text. */
const PATIENCE = 1000

/** Flags of the language, and what they are called there. Matches are looked for everywhere, so `g` says nothing. */
const known: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
  g: 0,
  u: 0,
}

/**
 * Regular expressions of strangers: by RE2, which finds a match in time linear in the text, so that none can hold the
 * server. It has no look-around and no back-references. All matches may take quadratic time, as those of `a.*c|a`: each
 * looks to the end in vain. So there is a limit to that too, looked at between two matches.
 */
export const linearMatcher: MatcherOf = (source, flags) => {
  let bits = 0
  for (const flag of flags) {
    if (!Object.hasOwn(known, flag)) throw new Error(`the flag "${flag}" is not known here; there are i, m and s`)
    bits |= known[flag]
  }
  const pattern = RE2JS.compile(source, bits)
  const size = pattern.programSize()
  return {
    name: `/${source}/${flags}`,
    matches(text) {
      if (size * text.length > textWork) {
        throw new Error(
          `a pattern of ${size} states along a text of ${text.length} characters is more work than is allowed (${textWork}); shorten the pattern`,
        )
      }
      const matcher = pattern.matcher(text)
      const found: string[] = []
      const end = performance.now() + PATIENCE
      while (matcher.find()) {
        found.push(matcher.group() ?? '')
        if (performance.now() > end) {
          throw new Error(
            `all matches in a text of ${text.length} characters take longer than ${PATIENCE} ms; let no alternative look far ahead`,
          )
        }
      }
      return found
    },
  }
}
