import { z } from 'zod/mini'
import { parseWith } from './parse.ts'

/** Something that can be asked for by name and options: a solver, a grid. */
export interface CatalogueEntry<T> {
  /** As the field writes it. */
  readonly name: string
  /** One line, with the source. */
  readonly about: string
  /** Names of its options. */
  readonly options: readonly string[]
  /** What an option takes, of those that take a word of a list, or true and false. */
  readonly choices: Readonly<Record<string, readonly string[]>>
  /** @throws one line for an option that is unknown or does not fit */
  make(options: Readonly<Record<string, unknown>>): T
}

type Options<Shape extends z.core.$ZodShape> = { [K in keyof Shape]?: z.infer<Shape[K]> }

/** An entry whose options, all of them optional, are checked by a zod shape. */
export function catalogueEntry<T, Shape extends z.core.$ZodShape>(
  name: string,
  about: string,
  shape: Shape,
  make: (options: Options<Shape>) => T,
): CatalogueEntry<T> {
  const schema = z.partial(z.strictObject(shape))
  return {
    name,
    about,
    options: Object.keys(shape),
    choices: Object.fromEntries(
      Object.entries(shape).flatMap(([option, type]) => {
        const words = wordsOf(type as z.core.$ZodType)
        return words ? [[option, words]] : []
      }),
    ),
    make: (options) => make(parseWith(schema, options, name) as Options<Shape>),
  }
}

/** The words that a type is made of; undefined where it takes others too. */
function wordsOf(type: z.core.$ZodType): string[] | undefined {
  if (type instanceof z.core.$ZodBoolean) return ['true', 'false']
  if (!(type instanceof z.core.$ZodUnion)) return type._zod.values && [...type._zod.values].map(String)
  const parts = type._zod.def.options.map(wordsOf)
  return parts.every((words) => words !== undefined) ? parts.flat() : undefined
}

/**
 * What a text asks a catalogue for: `name`, or `name(option=value, ...)`. Values are numbers, true, false, or text,
 * which may be such a call again.
 * @param what how errors name it, such as `solver`
 * @throws one line: what was not understood, and what there is
 */
export function fromCatalogue<T>(catalogue: readonly CatalogueEntry<T>[], what: string, text: string): T {
  const { name, options } = parseCall(what, text.trim())
  const found = catalogue.find((entry) => entry.name === name)
  if (found) return found.make(options)
  throw new Error(`there is no ${what} ${JSON.stringify(name)}; there are ${catalogue.map((e) => e.name).join(', ')}`)
}

/** The parts of `a(b, c(d, e)), f` between commas outside parentheses. @throws where parentheses do not match */
export function splitCalls(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i <= text.length; i++) {
    const character = text[i] ?? ','
    if (character === '(') depth++
    else if (character === ')') depth--
    if (depth < 0 || (i === text.length && depth > 0)) throw new Error(`the parentheses of "${text}" do not match`)
    if (depth > 0 || character !== ',') continue
    parts.push(text.slice(start, i).trim())
    start = i + 1
  }
  return parts
}

function parseCall(what: string, text: string): { name: string; options: Record<string, unknown> } {
  const complaint = `a ${what} is written name or name(option=value, ...), each option once, got "${text}"`
  const open = text.indexOf('(')
  if (open < 0) return { name: text, options: {} }
  if (!text.endsWith(')')) throw new Error(complaint)
  const options: Record<string, unknown> = {}
  for (const part of splitCalls(text.slice(open + 1, -1))) {
    if (part === '') continue
    const at = part.indexOf('=')
    const key = part.slice(0, Math.max(at, 0)).trim()
    if (key === '' || Object.hasOwn(options, key)) throw new Error(complaint)
    options[key] = parseValue(part.slice(at + 1).trim())
  }
  return { name: text.slice(0, open).trim(), options }
}

function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  const number = Number(text)
  return text !== '' && !Number.isNaN(number) ? number : text
}
