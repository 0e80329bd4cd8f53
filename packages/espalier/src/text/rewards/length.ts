import type { Reward } from '../../reward/reward.ts'
import { stringReward } from './string-reward.ts'
import { linesOf, wordsOf } from './words.ts'

/** What a text can be counted in; characters are Unicode code points. */
const units = {
  characters: (text: string) => Array.from(text).length,
  words: (text: string) => wordsOf(text).length,
  lines: (text: string) => linesOf(text).length,
}

export type LengthUnit = keyof typeof units
export const lengthUnits = Object.keys(units) as readonly LengthUnit[]

/** A unit of one's own, such as the tokens of a tokenizer. */
export interface CustomUnit {
  readonly name: string
  count(text: string): number
}

/**
 * Minus the distance of a text's length to a target, in units; 0 within the target.
 * @param target a number, or the smallest and the largest that are as good as each other
 * @throws where the target is none
 */
export function lengthReward(
  target: number | readonly [number, number],
  unit: LengthUnit | CustomUnit = 'characters',
): Reward<string> {
  const [least, most] = typeof target === 'number' ? [target, target] : target
  if (!(least >= 0 && least <= most && most < Infinity)) {
    throw new Error(`a length of ${least} to ${most}, expected 0 <= least <= most`)
  }
  const { name, count } = typeof unit === 'string' ? { name: unit, count: units[unit] } : unit
  return stringReward(`${least === most ? least : `${least}-${most}`} ${name}`, (text) => {
    const length = count(text)
    return Math.min(0, length - least, most - length)
  })
}
