/** Cards on the disk. */

import { readFileSync } from 'node:fs'
import { type AnyCard, parseCard } from '@espalier/engine'
import { UserError } from './errors.ts'

export { type AnyCard, isTextCard, parseCard } from '@espalier/engine'

/** @throws UserError where the file is no card */
export function readCard(file: string, what: string): AnyCard {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UserError(`${what}: ${file} is not JSON (${(error as Error).message})`)
  }
  try {
    return parseCard(json, file)
  } catch (error) {
    throw new UserError((error as Error).message)
  }
}
