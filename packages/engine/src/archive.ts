/** A run as one file: a zip of the files that stores keep of it. */

import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { endings, type RunEvent, type RunSummary } from './engine.ts'
import { EngineError, lineOf } from './engine-error.ts'
import { type Part, parts, type RunStore } from './store.ts'

/** Events that are read from a store together. */
const PAGE = 10_000

/** Packs a run of a store. */
export async function packRun(store: RunStore, summary: RunSummary): Promise<Uint8Array> {
  const { id } = summary
  const lines: string[] = []
  const count = await store.countEvents(id)
  for (let from = 0; from < count; from += PAGE) {
    for (const event of await store.events(id, from, PAGE)) lines.push(`${JSON.stringify(event)}\n`)
  }
  const files: Record<string, Uint8Array> = {
    'run.json': strToU8(JSON.stringify(summary)),
    'events.jsonl': strToU8(lines.join('')),
  }
  for (const name of parts) {
    const part = await store.part(id, name)
    if (part) files[`${name}.bin`] = part
  }
  return zipSync(files)
}

/** A run out of a file. */
export interface PackedRun {
  readonly summary: RunSummary
  readonly events: readonly RunEvent[]
  readonly parts: ReadonlyMap<Part, Uint8Array>
}

/** @throws EngineError one line where the file is damaged, or is not a run that has ended */
export function unpackRun(archive: Uint8Array): PackedRun {
  try {
    const files = unzipSync(archive)
    const read = (name: string) => {
      // The folder itself may have been packed, not what is in it.
      const found = Object.keys(files).find((path) => path === name || path.endsWith(`/${name}`))
      return found === undefined ? undefined : files[found]
    }
    const text = (name: string) => {
      const bytes = read(name)
      if (bytes) return strFromU8(bytes)
      throw new Error(`it has no ${name}`)
    }
    const summary = JSON.parse(text('run.json')) as RunSummary
    if (!endings.has(summary.status)) throw new Error(`its status is ${JSON.stringify(summary.status)}`)
    const lines = text('events.jsonl').split('\n').filter(Boolean)
    const events = lines.map((line) => JSON.parse(line) as RunEvent)
    const kept = parts.flatMap((name): [Part, Uint8Array][] => {
      const bytes = read(`${name}.bin`)
      return bytes ? [[name, bytes]] : []
    })
    return { summary, events, parts: new Map(kept) }
  } catch (error) {
    throw new EngineError('config', `the archive: it is not a run of Espalier that has ended (${lineOf(error)})`)
  }
}
