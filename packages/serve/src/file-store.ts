/** Runs as folders: what is on the disk is the truth, and outlives a crash at any moment. */

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Part, parts, type RunEvent, type RunStore, type RunSummary } from '@espalier/engine'
import { writeFileAtomic } from 'espalier/node'

/** Bytes that are read in one piece where a file is scanned for its lines. */
const PIECE = 1 << 20
const newline = 0x0a
/** What ids of runs look like; anything else names no folder of ours. */
const idForm = /^[a-z0-9-]{1,64}$/

/** `events.jsonl` of one run: where its lines begin. */
interface Lines {
  /** Where each line begins, and where the next one will. */
  readonly starts: number[]
}

/**
 * A folder with one folder a run: `run.json` (its summary), `events.jsonl` (an event a line), `search.safetensors` and
 * `samples.safetensors`. An event that a crash cut off in the middle is dropped.
 */
export function fileStore(folder: string): RunStore {
  mkdirSync(folder, { recursive: true })
  const known = new Map<string, Lines>()
  const path = (id: string, name: string) => join(folder, id, name)

  const linesOf = (id: string): Lines => {
    const found = known.get(id)
    if (found) return found
    const file = path(id, 'events.jsonl')
    const lines = { starts: existsSync(file) ? lineStarts(file) : [0] }
    known.set(id, lines)
    return lines
  }

  return {
    async ids() {
      return readdirSync(folder).filter((id) => idForm.test(id) && existsSync(path(id, 'run.json')))
    },

    async summary(id) {
      const file = path(id, 'run.json')
      if (!idForm.test(id) || !existsSync(file)) return undefined
      try {
        return JSON.parse(readFileSync(file, 'utf8')) as RunSummary
      } catch (error) {
        throw new Error(`${file} is not JSON (${(error as Error).message}); repair it or remove its folder`)
      }
    },

    async putSummary(summary) {
      mkdirSync(join(folder, summary.id), { recursive: true })
      writeFileAtomic(path(summary.id, 'run.json'), `${JSON.stringify(summary, null, 2)}\n`)
    },

    async addEvents(id, events) {
      const { starts } = linesOf(id)
      const lines = events.map((event) => Buffer.from(`${JSON.stringify(event)}\n`))
      const whole = Buffer.concat(lines)
      const begin = starts[starts.length - 1]
      const file = openSync(path(id, 'events.jsonl'), 'a')
      try {
        for (let done = 0; done < whole.length; ) done += writeSync(file, whole, done)
      } catch (error) {
        // A full disk may have taken a part of a line.
        truncateSync(path(id, 'events.jsonl'), begin)
        throw error
      } finally {
        closeSync(file)
      }
      let at = begin
      for (const { length } of lines) starts.push((at += length))
    },

    countEvents: async (id) => linesOf(id).starts.length - 1,

    async events(id, from, most) {
      const { starts } = linesOf(id)
      const to = Math.min(from + most, starts.length - 1)
      if (from >= to) return []
      const bytes = Buffer.alloc(starts[to] - starts[from])
      const file = openSync(path(id, 'events.jsonl'), 'r')
      try {
        for (let done = 0; done < bytes.length; ) {
          const read = readSync(file, bytes, done, bytes.length - done, starts[from] + done)
          if (read === 0) throw new Error(`${path(id, 'events.jsonl')} is shorter than it was`)
          done += read
        }
      } finally {
        closeSync(file)
      }
      const lines = bytes.toString('utf8').split('\n').slice(0, -1)
      return lines.map((line) => JSON.parse(line) as RunEvent)
    },

    async part(id, name) {
      const file = path(id, `${name}.safetensors`)
      return existsSync(file) ? new Uint8Array(readFileSync(file)) : undefined
    },

    async putPart(id: string, name: Part, bytes) {
      // A part must not outlive, in a power cut, the events that it knows of.
      const events = openSync(path(id, 'events.jsonl'), 'r')
      try {
        fsyncSync(events)
      } finally {
        closeSync(events)
      }
      writeFileAtomic(path(id, `${name}.safetensors`), bytes)
    },

    async bytes(id) {
      const names = ['run.json', 'events.jsonl', ...parts.map((name) => `${name}.safetensors`)]
      const sizes = await Promise.all(names.map((name) => stat(path(id, name)).catch(() => ({ size: 0 }))))
      return sizes.reduce((sum, { size }) => sum + size, 0)
    },

    async remove(id) {
      known.delete(id)
      rmSync(join(folder, id), { recursive: true, force: true })
    },
  }
}

/** Where lines begin, and the end of the last whole one, at which the file is cut. */
function lineStarts(path: string): number[] {
  const starts = [0]
  const piece = Buffer.alloc(PIECE)
  const file = openSync(path, 'r')
  let size = 0
  try {
    for (let read = readSync(file, piece, 0, PIECE, size); read > 0; read = readSync(file, piece, 0, PIECE, size)) {
      for (let i = piece.indexOf(newline); i >= 0 && i < read; i = piece.indexOf(newline, i + 1))
        starts.push(size + i + 1)
      size += read
    }
  } finally {
    closeSync(file)
  }
  const end = starts[starts.length - 1]
  if (end < size) truncateSync(path, end)
  return starts
}
