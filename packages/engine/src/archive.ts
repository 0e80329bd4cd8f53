/** A run as one file: a zip of the files that stores keep of it. */

import { strFromU8, strToU8, unzipSync, zipSync } from 'fflate'
import { endings, type RunEvent, type RunSummary } from './engine.ts'
import { EngineError, lineOf } from './engine-error.ts'
import { eventReader } from './parse-event.ts'
import { type Part, parts, type RunStore } from './store.ts'

/** Events that are read from a store together. */
const PAGE = 10_000
/** Bytes that an archive may unpack to: a small file can claim to hold the world. */
const MOST = 2 ** 29

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

/** Paths of the files that are read; others are left packed. */
const wanted = new RegExp(`(^|/)(run\\.json|events\\.jsonl|(${parts.join('|')})\\.bin)$`)

/** @throws EngineError one line where the file is damaged, or is not a run that has ended */
export function unpackRun(archive: Uint8Array): PackedRun {
  try {
    let total = 0
    const files = unzipSync(archive, {
      filter({ name, originalSize }) {
        if (!wanted.test(name)) return false
        total += originalSize
        if (total > MOST) throw new Error(`it unpacks to more than ${MOST / 2 ** 20} MiB`)
        return true
      },
    })
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
    const summary = summaryFrom(JSON.parse(text('run.json')))
    const lines = text('events.jsonl').split('\n').filter(Boolean)
    const eventOf = eventReader()
    const events = lines.map((line) => eventOf(JSON.parse(line)))
    const kept = parts.flatMap((name): [Part, Uint8Array][] => {
      const bytes = read(`${name}.bin`)
      return bytes ? [[name, bytes]] : []
    })
    return { summary, events, parts: new Map(kept) }
  } catch (error) {
    throw new EngineError('config', `the archive: it is not a run of Espalier that has ended (${lineOf(error)})`)
  }
}

/** A summary as a stranger's file has it. Its config is checked by whoever runs it. */
function summaryFrom(json: unknown): RunSummary {
  const { id, config, status, created, nfe, rewardEvaluations, gradientEvaluations, best, seconds, engine, error } =
    (json ?? {}) as RunSummary
  if (!endings.has(status)) throw new Error(`its status is ${JSON.stringify(status)}`)
  const numbers = { created, nfe, rewardEvaluations, gradientEvaluations, seconds }
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isFinite(value)) throw new Error(`its ${name} is no number`)
  }
  if (best !== null && !Number.isFinite(best)) throw new Error('its best is no number')
  if (typeof engine !== 'string') throw new Error('its engine is no text')
  return { id, config, status, ...numbers, best, engine, ...(error !== undefined && { error: String(error) }) }
}
