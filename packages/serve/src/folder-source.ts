import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { type ModelSource, parseCard, unknownModel } from '@espalier/engine'

/** Folder of the models that come with Espalier. */
export function zooFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('@espalier/zoo')), '..', 'models')
}

/**
 * The models of folders, by the names of what lies in them: a folder with a `card.json` and a `model.onnx`, or a
 * world, `name.json`. Earlier folders go first. Nothing outside of them can be named.
 */
export function folderSource(folders: readonly string[]): ModelSource {
  /** Every key with the file of its card; read anew, so that a model may be added while a server runs. */
  const cards = () => {
    const found = new Map<string, string>()
    for (const folder of folders) {
      if (!existsSync(folder)) continue
      for (const name of readdirSync(folder).sort()) {
        const card = join(folder, name, 'card.json')
        const [key, file] = name.endsWith('.json') ? [name.slice(0, -5), join(folder, name)] : [name, card]
        if (!found.has(key) && existsSync(file)) found.set(key, file)
      }
    }
    return found
  }
  return cardFilesSource(cards)
}

/** Models by the files of their cards; the other files of one lie beside it. The map is asked for at every call. */
export function cardFilesSource(cards: () => ReadonlyMap<string, string>): ModelSource {
  const fileOf = (key: string) => {
    const all = cards()
    const file = all.get(key)
    if (file === undefined) throw unknownModel(key, [...all.keys()])
    return file
  }
  return {
    keys: async () => [...cards().keys()],
    card: async (key) => parseCard(JSON.parse(readFileSync(fileOf(key), 'utf8')), `the card of ${key}`),
    async tokenizer(key) {
      const file = join(dirname(fileOf(key)), 'tokenizer.json')
      return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
    },
    async graph(key) {
      const file = join(dirname(fileOf(key)), 'model.onnx')
      return existsSync(file) && fileOf(key).endsWith('card.json') ? new Uint8Array(readFileSync(file)) : undefined
    },
  }
}
