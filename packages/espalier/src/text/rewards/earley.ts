import { type Grammar, rulesThatEnd, type Sign } from './grammar.ts'

/** How far a text follows a grammar. */
export interface Recognition {
  /** Characters (code points) of the longest prefix that some text of the language begins with. */
  readonly viable: number
  /** Whether the whole text is in the language. */
  readonly complete: boolean
}

/** Items that stand before the same character: a place in an alternative, and where the alternative began. */
interface ItemSet {
  readonly places: number[]
  readonly origins: number[]
  readonly known: Set<number>
  /** Items that wait for a rule, by the rule: indices in this set. */
  readonly waiting: Map<number, number[]>
}

/**
 * A recogniser of a context-free language (Earley 1970, "An efficient context-free parsing algorithm"; rules that may be
 * empty as in Aycock and Horspool 2002). Of n characters it takes at most n^3 steps, n^2 for unambiguous grammars, and n
 * for most that are useful. Its item sets are non-empty just as long as the characters so far are a prefix of a text of
 * the language.
 */
export function recogniser({ rules }: Grammar): (text: string) => Recognition {
  // Places are numbered through all alternatives; the last one of each is its end.
  const sign: (Sign | undefined)[] = []
  const head: number[] = []
  const begins: number[][] = rules.map((alternatives, rule) =>
    alternatives.map((signs) => {
      const begin = sign.length
      for (const own of [...signs, undefined]) head[sign.push(own) - 1] = rule
      return begin
    }),
  )
  const empty = rulesThatEnd(rules, () => false)

  const add = (set: ItemSet, place: number, origin: number) => {
    const name = origin * sign.length + place
    if (set.known.has(name)) return
    set.known.add(name)
    const index = set.places.push(place) - 1
    set.origins.push(origin)
    const next = sign[place]
    if (typeof next !== 'number') return
    const others = set.waiting.get(next)
    if (others) others.push(index)
    else set.waiting.set(next, [index])
  }

  return (text) => {
    const characters = Array.from(text)
    const sets: ItemSet[] = [newSet()]
    for (const begin of begins[0]) add(sets[0], begin, 0)
    for (let i = 0; ; i++) {
      const set = sets[i]
      const next = newSet()
      let complete = false
      for (let k = 0; k < set.places.length; k++) {
        const place = set.places[k]
        const origin = set.origins[k]
        const expected = sign[place]
        if (expected === undefined) {
          const rule = head[place]
          complete ||= rule === 0 && origin === 0
          const before = sets[origin]
          for (const w of before.waiting.get(rule) ?? []) add(set, before.places[w] + 1, before.origins[w])
        } else if (typeof expected === 'number') {
          for (const begin of begins[expected]) add(set, begin, i)
          // A rule that may be empty may have ended in this set before the item came: it need not wait.
          if (empty[expected]) add(set, place + 1, origin)
        } else if (i < characters.length && expected(characters[i])) add(next, place + 1, origin)
      }
      if (i === characters.length) return { viable: i, complete }
      if (next.places.length === 0) return { viable: i, complete: false }
      sets.push(next)
    }
  }
}

const newSet = (): ItemSet => ({ places: [], origins: [], known: new Set(), waiting: new Map() })
