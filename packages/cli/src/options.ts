/** Parsers of option values. Each says what was expected; commander adds the option and what was given. */

import { InvalidArgumentError } from 'commander'

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
