/** Parsers of option values. Each says what was expected; commander adds the option and what was given. */

import { InvalidArgumentError } from 'commander'
import { type Branching, branchings } from 'espalier/chain'
import { splitCalls } from 'espalier/tensor'

/** A whole number from `least` on. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text.replaceAll('_', ''))
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`A whole number from ${least} on is needed.`)
    }
    return value
  }
}

/** A number in [least, most]. */
export function number(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || Number.isNaN(value) || value < least || value > most || !Number.isFinite(value)) {
      const range = most === Number.POSITIVE_INFINITY ? `from ${least} on` : `between ${least} and ${most}`
      throw new InvalidArgumentError(`A number ${range} is needed.`)
    }
    return value
  }
}

/** One of a few names. */
export function oneOf<const N extends string>(names: readonly N[]): (text: string) => N {
  return (text) => {
    const found = names.find((name) => name === text)
    if (found === undefined) throw new InvalidArgumentError(`One of ${names.join(', ')} is needed.`)
    return found
  }
}

/** Names with commas between them. */
export function names(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.some((part) => part === '')) throw new InvalidArgumentError('Names with commas between them are needed.')
  return parts
}

/** Seeds: `7`, `0,1,5`, or `0-4` (both ends included). */
export function seeds(text: string): number[] {
  const complaint = 'Seeds are needed as 7, 0,1,5 or 0-4.'
  const all = text.split(',').flatMap((part) => {
    const match = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part)
    if (!match) throw new InvalidArgumentError(complaint)
    const first = Number(match[1])
    const last = Number(match[2] ?? match[1])
    if (last < first || last - first >= 10_000 || !Number.isSafeInteger(last)) throw new InvalidArgumentError(complaint)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
  return [...new Set(all)]
}

/** A call such as `karras(rhoMax=80)`, kept as text once `read` understands it. */
export function call(read: (text: string) => unknown): (text: string) => string {
  return (text) => {
    try {
      read(text)
      return text
    } catch (error) {
      throw new InvalidArgumentError(`${(error as Error).message}.`)
    }
  }
}

/** Several calls, with commas between them. */
export function calls(read: (text: string) => unknown): (text: string) => string[] {
  return (text) => {
    try {
      return [...new Set(splitCalls(text))].map(call(read))
    } catch (error) {
      if (error instanceof InvalidArgumentError) throw error
      throw new InvalidArgumentError(`${(error as Error).message}.`)
    }
  }
}

/** Whole numbers from 1 on, with commas between them. */
export function counts(text: string): number[] {
  return [...new Set(text.split(',').map(integer(1)))]
}

/** `low,high`, both in [0, 1]. */
export function interval(text: string): [number, number] {
  const [low, high, more] = text.split(',').map(number(0, 1))
  if (high === undefined || more !== undefined || !(low < high)) {
    throw new InvalidArgumentError('Two times low,high with 0 <= low < high <= 1 are needed.')
  }
  return [low, high]
}

/** `static`, `dynamic`, or `dynamic:0.99`. */
export function parseThreshold(text: string): { type: 'static' | 'dynamic'; quantile?: number } {
  const [type, share, more] = text.split(':')
  const quantile = Number(share)
  if (type === 'static' && share === undefined) return { type }
  if (type === 'dynamic' && share === undefined) return { type }
  if (type === 'dynamic' && more === undefined && quantile > 0 && quantile <= 1) return { type, quantile }
  throw new Error('one of static, dynamic, dynamic:<quantile> is needed, with a quantile in (0, 1]')
}

/** An option that may be repeated. */
export function collect(text: string, earlier: string[] = []): string[] {
  return [...earlier, text]
}

/** Where chains are branched: a named schedule, or remaining-step counts. */
export function branching(text: string): Branching | number[] {
  const named = branchings.find((name) => name === text)
  return named ?? text.split(',').map((part) => integer(1)(part))
}
