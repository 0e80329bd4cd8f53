import type { MatcherOf } from '@espalier/engine'
import { RE2JS } from 're2js'

/** Flags of the language, and what they are called there. Matches are looked for everywhere, so `g` says nothing. */
const known: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
  g: 0,
  u: 0,
}

/**
 * Regular expressions of strangers: by RE2, whose time is linear in the text, so that none can hold the server. It has no
 * look-around and no back-references.
 */
export const linearMatcher: MatcherOf = (source, flags) => {
  let bits = 0
  for (const flag of flags) {
    if (!Object.hasOwn(known, flag)) throw new Error(`the flag "${flag}" is not known here; there are i, m and s`)
    bits |= known[flag]
  }
  const pattern = RE2JS.compile(source, bits)
  return {
    name: `/${source}/${flags}`,
    matches(text) {
      const matcher = pattern.matcher(text)
      const found: string[] = []
      while (matcher.find()) found.push(matcher.group() ?? '')
      return found
    },
  }
}
