import type { RunEvent, RunSummary } from './engine.ts'

/**
 * What is kept of a run beside its summary and events: the search itself, so that it can go on, its samples, the state
 * that it began with, where that was another run's, and what must be known of its model, where that was removed.
 */
export const parts = ['search', 'samples', 'origin', 'model'] as const
export type Part = (typeof parts)[number]

/**
 * Where runs are kept: files on a server, the page's own storage, memory. A summary and a part are replaced whole;
 * events are only ever added. What was given is kept when the promise resolves.
 */
export interface RunStore {
  /** Ids of all the runs, in any order. */
  ids(): Promise<readonly string[]>
  /** @returns undefined where there is none @throws one line where it is damaged */
  summary(id: string): Promise<RunSummary | undefined>
  putSummary(summary: RunSummary): Promise<void>
  addEvents(id: string, events: readonly RunEvent[]): Promise<void>
  /** How many events there are. */
  countEvents(id: string): Promise<number>
  /** Events from number `from` on, `most` of them at most. */
  events(id: string, from: number, most: number): Promise<readonly RunEvent[]>
  part(id: string, name: Part): Promise<Uint8Array | undefined>
  putPart(id: string, name: Part, bytes: readonly Uint8Array[]): Promise<void>
  /** How much is kept of a run, nearly. @returns undefined where that is not known */
  bytes(id: string): Promise<number | undefined>
  remove(id: string): Promise<void>
}

interface Kept {
  summary: RunSummary
  readonly events: RunEvent[]
  readonly parts: Map<Part, Uint8Array>
  /** Characters of its events as JSON. */
  told: number
}

/** Runs in memory: gone with the page or the process. */
export function memoryStore(): RunStore {
  const runs = new Map<string, Kept>()
  const kept = (id: string): Kept => {
    const run = runs.get(id)
    if (!run) throw new Error(`there is no run ${id} in this store`)
    return run
  }
  return {
    ids: async () => [...runs.keys()],
    summary: async (id) => runs.get(id)?.summary,
    async putSummary(summary) {
      const run = runs.get(summary.id)
      if (run) run.summary = summary
      else runs.set(summary.id, { summary, events: [], parts: new Map(), told: 0 })
    },
    async addEvents(id, events) {
      const run = kept(id)
      run.events.push(...events)
      for (const event of events) run.told += JSON.stringify(event).length
    },
    countEvents: async (id) => kept(id).events.length,
    events: async (id, from, most) => kept(id).events.slice(from, from + most),
    part: async (id, name) => runs.get(id)?.parts.get(name),
    async putPart(id, name, bytes) {
      // Copied: what is given may be views of arrays that grow on.
      const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0))
      let at = 0
      for (const piece of bytes) {
        whole.set(piece, at)
        at += piece.length
      }
      kept(id).parts.set(name, whole)
    },
    async bytes(id) {
      const { parts, told } = kept(id)
      return [...parts.values()].reduce((sum, { length }) => sum + length, told)
    },
    async remove(id) {
      runs.delete(id)
    },
  }
}
