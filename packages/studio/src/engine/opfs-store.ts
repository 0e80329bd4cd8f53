import { parts, type RunEvent, type RunStore, type RunSummary } from '@espalier/engine'
import { storageError } from './storage-error.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()
const NEWLINE = 10

/** The part of a file's synchronous handle that is used; only workers have it. */
interface SyncHandle {
  getSize(): number
  write(bytes: Uint8Array, at: { at: number }): number
  truncate(size: number): void
  flush(): void
  close(): void
}
type SyncFile = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncHandle> }
type Listed = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> }

/**
 * Runs in the page's own file system, one folder each, in the files that a server writes: `run.json`, `events.jsonl`,
 * and the parts. Events are appended and flushed; the others are replaced whole, by a file that takes their place.
 * A last line that a crash has torn is cut off when a run is opened.
 */
export async function opfsStore(root: FileSystemDirectoryHandle): Promise<RunStore> {
  const folder = await root.getDirectoryHandle('runs', { create: true })
  /** Where each line of a run's events begins, and where the last ends. */
  const lines = new Map<string, number[]>()

  const of = (id: string, create = false) => folder.getDirectoryHandle(id, { create })
  const read = async (id: string, name: string): Promise<File | undefined> => {
    try {
      return await (await (await of(id)).getFileHandle(name)).getFile()
    } catch (error) {
      if ((error as DOMException).name === 'NotFoundError') return undefined
      throw error
    }
  }
  const replace = async (id: string, name: string, parts: readonly (Uint8Array | string)[]) => {
    const file = await (await of(id, true)).getFileHandle(name, { create: true })
    const stream = await file.createWritable()
    try {
      for (const part of parts) await stream.write(part as Uint8Array<ArrayBuffer> | string)
      await stream.close()
    } catch (error) {
      await stream.abort().catch(() => {})
      throw storageError(error)
    }
  }
  const begins = async (id: string): Promise<number[]> => {
    const known = lines.get(id)
    if (known) return known
    const found = [0]
    const file = await read(id, 'events.jsonl')
    if (file) {
      const bytes = new Uint8Array(await file.arrayBuffer())
      for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) found.push(at + 1)
    }
    lines.set(id, found)
    return found
  }

  return {
    async ids() {
      const ids: string[] = []
      for await (const name of (folder as Listed).keys()) ids.push(name)
      return ids
    },
    async summary(id) {
      const file = await read(id, 'run.json')
      return file && (JSON.parse(await file.text()) as RunSummary)
    },
    putSummary: (summary) => replace(summary.id, 'run.json', [JSON.stringify(summary)]),
    async addEvents(id, events) {
      const known = await begins(id)
      const end = known[known.length - 1]
      const texts = events.map((event) => encoder.encode(`${JSON.stringify(event)}\n`))
      const whole = new Uint8Array(texts.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      const next: number[] = []
      for (const text of texts) {
        whole.set(text, at)
        at += text.length
        next.push(end + at)
      }
      const file = (await (await of(id, true)).getFileHandle('events.jsonl', { create: true })) as SyncFile
      const handle = await file.createSyncAccessHandle()
      try {
        if (handle.getSize() !== end) handle.truncate(end)
        if (handle.write(whole, { at: end }) !== whole.length) throw new DOMException('', 'QuotaExceededError')
        handle.flush()
      } catch (error) {
        throw storageError(error)
      } finally {
        handle.close()
      }
      known.push(...next)
    },
    countEvents: async (id) => (await begins(id)).length - 1,
    async events(id, from, most) {
      const known = await begins(id)
      const to = Math.min(known.length - 1, from + most)
      if (from >= to) return []
      const file = await read(id, 'events.jsonl')
      if (!file) return []
      const bytes = await file.slice(known[from], known[to]).arrayBuffer()
      const text = decoder.decode(bytes).trimEnd()
      return text.split('\n').map((line) => JSON.parse(line) as RunEvent)
    },
    async part(id, name) {
      const file = await read(id, `${name}.bin`)
      return file && new Uint8Array(await file.arrayBuffer())
    },
    putPart: (id, name, bytes) => replace(id, `${name}.bin`, bytes),
    async bytes(id) {
      const names = ['run.json', 'events.jsonl', ...parts.map((name) => `${name}.bin`)]
      const files = await Promise.all(names.map((name) => read(id, name)))
      return files.reduce((sum, file) => sum + (file?.size ?? 0), 0)
    },
    async remove(id) {
      lines.delete(id)
      await folder.removeEntry(id, { recursive: true })
    },
  }
}
