/** How a reward is written: names, files, addresses, and what is made of them. Opens nothing. */

import { splitCalls } from 'espalier/tensor'

/** What a `--reward` says. */
export type RewardText =
  | { readonly type: 'named'; readonly name: string; readonly argument: string }
  | { readonly type: 'file'; readonly path: string }
  | { readonly type: 'url'; readonly url: string }
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

/**
 * Reads a reward.
 * @throws Error one line: what was not understood, and what was expected
 */
export function readReward(given: string): RewardText {
  const text = given.trim()
  if (text === '') throw new Error('a reward is missing')
  if (text.startsWith('-')) return { type: 'sum', terms: [{ weight: -1, of: readReward(text.slice(1)) }] }
  const scaled = weighted.exec(text)
  if (scaled) return { type: 'sum', terms: [{ weight: Number(scaled[1]), of: readReward(scaled[2]) }] }
  if (/^https?:\/\//i.test(text)) return { type: 'url', url: text }
  if (/\.[cm]?js$/.test(text)) return { type: 'file', path: text }
  splitCalls(text) // the parentheses match

  const call = called.exec(text)
  if (!call) {
    const [name, ...rest] = text.split(':')
    return { type: 'named', name, argument: rest.join(':') }
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
      return { type: 'sum', terms: parts.map(termOf) }
    case 'min':
      if (parts.length === 0) throw complaint()
      return { type: 'min', of: parts.map(readReward) }
    case 'clip': {
      if (parts.length !== 3) throw complaint()
      return { type: 'clip', of: readReward(parts[0]), low: numberOf(parts[1], text), high: numberOf(parts[2], text) }
    }
    case 'threshold': {
      if (parts.length !== 2 && parts.length !== 3) throw complaint()
      const softness = parts.length === 3 ? numberOf(parts[2], text) : undefined
      return { type: 'threshold', of: readReward(parts[0]), at: numberOf(parts[1], text), softness }
    }
    case 'constraint': {
      if (parts.length < 2) throw complaint()
      const conditions = parts.slice(0, -1).map((part): Condition => {
        const [, measured, sign, value] = condition.exec(part) ?? []
        if (measured === undefined) throw complaint()
        const bound = sign === '>=' ? 'atLeast' : 'atMost'
        return { measured: readReward(measured), bound, value: numberOf(value, text) }
      })
      return { type: 'constraint', conditions, of: readReward(parts[parts.length - 1]) }
    }
  }
  return { type: 'named', name, argument: inside }
}

/** A part of a sum; its own weight is the term's. */
function termOf(text: string): { weight: number; of: RewardText } {
  const of = readReward(text)
  return of.type === 'sum' && of.terms.length === 1 ? of.terms[0] : { weight: 1, of }
}

function numberOf(text: string, whole: string): number {
  const value = Number(text)
  if (text.trim() !== '' && Number.isFinite(value)) return value
  throw new Error(`${whole} needs a number where "${text.trim()}" stands`)
}
