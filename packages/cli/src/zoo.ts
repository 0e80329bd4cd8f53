/** The models that come with Espalier: folders with a card. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type AnyCard, parseCard } from './card.ts'

export interface ZooEntry {
  readonly name: string
  readonly folder: string
  readonly card: AnyCard
}

/** Folder of the zoo's models; it may be missing where none was trained yet. */
export function zooFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@espalier/zoo')), '..', 'models')
}

/** Every model of the zoo, by name. Damaged cards are left to `espalier doctor`. */
export function zooModels(folder = zooFolder()): ZooEntry[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const file = join(folder, name, 'card.json')
      try {
        return [{ name, folder: join(folder, name), card: parseCard(JSON.parse(readFileSync(file, 'utf8')), file) }]
      } catch {
        return []
      }
    })
}
