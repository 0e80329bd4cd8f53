/** How a reward is written: names, files, addresses, and what is made of them. Opens nothing. */

import { splitCalls } from 'espalier/tensor'

/** What a reward says, as configs and `--reward` write it. */
export type RewardText =
  | { readonly type: 'named'; readonly name: string; readonly argument: string }
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'url'; readonly url: string }
  | { readonly type: 'expression'; readonly source: string }
  | { readonly type: 'sum'; readonly terms: readonly { readonly weight: number; readonly of: RewardText }[] }
  | { readonly type: 'min'; readonly of: readonly RewardText[] }
  | { readonly type: 'clip'; readonly of: RewardText; readonly low: number; readonly high: number }
  | { readonly type: 'threshold'; readonly of: RewardText; readonly at: number; readonly softness?: number }
  | { readonly type: 'constraint'; readonly conditions: readonly Condition[]; readonly of: RewardText }

export interface Condition {
  readonly measured: RewardText
  readonly bound: 'atLeast' | 'atMost'
  readonly value: number
}

/** How each combination is written, for help and errors. `r` stands for any reward. */
export const combinations: readonly { readonly form: string; readonly about: string }[] = [
  { form: '-r, 0.5*r', about: 'a reward with another sign or weight' },
  { form: 'sum(r,r,...)', about: 'the sum of rewards' },
  { form: 'min(r,r,...)', about: 'the least of rewards' },
  { form: 'clip(r,low,high)', about: 'the reward cut to a range' },
  { form: 'threshold(r,x)', about: '1 where r >= x, else 0' },
  { form: 'threshold(r,x,s)', about: 'log sigmoid((r - x) / s), its smooth form' },
  { form: 'constraint(r>=x,r)', about: 'the last reward where r >= x (or <= x; several may be named), else never' },
]

const number = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?`
const weighted = new RegExp(`^(${number})\\s*\\*(.*)$`, 'is')
const condition = /^(.*?)(>=|<=)(.*)$/s
const called = /^([a-z]+)\s*\((.*)\)$/is
/** Regular expressions behind a colon; what stands in them is no sign of ours. */
const patterns = /(?<=\b(?:matches|edits|count|share):)\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[])+\/[a-z]*/gis
/** Stands for a regular expression while a reward is read. */
const placeholder = /\0(\d+)\0/g

/**
 * Reads a reward.
 * @throws Error one line: what was not understood, and what was expected
 */
export function readReward(given: string): RewardText {
  const found: string[] = []
  const text = given.replace(patterns, (pattern) => `\0${found.push(pattern) - 1}\0`)
  const restored = (part: string) => part.replace(placeholder, (all, k: string) => found[Number(k)] ?? all)
  try {
    return readPart(text, restored)
  } catch (error) {
    throw new Error(restored((error as Error).message))
  }
}

/** @param restored puts regular expressions back in their places */
function readPart(given: string, restored: (part: string) => string): RewardText {
  const read = (part: string) => readPart(part, restored)
  const text = given.trim()
  if (text === '') throw new Error('a reward is missing')
  if (text.startsWith('-')) return { type: 'sum', terms: [{ weight: -1, of: read(text.slice(1)) }] }
  const scaled = weighted.exec(text)
  if (scaled) return { type: 'sum', terms: [{ weight: Number(scaled[1]), of: read(scaled[2]) }] }
  if (text.startsWith('js:')) return { type: 'expression', source: restored(text.slice(3)).trim() }
  if (/^https?:\/\//i.test(text)) return { type: 'url', url: text }
  if (/\.[cm]?js$/.test(text)) return { type: 'file', path: text }
  splitCalls(text) // the parentheses match

  const call = called.exec(text)
  if (!call) {
    const [name, ...rest] = text.split(':')
    return { type: 'named', name, argument: restored(rest.join(':')) }
  }
  const [, name, inside] = call
  const parts = inside.trim() === '' ? [] : splitCalls(inside)
  const complaint = () => {
    const forms = combinations.map(({ form }) => form).filter((form) => form.startsWith(`${name}(`))
    return new Error(`${text} is not understood; it is written ${forms.join(' or ')}`)
  }
  switch (name) {
    case 'sum':
      if (parts.length === 0) throw complaint()
      return { type: 'sum', terms: parts.map((part) => termOf(read(part))) }
    case 'min':
      if (parts.length === 0) throw complaint()
      return { type: 'min', of: parts.map(read) }
    case 'clip': {
      if (parts.length !== 3) throw complaint()
      return { type: 'clip', of: read(parts[0]), low: numberOf(parts[1], text), high: numberOf(parts[2], text) }
    }
    case 'threshold': {
      if (parts.length !== 2 && parts.length !== 3) throw complaint()
      const softness = parts.length === 3 ? numberOf(parts[2], text) : undefined
      return { type: 'threshold', of: read(parts[0]), at: numberOf(parts[1], text), softness }
    }
    case 'constraint': {
      if (parts.length < 2) throw complaint()
      const conditions = parts.slice(0, -1).map((part): Condition => {
        const [, measured, sign, value] = condition.exec(part) ?? []
        if (measured === undefined) throw complaint()
        const bound = sign === '>=' ? 'atLeast' : 'atMost'
        return { measured: read(measured), bound, value: numberOf(value, text) }
      })
      return { type: 'constraint', conditions, of: read(parts[parts.length - 1]) }
    }
  }
  return { type: 'named', name, argument: restored(inside) }
}

/** A part of a sum; its own weight is the term's. */
function termOf(of: RewardText): { weight: number; of: RewardText } {
  return of.type === 'sum' && of.terms.length === 1 ? of.terms[0] : { weight: 1, of }
}

function numberOf(text: string, whole: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new Error(`${whole} needs a number where "${text.trim()}" stands`)
}
