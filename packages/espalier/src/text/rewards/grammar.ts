/**
 * A sign of a rule: another rule by its number, or a test of one character.
 */
export type Sign = number | ((character: string) => boolean)

/** A context-free grammar over characters. */
export interface Grammar {
  /** Names of the rules; the first one is what a whole text is. Repetitions have rules of their own. */
  readonly names: readonly string[]
  /** The alternatives of each rule, sequences of signs. */
  readonly rules: readonly (readonly (readonly Sign[])[])[]
}

const pieces = /\s+|#.*|([A-Za-z][\w-]*)(\s*=)?|"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|\[(?:[^\]\\\n]|\\.)+\]|[|()?*+]/uy

type Piece = { readonly kind: 'rule' | 'name' | 'text' | 'class' | 'sign' | 'end'; readonly text: string }

/**
 * Reads a context-free grammar. The first rule is the text; `#` begins a comment.
 *
 *     verse   = "And " name " begat " name ("; and " name " begat " name)* "."
 *     name    = [A-Z] [a-z]+
 *     nested  = "(" nested ")" nested | ""
 *
 * A rule is `name = alternatives`, separated by `|`; an alternative is a sequence of texts in quotes (`"` with JSON's
 * escapes, `'` without), classes of one character (`[a-z]`, `[^.]`, as in regular expressions), names of rules and
 * parentheses, each of which may end in `?`, `*` or `+`.
 *
 * @throws one line: what was not understood and where; a rule that is missing, written twice, or that never ends
 */
export function readGrammar(text: string): Grammar {
  const read = piecesOf(text)
  const names = read.filter(({ kind }) => kind === 'rule').map(({ text }) => text)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`the grammar has two rules "${twice}"; separate alternatives with |`)
  if (read[0].kind !== 'rule') throw new Error('a grammar begins with a rule, such as: text = "And " name')
  const rules: Sign[][][] = names.map(() => [])
  let at = 0

  const is = (text: string) => read[at].kind === 'sign' && read[at].text === text
  const added = (name: string, alternatives: Sign[][]): number => {
    names.push(name)
    return rules.push(alternatives) - 1
  }
  const alternatives = (): Sign[][] => {
    const list = [sequence()]
    while (is('|')) {
      at++
      list.push(sequence())
    }
    return list
  }
  const sequence = (): Sign[] => {
    const signs: Sign[] = []
    for (let part = item(); part; part = item()) {
      while (is('?') || is('*') || is('+')) part = [repeated(part, read[at++].text)]
      signs.push(...part)
    }
    return signs
  }
  const repeated = (part: Sign[], mark: string): Sign => {
    if (mark === '?') return added('', [[], part])
    const own = added('', [])
    // To the left, so that a long repetition takes linear time.
    rules[own].push(mark === '*' ? [] : part, [own, ...part])
    return own
  }
  const item = (): Sign[] | undefined => {
    const { kind, text } = read[at]
    if (kind === 'text') {
      at++
      return Array.from(text, (own) => (character: string) => character === own)
    }
    if (kind === 'class') {
      at++
      const pattern = classOf(text)
      return [(character) => pattern.test(character)]
    }
    if (kind === 'name') {
      const rule = names.indexOf(text)
      if (rule < 0) throw new Error(`the grammar has no rule "${text}"`)
      at++
      return [rule]
    }
    if (!is('(')) return undefined
    at++
    const inside = alternatives()
    if (!is(')')) throw new Error('a parenthesis of the grammar is not closed')
    at++
    return inside.length === 1 ? inside[0] : [added('', inside)]
  }

  for (let rule = 0; read[at].kind === 'rule'; rule++) {
    at++
    rules[rule] = alternatives()
    if (read[at].kind !== 'rule' && read[at].kind !== 'end') {
      throw new Error(`"${read[at].text}" is not understood in the rule "${names[rule]}" of the grammar`)
    }
  }
  checkEnds({ names, rules })
  return { names, rules }
}

function piecesOf(text: string): Piece[] {
  const list: Piece[] = []
  pieces.lastIndex = 0
  while (pieces.lastIndex < text.length) {
    const from = pieces.lastIndex
    const match = pieces.exec(text)
    if (!match) {
      const line = text.slice(0, from).split('\n').length
      throw new Error(
        `line ${line} of the grammar is not understood from ${JSON.stringify(text.slice(from, from + 20))} on`,
      )
    }
    const [all, name, equals, double, single] = match
    if (name !== undefined) list.push({ kind: equals ? 'rule' : 'name', text: name })
    else if (double !== undefined) list.push({ kind: 'text', text: unescaped(double) })
    else if (single !== undefined) list.push({ kind: 'text', text: single })
    else if (all[0] === '[') list.push({ kind: 'class', text: all })
    else if (all[0] !== '#' && all.trim() !== '') list.push({ kind: 'sign', text: all })
  }
  return [...list, { kind: 'end', text: 'end' }]
}

function unescaped(text: string): string {
  try {
    return JSON.parse(`"${text}"`)
  } catch {
    throw new Error(`"${text}" of the grammar has an escape that JSON does not know`)
  }
}

function classOf(text: string): RegExp {
  try {
    return new RegExp(`^${text}$`, 'u')
  } catch {
    throw new Error(`${text} of the grammar is no class of characters`)
  }
}

/** Every prefix that the grammar allows must go on to a whole text, so every rule must have texts. */
function checkEnds({ names, rules }: Grammar): void {
  const ends = rulesThatEnd(rules, () => true)
  const endless = names.find((name, rule) => name !== '' && !ends[rule])
  if (endless === undefined) return
  throw new Error(`the rule "${endless}" of the grammar never ends: each of its alternatives needs it again`)
}

/** Which rules have a text all of whose characters are allowed; none allowed, which have the empty text. */
export function rulesThatEnd(rules: Grammar['rules'], allowed: (character: Sign) => boolean): boolean[] {
  const ends = rules.map(() => false)
  for (let changed = true; changed; ) {
    changed = false
    rules.forEach((alternatives, rule) => {
      if (ends[rule]) return
      ends[rule] = alternatives.some((signs) =>
        signs.every((sign) => (typeof sign === 'number' ? ends[sign] : allowed(sign))),
      )
      changed ||= ends[rule]
    })
  }
  return ends
}
