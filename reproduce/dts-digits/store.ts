/** What was computed, kept under `runs/`, so that an interrupted run goes on where it was. */

import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeFileAtomic } from 'espalier/node'
import { readNpy, type Tensor, writeNpy } from 'espalier/tensor'

export interface Store {
  /** The value of this name, computed if it is not known. */
  value<T>(name: string, compute: () => Promise<T>): Promise<T>
  /** A tensor of this name, in a file of its own. */
  tensor(name: string, compute: () => Promise<Tensor>): Promise<Tensor>
}

/** @param world what was computed in another one does not count */
export function openStore(world: string, folder = join('runs', 'dts-digits', world)): Store {
  const path = join(folder, 'cells.jsonl')
  const known = new Map<string, unknown>()
  mkdirSync(folder, { recursive: true })
  if (existsSync(path)) {
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      try {
        const { name, value } = JSON.parse(line) as { name: string; value: unknown }
        known.set(name, value)
      } catch {
        // Empty, or cut off by whatever ended the run before.
      }
    }
  }
  return {
    async value<T>(name: string, compute: () => Promise<T>) {
      if (!known.has(name)) {
        known.set(name, await compute())
        appendFileSync(path, `\n${JSON.stringify({ name, value: known.get(name) })}`)
      }
      return known.get(name) as T
    },
    async tensor(name, compute) {
      const file = join(folder, `${name}.npy`)
      if (existsSync(file)) return readNpy(readFileSync(file), file)
      const made = await compute()
      writeFileAtomic(file, writeNpy(made))
      return made
    },
  }
}
