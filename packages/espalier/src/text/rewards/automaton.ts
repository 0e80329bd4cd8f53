/** A non-deterministic automaton of the texts in which a pattern is found. State 0 is the first. */
export interface Automaton {
  /** Of each state the edges that leave it: with a test of the character that they take, or free. */
  readonly edges: readonly (readonly Edge[])[]
  /** Of each state whether a text may end there. */
  readonly ends: readonly boolean[]
  /** The text as characters of the kind that the tests take: code points, or UTF-16 units without the flag `u`. */
  characters(text: string): readonly string[]
}

export interface Edge {
  readonly test?: (character: string) => boolean
  readonly to: number
}

/** What an edge of a pattern asks: a character, nothing, or that nothing stands before or behind it. */
type Label = ((character: string) => boolean) | 'free' | 'begin' | 'end'

interface PatternEdge {
  readonly label: Label
  readonly to: number
}

/** States of the largest pattern, and edges between them: alternatives that are repeated are many. */
const LARGEST = { states: 2000, edges: 20_000 } as const

type Part =
  | { readonly type: 'label'; readonly label: Label }
  | { readonly type: 'sequence'; readonly parts: readonly Part[] }
  | { readonly type: 'choice'; readonly parts: readonly Part[] }
  | { readonly type: 'repeat'; readonly part: Part; readonly least: number; readonly most: number }

const atom =
  /\\(?:x[\da-f]{2}|u[\da-f]{4}|u\{[\da-f]+\}|p\{[^}]+\}|c[a-z]|[^1-9bkpcxu])|\[(?:\\.|[^\]\\])*\]|[^\\[\](){}*+?|^$]/iuy
const quantifier = /(?:[*+?]|\{(\d+)(,(\d*))?\})\??/y
const open = /\((?:\?:|\?<[\p{L}_$][\p{L}\p{N}_$]*>|(?!\?))/uy

/**
 * The automaton of a regular expression (Thompson 1968): characters, classes, escapes, groups, alternatives and
 * repetitions. `^` and `$` are the ends of the whole text.
 *
 * @throws one line where the pattern says what is not regular or not a matter of characters: lookarounds, backreferences,
 *   `\b`, the flags `m` and `v`; or where it is larger than 2000 states or 20000 edges
 */
export function automatonOf(pattern: RegExp): Automaton {
  const { source, flags } = pattern
  const refuse = (what: string) => new Error(`${pattern}: ${what}`)
  const flag = /[mv]/.exec(flags)?.[0]
  if (flag) throw refuse(`the flag ${flag} is not understood here`)
  const characters = flags.includes('u') ? (text: string) => Array.from(text) : (text: string) => text.split('')
  const edges = statesOf(parse(source, flags.replace(/[^ius]/g, ''), refuse), () =>
    refuse(`more than ${LARGEST.states} states or ${LARGEST.edges} edges; repeat less`),
  )
  return { ...found(edges), characters }
}

/** The edges of a pattern alone, from state 0 to state 1. */
function statesOf(whole: Part, tooLarge: () => Error): PatternEdge[][] {
  const edges: PatternEdge[][] = [[], []]
  let count = 0
  const state = () => {
    if (edges.length >= LARGEST.states) throw tooLarge()
    return edges.push([]) - 1
  }
  const link = (from: number, label: Label, to: number) => {
    if (++count > LARGEST.edges) throw tooLarge()
    edges[from].push({ label, to })
  }
  /** A part from a state to a new one. */
  const on = (part: Part, from: number): number => {
    const next = state()
    build(part, from, next)
    return next
  }
  const build = (part: Part, from: number, to: number): void => {
    let at = from
    switch (part.type) {
      case 'label':
        link(from, part.label, to)
        return
      case 'choice':
        for (const own of part.parts) build(own, from, to)
        return
      case 'sequence':
        for (const own of part.parts) at = on(own, at)
        break
      case 'repeat':
        for (let k = 0; k < part.least; k++) at = on(part.part, at)
        if (part.most === Number.POSITIVE_INFINITY) {
          // A state of its own, so that nothing else leads into the repetition.
          const loop = state()
          link(at, 'free', loop)
          build(part.part, loop, loop)
          at = loop
        }
        for (let k = part.least; k < part.most && part.most < Infinity; k++) {
          link(at, 'free', to)
          at = on(part.part, at)
        }
    }
    link(at, 'free', to)
  }
  build(whole, 0, 1)
  return edges
}

/**
 * The automaton of all texts in which the pattern is found: any characters, the pattern, any characters. Where the
 * pattern asks for an end of the text a state also says whether a character was taken (1), and whether none may follow
 * (2).
 */
function found(pattern: readonly (readonly PatternEdge[])[]): Pick<Automaton, 'edges' | 'ends'> {
  const anchored = pattern.some((list) => list.some(({ label }) => label === 'begin' || label === 'end'))
  const numbers = new Map<number, number>()
  const states: { readonly state: number; readonly phase: number }[] = []
  const edges: Edge[][] = []
  const visit = (state: number, phase: number): number => {
    const name = 4 * state + phase
    const number = numbers.get(name) ?? states.push({ state, phase }) - 1
    numbers.set(name, number)
    return number
  }
  visit(0, 0)
  for (let k = 0; k < states.length; k++) {
    const { state, phase } = states[k]
    const taken = anchored ? phase | 1 : phase
    edges[k] = []
    if (state <= 1 && phase < 2) edges[k].push({ test: () => true, to: visit(state, taken) })
    for (const { label, to } of pattern[state]) {
      if (label === 'free') edges[k].push({ to: visit(to, phase) })
      else if (label === 'end') edges[k].push({ to: visit(to, phase | 2) })
      else if (label === 'begin') {
        if ((phase & 1) === 0) edges[k].push({ to: visit(to, phase) })
      } else if (phase < 2) edges[k].push({ test: label, to: visit(to, taken) })
    }
  }
  return { edges, ends: states.map(({ state }) => state === 1) }
}

function parse(source: string, flags: string, refuse: (what: string) => Error): Part {
  let at = 0
  const take = (what: RegExp): RegExpExecArray | null => {
    what.lastIndex = at
    const match = what.exec(source)
    if (match) at = what.lastIndex
    return match
  }
  const choice = (): Part => {
    const parts = [sequence()]
    while (source[at] === '|') {
      at++
      parts.push(sequence())
    }
    return parts.length === 1 ? parts[0] : { type: 'choice', parts }
  }
  const sequence = (): Part => {
    const parts: Part[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') {
      const part = single()
      const [mark, least, comma, most] = take(quantifier) ?? []
      if (mark === undefined) parts.push(part)
      else if (least === undefined) {
        parts.push({ type: 'repeat', part, least: mark[0] === '+' ? 1 : 0, most: mark[0] === '?' ? 1 : Infinity })
      } else {
        const highest = comma === undefined ? Number(least) : most === '' ? Infinity : Number(most)
        parts.push({ type: 'repeat', part, least: Number(least), most: highest })
      }
    }
    return parts.length === 1 ? parts[0] : { type: 'sequence', parts }
  }
  const single = (): Part => {
    const character = source[at]
    if (character === '^' || character === '$') {
      at++
      return { type: 'label', label: character === '^' ? 'begin' : 'end' }
    }
    if (take(open)) {
      const inside = choice()
      at++
      return inside
    }
    const [text] = take(atom) ?? []
    if (text === undefined) {
      const what = source.slice(at, at + 4)
      throw refuse(`"${what}" is not understood here; characters, classes, groups, |, repetitions, ^ and $ are`)
    }
    if (/^\\(?:p|u\{)/i.test(text) && !flags.includes('u')) throw refuse(`${text} needs the flag u`)
    return { type: 'label', label: tester(new RegExp(`^(?:${text})$`, flags)) }
  }
  return choice()
}

/** A test that is made once a character. */
function tester(pattern: RegExp): (character: string) => boolean {
  const known = new Map<string, boolean>()
  return (character) => {
    let answer = known.get(character)
    if (answer === undefined) {
      answer = pattern.test(character)
      known.set(character, answer)
    }
    return answer
  }
}
